/* test_car.c - CAR version 1, written and read. The bytes expected are put together here by
 * the specification; hashes come from b3sum. */
#include "codec/blake3.h"
#include "codec/car.h"
#include "test.h"
#include <cmocka.h>

/* b3sum of the two blocks, h'a0' and nothing. */
#define HASH_MAP "1f94cbf313b3ce23257a7251ea0fc95a24556ea611e4f8f475e549971baedb02"
#define HASH_NONE "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
#define CID "01711e20"
#define LINK "d82a582500" CID

/* {"roots": [...], "version": 1} with its length before it. */
#define HEADER_EMPTY                                                                           \
    "11"                                                                                       \
    "a265726f6f7473"                                                                           \
    "80"                                                                                       \
    "6776657273696f6e"                                                                         \
    "01"
#define HEADER_ONE                                                                             \
    "3a"                                                                                       \
    "a265726f6f7473"                                                                           \
    "81" LINK HASH_MAP "6776657273696f6e"                                                      \
    "01"
#define BLOCK_MAP "25" CID HASH_MAP "a0"
#define BLOCK_NONE "24" CID HASH_NONE

static struct czi_slice bytes_of(const char *hex)
{
    static uint8_t bytes[4096];
    size_t n = strlen(hex) / 2;

    assert_true(n <= sizeof bytes);
    assert_true(czi_unhex(bytes, n, hex, strlen(hex)));
    return (struct czi_slice){bytes, n};
}

static cz_id id_of(const char *hex)
{
    cz_id id;

    assert_true(czi_unhex(id.bytes, 32, hex, strlen(hex)));
    return id;
}

static int to_buffer(void *arg, const void *data, size_t len, cz_error *err)
{
    (void)err;
    czi_buf_put(arg, data, len);
    return CZ_OK;
}

static void assert_bytes(const struct czi_buf *b, const char *hex)
{
    struct czi_slice s = bytes_of(hex);

    assert_int_equal(b->len, s.len);
    assert_memory_equal(b->data, s.data, s.len);
}

/* ---- Writing -------------------------------------------------------------------------- */

static void a_header_is_a_length_and_a_map_of_roots_and_version(void **state)
{
    CZI_AUTOBUF none = {0}, one = {0};
    cz_id root = id_of(HASH_MAP);
    cz_error err = {0};

    (void)state;
    assert_ok(czi_car_write_header(to_buffer, &none, NULL, 0, &err), err);
    assert_bytes(&none, HEADER_EMPTY);
    assert_ok(czi_car_write_header(to_buffer, &one, &root, 1, &err), err);
    assert_bytes(&one, HEADER_ONE);
}

static void a_block_is_a_length_a_cid_and_bytes(void **state)
{
    CZI_AUTOBUF out = {0};
    cz_id map = id_of(HASH_MAP), none = id_of(HASH_NONE);
    cz_error err = {0};

    (void)state;
    assert_ok(czi_car_write_block(to_buffer, &out, &map, "\xa0", 1, &err), err);
    assert_ok(czi_car_write_block(to_buffer, &out, &none, NULL, 0, &err), err);
    assert_bytes(&out, BLOCK_MAP BLOCK_NONE);
}

/* Refuses its n-th piece. */
static int refuse_later(void *arg, const void *data, size_t len, cz_error *err)
{
    int *left = arg;

    (void)data;
    (void)len;
    return (*left)-- > 0 ? CZ_OK : czi_fail(err, CZ_IO, "disk full");
}

static void an_error_of_the_sink_ends_writing(void **state)
{
    cz_id root = id_of(HASH_MAP);

    (void)state;
    for (int pieces = 0; pieces < 3; pieces++) {
        cz_error err = {0};
        int left = pieces;

        assert_int_equal(czi_car_write_header(refuse_later, &left, &root, 1, &err), CZ_IO);
        assert_string_equal(err.detail, "disk full");
        assert_int_equal(left, -1);
    }
    for (int pieces = 0; pieces < 2; pieces++) {
        cz_error err = {0};
        int left = pieces;

        assert_int_equal(czi_car_write_block(refuse_later, &left, &root, "\xa0", 1, &err),
                         CZ_IO);
        assert_int_equal(left, -1);
    }
}

/* ---- Reading -------------------------------------------------------------------------- */

