/* guest_resources.c - resources of guests that are programs: what they read, and what they hold
 * under guards.
 *
 * Layer: program. Thread: the host's. See guest.h.
 *
 * Guards are a task's; but the memory in which it sees what they hold is the instance's, so one
 * task at a time has any. What is done to that, and the task's effect in the making, is
 * committed as one effect, with the versions that were seen.
 */
#include "program/guest.h"

#include "base/error.h"
#include "effect/effect.h"

/* ---- Reading --------------------------------------------------------------------------------
 */

static void put_quantity(uint64_t to[2], cz_quantity q)
{
    to[0] = (uint64_t)q;
    to[1] = (uint64_t)((unsigned __int128)q >> 64);
}

int64_t czi_guest_read_resource(struct czi_guest_task *t, const uint64_t *a)
{
    cz_program *p = czi_guest_program(t);
    struct cz_guest_info info = {.exists = 1, .mode = CZ_READ};
    cz_resource r = {0};
    cz_error err = {0};
    size_t len;
    cz_id id;
    int rc;

    if (!czi_guest_read(t, a[0], &id, sizeof id) ||
        (a[1] && !czi_guest_may_write(t, a[1], sizeof info)) ||
        !czi_guest_may_write(t, a[2], a[3]))
        return 0;
    rc = cz_program_read(p, &id, &r, &err);
    if (rc)
        return czi_guest_result(t, rc, &err);
    memcpy(info.id, &id, sizeof info.id);
    info.kind = (uint64_t)r.kind;
    info.state = (uint64_t)r.state;
    info.version = r.version;
    info.length = r.data_len;
    put_quantity(info.quantity, r.quantity);
    info.is_own = czi_id_equal(&r.controller, p->code_of->id.bytes);
    len = CZI_MIN(r.data_len, a[3]);
    if ((a[1] && !czi_guest_write(t, a[1], &info, sizeof info)) ||
        !czi_guest_write(t, a[2], r.data, len))
        return 0;
    return (int64_t)len;
}

int64_t czi_guest_time(struct czi_guest_task *t, const uint64_t *a)
{
    char domain[CZI_DOMAIN_SIZE_MAX + 1];
    struct cz_guest_time time = {0};
    cz_domain_time is = {0};
    cz_error err = {0};
    int64_t rc = czi_guest_text(t, a[0], a[1], domain, sizeof domain);

    if (rc || !czi_guest_may_write(t, a[2], sizeof time))
        return rc;
    rc = czi_guest_result(t, cz_program_time(czi_guest_program(t), domain, &is, &err), &err);
    if (rc)
        return rc;
    time.height = is.height;
    time.time = is.time;
    memcpy(time.hash, is.hash, sizeof time.hash);
    (void)czi_guest_write(t, a[2], &time, sizeof time);
    return CZ_OK;
}

/* ---- Guards ---------------------------------------------------------------------------------
 */

void czi_guest_let_go(struct czi_guest_task *t)
{
    struct czi_guest *g = t->guest;

    if (g->holder != t)
        return;
    (void)!cz_program_release(g->program, g->guards, g->guard_count, NULL);
    czi_vm_manager_unbind_all(g->manager);
    g->holder = NULL;
    g->guard_count = 0;
}

static int64_t take_claims(struct czi_guest_task *t, uint64_t from, uint64_t count,
                           cz_claim claims[CZ_GUEST_WINDOWS_MAX])
{
    for (uint64_t i = 0; i < count; i++) {
        struct cz_guest_claim c;

        claims[i] = (cz_claim){0};
        if (!czi_guest_read(t, from + i * sizeof c, &c, sizeof c) ||
            !czi_guest_read(t, c.id, &claims[i].resource, sizeof(cz_id)))
            return -CZ_INVALID; /* it traps */
        if (c.mode > CZ_WRITE)
            return -CZ_INVALID;
        claims[i].mode = (enum cz_access)c.mode;
        for (uint64_t k = 0; k < i; k++)
            if (czi_id_equal(&claims[k].resource, claims[i].resource.bytes))
                return -CZ_INVALID;
    }
    return CZ_OK;
}

