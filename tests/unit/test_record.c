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

/* A rejected transfer: type, length, effect, lamport 3, reason 6, version 4 two back, 0. */
static size_t rejected(uint8_t *out)
{
    size_t len = transfer(out + 2);

    out[0] = 2;
    out[1] = (uint8_t)len;
    memcpy(out + 2 + len, "\x03\x06\x04\x02\x00\x00", 6);
    return len + 8;
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
    assert_int_equal(r.outcome.posts[0].previous, POSITION - 2);
    assert_int_equal(r.outcome.posts[1].version, 0);
    assert_int_equal(r.outcome.posts[1].previous, 0);
    assert_null(r.outcome.time);
    assert_null(r.outcome.extra);
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
        {len - 5, 0},                     /* rejected without a reason */
        {len - 6, 0x83}, {len - 1, 0x80}, /* a number that goes on beyond the end */
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(changes); i++) {
        memcpy(bytes, good, len);
        bytes[changes[i].at] = changes[i].value;
        if (i == 6)
            bytes[len - 5] = 0x80; /* 0x83 0x80 …: still no end, then a shorter form */
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

/* ---- Links ---------------------------------------------------------------------------------
 */

/* An event of task 7 of a program, over one write, with two facts on terms, after two. */
static size_t linked(uint8_t *out, bool terms, bool program, bool after)
{
    cz_effect *e = cz_effect_new();
    cz_id a = {{1}};
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    assert_ok(cz_effect_lock(e, &a, &err), err);
    for (uint8_t i = 0; i < 2; i++) {
        cz_dependency d = {.fact = {{i}}, .policy = CZ_STILL_TRUE, .optional = terms};
        cz_id before = {{i}};

        assert_ok(cz_effect_depend(e, &d, &err), err);
        if (after)
            assert_ok(cz_effect_follow(e, &before, &err), err);
    }
    if (program)
        cz_effect_set_program(e, &a, 7);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    memcpy(out, bytes, len);
    cz_effect_free(e);
    return len;
}

/* Of an applied one: version 2, one back, active fungible of zero; then `links`. */
static size_t linked_record(uint8_t *out, bool terms, bool program, bool after,
                            const char *links, size_t links_len)
{
    uint8_t effect[1024], *p = out;
    size_t len = linked(effect, terms, program, after);

    *p++ = 1;
    p = czi_put_varint(p, len);
    memcpy(p, effect, len);
    p += len;
    memcpy(p, "\x05\x02\x01\x00\x00", 5); /* lamport 5 */
    memcpy(p + 5, links, links_len);
    return (size_t)(p - out) + 5 + links_len;
}

static const char all_links[] = "\x03\x00"         /* after: 497 and nowhere */
                                "\x02"             /* left out: the second fact */
                                "\xf3\x03"         /* 499 back: position 1 */
                                "\x05"             /* the program's: 5 back */
                                "\x02\x00\x81\x01" /* two tasks: 0 at 129, */
                                "\x07\x01";        /* 7 at 1 */
#define ALL_LINKS (sizeof all_links - 1)

static void links_stand_behind_the_posts_and_are_read_back(void **state)
{
    struct czi_record_reader reader;
    uint8_t bytes[2048], again[2048];
    size_t len = linked_record(bytes, true, true, true, all_links, ALL_LINKS);
    struct czi_record r;
    const struct czi_extra *x;
    bool more;
    cz_error err = {0};

    (void)state;
    czi_record_reader(&reader, (struct czi_slice){bytes, len}, POSITION);
    assert_ok(czi_record_next(&reader, &more, &r, &err), err);
    x = r.outcome.extra;
    assert_non_null(x);
    assert_int_equal(x->after_count, 2);
    assert_int_equal(x->after[0], POSITION - 3);
    assert_int_equal(x->after[1], 0);
    assert_int_equal(x->left_out, 2);
    assert_int_equal(x->task_previous, 1);
    assert_int_equal(x->program_previous, POSITION - 5);
    assert_int_equal(x->clock->count, 2);
    assert_int_equal(x->clock->program.bytes[0], 1);
    assert_int_equal(x->clock->parts[0].task, 0);
    assert_int_equal(x->clock->parts[0].count, 129);
    assert_int_equal(x->clock->parts[1].task, 7);
    assert_int_equal(x->clock->parts[1].count, 1);
    assert_int_equal(czi_record_put_effect(again, r.bytes, &r.outcome) - again, len);
    assert_memory_equal(again, bytes, len);
}

static void an_effect_has_just_the_links_that_it_needs(void **state)
{
    static const struct {
        bool terms, program, after;
        const char *links;
        size_t len;
    } cases[] = {
        {false, false, false, "", 0},
        {false, false, true, "\x01\x02", 2},
        {true, false, false, "\x03", 1},
        {false, true, false, "\x00\x00\x00", 3}, /* its first, without a clock */
        {true, true, true, all_links, ALL_LINKS},
    };
    cz_error err = {0};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        struct czi_record_reader reader;
        uint8_t bytes[2048];
        size_t len = linked_record(bytes, cases[i].terms, cases[i].program, cases[i].after,
                                   cases[i].links, cases[i].len);
        struct czi_record r;
        bool more;

        czi_record_reader(&reader, (struct czi_slice){bytes, len}, POSITION);
        assert_ok(czi_record_next(&reader, &more, &r, &err), err);
        assert_int_equal(r.outcome.extra != NULL, cases[i].len > 0);
        assert_ok(czi_record_next(&reader, &more, &r, &err), err);
        assert_false(more);
        for (size_t n = 1; n < len; n++)
            assert_int_equal(read_one(bytes, n, &r, &err), CZ_CORRUPT);
    }
}

