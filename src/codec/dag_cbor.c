/* dag_cbor.c - see dag_cbor.h.
 *
 * Layer: codec. Invariants: a reader never moves past `end`, reads no byte at or beyond it,
 * and accepts a document only when encoding its value gives the same bytes.
 */
#include "codec/dag_cbor.h"

#include "base/error.h"
#include "base/limits.h"
#include "codec/cid.h"

#define TAG_LINK 42

/* ---- Encoder -------------------------------------------------------------------------- */

uint8_t *czi_cbor_put_head_wide(uint8_t *p, unsigned major, uint64_t arg)
{
    unsigned log2_size = arg <= UINT8_MAX    ? 0
                         : arg <= UINT16_MAX ? 1
                         : arg <= UINT32_MAX ? 2
                                             : 3;

    *p++ = (uint8_t)(major << 5 | (24 + log2_size));
    for (unsigned shift = 8u << log2_size; shift;) {
        shift -= 8;
        *p++ = (uint8_t)(arg >> shift);
    }
    return p;
}

uint8_t *czi_cbor_put_quantity_wide(uint8_t *p, __int128 v)
{
    /* -1 - v of a negative v; of 64 bits exactly when v >= -2^64. */
    unsigned __int128 magnitude = (unsigned __int128)(v < 0 ? ~v : v);

    if (magnitude <= UINT64_MAX)
        return czi_cbor_put_head(p, v < 0 ? CZI_CBOR_NEGATIVE : CZI_CBOR_UINT,
                                 (uint64_t)magnitude);
    *p++ = CZI_CBOR_BYTES << 5 | 16;
    for (unsigned i = 0; i < 16; i++)
        p[i] = (uint8_t)((unsigned __int128)v >> (120 - 8 * i));
    return p + 16;
}

void czi_cbor_add_head(struct czi_buf *b, unsigned major, uint64_t arg)
{
    uint8_t *p = czi_buf_reserve(b, CZI_CBOR_HEAD_SIZE_MAX);

    if (p)
        b->len = (size_t)(czi_cbor_put_head(p, major, arg) - b->data);
}

void czi_cbor_add_string(struct czi_buf *b, unsigned major, const void *data, size_t len)
{
    czi_cbor_add_head(b, major, len);
    czi_buf_put(b, data, len);
}

void czi_cbor_add_quantity(struct czi_buf *b, __int128 v)
{
    uint8_t *p = czi_buf_reserve(b, CZI_CBOR_QUANTITY_SIZE_MAX);

    if (p)
        b->len = (size_t)(czi_cbor_put_quantity(p, v) - b->data);
}

/* ---- Text ----------------------------------------------------------------------------- */

/* The length of the character that starts at p, 0 when there is none: RFC 3629 section 4.
 * The second byte's range is what rules out overlong forms, surrogates and > U+10FFFF. */
static size_t utf8_character(const uint8_t *p, size_t left)
{
    static const struct {
        uint8_t first_min, first_max, second_min, second_max;
    } ranges[] = {
        {0xc2, 0xdf, 0x80, 0xbf}, {0xe0, 0xe0, 0xa0, 0xbf}, {0xe1, 0xec, 0x80, 0xbf},
        {0xed, 0xed, 0x80, 0x9f}, {0xee, 0xef, 0x80, 0xbf}, {0xf0, 0xf0, 0x90, 0xbf},
        {0xf1, 0xf3, 0x80, 0xbf}, {0xf4, 0xf4, 0x80, 0x8f},
    };
    size_t n;

    if (p[0] < 0x80)
        return 1;
    n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (left < n)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    for (size_t i = 0; i < CZI_COUNTOF(ranges); i++)
        if (p[0] >= ranges[i].first_min && p[0] <= ranges[i].first_max)
            return p[1] >= ranges[i].second_min && p[1] <= ranges[i].second_max ? n : 0;
    return 0;
}

