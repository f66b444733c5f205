/* guest_emit.c - operations that a guest adds to its effect in the making (CZ_CALL_EMIT).
 *
 * Layer: program. Thread: the host's. See guest.h. What cannot be added is an error of the call
 * and leaves the effect as it was.
 */
#include "program/guest.h"

#include "base/error.h"

/* An operation as the guest gives it, with what its pointers point to. */
struct given {
    struct cz_guest_op op;
    cz_id a, b, c, fact;
    char text[CZ_LABEL_SIZE_MAX + 1], asset[CZ_ASSET_SIZE_MAX + 1];
    struct czi_buf data, accesses; /* of cz_guest_access */
    cz_quantity quantity;
};

typedef int (*emit_fn)(cz_effect *e, const struct given *g, cz_error *err);

static const char *text_of(const struct given *g)
{
    return g->op.text ? g->text : NULL;
}

static int emit_create(cz_effect *e, const struct given *g, cz_error *err)
{
    cz_creation c = {.creator = g->b,
                     .controller = g->c,
                     .label = g->text,
                     .kind = (enum cz_kind)g->op.mode,
                     .asset = g->op.asset ? g->asset : NULL,
                     .quantity = g->quantity,
                     .if_absent = g->op.has & 1};

    if (g->op.mode > CZ_CODE)
        return czi_fail(err, CZ_INVALID, "create: there is no such kind");
    if (!c.asset) {
        c.data = g->data.data;
        c.data_len = g->data.len;
    }
    return cz_effect_create(e, &c, err);
}

static int emit_transfer(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_transfer(e, &g->a, &g->b, g->quantity, err);
}

static int emit_move(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_move(e, &g->a, &g->b, g->quantity, err);
}

static int emit_write(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_write(e, &g->a, g->data.data, g->data.len, err);
}

static int emit_lock(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_lock(e, &g->a, err);
}

static int emit_unlock(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_unlock(e, &g->a, err);
}

static int emit_freeze(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_freeze(e, &g->a, err);
}

static int emit_unfreeze(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_unfreeze(e, &g->a, err);
}

static int emit_consume(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_consume(e, &g->a, err);
}

static int emit_archive(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_archive(e, &g->a, err);
}

static int emit_require(cz_effect *e, const struct given *g, cz_error *err)
{
    const cz_requirement r = {.has_state = g->op.has & 1,
                              .has_version = g->op.has & 2,
                              .has_quantity = g->op.has & 4,
                              .state = (enum cz_state)g->op.state,
                              .version = g->op.version,
                              .quantity = g->quantity};

    if (g->op.state > CZ_ARCHIVED)
        return czi_fail(err, CZ_INVALID, "require: there is no such state");
    return cz_effect_require(e, &g->a, &r, err);
}

static int emit_use(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_use(e, &g->a, (enum cz_access)g->op.mode, err);
}

static int emit_when(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_when(e, g->text, g->op.not_before, g->op.not_after, err);
}

static int emit_deposit(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_deposit(e, &g->a, &g->fact, err);
}

static int emit_withdraw(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_withdraw(e, &g->a, &g->b, &g->c, g->quantity, g->text, err);
}

static int emit_confirm(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_confirm(e, &g->a, &g->b, &g->fact, err);
}

static int emit_release(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_release(e, &g->a, &g->b, &g->c, &g->fact, err);
}

static int emit_run(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_run(e, &g->a, g->op.gas,
                         (const cz_guest_access *)(const void *)g->accesses.data,
                         g->accesses.len / sizeof(cz_guest_access), g->data.data, g->data.len,
                         err);
}

static int emit_call(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_call(e, &g->a, g->op.gas, g->data.data, g->data.len, err);
}

static int emit_access(cz_effect *e, const struct given *g, cz_error *err)
{
    return cz_effect_access(e, &g->a, (enum cz_access)g->op.mode, err);
}

static int emit_depend(cz_effect *e, const struct given *g, cz_error *err)
{
    cz_dependency d = {.fact = g->fact,
                       .policy = (enum cz_fact_policy)g->op.mode,
                       .finality = (enum cz_finality)g->op.state,
                       .purpose = text_of(g)};

    if (g->op.mode > CZ_AT_LEAST_HEIGHT || g->op.state > CZ_FINAL || g->op.state == CZ_DEPTH)
        return czi_fail(err, CZ_INVALID, "depend: there is no such policy or finality");
    return cz_effect_depend(e, &d, err);
}

/* Which of the ids an operation needs. */
enum { A = 1, B = 2, C = 4, FACT = 8, MODE = 16 };

