/* ask.c - what an instance asks of the outside, and what it is told.
 *
 * Layer: program. Thread: the host's, but for czi_ask_post. See host.h.
 */
#include "base/error.h"
#include "codec/blake3.h"
#include "program/host.h"

/* ---- Asking ---------------------------------------------------------------------------------
 */

uint64_t czi_program_asks(cz_program *p, enum czi_input_kind kind, const struct czi_buf *what)
{
    struct czi_buf *b = &p->host->text;

    p->asked++;
    b->len = 0;
    b->failed = false;
    czi_buf_put(b, p->parts.fingerprint, sizeof p->parts.fingerprint);
    czi_cbor_add_head(b, CZI_CBOR_ARRAY, 3);
    czi_cbor_add_head(b, CZI_CBOR_UINT, (unsigned)kind);
    czi_cbor_add_head(b, CZI_CBOR_UINT, p->asked);
    if (what)
        czi_buf_put(b, what->data, what->len);
    else
        czi_buf_put_byte(b, 0xf6);
    if (b->failed || (what && what->failed))
        czi_instance_stop(p, CZ_NOMEM, "out of memory for what its code asks for");
    else
        czi_blake3(b->data, b->len, p->parts.fingerprint);
    return p->asked;
}

/* The runtime wants its leaf to end. */
static void cancel_leaf(void *arg, cz_future leaf)
{
    struct czi_ask *a = arg;
    cz_program *p = a->program;
    bool runs = p->state == CZI_INSTANCE_RUNS;
    cz_error err;

    if (runs && a->ops->stays && !a->queued) {
        if (a->ops->drop)
            a->ops->drop(a);
        return;
    }
    a->has_leaf = false;
    if (!runs)
        czi_error_set(&err, p->code, "%s", p->detail);
    (void)czi_leaf_end(p->tree.runtime, leaf, runs ? CZ_CANCELLED : p->code, 0,
                       runs ? NULL : &err);
    czi_ask_drop(a);
}

struct czi_ask *czi_ask_alone(cz_program *p, const struct czi_ask_ops *ops)
{
    struct czi_ask *a = czi_alloc_zero(1, sizeof *a);

    if (!a) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for what its code asks for");
        return NULL;
    }
    a->letter.open = czi_ask_open;
    a->ops = ops;
    a->program = p;
    a->engine = p->host->engine;
    a->previous = p->asks_last;
    if (p->asks_last)
        p->asks_last->next = a;
    else
        p->asks = a;
    p->asks_last = a;
    return a;
}

struct czi_ask *czi_ask_new(cz_program *p, const struct czi_ask_ops *ops, uint64_t number,
                            cz_future *ret)
{
    struct czi_ask *a = czi_ask_alone(p, ops);

    if (!a) {
        *ret = czi_leaf_over(&p->tree, CZ_NOMEM, 0, NULL);
        return NULL;
    }
    a->number = number;
    if (CZI_UNLIKELY(p->past != NULL))
        czi_past_ask_add(p, a);
    *ret = a->future = czi_leaf(&p->tree, cancel_leaf, a, &a->has_leaf);
    if (a->has_leaf)
        return a;
    czi_instance_stop(p, CZ_LIMIT, "the host has no more room for futures (futures_max)");
    czi_ask_drop(a);
    return NULL;
}

static void free_ask(struct czi_ask *a)
{
    cz_program *p = a->program;

    if (CZI_UNLIKELY(p->past != NULL) && a->number)
        czi_past_ask_remove(p, a);
    if (a->previous)
        a->previous->next = a->next;
    else
        p->asks = a->next;
    if (a->next)
        a->next->previous = a->previous;
    else
        p->asks_last = a->previous;
    (void)czi_host_disarm(p->host, a);
    czi_ask_free(a);
}

void czi_ask_free(struct czi_ask *a)
{
    if (a->ops->free)
        a->ops->free(a);
    czi_buf_done(&a->payload);
    czi_buf_done(&a->bytes);
    czi_buf_done(&a->guards);
    czi_free(a);
}

void czi_ask_drop(struct czi_ask *a)
{
    a->dropped = true;
    if (a->promised && a->ops->drop && !a->ops->stays)
        a->ops->drop(a);
    if (!a->promised && !a->held)
        free_ask(a);
}

void czi_ask_done(struct czi_ask *a)
{
    if (!a->has_leaf)
        czi_ask_drop(a);
}

void czi_ask_now(struct czi_ask *a)
{
    cz_program *p = a->program;
    cz_error err = {0};
    int rc;

    a->is_asked = true;
    rc = a->ops->ask(a, &err);
    if (rc)
        czi_instance_stop(p, rc, err.detail);
}

void czi_ask_go(struct czi_ask *a)
{
    const cz_program *p = a->program;

    if (!p->past && !p->waking && p->state == CZI_INSTANCE_RUNS)
        czi_ask_now(a);
}

/* The entry that was made first of those that were not submitted; NULL: none. */
static struct czi_ask *next_entry(const cz_program *p)
{
    struct czi_ask *first = NULL;

    for (struct czi_ask *a = p->asks; a; a = a->next)
        if (!a->is_asked && a->nonce && (!first || a->nonce < first->nonce))
            first = a;
    return first;
}

void czi_asks_wake(cz_program *p)
{
    struct czi_ask *next;

    for (struct czi_ask *a; p->state != CZI_INSTANCE_STOPS && (a = next_entry(p)) != NULL;)
        czi_ask_now(a);
    /* One that stops it takes others with it. */
    for (struct czi_ask *a = p->asks; p->state == CZI_INSTANCE_RUNS && a; a = next) {
        next = a->next;
        if (!a->is_asked && !a->queued)
            czi_ask_now(a);
    }
}