/* What a guard holds lies in the instance's memory from now on. */
static int bind(struct czi_guest *g, uint32_t i, const cz_claim *claim, cz_error *err)
{
    cz_contents c = {0};
    struct czi_found found = {.exists = true};
    unsigned index = 0;
    int rc = cz_program_contents(g->program, &g->guards[i], &c, err);

    if (rc)
        return rc;
    found.kind = (uint8_t)c.kind;
    found.state = (uint8_t)c.state;
    found.version = found.position = c.version;
    found.quantity = c.quantity;
    found.data = (struct czi_slice){c.data, c.data_len};
    if (c.asset)
        found.asset = (struct czi_slice){(const uint8_t *)c.asset, strlen(c.asset)};
    rc = czi_vm_manager_bind(g->manager, claim->resource.bytes, claim->mode == CZ_WRITE, &found,
                             &index, err);
    CZI_CHECK(rc || index == i);
    return rc;
}

int64_t czi_guest_acquire(struct czi_guest_task *t, const uint64_t *a)
{
    struct czi_guest *g = t->guest;
    cz_claim claims[CZ_GUEST_WINDOWS_MAX];
    cz_error err = {0};
    int64_t taken;
    int rc;

    if (!a[1] || a[1] > CZ_GUEST_WINDOWS_MAX)
        return a[1] ? -CZ_LIMIT : -CZ_INVALID;
    taken = take_claims(t, a[0], a[1], claims);
    if (taken)
        return taken;
    if (g->holder)
        return -CZ_BUSY;
    g->holder = t;
    rc = cz_program_acquire(g->program, claims, a[1], g->guards, &err);
    g->guard_count = rc ? 0 : (uint32_t)a[1];
    for (uint32_t i = 0; i < g->guard_count && !rc; i++)
        rc = bind(g, i, &claims[i], &err);
    if (rc)
        czi_guest_let_go(t);
    return czi_guest_result(t, rc, &err);
}

int64_t czi_guest_release(struct czi_guest_task *t, const uint64_t *a)
{
    (void)a;
    if (t->guest->holder != t)
        return -CZ_STALE;
    czi_guest_let_go(t);
    return CZ_OK;
}

/* ---- Committing -----------------------------------------------------------------------------
 */

static const cz_id *access_id(const struct czi_run_result *r, unsigned place)
{
    return (const cz_id *)(const void *)r->accesses[place].id;
}

/* What was done to the windows and quantities. */
static int add_operation(cz_effect *e, const struct czi_run_result *r, const struct czi_op *op,
                         cz_error *err)
{
    switch (op->code) {
    case CZI_OP_TRANSFER:
        return cz_effect_transfer(e, access_id(r, op->a), access_id(r, op->b), op->quantity,
                                  err);
    case CZI_OP_MOVE:
        return cz_effect_move(e, access_id(r, op->a), access_id(r, op->b), op->quantity, err);
    case CZI_OP_WRITE:
        return cz_effect_write(e, access_id(r, op->a), op->data.data, op->data.len, err);
    default:
        /* Nothing that is guarded can be created, and EMIT is the effect's. */
        return czi_fail(err, CZ_UNSUPPORTED, "commit: no %s under guards",
                        czi_opcode_name(op->code));
    }
}

static int commit(struct czi_guest_task *t, cz_effect *e, cz_result *ret, cz_error *err)
{
    struct czi_guest *g = t->guest;
    struct czi_run_result r = {0};
    int rc = CZ_OK;

    czi_collect_effects(g->manager, &r);
    if (!r.op_count && !t->emitted)
        return CZ_OK;
    for (unsigned i = 0; i < r.op_count && !rc; i++)
        rc = add_operation(e, &r, &r.ops[i], err);
    return rc ? rc : cz_program_apply(g->program, g->guards, g->guard_count, e, ret, err);
}

int64_t czi_guest_commit(struct czi_guest_task *t, const uint64_t *a)
{
    cz_result result = {0};
    cz_error err = {0};
    cz_effect *e;
    int rc;

    if (a[0] && !czi_guest_may_write(t, a[0], sizeof(struct cz_guest_result)))
        return 0;
    if (t->guest->holder != t)
        return -CZ_STALE;
    e = czi_guest_effect(t);
    if (!e)
        return -CZ_NOMEM;
    rc = commit(t, e, &result, &err);
    czi_guest_effect_drop(t);
    czi_guest_let_go(t);
    if (rc == CZ_OK || rc == CZ_REJECTED)
        (void)czi_guest_put_result(t, a[0], &result);
    return czi_guest_result(t, rc, &err);
}
