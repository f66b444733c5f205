/* past.c - a log that is replayed: what the code is told, and what it must do.
 *
 * Layer: program. Thread: the host's. See host.h.
 */
#include "base/error.h"
#include "effect/effect.h"
#include "program/host.h"

/* ---- Taking it in ---------------------------------------------------------------------------
 */

int czi_past_add(void *arg, const cz_program_entry *entry)
{
    struct czi_past *past = arg;
    struct czi_past_entry *more, *e;
    const cz_receipt *r = entry->receipt;
    uint64_t room;

    if (past->count == past->room) {
        room = CZI_MAX(16u, 2 * past->room);
        more = czi_realloc(past->entries, room * sizeof *more);
        if (!more)
            return CZ_NOMEM;
        past->entries = more;
        past->room = room;
    }
    e = &past->entries[past->count++];
    *e = (struct czi_past_entry){.at = past->bytes.len,
                                 .len = r->effect_len,
                                 .position = r->position,
                                 .effect = r->effect,
                                 .receipt = r->id,
                                 .reason = r->reason};
    czi_buf_put(&past->bytes, r->effect_bytes, r->effect_len);
    return past->bytes.failed ? CZ_NOMEM : CZ_OK;
}

void czi_past_free(struct czi_past *past)
{
    if (!past)
        return;
    czi_buf_done(&past->bytes);
    czi_buf_done(&past->payload);
    czi_free(past->entries);
    czi_free(past->asks);
    czi_free(past);
}

/* The note of the n-th entry, from 1. */
static int note_of(const struct czi_past *past, uint64_t n, struct czi_note *ret, cz_error *err)
{
    const struct czi_past_entry *e = &past->entries[n - 1];
    const uint8_t *b = past->bytes.data + e->at;
    struct czi_effect_view v;
    struct czi_cbor c;
    struct czi_op op = {0};
    int rc = czi_effect_view(b, e->len, &v, err);

    if (!rc) {
        c = czi_cbor(b + v.ops, v.ops_len);
        czi_op_next(&c, &op);
        rc = op.code == CZI_OP_NOTE ? czi_note_decode(op.data, ret, err)
                                    : czi_fail(err, CZ_CORRUPT, "it has no note");
    }
    return rc ? czi_wrap(err, CZ_CORRUPT, "entry %llu of a program's log",
                         (unsigned long long)n)
              : CZ_OK;
}

int czi_past_start(struct czi_past *past, struct czi_begin *ret, cz_error *err)
{
    struct czi_note note = {0};
    int rc = CZ_OK;

    if (!past->count)
        return czi_fail(err, CZ_NOT_FOUND, "the program has no log");
    for (uint64_t n = past->count; n > 0 && !rc; n--) {
        rc = note_of(past, n, &note, err);
        if (!rc && (note.type == CZI_NOTE_BEGIN) != (n == 1))
            rc = czi_fail(err, CZ_CORRUPT, "entry %llu of a program's log begins it",
                          (unsigned long long)n);
    }
    if (rc)
        return rc;
    *ret = note.begin;
    past->entry = 2;
    past->inputs_left = 0;
    if (past->count >= 2) {
        rc = note_of(past, 2, &note, err);
        past->inputs = czi_note_list_start(&note.inputs);
        past->inputs_left = note.inputs.count;
    }
    return rc;
}

bool czi_past_has_ended(const struct czi_past *past, struct czi_note *ret)
{
    return note_of(past, past->count, ret, NULL) == CZ_OK && ret->type == CZI_NOTE_END;
}

/* ---- Inputs ---------------------------------------------------------------------------------
 */

/* To the next entry that has inputs. Notes were decoded before. */
static bool advance(struct czi_past *past)
{
    struct czi_note note = {0};

    while (!past->inputs_left && past->entry < past->count) {
        past->entry++;
        if (note_of(past, past->entry, &note, NULL))
            return false;
        past->inputs = czi_note_list_start(&note.inputs);
        past->inputs_left = note.inputs.count;
    }
    return past->inputs_left > 0;
}

bool czi_past_peek(struct czi_past *past, struct czi_input *ret)
{
    struct czi_past copy = *past;
    struct czi_input in;

    do {
        if (!advance(&copy))
            return false;
        in = czi_note_next_input(&copy.inputs);
        copy.inputs_left--;
    } while (in.kind == CZI_INPUT_PART);
    *ret = in;
    return true;
}

bool czi_past_next(cz_program *p, struct czi_input *ret)
{
    struct czi_past *past = p->past;
    struct czi_input in;

    past->payload.len = 0;
    do {
        if (!advance(past))
            return false;
        in = czi_note_next_input(&past->inputs);
        past->inputs_left--;
        if (in.kind == CZI_INPUT_PART && !in.payload.len) {
            czi_input_note_lost(p, &past->part, czi_buf_slice(&past->payload));
            czi_input_note_loss(p, &in);
            past->payload.len = 0;
        }
        if (in.payload.len)
            czi_buf_put(&past->payload, in.payload.data, in.payload.len);
        past->part = in;
        if (p->state != CZI_INSTANCE_RUNS)
            return false;
    } while (in.kind == CZI_INPUT_PART);
    if (past->payload.failed) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for an input");
        return false;
    }
    past->told++;
    in.payload = czi_buf_slice(&past->payload);
    *ret = in;
    return true;
}

/* The last entry, which is the next to be made, has a note and no more. */
static bool last_is_own(const cz_program *p)
{
    const struct czi_past *past = p->past;
    const struct czi_past_entry *e = &past->entries[past->count - 1];
    struct czi_effect_view v;
    struct czi_note note = {0};

    return p->entries + 1 == past->count &&
           !czi_effect_view(past->bytes.data + e->at, e->len, &v, NULL) && v.op_count == 1 &&
           !note_of(past, past->count, &note, NULL) && note.type == CZI_NOTE_INPUTS;
}

