/* fuzz_record.c - the reader of a frame's payload over any bytes.
 *
 * Properties: reading ends; positions are consecutive; records that are accepted are what the
 * writer writes of them, byte for byte.
 */
#include "fuzz.h"
#include "ledger/record.h"

#define FIRST 1000

/* A time stands before the record that is the first to see it; *time is the last one. */
static void write_again(const struct czi_record *r, const uint8_t **time, struct czi_buf *out)
{
    uint8_t *p =
        czi_buf_reserve(out,
                        CZI_RECORD_TIME_SIZE + CZI_RECORD_LINKS_MAX + CZI_RECORD_GUEST_MAX +
                            czi_record_size_max(r->bytes.len, czi_effect_accesses(&r->view)));

    CZI_CHECK(p);
    if (r->type != CZI_RECORD_ITEM && r->outcome.time != *time) {
        *time = r->outcome.time;
        p = czi_record_put_time(p, *time);
    }
    p = r->type == CZI_RECORD_ITEM ? czi_record_put_item(p, r->bytes)
                                   : czi_record_put_effect(p, r->bytes, &r->outcome);
    out->len = (size_t)(p - out->data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CZI_AUTOBUF again = {0};
    struct czi_record_reader reader;
    const uint8_t *time = NULL;
    struct czi_record r;
    uint64_t position = FIRST;
    cz_error err = {0};
    size_t records = 0;
    bool more = true;

    czi_record_reader(&reader, (struct czi_slice){data, size}, FIRST);
    while (more) {
        if (czi_record_next(&reader, &more, &r, &err) != CZ_OK) {
            CZI_CHECK(err.code == CZ_CORRUPT && strstr(err.detail, "offset"));
            return 0;
        }
        if (!more)
            break;
        CZI_CHECK(++records <= size);
        if (r.type != CZI_RECORD_ITEM)
            CZI_CHECK(r.outcome.position == position++);
        write_again(&r, &time, &again);
        CZI_CHECK(again.len == czi_cursor_offset(&reader.in));
    }
    CZI_CHECK(again.len == size && (!size || memcmp(again.data, data, size) == 0));
    return 0;
}

static size_t some_effect(size_t i, uint8_t *out)
{
    cz_id origin = {{9}}, a = {{1}}, b = {{2}};
    cz_guest_access seen[] = {{a, CZ_WRITE}, {b, CZ_WRITE}};
    cz_effect *e;
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    if (i % 2 == 0)
        return czi_transfer_encode(out, &origin, i, CZ_NORMAL, &a, &b, 5);
    e = cz_effect_new();
    CZI_CHECK(e);
    if (i % 8 == 1)
        CZI_CHECK(!cz_effect_call(e, &a, 9, "in", 2, &err));
    else if (i % 8 == 5)
        CZI_CHECK(!cz_effect_run(e, &a, 9, seen, 2, "in", 2, &err));
    else
        CZI_CHECK(!cz_effect_transfer(e, &a, &b, 5, &err) && !cz_effect_follow(e, &a, &err));
    if (i % 4 == 3) {
        cz_dependency d = {.fact = a, .optional = true};

        CZI_CHECK(!cz_effect_depend(e, &d, &err));
        cz_effect_set_program(e, &a, 3);
    }
    CZI_CHECK(!cz_effect_encode(e, &bytes, &len, &err));
    memcpy(out, bytes, len);
    cz_effect_free(e);
    return len;
}

static const cz_guest_run some_run = {.status = CZ_GUEST_TRAPPED,
                                      .code = 300,
                                      .trap = 3,
                                      .pc = 65536,
                                      .gas = 9,
                                      .output = (const uint8_t *)"out",
                                      .output_len = 3,
                                      .messages = (const uint8_t *)"\2hi",
                                      .messages_len = 3};

/* Of one that follows, cites and is a task's; or starts a guest. */
static const struct czi_extra *some_links(const struct czi_effect_view *v, uint64_t position,
                                          struct czi_slice scope)
{
    static union {
        struct czi_shared_clock clock;
        uint8_t room[sizeof(struct czi_shared_clock) + 2 * sizeof(cz_clock_part)];
    } c;
    static struct czi_extra x;

    c.clock.count = 2;
    c.clock.parts[0] = (cz_clock_part){3, 300};
    c.clock.parts[1] = (cz_clock_part){UINT32_MAX, 1};
    x = (struct czi_extra){.after = {position - 1},
                           .left_out = v->has_terms,
                           .task_previous = v->has_program ? 1 : 0,
                           .program_previous = v->has_program ? position - 2 : 0,
                           .after_count = v->after_count,
                           .has_terms = v->has_terms,
                           .has_program = v->has_program,
                           .has_guest = v->has_guest,
                           .scope = scope,
                           .run = v->has_guest && position % 16 < 8 ? &some_run : NULL,
                           .clock = v->has_program ? &c.clock : NULL};
    return v->after_count || v->has_guest ? &x : NULL;
}

static void put_effect(struct czi_buf *out, size_t i, uint64_t position, const uint8_t **time)
{
    static const uint8_t times[2][32] = {{1}, {2}};
    static const cz_id touched[] = {{{3}}, {{4}}};
    uint8_t bytes[512], hash[32] = {7};
    struct czi_slice scope = {0};
    struct czi_post posts[2] = {{.quantity = -((cz_quantity)5 << (i % 6 * 16)),
                                 .version = 3,
                                 .previous = 1,
                                 .written = true},
                                {.data_hash = hash,
                                 .version = 300,
                                 .kind = CZ_DATA,
                                 .state = CZ_LOCKED,
                                 .written = true}};
    struct czi_record r = {.type = CZI_RECORD_APPLIED, .bytes = {bytes, some_effect(i, bytes)}};

    CZI_CHECK(!czi_effect_view(bytes, r.bytes.len, &r.view, NULL));
    if (r.view.is_open) {
        scope.data = bytes + r.bytes.len;
        scope.len = czi_scope_encode(bytes + r.bytes.len, touched, 2, NULL, 0);
        CZI_CHECK(
            !czi_effect_set_scope(&r.view, bytes, r.bytes.len, scope.len, &scope.len, NULL));
    }
    r.outcome = (struct czi_outcome){.position = position,
                                     .lamport = 70 * i,
                                     .reason = i % 3 == 2 ? CZ_OVERDRAFT : CZ_APPLIED,
                                     .post_count = 2,
                                     .posts = posts,
                                     .time = i < 2 ? NULL : times[i / 4 % 2],
                                     .extra = some_links(&r.view, position, scope)};
    write_again(&r, time, out);
}

/* i records, effects and items in turns. */
bool fuzz_seed(size_t i, struct czi_buf *out)
{
    const uint8_t *time = NULL;

    if (i > 9)
        return false;
    for (size_t k = 0; k < i; k++) {
        put_effect(out, k, FIRST + k, &time);
        if (k % 2) {
            struct czi_record item = {.type = CZI_RECORD_ITEM,
                                      .bytes = {(const uint8_t *)"any bytes", 9}};

            write_again(&item, &time, out);
        }
    }
    return true;
}
