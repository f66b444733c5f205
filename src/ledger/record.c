/* record.c - see record.h. */
#include "ledger/record.h"

#include "base/error.h"

static uint8_t *put_sized(uint8_t *p, enum czi_record_type type, struct czi_slice bytes)
{
    *p++ = (uint8_t)type;
    p = czi_put_varint(p, bytes.len);
    memcpy(p, bytes.data, bytes.len);
    return p + bytes.len;
}

static uint64_t back(uint64_t position, uint64_t other)
{
    return other ? position - other : 0;
}

static uint8_t *put_write(uint8_t *p, const struct czi_post *post, uint64_t position)
{
    p = czi_put_varint(p, post->version);
    p = czi_put_varint(p, back(position, post->previous));
    *p++ = (uint8_t)(post->kind << 4 | post->state);
    if (!czi_kind_has_data(post->kind))
        return czi_put_varint128(p, czi_zigzag(post->quantity));
    memcpy(p, post->data_hash, 32);
    return p + 32;
}

static uint8_t *put_bytes(uint8_t *p, const uint8_t *bytes, size_t len)
{
    p = czi_put_varint(p, len);
    if (len)
        memcpy(p, bytes, len);
    return p + len;
}

static uint8_t *put_run(uint8_t *p, const cz_guest_run *run)
{
    if (!run) {
        *p = 0;
        return p + 1;
    }
    *p++ = (uint8_t)(run->status + 1);
    p = czi_put_varint(p, run->code);
    p = czi_put_varint(p, run->trap);
    p = czi_put_varint(p, run->pc);
    p = czi_put_varint(p, run->gas);
    p = put_bytes(p, run->output, run->output_len);
    return put_bytes(p, run->messages, run->messages_len);
}

static uint8_t *put_program(uint8_t *p, const struct czi_extra *x, uint64_t position)
{
    p = czi_put_varint(p, back(position, x->task_previous));
    p = czi_put_varint(p, back(position, x->program_previous));
    p = czi_put_varint(p, x->clock ? x->clock->count : 0);
    for (unsigned i = 0; x->clock && i < x->clock->count; i++) {
        p = czi_put_varint(p, x->clock->parts[i].task);
        p = czi_put_varint(p, x->clock->parts[i].count);
    }
    return p;
}

static uint8_t *put_links(uint8_t *p, const struct czi_extra *x, uint64_t position)
{
    for (unsigned i = 0; i < x->after_count; i++)
        p = czi_put_varint(p, back(position, x->after[i]));
    if (x->has_terms)
        p = czi_put_varint(p, x->left_out);
    if (x->has_program)
        p = put_program(p, x, position);
    return x->has_guest ? put_run(p, x->run) : p;
}

uint8_t *czi_record_put_effect(uint8_t *p, struct czi_slice effect, const struct czi_outcome *o)
{
    p = put_sized(p, o->reason ? CZI_RECORD_REJECTED : CZI_RECORD_APPLIED, effect);
    if (CZI_UNLIKELY(o->extra) && o->extra->scope.data) {
        memcpy(p, o->extra->scope.data, o->extra->scope.len);
        p += o->extra->scope.len;
    }
    p = czi_put_varint(p, o->lamport);
    if (o->reason)
        *p++ = o->reason;
    for (unsigned i = 0; i < o->post_count; i++) {
        if (o->reason || !o->posts[i].written) {
            p = czi_put_varint(p, o->posts[i].version);
            p = czi_put_varint(p, back(o->position, o->posts[i].previous));
        } else {
            p = put_write(p, &o->posts[i], o->position);
        }
    }
    return CZI_LIKELY(!o->extra) ? p : put_links(p, o->extra, o->position);
}

uint8_t *czi_record_put_item(uint8_t *p, struct czi_slice item)
{
    return put_sized(p, CZI_RECORD_ITEM, item);
}

uint8_t *czi_record_put_time(uint8_t *p, const uint8_t time[32])
{
    *p++ = CZI_RECORD_TIME;
    memcpy(p, time, 32);
    return p + 32;
}

static int bad(const struct czi_record_reader *r, const char *what, cz_error *err)
{
    return czi_fail(err, CZ_CORRUPT, "record at payload offset %zu: %s",
                    czi_cursor_offset(&r->in), what);
}

static uint8_t take_byte(struct czi_cursor *c)
{
    const uint8_t *p = czi_cursor_take(c, 1);

    return p ? *p : 0;
}

