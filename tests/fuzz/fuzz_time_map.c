/* fuzz_time_map.c - the decoder of time maps over any bytes.
 *
 * Properties: what is decoded encodes to the same bytes, is found again by its names, and
 * merging it with itself or an empty map changes nothing.
 */
#include "fuzz.h"

#include "timemap/time_map.h"

static void check_bytes(const struct czi_time_map *m, const uint8_t *data, size_t size)
{
    CZI_AUTOBUF again = {0};

    CZI_CHECK(czi_time_map_encode(m, &again, NULL) == CZ_OK);
    CZI_CHECK(again.len == size && (!size || memcmp(again.data, data, size) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CZI_CLEANUP(czi_time_map_done) struct czi_time_map m = {0}, merged = {0};
    cz_error err = {0};
    int rc = czi_time_map_decode(data, size, &m, &err);

    if (rc != CZ_OK) {
        CZI_CHECK((rc == CZ_INVALID || rc == CZ_LIMIT) && err.detail[0] && !m.entries);
        return 0;
    }
    CZI_CHECK((m.count == 0) == (size == 0));
    check_bytes(&m, data, size);
    for (uint32_t i = 0; i < m.count; i++) {
        const char *name = m.entries[i].name;
        struct czi_slice domain = {(const uint8_t *)name, strlen(name)};

        CZI_CHECK(czi_time_map_find(&m, domain) == &m.entries[i].at);
    }
    CZI_CHECK(czi_time_map_merge(&merged, &m, &err) == CZ_OK);
    CZI_CHECK(czi_time_map_merge(&merged, &m, &err) == CZ_OK);
    CZI_CHECK(czi_time_map_compare(&merged, &m) == CZ_SAME);
    check_bytes(&merged, data, size);
    return 0;
}

/* i * i domains. */
bool fuzz_seed(size_t i, struct czi_buf *out)
{
    CZI_CLEANUP(czi_time_map_done) struct czi_time_map m = {0};

    if (i > 6)
        return false;
    for (size_t k = 0; k < i * i; k++) {
        struct czi_domain_time at = {.height = k << k,
                                     .time = 1700000000 + k,
                                     .safe = k,
                                     .final = k / 2};
        uint8_t name[CZI_DOMAIN_SIZE_MAX];

        memset(at.hash, (int)k, sizeof at.hash);
        memset(name, 'a' + (int)(k % 26), sizeof name);
        CZI_CHECK(czi_time_map_advance(&m, (struct czi_slice){name, 1 + k % sizeof name}, &at,
                                       NULL, NULL) == CZ_OK);
    }
    CZI_CHECK(czi_time_map_encode(&m, out, NULL) == CZ_OK);
    return true;
}