static void malformed_links_are_corrupt(void **state)
{
    static const struct {
        const char *links;
        size_t len;
    } cases[] = {
        {"\xf4\x03\x00\x02\x00\x00\x00", 7},     /* after itself's first position: 500 back */
        {"\x03\x00\x04\x00\x00\x00", 6},         /* a third fact left out */
        {"\x03\x00\x82\x00\x00\x00\x00", 7},     /* a number in a long form */
        {"\x03\x00\x02\xf4\x03\x00\x00", 7},     /* the task's position 0 */
        {"\x03\x00\x02\x00\xf4\x03\x00", 7},     /* the program's position 0 */
        {"\x03\x00\x02\x00\x00\x01\x07\x00", 8}, /* a count of zero */
        {"\x03\x00\x02\x00\x00\x02\x07\x01\x07\x01", 10},         /* a task twice */
        {"\x03\x00\x02\x00\x00\x02\x08\x01\x07\x01", 10},         /* not ascending */
        {"\x03\x00\x02\x00\x00\x01\x80\x80\x80\x80\x10\x01", 12}, /* task 2^32 */
        {"\x03\x00\x02\x00\x00\x41", 6},                          /* 65 tasks */
    };
    cz_error err = {0};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        uint8_t bytes[2048] = {0};
        size_t len = linked_record(bytes, true, true, true, cases[i].links, cases[i].len);
        struct czi_record r;

        if (i + 1 == CZI_COUNTOF(cases)) /* as many pairs as it says */
            for (unsigned k = 0; k < CZI_CLOCK_TASKS_MAX + 1; k++, len += 2)
                memcpy(bytes + len, (uint8_t[]){(uint8_t)k, 1}, 2);
        assert_int_equal(read_one(bytes, len, &r, &err), CZ_CORRUPT);
    }
}

static void a_clock_has_up_to_so_many_tasks(void **state)
{
    uint8_t bytes[2048];
    size_t len = linked_record(bytes, false, true, false, "\x00\x00\x40", 3);
    struct czi_record_reader reader;
    struct czi_record r;
    bool more;
    cz_error err = {0};

    (void)state;
    for (unsigned k = 0; k < CZI_CLOCK_TASKS_MAX; k++, len += 2)
        memcpy(bytes + len, (uint8_t[]){(uint8_t)k, 1}, 2);
    czi_record_reader(&reader, (struct czi_slice){bytes, len}, POSITION);
    assert_ok(czi_record_next(&reader, &more, &r, &err), err);
    assert_int_equal(r.outcome.extra->clock->count, CZI_CLOCK_TASKS_MAX);
}

