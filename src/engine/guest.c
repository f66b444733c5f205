/* guest.c - the operations run and call: a guest's run, and what comes of it; see general.h and
 * guests.h.
 */
#include "base/error.h"
#include "codec/blake3.h"
#include "engine/guests.h"

#include <string.h>

/* ---- Codes ---------------------------------------------------------------------------------
 */

#define CODE_LABEL "code:"

/* Names that codes will have are nobody else's. */
static bool takes_name_of_code(const struct czi_op *op)
{
    static const uint8_t nobody[32];

    return czi_id_equal(op->creator, nobody) && op->label.len >= strlen(CODE_LABEL) &&
           memcmp(op->label.data, CODE_LABEL, strlen(CODE_LABEL)) == 0;
}

uint8_t czi_code_fault(struct general *g, const struct czi_op *op)
{
    static const uint8_t nobody[32];
    struct czi_code *code;
    cz_id hash;
    int rc;

    if (op->kind != CZ_CODE)
        return takes_name_of_code(op) ? CZ_BAD_CODE : CZ_APPLIED;
    czi_blake3(op->data.data, op->data.len, hash.bytes);
    hash = czi_code_identity(&hash);
    if (!czi_id_equal(op->controller, nobody) ||
        !czi_id_equal(&hash, czi_work_id(g, &g->works[op->a])))
        return CZ_BAD_CODE;
    rc = czi_code_new(op->data.data, op->data.len, &code, NULL);
    g->no_memory |= rc == CZ_NOMEM;
    if (rc)
        return CZ_BAD_CODE;
    czi_code_drop(code);
    return CZ_APPLIED;
}

/* ---- What an effect asks for ---------------------------------------------------------------
 */

void czi_guests_order(const struct czi_pending *p, const struct czi_op *op,
                      struct czi_guest_order *ret)
{
    ret->in = (struct czi_run_input){.input = op->data, .gas = op->gas, .way = 'e'};
    if (op->code == CZI_OP_CALL) {
        ret->in.code_id = op->code_id;
        ret->in.is_open = true;
        return;
    }
    ret->in.code_id = czi_effect_access_id(p->bytes, &p->view, op->a);
    ret->in.accesses = ret->accesses;
    ret->in.access_count = czi_op_places(op, ret->places);
    for (unsigned i = 0; i < ret->in.access_count; i++) {
        struct czi_access *a = &ret->accesses[i];

        *a = (struct czi_access){.writable = ret->places[i] < p->view.write_count};
        memcpy(a->id, czi_effect_access_id(p->bytes, &p->view, ret->places[i]), sizeof a->id);
    }
}

/* ---- What an open effect touched -----------------------------------------------------------
 */

struct scope {
    cz_id writes[CZ_OPEN_ACCESSES_MAX], reads[CZ_OPEN_ACCESSES_MAX];
    unsigned write_count, read_count;
};

static void add_sorted(cz_id *ids, unsigned *count, const uint8_t *id)
{
    unsigned i = (*count)++;

    CZI_CHECK(i < CZ_OPEN_ACCESSES_MAX);
    for (; i > 0 && czi_id_before(id, &ids[i - 1]); i--)
        ids[i] = ids[i - 1];
    memcpy(&ids[i], id, sizeof ids[i]);
}

static void set_scope(struct general *g, const struct scope *s)
{
    struct czi_pending *p = g->open;
    size_t len =
        czi_scope_encode(p->bytes + p->len, s->writes, s->write_count, s->reads, s->read_count);
    int rc = czi_effect_set_scope(&p->view, p->bytes, p->len, len, &len, NULL);

    CZI_CHECK(!rc);
}

/* What was looked at and is not there is no part of it. */
static uint8_t open_scope(struct general *g, const struct czi_run_result *r)
{
    bool applies = r->status == CZI_RUN_EXITED && r->value == 0;
    struct scope s = {.write_count = 0};

    for (unsigned i = 0; i < r->access_count; i++) {
        const struct czi_access *a = &r->accesses[i];

        if (applies && a->written)
            add_sorted(s.writes, &s.write_count, a->id);
        else if (a->found_position)
            add_sorted(s.reads, &s.read_count, a->id);
    }
    set_scope(g, &s);
    return czi_scope_changed(g);
}

/* Of an open effect that calls what is no code. */
static uint8_t looked_at(struct general *g, const uint8_t *id)
{
    struct scope s = {.write_count = 0};
    uint8_t full;

    add_sorted(s.reads, &s.read_count, id);
    set_scope(g, &s);
    full = czi_scope_changed(g);
    return full ? full : CZ_NOT_CODE;
}