static const struct {
    uint16_t code;
    uint8_t needs; /* MODE: it is an enum cz_access */
    emit_fn fn;
} operations[] = {
    {CZ_OP_CREATE, 0, emit_create},
    {CZ_OP_TRANSFER, A | B, emit_transfer},
    {CZ_OP_MOVE, A | B, emit_move},
    {CZ_OP_WRITE, A, emit_write},
    {CZ_OP_LOCK, A, emit_lock},
    {CZ_OP_UNLOCK, A, emit_unlock},
    {CZ_OP_FREEZE, A, emit_freeze},
    {CZ_OP_UNFREEZE, A, emit_unfreeze},
    {CZ_OP_CONSUME, A, emit_consume},
    {CZ_OP_ARCHIVE, A, emit_archive},
    {CZ_OP_REQUIRE, A, emit_require},
    {CZ_OP_USE, A | MODE, emit_use},
    {CZ_OP_WHEN, 0, emit_when},
    {CZ_OP_DEPOSIT, A | FACT, emit_deposit},
    {CZ_OP_WITHDRAW, A | B | C, emit_withdraw},
    {CZ_OP_CONFIRM, A | B | FACT, emit_confirm},
    {CZ_OP_RELEASE, A | B | C | FACT, emit_release},
    {CZ_OP_RUN, A, emit_run},
    {CZ_OP_CALL, A, emit_call},
    {CZ_OP_ACCESS, A | MODE, emit_access},
    {CZ_OP_DEPEND, FACT, emit_depend},
};

/* ---- Taking ---------------------------------------------------------------------------------
 */

/* One that is not needed may be 0, which is nobody. */
static bool take_id(struct czi_guest_task *t, uint64_t from, bool needed, cz_id *ret)
{
    if (!from && !needed)
        return true;
    return czi_guest_read(t, from, ret, sizeof *ret);
}

static int64_t take_accesses(struct czi_guest_task *t, struct given *g)
{
    if (g->op.access_count > CZI_ACCESSES_MAX)
        return -CZ_LIMIT;
    for (uint64_t i = 0; i < g->op.access_count; i++) {
        struct cz_guest_claim claim;
        cz_guest_access access;

        if (!czi_guest_read(t, g->op.accesses + i * sizeof claim, &claim, sizeof claim) ||
            !czi_guest_read(t, claim.id, &access.resource, sizeof(cz_id)))
            return -CZ_INVALID;
        if (claim.mode > CZ_WRITE)
            return -CZ_INVALID;
        access.mode = (enum cz_access)claim.mode;
        czi_buf_put(&g->accesses, &access, sizeof access);
    }
    return g->accesses.failed ? czi_guest_nomem(t) : CZ_OK;
}

static int64_t take(struct czi_guest_task *t, struct given *g, unsigned needs)
{
    const struct cz_guest_op *op = &g->op;
    int64_t rc = CZ_OK;

    if ((needs & MODE) && op->mode > CZ_WRITE)
        return -CZ_INVALID;
    if (!take_id(t, op->a, needs & A, &g->a) || !take_id(t, op->b, needs & B, &g->b) ||
        !take_id(t, op->c, needs & C, &g->c) || !take_id(t, op->fact, needs & FACT, &g->fact))
        return -CZ_INVALID; /* it traps */
    g->quantity = (cz_quantity)((unsigned __int128)op->quantity[1] << 64 | op->quantity[0]);
    if (op->text)
        rc = czi_guest_text(t, op->text, op->text_len, g->text, sizeof g->text);
    if (!rc && op->asset)
        rc = czi_guest_text(t, op->asset, op->asset_len, g->asset, sizeof g->asset);
    if (!rc)
        rc = czi_guest_bytes(t, op->data, op->data_len, CZI_DATA_SIZE_MAX, &g->data);
    return rc ? rc : take_accesses(t, g);
}

int64_t czi_guest_emit(struct czi_guest_task *t, const uint64_t *a)
{
    struct given g = {0};
    cz_effect *e = NULL;
    cz_error err = {0};
    int64_t rc = -CZ_INVALID;
    size_t i = 0;

    if (!czi_guest_read(t, a[0], &g.op, sizeof g.op) ||
        !czi_guest_pay(t, CZI_MIN(g.op.data_len, (uint64_t)CZI_DATA_SIZE_MAX)))
        return 0;
    while (i < CZI_COUNTOF(operations) && operations[i].code != g.op.code)
        i++;
    if (i < CZI_COUNTOF(operations))
        rc = take(t, &g, operations[i].needs);
    if (!rc)
        e = czi_guest_effect(t);
    if (e)
        rc = czi_guest_result(t, operations[i].fn(e, &g, &err), &err);
    else if (!rc)
        rc = -CZ_NOMEM;
    t->emitted |= !rc;
    czi_buf_done(&g.data);
    czi_buf_done(&g.accesses);
    return rc;
}
