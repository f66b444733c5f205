/* entry.c - the entries of a program's log: notes, and the effects that they are of.
 *
 * Layer: program. Thread: the host's, but for czi_entry_done. See host.h.
 */
#include "base/error.h"
#include "effect/effect.h"
#include "program/host.h"

#include <stdio.h>

/* Of an entry, beside the code's operations and the note: names, a signature. */
#define LENGTH_OF_THE_REST 1024u

/* ---- Making ---------------------------------------------------------------------------------
 */

struct making {
    enum czi_note_type type;
    const char *detail; /* of an end */
    int code;
};

static int make_note(cz_program *p, const struct making *m, cz_error *err)
{
    struct czi_buf *out = &p->host->note;
    struct czi_begin begin = {.name = {(const uint8_t *)p->name, strlen(p->name)},
                              .label = {(const uint8_t *)p->label, strlen(p->label)},
                              .args = czi_buf_slice(&p->args),
                              .version = p->version};

    switch (m->type) {
    case CZI_NOTE_BEGIN:
        return czi_note_begin(&begin, out, err);
    case CZI_NOTE_END:
        return czi_note_end(&p->parts, m->code, p->value, m->detail, out, err);
    case CZI_NOTE_INPUTS:
        break;
    }
    return czi_note_inputs(&p->parts, out, err);
}

/* The number of the task whose turn it is in the program's vector clock. Its first task is 0,
 * and so are those for whom no other is left. */
static uint32_t clock_here(cz_program *p)
{
    struct czi_task_part *t;

    if (!p->tree.running || czi_tree_task(&p->tree) == 0)
        return 0;
    t = czi_task_part_here(p);
    if (!t)
        return 0;
    for (uint32_t i = 1; t->clock == CZI_ID_NONE && i < CZI_CLOCK_TASKS_MAX; i++)
        if (!(p->clocks & 1ull << i)) {
            p->clocks |= 1ull << i;
            t->clock = i;
        }
    return t->clock == CZI_ID_NONE ? 0 : t->clock;
}

/* The host's effect becomes the entry, with the code's operations, which are in a. */
static int compose(cz_program *p, struct czi_ask *a, cz_error *err)
{
    cz_host *h = p->host;
    bool has_effect = a->bytes.len > 0;
    uint8_t seed[32];
    int rc = CZ_OK;

    cz_effect_clear(h->effect);
    if (has_effect)
        rc = cz_effect_decode(h->effect, a->bytes.data, a->bytes.len, err);
    cz_effect_set_origin(h->effect, &p->id);
    cz_effect_set_nonce(h->effect, p->entries + 1);
    cz_effect_set_priority(h->effect, CZ_NORMAL);
    cz_effect_set_program(h->effect, &p->id, a->clock);
    if (!rc)
        rc = cz_effect_note(h->effect, h->note.data, h->note.len, err);
    if (!rc && has_effect && h->has_secret) {
        czi_program_seed(h->secret, &p->id, seed);
        rc = cz_effect_sign(h->effect, seed, err);
    }
    return rc;
}

/* It is made: from now on it is the next one of its log. */
static int enter(cz_program *p, struct czi_ask *a, cz_error *err)
{
    const uint8_t *bytes = NULL;
    size_t len = 0;
    int rc = cz_effect_encode(p->host->effect, &bytes, &len, err);

    if (rc)
        return rc;
    a->nonce = ++p->entries;
    czi_note_parts_clear(&p->parts);
    a->bytes.len = 0;
    czi_buf_put(&a->bytes, bytes, len);
    if (a->bytes.failed) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for an entry of its log");
        return czi_program_may(p, err);
    }
    if (!p->past)
        return CZ_OK;
    p->past->effects += a->ops == &czi_ask_effect;
    return czi_past_compare(p, a, err);
}

static int make(cz_program *p, struct czi_ask *a, const struct making *m, cz_error *err)
{
    bool has_effect = a->bytes.len > 0;
    int rc = make_note(p, m, err);

    if (!rc)
        rc = compose(p, a, err);
    if (!rc)
        rc = enter(p, a, err);
    if (rc && (!has_effect || (rc != CZ_INVALID && rc != CZ_LIMIT)))
        czi_instance_stop(p, rc, err->detail);
    return rc;
}