static void a_file_is_read_to_its_end(void **state)
{
    struct czi_slice s = bytes_of(HEADER_ONE BLOCK_MAP BLOCK_NONE), block;
    cz_id root = id_of(HASH_MAP), none = id_of(HASH_NONE), id;
    struct czi_car car;
    cz_error err = {0};
    bool more;

    (void)state;
    assert_ok(czi_car_open(&car, s.data, s.len, &err), err);
    assert_int_equal(car.root_count, 1);
    assert_ok(czi_car_root(&car, 0, &id, &err), err);
    assert_memory_equal(&id, &root, sizeof id);
    assert_int_equal(czi_car_root(&car, 1, &id, &err), CZ_NOT_FOUND);

    assert_ok(czi_car_next(&car, &more, &id, &block, &err), err);
    assert_true(more);
    assert_memory_equal(&id, &root, sizeof id);
    assert_int_equal(block.len, 1);
    assert_int_equal(block.data[0], 0xa0);
    assert_ok(czi_car_next(&car, &more, &id, &block, &err), err);
    assert_true(more);
    assert_memory_equal(&id, &none, sizeof id);
    assert_int_equal(block.len, 0);
    for (int again = 0; again < 2; again++) {
        assert_ok(czi_car_next(&car, &more, &id, &block, &err), err);
        assert_false(more);
    }
}

static void many_roots_and_blocks_come_back_in_order(void **state)
{
    enum { COUNT = 300 };
    static cz_id ids[COUNT];
    static uint8_t data[COUNT][COUNT];
    CZI_AUTOBUF out = {0};
    struct czi_slice block;
    struct czi_car car;
    cz_error err = {0};
    cz_id id;
    bool more;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        memset(data[i], (int)i, i);
        czi_blake3(data[i], i, ids[i].bytes);
    }
    assert_ok(czi_car_write_header(to_buffer, &out, ids, COUNT, &err), err);
    for (size_t i = 0; i < COUNT; i++)
        assert_ok(czi_car_write_block(to_buffer, &out, &ids[i], data[i], i, &err), err);

    assert_ok(czi_car_open(&car, out.data, out.len, &err), err);
    assert_int_equal(car.root_count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_ok(czi_car_root(&car, i, &id, &err), err);
        assert_memory_equal(&id, &ids[i], sizeof id);
        assert_ok(czi_car_next(&car, &more, &id, &block, &err), err);
        assert_true(more);
        assert_memory_equal(&id, &ids[i], sizeof id);
        assert_int_equal(block.len, i);
        assert_memory_equal(block.data, data[i], i);
    }
    assert_ok(czi_car_next(&car, &more, &id, &block, &err), err);
    assert_false(more);
}

static void headers_of_another_form_are_refused(void **state)
{
    static const struct {
        const char *hex, *why;
    } v[] = {
        {"", "varint"},
        {"80", "varint"},
        {"9100"
         "a265726f6f747380",
         "varint"}, /* not the shortest */
        {"12"
         "a265726f6f7473806776657273696f6e01",
         "are left"},
        {"00", "byte 0"},
        {"0a"
         "a16776657273696f6e02",
         "roots"}, /* the start of version 2 */
        {"0a"
         "a16776657273696f6e01",
         "roots"}, /* roots are required */
        {"08"
         "a165726f6f747380",
         "roots"}, /* and so is version */
        {"11"
         "a265726f6f7473806776657273696f6e02",
         "other than 1"}, /* version 2 */
        {"11"
         "a26776657273696f6e0165726f6f747380",
         "roots"}, /* order of keys */
        {"12"
         "a265726f6f74738067766572736"
         "96f6e1801",
         "shortest"},
        {"12"
         "a265726f6f7473806776657273696f6e0100",
         "after the end"},
        {"12"
         "a265726f6f7473"
         "8100"
         "6776657273696f6e01",
         "expected a link"},
        {"3a"
         "a265726f6f7473"
         "81"
         "d82a582500"
         "01551220" HASH_MAP "6776657273696f6e01",
         "BLAKE3"},
        {"14"
         "a365726f6f7473806776657273696f6e016178"
         "00",
         "roots"},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(v); i++) {
        struct czi_slice s = bytes_of(v[i].hex);
        struct czi_car car;
        cz_error err = {0};

        if (czi_car_open(&car, s.data, s.len, &err) != CZ_INVALID)
            fail_msg("%s: not refused", v[i].hex);
        assert_non_null(strstr(err.detail, "CAR"));
        if (!strstr(err.detail, v[i].why))
            fail_msg("%s: expected %s, got %s", v[i].hex, v[i].why, err.detail);
    }
}