bool czi_past_make_last(cz_program *p)
{
    struct czi_past *past = p->past;
    struct czi_input part;
    bool lost;

    if (!past || p->state != CZI_INSTANCE_RUNS)
        return false;
    part = past->part;
    lost = past->payload.len > 0;
    if (lost)
        czi_input_note_lost(p, &part, czi_buf_slice(&past->payload));
    if (p->state != CZI_INSTANCE_RUNS || !p->past)
        return true;
    if (!last_is_own(p))
        return false;
    czi_entry_flush(p);
    if (lost && p->state == CZI_INSTANCE_RUNS)
        czi_input_note_loss(p, &part);
    return true;
}

/* ---- Asks -----------------------------------------------------------------------------------
 */

/* Numbers are dense, so their low bits spread them well. */
static struct czi_ask **place(const struct czi_past *past, uint64_t number)
{
    return &past->asks[number & (past->ask_room - 1)];
}

static void put(struct czi_past *past, struct czi_ask *a)
{
    struct czi_ask **at = place(past, a->number);

    a->next_alike = *at;
    *at = a;
}

/* Without memory it stays as it is, and is slower. */
static bool grow(cz_program *p)
{
    struct czi_past *past = p->past;
    uint32_t room = past->ask_room ? 2 * past->ask_room : 64;
    struct czi_ask **asks = czi_alloc_zero(room, sizeof(struct czi_ask *));

    if (!asks)
        return false;
    czi_free(past->asks);
    past->asks = asks;
    past->ask_room = room;
    for (struct czi_ask *a = p->asks; a; a = a->next)
        if (a->number)
            put(past, a);
    return true;
}

void czi_past_ask_add(cz_program *p, struct czi_ask *a)
{
    struct czi_past *past = p->past;
    bool full = past->ask_count++ >= past->ask_room;

    if (!(full && grow(p)) && past->asks)
        put(past, a);
}

void czi_past_ask_remove(cz_program *p, struct czi_ask *a)
{
    struct czi_past *past = p->past;
    struct czi_ask **at;

    past->ask_count--;
    if (!past->asks)
        return;
    for (at = place(past, a->number); *at != a; at = &(*at)->next_alike) {
    }
    *at = a->next_alike;
}

struct czi_ask *czi_past_ask(const cz_program *p, uint64_t number)
{
    const struct czi_past *past = p->past;
    struct czi_ask *a = past->asks ? *place(past, number) : p->asks;

    while (a && !(a->number == number && a->has_leaf))
        a = past->asks ? a->next_alike : a->next;
    return a;
}

/* ---- Entries --------------------------------------------------------------------------------
 */

const struct czi_past_entry *czi_past_entry_of(const cz_program *p, const struct czi_ask *a)
{
    const struct czi_past *past = p->past ? p->past : p->done;

    return past && a->nonce && a->nonce <= past->count ? &past->entries[a->nonce - 1] : NULL;
}

/* Where two effects differ, for people. */
static void tell_difference(const struct czi_past *past, const struct czi_past_entry *e,
                            const struct czi_ask *a, struct czi_buf *out)
{
    const uint8_t *was = past->bytes.data + e->at;
    struct czi_note note = {0};
    struct czi_effect_view v;
    struct czi_op op = {0};
    struct czi_cbor c;

    for (unsigned side = 0; side < 2; side++) {
        const uint8_t *b = side ? a->bytes.data : was;
        size_t len = side ? a->bytes.len : e->len;
        unsigned skip = 0;

        czi_buf_printf(out, side ? "; the code makes" : "logged is");
        if (czi_effect_view(b, len, &v, NULL))
            continue;
        c = czi_cbor(b + v.ops, v.ops_len);
        for (unsigned i = 0; i < v.op_count; i++) {
            czi_op_next(&c, &op);
            if (op.code == CZI_OP_NOTE && !czi_note_decode(op.data, &note, NULL)) {
                skip++;
                czi_buf_printf(out, " %s",
                               note.type == CZI_NOTE_END     ? "an end"
                               : note.type == CZI_NOTE_BEGIN ? "a beginning"
                                                             : "an entry");
                continue;
            }
            if (i < 6)
                czi_buf_printf(out, "%s %s", i > skip ? "," : " with",
                               czi_opcode_name(op.code));
        }
        czi_buf_printf(out, " (%u inputs, asked %02x%02x%02x%02x, %zu bytes)",
                       (unsigned)note.inputs.count, note.fingerprint[0], note.fingerprint[1],
                       note.fingerprint[2], note.fingerprint[3], len);
    }
}

int czi_past_compare(cz_program *p, struct czi_ask *a, cz_error *err)
{
    struct czi_past *past = p->past;
    const struct czi_past_entry *e = &past->entries[a->nonce - 1];
    CZI_AUTOBUF text = {0};

    if (a->bytes.len != e->len ||
        memcmp(a->bytes.data, past->bytes.data + e->at, e->len) != 0) {
        tell_difference(past, e, a, &text);
        czi_instance_misfit(p, "entry %llu: %.*s", (unsigned long long)a->nonce, (int)text.len,
                            (const char *)text.data);
        return czi_program_may(p, err);
    }
    if (a->nonce == past->count) {
        p->done = past;
        p->past = NULL;
        if (!p->host->engine && a->then != czi_instance_ended) /* a rerun */
            czi_instance_stop(p, CZ_CLOSED, "its log ends here");
    }
    return CZ_OK;
}
