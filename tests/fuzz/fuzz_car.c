/* fuzz_car.c - the CAR reader over any bytes.
 *
 * Properties: reading ends, every block that is handed out has the hash of its id, and a
 * file that is accepted to the end is the one that the writer makes of the same roots and
 * blocks.
 */
#include "codec/blake3.h"
#include "codec/car.h"
#include "fuzz.h"

static int to_buffer(void *arg, const void *data, size_t len, cz_error *err)
{
    struct czi_buf *b = arg;

    (void)err;
    czi_buf_put(b, data, len);
    CZI_CHECK(!b->failed);
    return CZ_OK;
}

static void copy_header(const struct czi_car *car, struct czi_buf *out)
{
    cz_error err = {0};
    cz_id *roots = czi_alloc_zero(car->root_count, sizeof *roots);

    CZI_CHECK(roots || !car->root_count);
    for (uint64_t i = 0; i < car->root_count; i++)
        CZI_CHECK(czi_car_root(car, i, &roots[i], &err) == CZ_OK);
    CZI_CHECK(czi_car_root(car, car->root_count, roots, &err) == CZ_NOT_FOUND);
    CZI_CHECK(czi_car_write_header(to_buffer, out, roots, car->root_count, &err) == CZ_OK);
    czi_free(roots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CZI_AUTOBUF out = {0};
    struct czi_car car;
    cz_error err = {0};
    size_t blocks = 0;

    if (czi_car_open(&car, data, size, &err) != CZ_OK)
        return 0;
    copy_header(&car, &out);
    for (;;) {
        struct czi_slice block;
        cz_id id, hash;
        bool more;

        if (czi_car_next(&car, &more, &id, &block, &err) != CZ_OK) {
            CZI_CHECK(strstr(err.detail, "byte "));
            return 0;
        }
        if (!more)
            break;
        CZI_CHECK(++blocks <= size);
        czi_blake3(block.data, block.len, hash.bytes);
        CZI_CHECK(memcmp(hash.bytes, id.bytes, sizeof id.bytes) == 0);
        CZI_CHECK(czi_car_write_block(to_buffer, &out, &id, block.data, block.len, &err) ==
                  CZ_OK);
    }
    CZI_CHECK(out.len == size && memcmp(out.data, data, size) == 0);
    return 0;
}

/* Files of i roots and some blocks. */
bool fuzz_seed(size_t i, struct czi_buf *out)
{
    static const char *const blocks[] = {"", "\x80", "\x83\x01\x02\x03", "\x78\x05hello"};
    cz_id ids[CZI_COUNTOF(blocks)];
    cz_error err = {0};

    if (i > CZI_COUNTOF(blocks))
        return false;
    for (size_t b = 0; b < CZI_COUNTOF(blocks); b++)
        czi_blake3(blocks[b], strlen(blocks[b]), ids[b].bytes);
    CZI_CHECK(czi_car_write_header(to_buffer, out, ids, i, &err) == CZ_OK);
    for (size_t b = 0; b < i; b++)
        CZI_CHECK(czi_car_write_block(to_buffer, out, &ids[b], blocks[b], strlen(blocks[b]),
                                      &err) == CZ_OK);
    return true;
}