/* ---- Guests ----------------------------------------------------------------------------- */

static size_t guest_effect(uint8_t *out, bool open)
{
    cz_effect *e = cz_effect_new();
    cz_id code = {{1}};
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    if (open)
        assert_ok(cz_effect_call(e, &code, 9, NULL, 0, &err), err);
    else
        assert_ok(cz_effect_run(e, &code, 9, NULL, 0, NULL, 0, &err), err);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    memcpy(out, bytes, len);
    cz_effect_free(e);
    return len;
}

/* A rejected run (reason 69), which reads one code at version 2, five back; then `run`. */
static size_t run_record(uint8_t *out, const char *run, size_t run_len)
{
    uint8_t effect[256], *p = out;
    size_t len = guest_effect(effect, false);

    *p++ = 2;
    p = czi_put_varint(p, len);
    memcpy(p, effect, len);
    p += len;
    memcpy(p, "\x05\x45\x02\x05", 4);
    memcpy(p + 4, run, run_len);
    return (size_t)(p - out) + 4 + run_len;
}

/* trapped: 300, trap 3 at 65536, gas 9, "ok", messages "a" and "" */
#define TRAPPED "\x02\xac\x02\x03\x80\x80\x04\x09\x02ok\x03\x01\x61\x00"

static void a_run_stands_behind_the_links_and_is_read_back(void **state)
{
    struct czi_record_reader reader;
    uint8_t bytes[512], again[512];
    size_t len = run_record(bytes, TRAPPED, sizeof TRAPPED - 1);
    const cz_guest_run *run;
    struct czi_record r;
    bool more;
    cz_error err = {0};

    (void)state;
    czi_record_reader(&reader, (struct czi_slice){bytes, len}, POSITION);
    assert_ok(czi_record_next(&reader, &more, &r, &err), err);
    assert_non_null(r.outcome.extra);
    assert_true(r.outcome.extra->has_guest);
    assert_null(r.outcome.extra->scope.data);
    run = r.outcome.extra->run;
    assert_non_null(run);
    assert_int_equal(run->status, CZ_GUEST_TRAPPED);
    assert_int_equal(run->code, 300);
    assert_int_equal(run->trap, 3);
    assert_int_equal(run->pc, 65536);
    assert_int_equal(run->gas, 9);
    assert_int_equal(run->output_len, 2);
    assert_memory_equal(run->output, "ok", 2);
    assert_int_equal(run->messages_len, 3);
    assert_int_equal(czi_record_put_effect(again, r.bytes, &r.outcome) - again, len);
    assert_memory_equal(again, bytes, len);
    assert_true(len <= czi_record_size_max(r.bytes.len, 1) +
                           czi_record_guest_size_max(r.outcome.extra));
    for (size_t n = 1; n < len; n++)
        assert_int_equal(read_one(bytes, n, &r, &err), CZ_CORRUPT);
    len = run_record(bytes, "\x00", 1);
    czi_record_reader(&reader, (struct czi_slice){bytes, len}, POSITION);
    assert_ok(czi_record_next(&reader, &more, &r, &err), err);
    assert_true(r.outcome.extra->has_guest);
    assert_null(r.outcome.extra->run);
}

