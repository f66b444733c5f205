/* fuzz_vector_clock.c - the reader of vector clocks over any bytes.
 *
 * Properties: what is read is written as the same bytes, its tasks ascend and have events, and
 * merging it with itself or an empty clock changes nothing; after an error the clock is empty.
 */
#include "fuzz.h"

#include "timemap/vector_clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct czi_vector_clock c, merged = {0};
    struct czi_cbor in = czi_cbor(data, size);
    uint8_t again[CZI_CLOCK_SIZE_MAX];
    cz_error err = {0};
    size_t len;

    czi_clock_read(&in, &c);
    if (in.what) {
        CZI_CHECK(czi_cbor_end(&in, &err) == CZ_INVALID && c.count == 0);
        return 0;
    }
    CZI_CHECK(c.count <= CZI_CLOCK_TASKS_MAX);
    len = (size_t)(czi_clock_put(again, &c) - again);
    CZI_CHECK(len == (size_t)(in.at - in.start) && memcmp(again, data, len) == 0);
    for (uint32_t i = 0; i < c.count; i++) {
        CZI_CHECK(c.parts[i].count && (!i || c.parts[i - 1].task < c.parts[i].task));
        CZI_CHECK(czi_clock_get(&c, c.parts[i].task) == c.parts[i].count);
    }
    CZI_CHECK(czi_clock_merge(&merged, &c) && czi_clock_merge(&merged, &c));
    CZI_CHECK(czi_clock_compare(&merged, &c) == CZ_SAME && merged.count == c.count);
    return 0;
}

/* Clocks of 0 to 64 tasks. */
bool fuzz_seed(size_t i, struct czi_buf *out)
{
    struct czi_vector_clock c = {.count = (uint32_t)(i * 16)};
    uint8_t bytes[CZI_CLOCK_SIZE_MAX];

    if (c.count > CZI_CLOCK_TASKS_MAX)
        return false;
    for (uint32_t k = 0; k < c.count; k++)
        c.parts[k] = (cz_clock_part){k * (i % 2 ? 1 : 1u << 25), 1ull << k};
    czi_buf_put(out, bytes, (size_t)(czi_clock_put(bytes, &c) - bytes));
    return true;
}