int czi_entry_make(cz_program *p, struct czi_ask *a, cz_error *err)
{
    const struct making m = {.type = CZI_NOTE_INPUTS};
    int rc;

    /* What is long on both sides becomes two entries. */
    if (a->bytes.len > CZI_EFFECT_SIZE_MAX - CZ_NOTE_SIZE_MAX - LENGTH_OF_THE_REST)
        czi_entry_flush(p);
    rc = czi_program_may(p, err);
    if (!rc)
        rc = make(p, a, &m, err);
    if (!rc)
        czi_ask_go(a);
    return rc;
}

/* ---- Entries of its own ---------------------------------------------------------------------
 */

static bool entry_came(struct czi_ask *a)
{
    if (czi_entry_result(a) && a->then)
        a->then(a);
    czi_ask_done(a);
    return false;
}

static const struct czi_ask_ops own_entry = {.ask = czi_entry_send, .came = entry_came};

/* NULL: it is one of the past, or the instance is stopped. */
static struct czi_ask *make_own(cz_program *p, const struct making *m,
                                void (*then)(struct czi_ask *a))
{
    struct czi_ask *a = czi_ask_alone(p, &own_entry);
    cz_error err = {0};

    if (!a)
        return NULL;
    a->then = then;
    if (make(p, a, m, &err) == CZ_OK && m->type == CZI_NOTE_END) {
        czi_mutex_lock(p->host->lock);
        p->state = CZI_INSTANCE_ENDS;
        czi_mutex_unlock(p->host->lock);
    }
    if (a->nonce == 0 || czi_past_entry_of(p, a) || p->state == CZI_INSTANCE_STOPS) {
        czi_ask_drop(a);
        return NULL;
    }
    if (!p->waking)
        czi_ask_now(a);
    return a;
}

void czi_entry_begin(cz_program *p)
{
    (void)make_own(p, &(struct making){.type = CZI_NOTE_BEGIN}, NULL);
}

void czi_entry_end(cz_program *p, int code, const char *detail)
{
    (void)make_own(p, &(struct making){.type = CZI_NOTE_END, .code = code, .detail = detail},
                   czi_instance_ended);
}

void czi_entry_flush(cz_program *p)
{
    if (p->state == CZI_INSTANCE_RUNS)
        (void)make_own(p, &(struct making){.type = CZI_NOTE_INPUTS}, NULL);
}

struct czi_ask *czi_entry_record(cz_program *p, void (*then)(struct czi_ask *a))
{
    if (p->state != CZI_INSTANCE_RUNS)
        return NULL;
    return make_own(p, &(struct making){.type = CZI_NOTE_INPUTS}, then);
}

/* ---- Submitting -----------------------------------------------------------------------------
 */

void czi_entry_done(void *arg, const cz_result *r)
{
    struct czi_ask *a = arg;

    a->result = *r;
    czi_ask_post(a);
}

static void put_back(cz_host *h, struct czi_ask *a)
{
    a->next_unsent = NULL;
    if (h->unsent)
        h->unsent_last->next_unsent = a;
    else
        h->unsent = a;
    h->unsent_last = a;
}

static int submit(struct czi_ask *a, cz_error *err)
{
    int rc;

    a->promised = true;
    if (a->guards.len)
        czi_guards_commit(a);
    rc = czi_submit(a->engine, a->bytes.data, a->bytes.len, a->guards.len > 0, czi_entry_done,
                    a, NULL, err);
    if (!rc)
        return rc;
    a->promised = false;
    if (a->commits)
        czi_guards_committed(a);
    return rc;
}

/* Behind those that wait already. */
int czi_entry_send(struct czi_ask *a, cz_error *err)
{
    cz_host *h = a->program->host;
    int rc = h->unsent ? CZ_BUSY : submit(a, err);

    if (rc != CZ_BUSY)
        return rc;
    put_back(h, a);
    return CZ_OK;
}

void czi_entries_send(cz_host *h)
{
    struct czi_ask *a;
    cz_error err = {0};

    while ((a = h->unsent) != NULL) {
        int rc = submit(a, &err);

        if (rc == CZ_BUSY)
            return;
        h->unsent = a->next_unsent;
        if (rc)
            czi_instance_stop(a->program, rc, err.detail);
    }
}