static void a_malformed_run_is_corrupt(void **state)
{
#define RUN(text) {text, sizeof text - 1}
    static const struct {
        const char *run;
        size_t len;
    } good[] = {RUN("\x01\x07\x00\x00\x00\x00\x00"), RUN("\x03\x00\x00\x00\x00\x00\x00")},
      bad[] = {RUN("\x04\x00\x00\x00\x00\x00\x00"),                 /* no such status */
               RUN("\x01\x00\x01\x00\x00\x00\x00"),                 /* a trap of none */
               RUN("\x02\x00\x00\x00\x00\x00\x00"),                 /* none of a trap */
               RUN("\x03\x01\x00\x00\x00\x00\x00"),                 /* a code without an exit */
               RUN("\x02\x00\x80\x02\x00\x00\x00\x00"),             /* trap 256 */
               RUN("\x01\x00\x00\x00\x81\xc8\xaf\xa0\x25\x00\x00"), /* gas 10^10 + 1 */
               RUN("\x01\x00\x00\x00\x00\x00\x01\x01"),      /* a message beyond the end */
               RUN("\x01\x00\x00\x00\x00\x00\x02\x80\x00")}; /* a long form */
#undef RUN
    uint8_t bytes[512];
    struct czi_record r;
    cz_error err = {0};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(good); i++)
        assert_ok(read_one(bytes, run_record(bytes, good[i].run, good[i].len), &r, &err), err);
    for (size_t i = 0; i < CZI_COUNTOF(bad); i++)
        assert_int_equal(read_one(bytes, run_record(bytes, bad[i].run, bad[i].len), &r, &err),
                         CZ_CORRUPT);
}

static void what_a_guest_put_out_is_bounded(void **state)
{
    static const uint8_t zeroes[CZ_GUEST_OUTPUT_MAX + 1];
    cz_error err = {0};

    (void)state;
    for (size_t more = 0; more < 2; more++) {
        static uint8_t bytes[3 * CZ_GUEST_OUTPUT_MAX];
        uint8_t effect[256];
        size_t len = guest_effect(effect, false);
        cz_guest_run run = {.output = zeroes,
                            .output_len = CZ_GUEST_OUTPUT_MAX - 5 + more,
                            .messages = zeroes,
                            .messages_len = 5};
        struct czi_extra x = {.has_guest = true, .run = &run};
        struct czi_post post = {.version = 1};
        struct czi_outcome o = {.position = POSITION,
                                .post_count = 1,
                                .posts = &post,
                                .extra = &x};
        struct czi_record r;
        uint8_t *end = czi_record_put_effect(bytes, (struct czi_slice){effect, len}, &o);

        assert_int_equal(read_one(bytes, (size_t)(end - bytes), &r, &err),
                         more ? CZ_CORRUPT : CZ_OK);
    }
}

/* Of a call that wrote one resource and read another. */
static void the_scope_of_an_open_effect_stands_behind_its_bytes(void **state)
{
    struct czi_record_reader reader;
    uint8_t bytes[512], again[512], *p = bytes;
    cz_id written = {{3}}, read = {{1}};
    uint8_t effect[256];
    size_t effect_len = guest_effect(effect, true), len;
    struct czi_record r;
    bool more;
    cz_error err = {0};

    (void)state;
    *p++ = 1;
    p = czi_put_varint(p, effect_len);
    memcpy(p, effect, effect_len);
    p += effect_len;
    p += czi_scope_encode(p, &written, 1, &read, 1);
    memcpy(p, "\x05\x02\x01\x00\x14\x07\x03", 7); /* lamport 5; the write; the read */
    memcpy(p + 7, "\x01\x00\x00\x00\x00\x00\x00", 7);
    len = (size_t)(p + 14 - bytes);
    czi_record_reader(&reader, (struct czi_slice){bytes, len}, POSITION);
    assert_ok(czi_record_next(&reader, &more, &r, &err), err);
    assert_int_equal(r.bytes.len, effect_len);
    assert_int_equal(r.outcome.post_count, 2);
    assert_memory_equal(czi_effect_access_id(r.bytes.data, &r.view, 0), &written, 32);
    assert_memory_equal(czi_effect_access_id(r.bytes.data, &r.view, 1), &read, 32);
    assert_int_equal(r.outcome.posts[0].quantity, 10);
    assert_int_equal(r.outcome.posts[1].version, 7);
    assert_int_equal(r.outcome.extra->scope.len, 2 + 2 * CZI_ID_STRIDE);
    assert_int_equal(czi_record_put_effect(again, r.bytes, &r.outcome) - again, len);
    assert_memory_equal(again, bytes, len);
    for (size_t n = 1; n < len; n++)
        assert_int_equal(read_one(bytes, n, &r, &err), CZ_CORRUPT);
    bytes[2 + effect_len] = 0x82; /* two written, one of which is no id */
    assert_int_equal(read_one(bytes, len, &r, &err), CZ_CORRUPT);
}