void czi_guest_rejected(struct general *g)
{
    struct scope s = {.write_count = 0};

    if (!g->open || !g->open->view.write_count)
        return;
    for (unsigned i = 0; i < g->count; i++)
        if (g->works[i].exists && !g->works[i].created)
            add_sorted(s.reads, &s.read_count, czi_work_id(g, &g->works[i]));
    set_scope(g, &s);
    czi_load_works(g);
}

/* ---- Running it ----------------------------------------------------------------------------
 */

/* Of the code that shall run: a reason. In *ret, unless there is a result already. */
static uint8_t find_code(struct general *g, const struct czi_op *op, bool wanted,
                         struct czi_code **ret)
{
    struct czi_core *core = g->core;
    const uint8_t *id = g->core->guests->order.in.code_id;
    const struct work *w = op->code == CZI_OP_RUN ? &g->works[op->a] : NULL;
    uint32_t slot = w ? w->slot : czi_id_table_find(&core->resources.ids, id);
    const struct czi_resource *x = w ? &w->now
                                   : slot == CZI_ID_NONE
                                       ? NULL
                                       : czi_resource_at(&core->resources, slot);
    const struct czi_resource_name *n;
    int rc;

    g->blame.id = id;
    if (w ? !w->exists : !x || !x->position)
        return CZ_UNKNOWN_RESOURCE;
    if (x->kind != CZ_CODE)
        return g->open ? looked_at(g, id) : CZ_NOT_CODE;
    if (!wanted)
        return CZ_APPLIED;
    if (w && w->created) {
        rc = czi_guests_fresh(g, w, ret);
    } else {
        czi_guests_trim(core->guests);
        n = czi_resource_name(&core->resources, slot);
        rc = czi_codes_get(&core->guests->codes, id, (struct czi_slice){n->data, n->data_len},
                           ret);
    }
    g->no_memory |= rc == CZ_NOMEM;
    return rc ? CZ_BAD_CODE : CZ_APPLIED;
}

static uint64_t position_of(const struct czi_core *core, const uint8_t *id)
{
    uint32_t slot = czi_id_table_find(&core->resources.ids, id);

    return slot == CZI_ID_NONE ? 0 : czi_resource_at(&core->resources, slot)->position;
}

/* Whether running now would give the same: nothing that it saw has changed. */
static bool still_holds(const struct general *g, const struct czi_ahead *a)
{
    const struct czi_guest_order *order = &g->core->guests->order;

    if (a->asked_book && a->items != czi_book_count(g->core->book))
        return false;
    for (unsigned i = 0; i < a->result.access_count; i++) {
        const struct czi_access *x = &a->result.accesses[i];
        uint64_t now = i < order->in.access_count ? g->works[order->places[i]].now.position
                                                  : position_of(g->core, x->id);

        if (x->found_position != now)
            return false;
    }
    return true;
}

static void learn(struct general *g, const struct czi_op *op, const struct czi_code *code,
                  const struct czi_run_result *r, bool again)
{
    struct czi_guests *guests = g->core->guests;
    const struct czi_prediction *was = g->ahead ? g->ahead->predicted : NULL;
    struct czi_predict_input in;
    enum czi_predict_verdict verdict;

    czi_guests_predict_input(g->pending, op, code, &in);
    if (!was) {
        czi_predict(guests->predictor, &in, &guests->predicted);
        was = &guests->predicted;
    }
    verdict = czi_predict_learn(guests->predictor, &in, was, r->accesses, r->access_count,
                                g->ahead && g->ahead->tried, again);
    guests->stats.predicted++;
    guests->stats.predicted_hits += verdict != CZI_PREDICT_MISSED;
    guests->stats.predicted_too_wide += verdict == CZI_PREDICT_TOO_WIDE;
}

/* Runs the guest, or takes what came of it before. A reason; *ret is set then unless there was
 * no code to run. */
static uint8_t get_result(struct general *g, const struct czi_op *op,
                          const struct czi_run_result **ret)
{
    struct czi_guests *guests = g->core->guests;
    const struct czi_ahead *a = g->ahead && g->ahead->done ? g->ahead : NULL;
    struct czi_code *code = NULL;
    bool holds = a && still_holds(g, a), again = g->ahead && g->ahead->tried && !holds;
    uint8_t reason = find_code(g, op, !holds, &code);

    if (reason)
        return reason;
    if (holds) {
        *ret = &a->result;
    } else if (!czi_guests_run(g, code, ret)) {
        g->no_memory = true;
        return CZ_FULL;
    }
    if (g->asking)
        return CZ_APPLIED;
    guests->stats.guests++;
    guests->stats.guest_gas += (*ret)->gas;
    guests->stats.guests_ahead += holds;
    guests->stats.guests_again += again;
    if (op->code == CZI_OP_CALL)
        learn(g, op, code, *ret, again);
    return CZ_APPLIED;
}

