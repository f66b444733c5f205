/* car.c - see car.h. Source: IPLD "Content Addressable aRchives (CAR / .car)", version 1.
 *
 * Layer: codec. Threads: pure functions; a reader belongs to one thread. No allocation.
 * A file is a header, the DAG-CBOR map {"roots": [link, ...], "version": 1}, and then blocks;
 * each of them is preceded by its length as a varint, and a block's bytes by its CID.
 */
#include "codec/car.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "codec/cid.h"
#include "codec/dag_cbor.h"

#define VERSION 1
/* A varint of 64 bits. */
#define VARINT_SIZE_MAX 10

/* ---- Writing -------------------------------------------------------------------------- */

/* {"roots": [ and how many. */
static uint8_t *put_header_start(uint8_t *p, size_t root_count)
{
    p = czi_cbor_put_map(p, 2);
    p = czi_cbor_put_text(p, "roots", 5);
    return czi_cbor_put_array(p, root_count);
}

/* ], "version": 1} */
static uint8_t *put_header_end(uint8_t *p)
{
    p = czi_cbor_put_text(p, "version", 7);
    return czi_cbor_put_uint(p, VERSION);
}

int czi_car_write_header(czi_sink_fn sink, void *arg, const cz_id *roots, size_t root_count,
                         cz_error *err)
{
    uint8_t start[32], end[16], piece[VARINT_SIZE_MAX + sizeof start];
    size_t start_len = (size_t)(put_header_start(start, root_count) - start);
    size_t end_len = (size_t)(put_header_end(end) - end);
    uint8_t *p = czi_put_varint(piece, start_len + root_count * CZI_CBOR_LINK_SIZE + end_len);
    int rc;

    memcpy(p, start, start_len);
    rc = sink(arg, piece, (size_t)(p - piece) + start_len, err);
    for (size_t i = 0; !rc && i < root_count; i++) {
        uint8_t link[CZI_CBOR_LINK_SIZE];

        czi_cbor_put_link(link, &roots[i]);
        rc = sink(arg, link, sizeof link, err);
    }
    return rc ? rc : sink(arg, end, end_len, err);
}

int czi_car_write_block(czi_sink_fn sink, void *arg, const cz_id *id, const void *data,
                        size_t len, cz_error *err)
{
    uint8_t piece[VARINT_SIZE_MAX + CZI_CID_SIZE];
    uint8_t *p = czi_put_varint(piece, CZI_CID_SIZE + (uint64_t)len);
    int rc;

    czi_cid_put(p, id);
    rc = sink(arg, piece, (size_t)(p - piece) + CZI_CID_SIZE, err);
    return rc || !len ? rc : sink(arg, data, len, err);
}

/* ---- Reading -------------------------------------------------------------------------- */

/* The next length and the bytes that it counts. */
static int section(struct czi_car *car, const char *what, struct czi_slice *ret, cz_error *err)
{
    size_t offset = czi_cursor_offset(&car->in);
    uint64_t len = czi_cursor_varint(&car->in);

    if (car->in.failed)
        return czi_fail(err, CZ_INVALID, "CAR byte %zu: the length of %s is not a varint",
                        offset, what);
    if (len > czi_cursor_left(&car->in))
        return czi_fail(err, CZ_INVALID, "CAR byte %zu: %s has %llu bytes, but %zu are left",
                        offset, what, (unsigned long long)len, czi_cursor_left(&car->in));
    ret->len = (size_t)len;
    ret->data = czi_cursor_take(&car->in, ret->len);
    return CZ_OK;
}

static bool is_text(struct czi_slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

/* Up to the first root, which is where the array's elements begin. */
static uint64_t header_start(struct czi_cbor *c)
{
    struct czi_slice prev = {0};

    if (czi_cbor_map(c) != 2 || !is_text(czi_cbor_key(c, &prev), "roots"))
        czi_cbor_fail(c, "expected a map of roots and version");
    return czi_cbor_array(c);
}

static void header_end(struct czi_cbor *c)
{
    struct czi_slice prev = {(const uint8_t *)"roots", 5};

    if (!is_text(czi_cbor_key(c, &prev), "version"))
        czi_cbor_fail(c, "expected the version");
    if (czi_cbor_uint(c) != VERSION)
        czi_cbor_fail(c, "a version other than 1");
}

int czi_car_open(struct czi_car *car, const void *data, size_t len, cz_error *err)
{
    struct czi_slice header = {0};
    struct czi_cbor c;
    size_t offset;
    int rc;

    *car = (struct czi_car){.in = czi_cursor(data, len)};
    rc = section(car, "the header", &header, err);
    if (rc)
        return rc;
    offset = (size_t)(header.data - car->in.start);
    c = czi_cbor(header.data, header.len);
    car->root_count = header_start(&c);
    car->roots = c.at;
    for (uint64_t i = 0; i < car->root_count && !c.what; i++)
        (void)czi_cbor_link(&c);
    header_end(&c);
    rc = czi_cbor_end(&c, err);
    return rc ? czi_wrap(err, rc, "CAR header at byte %zu", offset) : CZ_OK;
}

int czi_car_root(const struct czi_car *car, uint64_t i, cz_id *ret, cz_error *err)
{
    struct czi_cbor c;

    if (i >= car->root_count)
        return czi_fail(err, CZ_NOT_FOUND, "CAR has %llu roots, there is no root %llu",
                        (unsigned long long)car->root_count, (unsigned long long)i);
    /* czi_car_open has seen that all roots are links of our size. */
    c = czi_cbor(car->roots + i * CZI_CBOR_LINK_SIZE, CZI_CBOR_LINK_SIZE);
    *ret = czi_cbor_link(&c);
    return czi_cbor_end(&c, err);
}

int czi_car_next(struct czi_car *car, bool *ret_more, cz_id *ret_id,
                 struct czi_slice *ret_block, cz_error *err)
{
    size_t offset = czi_cursor_offset(&car->in);
    struct czi_slice s = {0};
    cz_id id, hash;
    int rc;

    if (czi_cursor_left(&car->in) == 0) {
        *ret_more = false;
        return CZ_OK;
    }
    rc = section(car, "a block", &s, err);
    if (rc)
        return rc;
    if (s.len < CZI_CID_SIZE || !czi_cid_get(s.data, CZI_CID_SIZE, &id))
        return czi_fail(err, CZ_INVALID,
                        "CAR byte %zu: the block does not begin with a CID of dag-cbor by "
                        "BLAKE3-256",
                        offset);
    s.data += CZI_CID_SIZE;
    s.len -= CZI_CID_SIZE;
    czi_blake3(s.data, s.len, hash.bytes);
    if (memcmp(hash.bytes, id.bytes, sizeof id.bytes) != 0)
        return czi_fail(err, CZ_INVALID,
                        "CAR byte %zu: the block's bytes are not those of its CID", offset);
    *ret_more = true;
    *ret_id = id;
    *ret_block = s;
    return CZ_OK;
}