/* ---- Answers --------------------------------------------------------------------------------
 */

void czi_ask_post(struct czi_ask *a)
{
    cz_engine *g = a->engine;
    bool orphan;

    czi_manager_lock(g);
    orphan = a->orphan;
    if (!orphan)
        czi_host_post(a->program->host, &a->letter);
    czi_manager_unlock(g);
    if (orphan)
        czi_ask_free(a);
}

void czi_ask_fail(struct czi_ask *a, const cz_error *err)
{
    a->code = err->code;
    a->payload.len = 0;
    czi_buf_put(&a->payload, err->detail, strlen(err->detail));
}

/* The larger one of two parts of a log is recorded before the next comes. */
static void make_room(cz_program *p, size_t len)
{
    if (!czi_note_has_room(&p->parts, len))
        czi_entry_flush(p);
}

static void note(cz_program *p, const struct czi_input *in)
{
    make_room(p, in->payload.len);
    czi_note_add_input(&p->parts, in);
}

/* Parts of full size, until at most `rest` bytes are left. */
static struct czi_slice note_parts(cz_program *p, const struct czi_input *in, size_t rest)
{
    struct czi_slice left = in->payload;
    struct czi_input part = *in;

    part.kind = CZI_INPUT_PART;
    while (left.len > rest) {
        part.payload = (struct czi_slice){left.data, CZI_NOTE_PAYLOAD_MAX};
        note(p, &part);
        left.data += CZI_NOTE_PAYLOAD_MAX;
        left.len -= CZI_NOTE_PAYLOAD_MAX;
    }
    return left;
}

void czi_input_note(cz_program *p, const struct czi_input *in)
{
    struct czi_input last = *in;

    last.payload = note_parts(p, in, CZI_NOTE_PAYLOAD_MAX);
    note(p, &last);
}

void czi_input_note_lost(cz_program *p, const struct czi_input *part, struct czi_slice payload)
{
    struct czi_input all = *part;

    all.payload = payload;
    CZI_CHECK(payload.len % CZI_NOTE_PAYLOAD_MAX == 0);
    (void)note_parts(p, &all, 0);
}

void czi_input_note_loss(cz_program *p, const struct czi_input *part)
{
    struct czi_input none = *part;

    none.payload = (struct czi_slice){0};
    note(p, &none);
}

void czi_input_deliver(struct czi_ask *a, const struct czi_input *in)
{
    cz_program *p = a->program;
    cz_error err = {.code = in->code};
    size_t len = CZI_MIN(in->payload.len, sizeof err.detail - 1);
    bool was_effect;

    if (in->code && len)
        memcpy(err.detail, in->payload.data, len);
    if (a->ops->tell)
        a->ops->tell(a, in, &err);
    a->held = true; /* noting it may make an entry, and that may show that it does not fit */
    czi_input_note(p, in);
    if (a->has_leaf)
        (void)czi_leaf_end(p->tree.runtime, a->future, in->code, in->value,
                           in->code ? &err : NULL);
    a->has_leaf = a->held = false;
    was_effect = czi_ask_is_effect(a);
    czi_ask_drop(a);
    if (!was_effect || p->state != CZI_INSTANCE_RUNS)
        return;
    czi_effects_look(p);
    czi_guards_look(p);
}

void czi_ask_open(cz_host *h, struct czi_letter *l)
{
    struct czi_ask *a = (struct czi_ask *)l;
    struct czi_input in;

    (void)h;
    a->promised = false;
    if (a->program->state == CZI_INSTANCE_STOPS || a->dropped) {
        czi_ask_done(a);
        return;
    }
    if (a->ops->came && !a->ops->came(a))
        return;
    if (a->payload.failed) {
        czi_instance_stop(a->program, CZ_NOMEM, "out of memory for an answer");
        czi_ask_done(a);
        return;
    }
    in = (struct czi_input){.kind = a->ops->input,
                            .number = a->number,
                            .code = a->code,
                            .value = a->value,
                            .payload = czi_buf_slice(&a->payload)};
    czi_input_deliver(a, &in);
}

int czi_input_past(cz_program *p, enum czi_input_kind kind, uint64_t number,
                   struct czi_input *in, bool *ret_past, cz_error *err)
{
    struct czi_input next = {0};

    *ret_past = false;
    if (p->state == CZI_INSTANCE_RUNS && p->past) {
        *ret_past = true;
        if (!czi_past_peek(p->past, &next)) {
            if (!czi_past_next(p, in) && czi_past_make_last(p)) {
                *ret_past = false; /* its answer was lost: it asks anew */
                return czi_program_may(p, err);
            }
            czi_instance_misfit(p,
                                "entry %llu: the code asks for a %s (number %llu) where its "
                                "log has no input any more",
                                (unsigned long long)p->entries + 1, czi_input_name(kind),
                                (unsigned long long)number);
        } else if (next.kind != kind || next.number != number)
            czi_instance_misfit(
                p, "entry %llu: logged is a %s (number %llu); the code asks for a %s (%llu)",
                (unsigned long long)p->past->entry, czi_input_name(next.kind),
                (unsigned long long)next.number, czi_input_name(kind),
                (unsigned long long)number);
        else if (!czi_past_next(p, in))
            czi_instance_stop(p, CZ_NOMEM, "out of memory for an input");
    }
    return czi_program_may(p, err);
}