/* A position before this one, or 0. */
static uint64_t read_back(struct czi_cursor *c, uint64_t position)
{
    uint64_t n = czi_cursor_varint(c);

    if (n >= position && n)
        c->failed = true;
    return n ? position - n : 0;
}

static void read_write(struct czi_cursor *c, struct czi_post *post, uint64_t position)
{
    uint8_t both;

    post->written = true;
    post->version = czi_cursor_varint(c);
    post->previous = read_back(c, position);
    both = take_byte(c);
    post->kind = both >> 4;
    post->state = both & 15;
    if (post->kind > CZI_KIND_LAST || post->state > CZ_ARCHIVED)
        c->failed = true;
    if (czi_kind_has_data(post->kind))
        post->data_hash = czi_cursor_take(c, 32);
    else
        post->quantity = czi_unzigzag(czi_cursor_varint128(c));
}

static void read_clock(struct czi_record_reader *r, const struct czi_record *rec)
{
    struct czi_shared_clock *clock = (struct czi_shared_clock *)(void *)r->clock;
    uint64_t n = czi_cursor_varint(&r->in);
    uint32_t task;

    if (n > CZI_CLOCK_TASKS_MAX) {
        r->in.failed = true;
        return;
    }
    clock->refs = 0;
    clock->count = (uint32_t)n;
    memcpy(&clock->program,
           czi_effect_program(rec->bytes.data, rec->bytes.len, &rec->view, &task),
           sizeof clock->program);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t number = czi_cursor_varint(&r->in);

        clock->parts[i].task = (uint32_t)number;
        clock->parts[i].count = czi_cursor_varint(&r->in);
        if (number > UINT32_MAX || !clock->parts[i].count ||
            (i && clock->parts[i].task <= clock->parts[i - 1].task))
            r->in.failed = true;
    }
    r->extra.clock = n ? clock : NULL;
}

/* What an effect needs a struct czi_extra for. */
static bool has_extra(const struct czi_effect_view *v)
{
    return v->after_count || v->has_terms || v->has_program || v->has_guest;
}

static struct czi_slice take_bytes(struct czi_cursor *c)
{
    uint64_t len = czi_cursor_varint(c);

    if (len > CZ_GUEST_OUTPUT_MAX)
        c->failed = true;
    return (struct czi_slice){c->failed ? NULL : czi_cursor_take(c, len), len};
}

/* Each with its length, and nothing behind the last. */
static bool are_messages(struct czi_slice s)
{
    struct czi_cursor c = czi_cursor(s.data, s.len);

    while (czi_cursor_left(&c) && !c.failed)
        (void)czi_cursor_take(&c, czi_cursor_varint(&c));
    return !c.failed;
}

/* Its only form: a number that an end like this does not have is zero. */
static bool is_run(const cz_guest_run *run)
{
    return run->output_len + run->messages_len <= CZ_GUEST_OUTPUT_MAX &&
           (run->status == CZ_GUEST_TRAPPED) == (run->trap != 0) &&
           (run->status != CZ_GUEST_NO_GAS || run->code == 0) && run->gas <= CZ_GAS_MAX;
}

static void read_run(struct czi_record_reader *r)
{
    uint8_t begin = take_byte(&r->in);
    struct czi_slice output, messages;
    uint64_t trap;

    if (!begin)
        return;
    r->run = (cz_guest_run){.status = (enum cz_guest_status)(begin - 1)};
    r->run.code = czi_cursor_varint(&r->in);
    trap = czi_cursor_varint(&r->in);
    r->run.trap = (unsigned)trap;
    r->run.pc = czi_cursor_varint(&r->in);
    r->run.gas = czi_cursor_varint(&r->in);
    output = take_bytes(&r->in);
    messages = take_bytes(&r->in);
    if (r->in.failed)
        return;
    r->run.output = output.data;
    r->run.output_len = output.len;
    r->run.messages = messages.data;
    r->run.messages_len = messages.len;
    r->extra.run = &r->run;
    if (begin - 1 > CZ_GUEST_NO_GAS || trap > UINT8_MAX || !is_run(&r->run) ||
        !are_messages(messages))
        r->in.failed = true;
}