void czi_entries_forget(cz_program *p)
{
    cz_host *h = p->host;
    struct czi_ask *a = h->unsent, *next;

    h->unsent = h->unsent_last = NULL;
    for (; a; a = next) {
        next = a->next_unsent;
        if (a->program != p)
            put_back(h, a);
        else
            czi_ask_done(a);
    }
}

/* ---- What became of it ----------------------------------------------------------------------
 */

bool czi_entry_result(struct czi_ask *a)
{
    cz_program *p = a->program;
    cz_result *r = &a->result;
    char detail[CZ_DETAIL_SIZE];

    if (r->status == CZ_STATUS_UNKNOWN) {
        czi_instance_stop(p, CZ_CLOSED, "the engine is closing or has stopped");
        return false;
    }
    if (!r->has_receipt) {
        (void)snprintf(detail, sizeof detail,
                       "entry %llu was refused (%s): another host runs this program on the "
                       "same store, or has its key",
                       (unsigned long long)a->nonce, cz_reason_text((int)r->reason));
        czi_instance_stop(p, CZ_CONFLICT, detail);
        return false;
    }
    r->ticket = 0;
    r->status = r->reason ? CZ_STATUS_REJECTED : CZ_STATUS_APPLIED;
    return true;
}

static bool effect_came(struct czi_ask *a)
{
    if (a->commits)
        czi_guards_committed(a);
    if (!czi_entry_result(a)) {
        czi_ask_done(a);
        return false;
    }
    a->code = a->result.reason ? CZ_REJECTED : CZ_OK;
    a->value = a->result.position;
    return true;
}

/* Of the past, the log has what became of it. */
static void effect_tell(struct czi_ask *a, const struct czi_input *in, cz_error *err)
{
    const struct czi_past_entry *e = czi_past_entry_of(a->program, a);
    char text[CZ_ID_TEXT_SIZE];

    a->program->under_way--;
    if (e && !a->is_asked)
        a->result = (cz_result){.effect = e->effect,
                                .receipt = e->receipt,
                                .has_receipt = true,
                                .position = e->position,
                                .status = e->reason ? CZ_STATUS_REJECTED : CZ_STATUS_APPLIED,
                                .reason = e->reason};
    if (a->ret_result)
        *a->ret_result = a->result;
    if (in->code == CZ_OK)
        czi_guards_applied(a);
    if (in->code != CZ_REJECTED)
        return;
    cz_id_print(&a->result.effect, text);
    (void)czi_fail(err, CZ_REJECTED, "effect %s was rejected: %s", text,
                   cz_reason_text((int)a->result.reason));
}

static void effect_free(struct czi_ask *a)
{
    if (a->commits && !a->orphan)
        czi_guards_committed(a);
    if (a->queued && !a->orphan)
        a->program->queued--;
}

const struct czi_ask_ops czi_ask_effect = {
    .input = CZI_INPUT_EFFECT,
    .ask = czi_entry_send,
    .stays = true,
    .came = effect_came,
    .tell = effect_tell,
    .free = effect_free,
};

bool czi_ask_is_effect(const struct czi_ask *a)
{
    return a->ops == &czi_ask_effect;
}

/* ---- Performing -----------------------------------------------------------------------------
 */

/* Those that touch what the instance guards wait; and those under guards, and all behind them,
 * until nothing is under way. */
static bool may_be_made(const struct czi_ask *a)
{
    const cz_program *p = a->program;

    if (a->guards.len)
        return p->under_way == 0;
    return !czi_guards_conflict(p, NULL, czi_buf_slice(&a->bytes));
}

static void make_effect(struct czi_ask *a)
{
    cz_program *p = a->program;
    cz_error err = {0};
    int rc;

    a->queued = false;
    p->queued--;
    p->under_way++;
    rc = czi_entry_make(p, a, &err);
    if (!rc || p->state != CZI_INSTANCE_RUNS)
        return;
    p->under_way--; /* something is wrong with the effect */
    (void)czi_leaf_end(p->tree.runtime, a->future, rc, 0, &err);
    a->has_leaf = false;
    czi_ask_drop(a);
}

