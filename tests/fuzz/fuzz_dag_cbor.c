/* fuzz_dag_cbor.c - the strict decoder over any bytes.
 *
 * Properties: a document that czi_cbor_validate accepts can be read by the typed readers, and
 * writing what they give yields the same bytes; any order of typed reads stays inside the
 * bytes and stands still after the first error.
 */
#include "codec/dag_cbor.h"
#include "fuzz.h"

static uint8_t *reserve(struct czi_buf *out, size_t n)
{
    uint8_t *p = czi_buf_reserve(out, n);

    CZI_CHECK(p);
    return p;
}

#define PUT(out, max, call_of_p)                                                               \
    do {                                                                                       \
        uint8_t *p = reserve(out, max);                                                        \
        (out)->len += (size_t)((call_of_p) - p);                                               \
    } while (0)

static void put_string(struct czi_buf *out, unsigned major, struct czi_slice s)
{
    if (major == CZI_CBOR_TEXT)
        PUT(out, CZI_CBOR_HEAD_SIZE_MAX + s.len,
            czi_cbor_put_text(p, (const char *)s.data, s.len));
    else
        PUT(out, CZI_CBOR_HEAD_SIZE_MAX + s.len, czi_cbor_put_bytes(p, s.data, s.len));
}

/* Reads one item of a document that is known to be valid and writes it again. */
static void copy_item(struct czi_cbor *c, struct czi_buf *out)
{
    unsigned major = (unsigned)czi_cbor_peek(c);
    struct czi_slice prev = {0};
    const uint8_t *before = c->at;
    uint64_t n;

    switch (major) {
    case CZI_CBOR_UINT:
        n = czi_cbor_uint(c);
        PUT(out, CZI_CBOR_HEAD_SIZE_MAX, czi_cbor_put_uint(p, n));
        break;
    case CZI_CBOR_NEGATIVE: {
        __int128 v = czi_cbor_quantity(c);

        CZI_CHECK(v < 0);
        PUT(out, CZI_CBOR_QUANTITY_SIZE_MAX, czi_cbor_put_quantity(p, v));
        break;
    }
    case CZI_CBOR_BYTES:
        put_string(out, major, czi_cbor_bytes(c));
        break;
    case CZI_CBOR_TEXT:
        put_string(out, major, czi_cbor_text(c));
        break;
    case CZI_CBOR_ARRAY:
        n = czi_cbor_array(c);
        PUT(out, CZI_CBOR_HEAD_SIZE_MAX, czi_cbor_put_array(p, n));
        for (; n; n--)
            copy_item(c, out);
        break;
    case CZI_CBOR_MAP:
        n = czi_cbor_map(c);
        PUT(out, CZI_CBOR_HEAD_SIZE_MAX, czi_cbor_put_map(p, n));
        for (; n; n--) {
            put_string(out, CZI_CBOR_TEXT, czi_cbor_key(c, &prev));
            copy_item(c, out);
        }
        break;
    case CZI_CBOR_TAG:
        /* Links of other kinds have no reader of their own. */
        czi_cbor_skip(c);
        czi_buf_put(out, before, (size_t)(c->at - before));
        break;
    default:
        if (czi_cbor_null(c)) {
            PUT(out, 1, czi_cbor_put_null(p));
        } else {
            bool v = czi_cbor_bool(c);

            PUT(out, 1, czi_cbor_put_bool(p, v));
        }
    }
    CZI_CHECK(!c->what && c->at > before);
}