static void malformed_blocks_are_refused_with_their_offset(void **state)
{
    static const struct {
        const char *hex, *why;
    } v[] = {
        {"80", "varint"},
        {"a500" CID HASH_MAP "a0", "varint"},
        {"26" CID HASH_MAP "a0", "38 bytes, but 37 are left"},
        {"ffffffffffffffffff01", "are left"},
        {"00", "CID"},              /* padding */
        {"23" CID HASH_MAP, "CID"}, /* a CID cut short */
        {"25"
         "01551e20" HASH_MAP "a0",
         "CID"}, /* raw */
        {"25"
         "01711220" HASH_MAP "a0",
         "CID"}, /* SHA2-256 */
        {"25" CID HASH_MAP "a1", "not those of its CID"},
        {"26" CID HASH_MAP "a0a0", "not those of its CID"},
        {"24" CID HASH_MAP, "not those of its CID"},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(v); i++) {
        char hex[512];
        struct czi_slice s, block = {0};
        struct czi_car car;
        cz_error err = {0};
        cz_id id;
        bool more;

        /* The header is 18 bytes, the first block 38. */
        (void)snprintf(hex, sizeof hex, "%s%s%s", HEADER_EMPTY, BLOCK_MAP, v[i].hex);
        s = bytes_of(hex);
        assert_ok(czi_car_open(&car, s.data, s.len, &err), err);
        assert_ok(czi_car_next(&car, &more, &id, &block, &err), err);
        block = (struct czi_slice){0};
        if (czi_car_next(&car, &more, &id, &block, &err) != CZ_INVALID)
            fail_msg("%s: not refused", v[i].hex);
        assert_non_null(strstr(err.detail, "CAR byte 56:"));
        if (!strstr(err.detail, v[i].why))
            fail_msg("%s: expected %s, got %s", v[i].hex, v[i].why, err.detail);
        assert_null(block.data);
    }
}

/* No byte of a file can change, and no file end early within a section, unnoticed. */
static void every_flipped_bit_is_noticed(void **state)
{
    struct czi_slice s = bytes_of(HEADER_ONE BLOCK_MAP BLOCK_NONE);
    uint8_t bytes[256];
    cz_id root = id_of(HASH_MAP), id;

    (void)state;
    for (size_t bit = 0; bit < 8 * s.len; bit++) {
        struct czi_slice block;
        struct czi_car car;
        bool more = true;
        int rc;

        memcpy(bytes, s.data, s.len);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        rc = czi_car_open(&car, bytes, s.len, NULL);
        /* A root is only a name: another one is for the reader of the file to notice. */
        if (!rc && car.root_count && !czi_car_root(&car, 0, &id, NULL) &&
            memcmp(&id, &root, sizeof id) != 0)
            continue;
        while (!rc && more)
            rc = czi_car_next(&car, &more, &id, &block, NULL);
        assert_int_equal(rc, CZ_INVALID);
    }
}

static void every_cut_is_refused_or_between_blocks(void **state)
{
    struct czi_slice s = bytes_of(HEADER_ONE BLOCK_MAP BLOCK_NONE);
    size_t header = strlen(HEADER_ONE) / 2, map = strlen(BLOCK_MAP) / 2;

    (void)state;
    for (size_t n = 0; n < s.len; n++) {
        struct czi_slice block;
        struct czi_car car;
        bool more = true;
        cz_id id;
        int rc = czi_car_open(&car, s.data, n, NULL);

        while (!rc && more)
            rc = czi_car_next(&car, &more, &id, &block, NULL);
        assert_int_equal(rc, n == header || n == header + map ? CZ_OK : CZ_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_a_length_and_a_map_of_roots_and_version),
        cmocka_unit_test(a_block_is_a_length_a_cid_and_bytes),
        cmocka_unit_test(an_error_of_the_sink_ends_writing),
        cmocka_unit_test(a_file_is_read_to_its_end),
        cmocka_unit_test(many_roots_and_blocks_come_back_in_order),
        cmocka_unit_test(headers_of_another_form_are_refused),
        cmocka_unit_test(malformed_blocks_are_refused_with_their_offset),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(every_cut_is_refused_or_between_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