void czi_effects_look(cz_program *p)
{
    struct czi_ask *next;

    for (struct czi_ask *a = p->asks; a && p->queued; a = next) {
        next = a->next;
        if (!a->queued)
            continue;
        if (p->state == CZI_INSTANCE_RUNS && may_be_made(a))
            make_effect(a);
        else if (a->guards.len)
            return;
    }
}

/* The ask for an effect that is in the host's. */
static cz_future propose(cz_program *p, const cz_guard *guards, size_t count,
                         cz_result *ret_result)
{
    const uint8_t *bytes = NULL;
    struct czi_ask *a;
    cz_future future;
    cz_error err = {0};
    size_t len = 0;
    int rc = cz_effect_encode(p->host->effect, &bytes, &len, &err);

    if (rc)
        return czi_leaf_over(&p->tree, rc, 0, &err);
    a = czi_ask_new(p, &czi_ask_effect, czi_program_asks(p, CZI_INPUT_EFFECT, NULL), &future);
    if (!a)
        return future;
    a->ret_result = ret_result;
    a->clock = clock_here(p);
    czi_buf_put(&a->bytes, bytes, len);
    if (count)
        czi_buf_put(&a->guards, guards, count * sizeof *guards);
    if (a->bytes.failed || a->guards.failed) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for an effect");
        return future;
    }
    a->queued = true;
    p->queued++;
    czi_effects_look(p);
    return future;
}

/* Whether it may be proposed at all; then it is the host's. */
static int take_effect(cz_program *p, cz_effect *effect, cz_error *err)
{
    struct czi_effect_view v;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    int rc = cz_effect_encode(effect, &bytes, &len, err);

    if (!rc)
        rc = czi_effect_view(bytes, len, &v, err);
    if (!rc && v.signature_count)
        rc = czi_fail(err, CZ_INVALID,
                      "perform: the effect is signed, and its host changes it; sign nothing");
    if (!rc)
        rc = cz_effect_decode(p->host->effect, bytes, len, err);
    return rc;
}

static int may_propose(cz_program *p, cz_error *err)
{
    int rc = czi_program_may(p, err);

    return !rc && czi_is_cut(&p->tree) ? czi_cut(&p->tree, err) : rc;
}

static cz_future perform(cz_program *p, cz_effect *effect, cz_result *ret_result)
{
    struct czi_task_part *t = *czi_tree_user(&p->tree);
    const uint8_t *bytes = NULL;
    cz_error err = {0};
    size_t len = 0;
    int rc = may_propose(p, &err);

    if (!rc)
        rc = take_effect(p, effect, &err);
    if (!rc && t && t->held) {
        rc = cz_effect_encode(effect, &bytes, &len, &err);
        if (!rc && czi_guards_conflict(p, t, (struct czi_slice){bytes, len}))
            rc = czi_fail(&err, CZ_DEADLOCK,
                          "perform: the effect would wait for a guard that its own task holds; "
                          "apply it under the guard, or release that");
    }
    return rc ? czi_leaf_over(&p->tree, rc, 0, &err) : propose(p, NULL, 0, ret_result);
}

cz_future cz_perform_future(cz_program *p, cz_effect *effect)
{
    return perform(p, effect, NULL);
}

int cz_program_perform(cz_program *p, cz_effect *effect, cz_result *ret, cz_error *err)
{
    cz_result result = {0};
    int rc = cz_join(p, perform(p, effect, &result), NULL, err);

    if (ret && (!rc || rc == CZ_REJECTED))
        *ret = result;
    return rc;
}

int cz_program_apply(cz_program *p, cz_guard *guards, size_t count, cz_effect *effect,
                     cz_result *ret, cz_error *err)
{
    cz_result result = {0};
    int rc = may_propose(p, err);

    if (!rc)
        rc = take_effect(p, effect, err);
    if (!rc)
        rc = czi_guards_require(p, guards, count, effect, err);
    if (rc)
        return rc;
    rc = cz_join(p, propose(p, guards, count, &result), NULL, err);
    if (!rc)
        memset(guards, 0, count * sizeof *guards);
    if (ret && (!rc || rc == CZ_REJECTED))
        *ret = result;
    return rc;
}
