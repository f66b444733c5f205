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

static uint8_t *put_write(uint8_t *p, const struct czi_post *post, uint64_t position)
{
    p = czi_put_varint(p, post->version);
    p = czi_put_varint(p, post->previous ? position - post->previous : 0);
    *p++ = (uint8_t)(post->kind << 4 | post->state);
    if (post->kind != CZ_DATA)
        return czi_put_varint128(p, czi_zigzag(post->quantity));
    memcpy(p, post->data_hash, 32);
    return p + 32;
}

uint8_t *czi_record_put_effect(uint8_t *p, struct czi_slice effect, const struct czi_outcome *o)
{
    p = put_sized(p, o->reason ? CZI_RECORD_REJECTED : CZI_RECORD_APPLIED, effect);
    p = czi_put_varint(p, o->lamport);
    if (o->reason)
        *p++ = o->reason;
    for (unsigned i = 0; i < o->post_count; i++) {
        if (o->reason || !o->posts[i].written)
            p = czi_put_varint(p, o->posts[i].version);
        else
            p = put_write(p, &o->posts[i], o->position);
    }
    return p;
}

uint8_t *czi_record_put_fact(uint8_t *p, struct czi_slice fact)
{
    return put_sized(p, CZI_RECORD_FACT, fact);
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

static void read_write(struct czi_cursor *c, struct czi_post *post, uint64_t position)
{
    uint64_t back;
    uint8_t both;

    post->written = true;
    post->version = czi_cursor_varint(c);
    back = czi_cursor_varint(c);
    post->previous = back ? position - back : 0;
    both = take_byte(c);
    post->kind = both >> 4;
    post->state = both & 15;
    if (post->kind > CZ_DATA || post->state > CZ_ARCHIVED || back > position ||
        (back == position && back))
        c->failed = true;
    if (post->kind == CZ_DATA)
        post->data_hash = czi_cursor_take(c, 32);
    else
        post->quantity = czi_unzigzag(czi_cursor_varint128(c));
}

static void read_outcome(struct czi_record_reader *r, struct czi_record *rec)
{
    unsigned n = czi_effect_accesses(&rec->view);

    rec->outcome = (struct czi_outcome){.position = r->position, .posts = r->posts};
    rec->outcome.post_count = (uint8_t)n;
    rec->outcome.lamport = czi_cursor_varint(&r->in);
    if (rec->type == CZI_RECORD_REJECTED) {
        rec->outcome.reason = take_byte(&r->in);
        if (rec->outcome.reason == CZ_APPLIED)
            r->in.failed = true;
    }
    for (unsigned i = 0; i < n; i++) {
        r->posts[i] = (struct czi_post){.slot = CZI_ID_NONE};
        if (rec->type == CZI_RECORD_APPLIED && i < rec->view.write_count)
            read_write(&r->in, &r->posts[i], r->position);
        else
            r->posts[i].version = czi_cursor_varint(&r->in);
    }
    r->position++;
}

int czi_record_next(struct czi_record_reader *r, bool *ret_more, struct czi_record *ret,
                    cz_error *err)
{
    uint64_t len;
    int rc;

    *ret_more = czi_cursor_left(&r->in) > 0;
    if (!*ret_more)
        return CZ_OK;
    *ret = (struct czi_record){0};
    ret->type = (enum czi_record_type)take_byte(&r->in);
    if (ret->type < CZI_RECORD_APPLIED || ret->type > CZI_RECORD_FACT)
        return bad(r, "unknown type", err);
    len = czi_cursor_varint(&r->in);
    if (r->in.failed || len > czi_cursor_left(&r->in))
        return bad(r, "its length does not fit", err);
    ret->bytes = (struct czi_slice){czi_cursor_take(&r->in, len), len};
    if (ret->type == CZI_RECORD_FACT)
        return CZ_OK;
    rc = czi_effect_view(ret->bytes.data, len, &ret->view, err);
    if (rc) {
        czi_wrap(err, CZ_CORRUPT, "record at payload offset %zu", czi_cursor_offset(&r->in));
        if (err)
            err->code = CZ_CORRUPT;
        return CZ_CORRUPT;
    }
    read_outcome(r, ret);
    return r->in.failed ? bad(r, "its outcome is malformed", err) : CZ_OK;
}