static void one_read(struct czi_cbor *c, uint8_t op, struct czi_slice *prev)
{
    switch (op % 14) {
    case 0:
        (void)czi_cbor_uint(c);
        break;
    case 1:
        CZI_CHECK(czi_cbor_uint_max(c, op) <= op);
        break;
    case 2: {
        const uint8_t *before = c->at;
        __int128 v = czi_cbor_quantity(c);
        uint8_t again[CZI_CBOR_QUANTITY_SIZE_MAX];
        size_t n = (size_t)(czi_cbor_put_quantity(again, v) - again);

        if (!c->what)
            CZI_CHECK((size_t)(c->at - before) == n && !memcmp(again, before, n));
        break;
    }
    case 3:
        (void)czi_cbor_bool(c);
        break;
    case 4:
        (void)czi_cbor_bytes(c);
        break;
    case 5:
        (void)czi_cbor_bytes32(c);
        break;
    case 6:
        (void)czi_cbor_text(c);
        break;
    case 7:
        (void)czi_cbor_link(c);
        break;
    case 8:
        CZI_CHECK(czi_cbor_array(c) <= (size_t)(c->end - c->start));
        break;
    case 9:
        czi_cbor_array_of(c, op / 14);
        break;
    case 10:
        CZI_CHECK(czi_cbor_map(c) <= (size_t)(c->end - c->start) / 2);
        break;
    case 11:
        (void)czi_cbor_key(c, prev);
        break;
    case 12:
        (void)czi_cbor_null(c);
        break;
    default:
        czi_cbor_skip(c);
    }
}

/* The first byte says how many bytes name reads; the rest is the document. */
static void random_reads(const uint8_t *data, size_t size)
{
    struct czi_slice prev = {0};
    struct czi_cbor c;
    size_t reads;

    if (size == 0)
        return;
    reads = CZI_MIN((size_t)data[0] % 32, size - 1);
    c = czi_cbor(data + 1 + reads, size - 1 - reads);
    for (size_t i = 0; i < reads; i++) {
        const uint8_t *before = c.at;
        bool failed = c.what != NULL;

        one_read(&c, data[1 + i], &prev);
        CZI_CHECK(c.at >= before && c.at <= c.end && c.end <= data + size);
        CZI_CHECK(!failed || c.at == before);
    }
}

static void count_link(void *arg, const cz_id *link)
{
    (void)link;
    ++*(size_t *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t links = 0;
    cz_error err = {0};

    czi_cbor_links(data, size, count_link, &links);
    CZI_CHECK(links <= size / CZI_CBOR_LINK_SIZE);
    random_reads(data, size);
    if (czi_cbor_validate(data, size, &err) == CZ_OK) {
        struct czi_cbor c = czi_cbor(data, size);
        CZI_AUTOBUF out = {0};

        copy_item(&c, &out);
        CZI_CHECK(czi_cbor_end(&c, &err) == CZ_OK);
        CZI_CHECK(out.len == size && memcmp(out.data, data, size) == 0);
    } else {
        CZI_CHECK(strncmp(err.detail, "byte ", 5) == 0);
    }
    return 0;
}

/* Documents in hex: DAG-CBOR forms of every kind, then scripts of reads (see random_reads). */
static const char *const seeds[] = {
    /* [0, 24, 256, 65536, 2^32, 2^64-1, -1, -2^64, 16 bytes] */
    "890018181901001a000100001b00000001000000001bffffffffffffffff203bffffffffffffffff"
    "5080000000000000000000000000000000",
    /* {"a": [true, false, null], "b": {"": "\u00e9\u20ac\U0001d11e"}, "aa": h'00ff'} */
    "a36161"
    "83f5f4f6"
    "6162"
    "a16069c3a9e282acf09d849e"
    "626161"
    "4200ff",
    /* ["effect", our link, a link to raw by SHA2-256, a version 0 link] */
    "8466656666656374d82a58250001711e20000102030405060708090a0b0c0d0e0f101112131415161718191a1b"
    "1c1d1e1fd82a58250001551220000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "d82a5823001220000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    /* reads: array, uint, quantity, text, map, key, bool, null, skip, bytes */
    "0a080002060a0b030c0d04"
    "87"
    "18ff"
    "20"
    "6161"
    "a16162f5"
    "f6"
    "820102"
    "4101"
    "00",
    "818181818181818181818181818181818181818181818181818181818181818181818181818181818181818181"
    "8181818181818181818181818181818181818100",
};

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    size_t n = i < CZI_COUNTOF(seeds) ? strlen(seeds[i]) / 2 : 0;

    if (!n)
        return false;
    CZI_CHECK(czi_unhex(reserve(out, n), n, seeds[i], 2 * n));
    out->len += n;
    return true;
}