bool czi_utf8_valid(const void *data, size_t len)
{
    const uint8_t *p = data;

    while (len) {
        uint64_t eight = 0;
        size_t n = 8;

        if (len >= 8)
            memcpy(&eight, p, 8);
        if (len < 8 || eight & 0x8080808080808080u)
            n = utf8_character(p, len);
        if (!n)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

/* ---- Decoder -------------------------------------------------------------------------- */

static const char too_deep[] = "arrays and maps nest deeper than CZI_CBOR_DEPTH_MAX";

static void fail_at(struct czi_cbor *c, const uint8_t *where, const char *what)
{
    if (!c->what) {
        c->what = what;
        c->offset = (size_t)(where - c->start);
        c->end = c->at;
    }
}

void czi_cbor_fail(struct czi_cbor *c, const char *what)
{
    fail_at(c, c->at, what);
}

static size_t left(const struct czi_cbor *c)
{
    return (size_t)(c->end - c->at);
}

/* Says why the head at c->at, which is not one of type `major`, is refused. */
static void wrong_type(struct czi_cbor *c, unsigned major)
{
    static const char *const expected[] = {
        [CZI_CBOR_UINT] = "expected an unsigned integer",
        [CZI_CBOR_NEGATIVE] = "expected a negative integer",
        [CZI_CBOR_BYTES] = "expected a byte string",
        [CZI_CBOR_TEXT] = "expected a text string",
        [CZI_CBOR_ARRAY] = "expected an array",
        [CZI_CBOR_MAP] = "expected a map",
        [CZI_CBOR_TAG] = "expected a tag",
    };

    CZI_CHECK(major < CZI_COUNTOF(expected));
    czi_cbor_fail(c, expected[major]);
}

uint64_t czi_cbor_head_wide(struct czi_cbor *c, unsigned major)
{
    const uint8_t *p = c->at;
    uint64_t arg = 0;
    unsigned info, size;

    if (p == c->end) {
        czi_cbor_fail(c, "the bytes end where an item is expected");
        return 0;
    }
    if (*p >> 5 != major) {
        wrong_type(c, major);
        return 0;
    }
    info = *p & 31;
    if (info < 24) {
        c->at++;
        return info;
    }
    if (info > 27) {
        czi_cbor_fail(c, info == 31 ? "indefinite length" : "reserved length code");
        return 0;
    }
    size = 1u << (info - 24);
    if (left(c) - 1 < size) {
        czi_cbor_fail(c, "the bytes end within a number");
        return 0;
    }
    for (unsigned i = 1; i <= size; i++)
        arg = arg << 8 | p[i];
    if (arg < 24 || (size > 1 && arg >> (4 * size) == 0)) {
        czi_cbor_fail(c, "a number is not in its shortest form");
        return 0;
    }
    c->at += 1 + size;
    return arg;
}

uint64_t czi_cbor_uint_max(struct czi_cbor *c, uint64_t max)
{
    const uint8_t *before = c->at;
    uint64_t v = czi_cbor_uint(c);

    if (CZI_UNLIKELY(v > max)) {
        c->at = before;
        czi_cbor_fail(c, "number above its maximum");
        return 0;
    }
    return v;
}

__int128 czi_cbor_quantity(struct czi_cbor *c)
{
    const uint8_t *before = c->at;
    unsigned __int128 v = 0;
    struct czi_slice s;

    switch (czi_cbor_peek(c)) {
    case CZI_CBOR_UINT:
        return czi_cbor_uint(c);
    case CZI_CBOR_NEGATIVE:
        v = czi_cbor_head(c, CZI_CBOR_NEGATIVE);
        return c->what ? 0 : -1 - (__int128)v;
    case CZI_CBOR_BYTES:
        break;
    default:
        czi_cbor_fail(c, "expected a quantity (an integer or 16 bytes)");
        return 0;
    }
    s = czi_cbor_bytes(c);
    for (size_t i = 0; s.len == 16 && i < 16; i++)
        v = v << 8 | s.data[i];
    /* The bit pattern of ~v is that of -1 - v: small when v is small and negative. */
    if (c->what || s.len != 16 || v <= UINT64_MAX || ~v <= UINT64_MAX) {
        c->at = before;
        czi_cbor_fail(c, s.len == 16 ? "a quantity of 64 bits is written as an integer"
                                     : "a quantity in bytes has 16 of them");
        return 0;
    }
    return (__int128)v;
}

bool czi_cbor_bool(struct czi_cbor *c)
{
    if (c->at == c->end || (*c->at | 1) != 0xf5) {
        czi_cbor_fail(c, "expected false or true");
        return false;
    }
    return *c->at++ & 1;
}

/* A byte or text string; empty with NULL data after an error. */
static struct czi_slice string(struct czi_cbor *c, unsigned major)
{
    const uint8_t *before = c->at;
    uint64_t n = czi_cbor_head(c, major);
    struct czi_slice s = {c->at, (size_t)n};

    if (CZI_UNLIKELY(n > left(c))) {
        c->at = before;
        czi_cbor_fail(c, "the bytes end within a string");
    }
    if (CZI_UNLIKELY(c->what != NULL))
        return (struct czi_slice){0};
    c->at += n;
    return s;
}

struct czi_slice czi_cbor_bytes(struct czi_cbor *c)
{
    return string(c, CZI_CBOR_BYTES);
}

cz_id czi_cbor_bytes32(struct czi_cbor *c)
{
    cz_id id = {{0}};

    if (CZI_LIKELY(left(c) >= 34 && c->at[0] == 0x58 && c->at[1] == 32)) {
        memcpy(id.bytes, c->at + 2, 32);
        c->at += 34;
    } else {
        czi_cbor_fail(c, "expected a byte string of 32 bytes");
    }
    return id;
}

struct czi_slice czi_cbor_text(struct czi_cbor *c)
{
    const uint8_t *before = c->at;
    struct czi_slice s = string(c, CZI_CBOR_TEXT);

    if (CZI_UNLIKELY(!czi_utf8_valid(s.data, s.len))) {
        c->at = before;
        czi_cbor_fail(c, "text is not UTF-8");
        return (struct czi_slice){0};
    }
    return s;
}

void czi_cbor_not_our_link(struct czi_cbor *c)
{
    size_t i = 0, n = CZI_MIN(left(c), (size_t)CZI_CBOR_LINK_PREFIX_SIZE);

    while (i < n && c->at[i] == (uint8_t)CZI_CBOR_LINK_PREFIX[i])
        i++;
    if (i == n)
        i = left(c);
    fail_at(c, c->at + i,
            i < 2 ? "expected a link" : "expected a link to dag-cbor by BLAKE3-256");
}

uint64_t czi_cbor_array(struct czi_cbor *c)
{
    const uint8_t *before = c->at;
    uint64_t n = czi_cbor_head(c, CZI_CBOR_ARRAY);

    if (CZI_UNLIKELY(n > left(c))) {
        c->at = before;
        czi_cbor_fail(c, "an array of more elements than bytes follow");
        return 0;
    }
    return n;
}

void czi_cbor_array_of(struct czi_cbor *c, uint64_t n)
{
    const uint8_t *before = c->at;

    if (CZI_UNLIKELY(czi_cbor_array(c) != n)) {
        c->at = before;
        czi_cbor_fail(c, "an array of another number of elements than expected");
    }
}

uint64_t czi_cbor_map(struct czi_cbor *c)
{
    const uint8_t *before = c->at;
    uint64_t n = czi_cbor_head(c, CZI_CBOR_MAP);

    if (CZI_UNLIKELY(n > left(c) / 2)) {
        c->at = before;
        czi_cbor_fail(c, "a map of more entries than bytes follow");
        return 0;
    }
    return n;
}

struct czi_slice czi_cbor_key(struct czi_cbor *c, struct czi_slice *prev)
{
    const uint8_t *before = c->at;
    struct czi_slice key = czi_cbor_text(c);

    if (c->what)
        return key;
    if (prev->data && (key.len < prev->len ||
                       (key.len == prev->len && memcmp(key.data, prev->data, key.len) <= 0))) {
        c->at = before;
        czi_cbor_fail(c, "map keys are not in ascending order");
        return (struct czi_slice){0};
    }
    *prev = key;
    return key;
}

/* ---- Whole items ---------------------------------------------------------------------- */

static bool cid_well_formed(struct czi_slice cid)
{
    struct czi_cursor in = czi_cursor(cid.data, cid.len);
    uint64_t version, codec, hash, size;

    /* Version 0 is a bare SHA2-256 multihash. */
    if (cid.len == 34 && cid.data[0] == 0x12 && cid.data[1] == 0x20)
        return true;
    version = czi_cursor_varint(&in);
    codec = czi_cursor_varint(&in);
    hash = czi_cursor_varint(&in);
    size = czi_cursor_varint(&in);
    /* Multiformats varints end at 63 bits. */
    return !in.failed && version == 1 && codec >> 63 == 0 && hash >> 63 == 0 &&
           size == czi_cursor_left(&in);
}

/* Tag 42 over any well-formed CID. */
static void any_link(struct czi_cbor *c)
{
    const uint8_t *before = c->at;
    struct czi_slice s;

    if (czi_cbor_head(c, CZI_CBOR_TAG) != TAG_LINK) {
        c->at = before;
        czi_cbor_fail(c, "a tag other than 42");
        return;
    }
    s = czi_cbor_bytes(c);
    if (c->what)
        return;
    if (s.len < 2 || s.data[0] != 0 ||
        !cid_well_formed((struct czi_slice){s.data + 1, s.len - 1})) {
        c->at = before;
        czi_cbor_fail(c, "a link that is not a CID");
    }
}

static void simple(struct czi_cbor *c)
{
    if (*c->at == 0xf4 || *c->at == 0xf5 || *c->at == 0xf6)
        c->at++;
    else if (*c->at >= 0xf9 && *c->at <= 0xfb)
        czi_cbor_fail(c, "a floating-point number");
    else
        czi_cbor_fail(c, "a simple value other than false, true and null");
}

/* One item, of an array or map only the head: returns how many entries follow. */
static uint64_t item(struct czi_cbor *c)
{
    switch (czi_cbor_peek(c)) {
    case CZI_CBOR_BYTES:
        (void)czi_cbor_bytes(c);
        return 0;
    case CZI_CBOR_TEXT:
        (void)czi_cbor_text(c);
        return 0;
    case CZI_CBOR_ARRAY:
        return czi_cbor_array(c);
    case CZI_CBOR_MAP:
        return czi_cbor_map(c);
    case CZI_CBOR_TAG:
        any_link(c);
        return 0;
    case CZI_CBOR_SIMPLE:
        simple(c);
        return 0;
    case CZI_CBOR_NEGATIVE:
        (void)czi_cbor_head(c, CZI_CBOR_NEGATIVE);
        return 0;
    default:
        (void)czi_cbor_uint(c);
        return 0;
    }
}

/* An array or map that is being passed. */
struct level {
    uint64_t entries; /* still to come */
    bool is_map;
    struct czi_slice key;
};

void czi_cbor_skip(struct czi_cbor *c)
{
    struct level open[CZI_CBOR_DEPTH_MAX];
    unsigned depth = 0;

    do {
        const uint8_t *before = c->at;
        int major;
        uint64_t entries;

        if (depth) {
            open[depth - 1].entries--;
            if (open[depth - 1].is_map)
                (void)czi_cbor_key(c, &open[depth - 1].key);
            before = c->at;
        }
        major = czi_cbor_peek(c);
        entries = item(c);
        if (major == CZI_CBOR_ARRAY || major == CZI_CBOR_MAP) {
            if (depth == CZI_CBOR_DEPTH_MAX) {
                c->at = before;
                czi_cbor_fail(c, too_deep);
                return;
            }
            open[depth++] = (struct level){entries, major == CZI_CBOR_MAP, {0}};
        }
        while (depth && open[depth - 1].entries == 0)
            depth--;
    } while (depth && !c->what);
}

int czi_cbor_end(const struct czi_cbor *c, cz_error *err)
{
    if (c->what)
        return czi_fail(err, c->what == too_deep ? CZ_LIMIT : CZ_INVALID, "byte %zu: %s",
                        c->offset, c->what);
    if (c->at != c->end)
        return czi_fail(err, CZ_INVALID, "byte %zu: bytes after the end of the item",
                        (size_t)(c->at - c->start));
    return CZ_OK;
}

int czi_cbor_validate(const void *data, size_t len, cz_error *err)
{
    struct czi_cbor c = czi_cbor(data, len);

    czi_cbor_skip(&c);
    return czi_cbor_end(&c, err);
}

void czi_cbor_links(const void *data, size_t len, void (*fn)(void *arg, const cz_id *link),
                    void *arg)
{
    struct czi_cbor c = czi_cbor(data, len);

    /* Heads of arrays and maps are passed over, so one loop sees every item at any depth. */
    while (c.at < c.end) {
        const uint8_t *before = c.at;

        (void)item(&c);
        if (*before >> 5 == CZI_CBOR_TAG && c.at - before == CZI_CBOR_LINK_SIZE) {
            struct czi_cbor link = czi_cbor(before, CZI_CBOR_LINK_SIZE);
            cz_id id = czi_cbor_link(&link);

            if (!link.what)
                fn(arg, &id);
        }
    }
}