/* ---- What it wants done --------------------------------------------------------------------
 */

static bool record(struct general *g, const struct czi_run_result *r)
{
    cz_guest_run run = czi_guest_run_of(r);

    g->result = r;
    if (g->asking)
        return true;
    g->citing.extra.run = czi_guest_run_copy(&run);
    return g->citing.extra.run != NULL;
}

static uint8_t reason_of(const struct czi_run_result *r)
{
    switch (r->status) {
    case CZI_RUN_TRAPPED:
        return CZ_TRAPPED;
    case CZI_RUN_NO_GAS:
        return CZ_OUT_OF_GAS;
    default:
        return r->value ? CZ_GUEST_FAILED : CZ_APPLIED;
    }
}

/* The effect's access that is the run's i-th; false: it has none. */
static bool find_place(const struct general *g, const struct czi_run_result *r, unsigned i,
                       uint8_t *ret)
{
    const struct czi_guest_order *order = &g->core->guests->order;
    const struct work *w;

    if (i >= r->access_count)
        return false;
    if (i < order->in.access_count) {
        *ret = order->places[i];
        return true;
    }
    w = czi_work_find((struct general *)(uintptr_t)g, r->accesses[i].id);
    if (w)
        *ret = (uint8_t)czi_work_place(g, w);
    return w != NULL;
}

/* The run was validated; this does not trust it, and looks at the effect itself. */
static uint8_t carry_out(struct general *g, const struct czi_run_result *r, unsigned i)
{
    struct czi_op op = r->ops[i];
    uint8_t *places[] = {&op.a, &op.b, &op.c};
    bool changes;
    unsigned named = czi_operation_names(op.code, &changes);

    CZI_CHECK(named <= CZI_COUNTOF(places));
    for (unsigned k = 0; k < named; k++)
        if (!find_place(g, r, *places[k], places[k]) ||
            (changes && !czi_work_written(g, &g->works[*places[k]])))
            return CZ_UNDECLARED;
    g->actor = r->op_actors[i];
    if (op.code == CZI_OP_CREATE) {
        cz_id id = czi_identity_id(op.creator, op.label);

        CZI_CHECK(g->creation_count < CZI_ACCESSES_MAX);
        if (!czi_id_equal(&id, czi_work_id(g, &g->works[op.a])) ||
            (op.kind != CZ_DATA && op.kind != CZ_FUNGIBLE))
            return CZ_UNDECLARED;
        g->creations[g->creation_count] = op;
        return czi_operation(g, &g->creations[g->creation_count++]);
    }
    return czi_operation(g, &op);
}

static uint8_t carry_all_out(struct general *g, const struct czi_run_result *r)
{
    uint8_t reason = CZ_APPLIED;

    if (czi_validate_resource_access(r, &g->core->guests->order.in, NULL))
        return CZ_UNDECLARED;
    for (unsigned i = 0; i < r->op_count && !reason; i++)
        reason = carry_out(g, r, i);
    g->actor = NULL;
    return reason;
}

uint8_t czi_guest_operation(struct general *g, const struct czi_op *op)
{
    struct czi_guests *guests = czi_guests(g->core);
    const struct czi_run_result *r;
    uint8_t reason;

    if (!guests) {
        g->no_memory = true;
        return CZ_FULL;
    }
    czi_guests_order(g->pending, op, &guests->order);
    reason = get_result(g, op, &r);
    if (reason)
        return reason;
    if (!record(g, r)) {
        g->no_memory = true;
        return CZ_FULL;
    }
    if (g->open)
        reason = open_scope(g, r);
    if (!reason)
        reason = reason_of(r);
    if (reason)
        return reason;
    g->ran = r;
    g->ran_code = guests->order.in.code_id;
    return carry_all_out(g, r);
}

bool czi_guest_has_run(const struct general *g, const uint8_t *code)
{
    if (czi_id_equal(g->ran_code, code))
        return true;
    for (unsigned i = 0; i < g->ran->access_count; i++)
        if (g->ran->accesses[i].ran && czi_id_equal(g->ran->accesses[i].id, code))
            return true;
    return false;
}

bool czi_guest_touched(struct czi_core *core, struct czi_pending *p, struct czi_touched *ret)
{
    struct general *g = core->general;
    uint8_t reason = czi_general_ask(core, p, g); /* also who is rejected has touched it */

    (void)reason;
    ret->count = 0;
    for (unsigned i = 0; g->result && i < g->result->access_count; i++) {
        memcpy(ret->ids[ret->count], g->result->accesses[i].id, sizeof ret->ids[0]);
        ret->writes[ret->count++] = g->result->accesses[i].written;
    }
    return !core->failed && !g->no_memory;
}