/* ---- Time ----------------------------------------------------------------------------------
 */

static void a_time_stands_for_all_effects_behind_it(void **state)
{
    struct czi_record_reader reader;
    uint8_t bytes[1024], time[32], *p = bytes;
    struct czi_record r;
    bool more;
    cz_error err = {0};

    (void)state;
    p += rejected(p);
    memset(time, 0xaa, sizeof time);
    p = czi_record_put_item(p, (struct czi_slice){(const uint8_t *)"item", 4});
    p = czi_record_put_time(p, time);
    p += rejected(p);
    p += rejected(p);
    memset(time, 0xbb, sizeof time);
    p = czi_record_put_time(p, time);
    p += rejected(p);
    czi_record_reader(&reader, (struct czi_slice){bytes, (size_t)(p - bytes)}, POSITION);
    for (unsigned i = 0; i < 5; i++) {
        assert_ok(czi_record_next(&reader, &more, &r, &err), err);
        assert_true(more);
        if (i == 1) {
            assert_int_equal(r.type, CZI_RECORD_ITEM);
            continue;
        }
        assert_int_equal(r.outcome.position, POSITION + i - (i > 1));
        if (i == 0)
            assert_null(r.outcome.time);
        else
            assert_int_equal(r.outcome.time[31], i < 4 ? 0xaa : 0xbb);
    }
    assert_ok(czi_record_next(&reader, &more, &r, &err), err);
    assert_false(more);
}

static void a_time_stands_only_where_an_effect_first_sees_it(void **state)
{
    uint8_t bytes[1024], time[32], none[32] = {0};
    struct czi_slice item = {(const uint8_t *)"item", 4};
    struct czi_record_reader reader;
    struct czi_record r;
    bool more;
    cz_error err = {0};

    (void)state;
    memset(time, 0xaa, sizeof time);
    for (unsigned i = 0; i < 5; i++) {
        uint8_t *p = czi_record_put_time(bytes, i == 0 ? none : time);
        int rc;

        if (i == 1) /* before an item */
            p = czi_record_put_item(p, item);
        if (i == 2) /* twice */
            p = czi_record_put_time(p, time);
        if (i == 3) { /* again, unchanged */
            p += rejected(p);
            p = czi_record_put_time(p, time);
        }
        if (i < 4) /* else at the end */
            p += rejected(p);
        czi_record_reader(&reader, (struct czi_slice){bytes, (size_t)(p - bytes)}, POSITION);
        rc = czi_record_next(&reader, &more, &r, &err);
        if (i == 3) {
            assert_int_equal(rc, CZ_OK);
            rc = czi_record_next(&reader, &more, &r, &err);
        }
        assert_int_equal(rc, CZ_CORRUPT);
    }
    for (size_t n = 1; n < CZI_RECORD_TIME_SIZE; n++) {
        czi_record_reader(&reader, (struct czi_slice){bytes, n}, POSITION);
        assert_int_equal(czi_record_next(&reader, &more, &r, &err), CZ_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_applied_record_has_the_documented_bytes),
        cmocka_unit_test(a_rejected_record_reads_as_its_reason_and_versions),
        cmocka_unit_test(a_malformed_record_is_corrupt_and_says_where),
        cmocka_unit_test(a_write_cannot_point_at_itself_or_before_the_first),
        cmocka_unit_test(links_stand_behind_the_posts_and_are_read_back),
        cmocka_unit_test(an_effect_has_just_the_links_that_it_needs),
        cmocka_unit_test(malformed_links_are_corrupt),
        cmocka_unit_test(a_clock_has_up_to_so_many_tasks),
        cmocka_unit_test(a_run_stands_behind_the_links_and_is_read_back),
        cmocka_unit_test(a_malformed_run_is_corrupt),
        cmocka_unit_test(what_a_guest_put_out_is_bounded),
        cmocka_unit_test(the_scope_of_an_open_effect_stands_behind_its_bytes),
        cmocka_unit_test(a_time_stands_for_all_effects_behind_it),
        cmocka_unit_test(a_time_stands_only_where_an_effect_first_sees_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