static void read_links(struct czi_record_reader *r, struct czi_record *rec)
{
    const struct czi_effect_view *v = &rec->view;
    struct czi_extra *x = &r->extra;

    if (CZI_LIKELY(!has_extra(v)))
        return;
    *x = (struct czi_extra){.after_count = v->after_count,
                            .has_terms = v->has_terms,
                            .has_program = v->has_program,
                            .has_guest = v->has_guest};
    if (v->is_open)
        x->scope = (struct czi_slice){rec->bytes.data + rec->bytes.len, r->scope_len};
    for (unsigned i = 0; i < v->after_count; i++)
        x->after[i] = read_back(&r->in, r->position);
    if (v->has_terms)
        x->left_out = czi_cursor_varint(&r->in);
    if (v->fact_count < 64 && x->left_out >> v->fact_count)
        r->in.failed = true;
    if (v->has_program) {
        x->task_previous = read_back(&r->in, r->position);
        x->program_previous = read_back(&r->in, r->position);
        read_clock(r, rec);
    }
    if (v->has_guest)
        read_run(r);
    rec->outcome.extra = x;
}

static void read_outcome(struct czi_record_reader *r, struct czi_record *rec)
{
    unsigned n = czi_effect_accesses(&rec->view);

    rec->outcome =
        (struct czi_outcome){.position = r->position, .posts = r->posts, .time = r->time};
    rec->outcome.post_count = (uint8_t)n;
    rec->outcome.lamport = czi_cursor_varint(&r->in);
    if (rec->type == CZI_RECORD_REJECTED) {
        rec->outcome.reason = take_byte(&r->in);
        if (rec->outcome.reason == CZ_APPLIED)
            r->in.failed = true;
    }
    for (unsigned i = 0; i < n; i++) {
        r->posts[i] = (struct czi_post){.slot = CZI_ID_NONE};
        if (rec->type == CZI_RECORD_APPLIED && i < rec->view.write_count) {
            read_write(&r->in, &r->posts[i], r->position);
            continue;
        }
        r->posts[i].version = czi_cursor_varint(&r->in);
        r->posts[i].previous = read_back(&r->in, r->position);
    }
    read_links(r, rec);
    r->position++;
}

/* It stands where it is first seen, so that there is one way to write a frame. */
static bool read_time(struct czi_record_reader *r)
{
    static const uint8_t none[32];
    const uint8_t *time = czi_cursor_take(&r->in, 32);

    if (!time || memcmp(time, none, 32) == 0 || (r->time && memcmp(time, r->time, 32) == 0))
        return false;
    r->time = time;
    return true;
}

/* What an open effect touched: its accesses from here on. */
static int read_scope(struct czi_record_reader *r, struct czi_record *rec, cz_error *err)
{
    int rc = czi_effect_set_scope(&rec->view, rec->bytes.data, rec->bytes.len,
                                  czi_cursor_left(&r->in), &r->scope_len, err);

    if (!rc)
        (void)czi_cursor_take(&r->in, r->scope_len);
    return rc;
}

int czi_record_next(struct czi_record_reader *r, bool *ret_more, struct czi_record *ret,
                    cz_error *err)
{
    uint64_t len;
    int rc;

    *ret = (struct czi_record){0};
    *ret_more = czi_cursor_left(&r->in) > 0;
    if (!*ret_more)
        return CZ_OK;
    ret->type = (enum czi_record_type)take_byte(&r->in);
    if (CZI_UNLIKELY(ret->type == CZI_RECORD_TIME)) {
        if (!read_time(r))
            return bad(r, "a time that is none, or was so before", err);
        ret->type = (enum czi_record_type)take_byte(&r->in);
        if (ret->type == CZI_RECORD_ITEM)
            return bad(r, "a time that no effect sees", err);
    }
    if (ret->type < CZI_RECORD_APPLIED || ret->type > CZI_RECORD_ITEM)
        return bad(r, "unknown type", err);
    len = czi_cursor_varint(&r->in);
    if (r->in.failed || len > czi_cursor_left(&r->in))
        return bad(r, "its length does not fit", err);
    ret->bytes = (struct czi_slice){czi_cursor_take(&r->in, len), len};
    if (ret->type == CZI_RECORD_ITEM)
        return CZ_OK;
    rc = czi_effect_view(ret->bytes.data, len, &ret->view, err);
    if (!rc && CZI_UNLIKELY(ret->view.is_open))
        rc = read_scope(r, ret, err);
    if (rc) {
        czi_wrap(err, CZ_CORRUPT, "record at payload offset %zu", czi_cursor_offset(&r->in));
        if (err)
            err->code = CZ_CORRUPT;
        return CZ_CORRUPT;
    }
    read_outcome(r, ret);
    return r->in.failed ? bad(r, "its outcome is malformed", err) : CZ_OK;
}
