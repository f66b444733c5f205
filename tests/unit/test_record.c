/* test_record.c - what a frame's payload holds, byte by byte as record.h says. Any bytes and
 * the round trip: tests/fuzz/fuzz_record.c. */
#include "ledger/record.h"
#include "test.h"

#define POSITION 500

static size_t transfer(uint8_t *out)
{
    cz_id origin = {{9}}, a = {{1}}, b = {{2}};

    return czi_transfer_encode(out, &origin, 1, CZ_NORMAL, &a, &b, 5);
}

static void an_applied_record_has_the_documented_bytes(void **state)
{
    uint8_t effect[CZI_TRANSFER_SIZE_MAX], out[512], expected[512], *p = expected;
    size_t len = transfer(effect);
    struct czi_post posts[] = {
        {.quantity = -2,
         .version = 300,
         .previous = POSITION - 1,
         .state = CZ_LOCKED,
         .kind = CZ_POSITION,
         .written = true},
        {.quantity = 64, .version = 1, .written = true},
    };
    struct czi_outcome o = {.position = POSITION,
                            .lamport = 128,
                            .post_count = 2,
                            .posts = posts};

    (void)state;
    assert_true(len < 128);
    *p++ = 1;
    *p++ = (uint8_t)len;
    memcpy(p, effect, len);
    p += len;
    memcpy(p, "\x80\x01", 2);                 /* 128 */
    memcpy(p + 2, "\xac\x02\x01\x11\x03", 5); /* 300, one back, 1 << 4 | 1, zigzag -2 */
    memcpy(p + 7, "\x01\x00\x00\x80\x01", 5); /* 1, none before, zigzag 64 */
    p += 12;
    assert_int_equal(czi_record_put_effect(out, (struct czi_slice){effect, len}, &o) - out,
                     p - expected);
    assert_memory_equal(out, expected, p - expected);
}

/* A rejected transfer: type, length, effect, lamport 3, reason 6, versions 4 and 0. */
static size_t rejected(uint8_t *out)
{
    size_t len = transfer(out + 2);

    out[0] = 2;
    out[1] = (uint8_t)len;
    memcpy(out + 2 + len, "\x03\x06\x04\x00", 4);
    return len + 6;
}

static int read_one(const uint8_t *bytes, size_t len, struct czi_record *ret, cz_error *err)
{
    static struct czi_record_reader reader;
    bool more;

    czi_record_reader(&reader, (struct czi_slice){bytes, len}, POSITION);
    return czi_record_next(&reader, &more, ret, err);
}

static void a_rejected_record_reads_as_its_reason_and_versions(void **state)
{
    uint8_t bytes[256];
    size_t len = rejected(bytes);
    struct czi_record r;
    cz_error err = {0};

    (void)state;
    assert_ok(read_one(bytes, len, &r, &err), err);
    assert_int_equal(r.type, CZI_RECORD_REJECTED);
    assert_int_equal(r.outcome.position, POSITION);
    assert_int_equal(r.outcome.lamport, 3);
    assert_int_equal(r.outcome.reason, CZ_OVERDRAFT);
    assert_int_equal(r.outcome.post_count, 2);
    assert_int_equal(r.outcome.posts[0].version, 4);
    assert_int_equal(r.outcome.posts[1].version, 0);
}

static void a_malformed_record_is_corrupt_and_says_where(void **state)
{
    uint8_t good[256], bytes[256];
    size_t len = rejected(good);
    struct czi_record r;
    cz_error err = {0};
    struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {0, 0},          {0, 4},          /* no such type */
        {1, 0},          {1, 127},        /* another length */
        {2, 0x8b},                        /* not an effect */
        {len - 3, 0},                     /* rejected without a reason */
        {len - 4, 0x83}, {len - 1, 0x80}, /* a number that goes on beyond the end */
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(changes); i++) {
        memcpy(bytes, good, len);
        bytes[changes[i].at] = changes[i].value;
        if (i == 6)
            bytes[len - 3] = 0x80; /* 0x83 0x80 …: still no end, then a shorter form */
        assert_int_equal(read_one(bytes, len, &r, &err), CZ_CORRUPT);
        assert_non_null(strstr(err.detail, "offset"));
    }
    for (size_t n = 1; n < len; n++)
        assert_int_equal(read_one(good, n, &r, &err), CZ_CORRUPT);
}

static void a_write_cannot_point_at_itself_or_before_the_first(void **state)
{
    uint8_t bytes[256];
    size_t len = transfer(bytes + 2), at = len + 3;
    struct czi_record r;
    cz_error err = {0};

    (void)state;
    bytes[0] = 1;
    bytes[1] = (uint8_t)len;
    /* lamport 1; per write: version 2, so many back (two bytes), active fungible, zero */
    memcpy(bytes + len + 2, "\x01\x02\xf3\x03\x00\x00\x02\x81\x01\x00\x00", 11);
    assert_ok(read_one(bytes, len + 13, &r, &err), err);
    assert_int_equal(r.outcome.posts[0].previous, 1); /* 499 back from 500 */
    bytes[at + 1] = 0xf4;                             /* 500 back */
    assert_int_equal(read_one(bytes, len + 13, &r, &err), CZ_CORRUPT);
    bytes[at + 1] = 0xf5;
    assert_int_equal(read_one(bytes, len + 13, &r, &err), CZ_CORRUPT);
    bytes[at + 1] = 0xf3;
    bytes[at + 3] = 0x05; /* no such state */
    assert_int_equal(read_one(bytes, len + 13, &r, &err), CZ_CORRUPT);
    bytes[at + 3] = 0x30; /* no such kind */
    assert_int_equal(read_one(bytes, len + 13, &r, &err), CZ_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_applied_record_has_the_documented_bytes),
        cmocka_unit_test(a_rejected_record_reads_as_its_reason_and_versions),
        cmocka_unit_test(a_malformed_record_is_corrupt_and_says_where),
        cmocka_unit_test(a_write_cannot_point_at_itself_or_before_the_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
