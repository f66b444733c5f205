/* calls_emit.c - operations of an effect that a guest asks for by name; see overlay.h. */
#include "resource/policy.h"
#include "vm/overlay.h"

/* What is asked for, with the guest's indexes of the resources that it names. */
struct asked {
    struct cz_guest_op in;
    unsigned indexes[3];
};

static struct czi_now *now_of(const struct czi_call *c, unsigned index)
{
    return &c->m->places[c->f->indexes[index].place].now;
}

static uint8_t place_of(const struct czi_call *c, unsigned index)
{
    return c->f->indexes[index].place;
}

static void note(const struct czi_call *c, unsigned index, bool written)
{
    struct czi_access *a = &c->m->accesses[place_of(c, index)];

    a->touched = a->read = true;
    a->loads++;
    if (!written)
        return;
    a->stores++;
    now_of(c, index)->written = true;
}

static cz_quantity quantity_of(const struct asked *a)
{
    return (cz_quantity)((unsigned __int128)a->in.quantity[1] << 64 | a->in.quantity[0]);
}

/* The index of the resource with the id that lies there. */
static bool find_named(struct czi_call *c, uint64_t address, enum cz_access mode,
                       unsigned *ret_index)
{
    uint8_t id[32];

    if (!czi_call_get(c, address, id, sizeof id))
        return false;
    *ret_index = czi_index_find(c->f, czi_place_find(c->m, id));
    if (*ret_index == c->f->index_count) {
        char text[CZ_ID_TEXT_SIZE];

        cz_id_print((const cz_id *)(const void *)id, text);
        czi_call_refuse(c, "%s is not declared", text);
        return false;
    }
    return czi_call_index(c, *ret_index, mode);
}

/* ---- One function an operation ------------------------------------------------------------
 */

static uint64_t emit_move(struct czi_call *c, const struct asked *a)
{
    return czi_call_move(c, a->indexes[0], a->indexes[1], (unsigned)a->in.code, quantity_of(a));
}

static uint64_t emit_write(struct czi_call *c, const struct asked *a)
{
    if (a->in.data_len > CZI_DATA_SIZE_MAX)
        return czi_call_code(CZ_LIMIT);
    return czi_call_pay_more(c, a->in.data_len)
               ? czi_call_replace(c, a->indexes[0], a->in.data, a->in.data_len)
               : 0;
}

/* As the engine has it: what is there and must not be when it ends. Of outboxes it knows more.
 */
static bool is_occupied(const struct czi_now *now, unsigned code)
{
    return now->quantity != 0 &&
           (code == CZI_OP_ARCHIVE || (code == CZI_OP_CONSUME && now->kind == CZ_POSITION));
}

/* Contents come before the lifecycle that may forbid them. */
static uint64_t emit_lifecycle(struct czi_call *c, const struct asked *a)
{
    unsigned index = a->indexes[0], code = (unsigned)a->in.code;
    struct czi_now *now = now_of(c, index);
    bool loose = czi_overlay_is_loose(c->m, c->f, index);
    uint8_t state = now->state;
    int rc;

    note(c, index, false);
    if (!now->exists)
        return czi_call_code(CZ_NOT_FOUND);
    if (now->kind == CZ_CODE)
        return czi_call_code(CZ_WRONG_TYPE);
    if (!czi_state_move(&state, (enum czi_move)(code - CZI_OP_LOCK)) || is_occupied(now, code))
        return czi_call_code(CZ_CONFLICT);
    if (!czi_overlay_fits(c->m, 1 + loose))
        return czi_call_code(CZ_LIMIT);
    if (loose) {
        if (!czi_call_pay_more(c, czi_space_window(c->f->space, index).len))
            return 0;
        rc = czi_overlay_keep(c->m, c->f, index);
        if (rc == CZ_NOMEM)
            czi_call_no_memory(c);
        if (rc)
            return czi_call_code(rc);
    }
    *czi_overlay_op(c->m, c->f) =
        (struct czi_op){.code = (uint8_t)code, .a = place_of(c, index)};
    now->state = state;
    if (code == CZI_OP_CONSUME)
        now->quantity = 0;
    note(c, index, true);
    return 0;
}

/* What it requires is judged in its place among the operations, by the engine. */
static uint64_t emit_require(struct czi_call *c, const struct asked *a)
{
    enum { STATE = 1, VERSION = 2, QUANTITY = 4 };
    cz_requirement r = {.has_state = a->in.has & STATE,
                        .has_version = (a->in.has & VERSION) != 0,
                        .has_quantity = (a->in.has & QUANTITY) != 0};

    note(c, a->indexes[0], false);
    if (!now_of(c, a->indexes[0])->exists)
        return czi_call_code(CZ_NOT_FOUND);
    if (!a->in.has || a->in.has > (STATE | VERSION | QUANTITY) ||
        (r.has_state && a->in.state > CZ_ARCHIVED))
        return czi_call_code(CZ_INVALID);
    if (!czi_overlay_fits(c->m, 1))
        return czi_call_code(CZ_LIMIT);
    if (r.has_state)
        r.state = (enum cz_state)a->in.state;
    if (r.has_version)
        r.version = a->in.version;
    if (r.has_quantity)
        r.quantity = quantity_of(a);
    *czi_overlay_op(c->m, c->f) = (struct czi_op){.code = CZI_OP_REQUIRE,
                                                  .a = place_of(c, a->indexes[0]),
                                                  .requirement = r};
    return 0;
}

static int withdraw_fault(const struct czi_call *c, const struct asked *a)
{
    const struct czi_now *from = now_of(c, a->indexes[0]), *outbox = now_of(c, a->indexes[1]),
                         *reserve = now_of(c, a->indexes[2]);
    cz_quantity q = quantity_of(a), sum;

    if (!from->exists || !outbox->exists || !reserve->exists)
        return CZ_NOT_FOUND;
    if (from->kind != CZ_FUNGIBLE || reserve->kind != CZ_FUNGIBLE || from == reserve ||
        outbox->kind != CZ_OUTBOX || from->asset.len != reserve->asset.len ||
        memcmp(from->asset.data, reserve->asset.data, from->asset.len) != 0)
        return CZ_WRONG_TYPE;
    if (q <= 0)
        return CZ_INVALID;
    if (from->state != CZ_ACTIVE || outbox->state != CZ_ACTIVE || reserve->state != CZ_ACTIVE)
        return CZ_CONFLICT;
    if (from->quantity < q)
        return CZ_REJECTED;
    return __builtin_add_overflow(reserve->quantity, q, &sum) || !czi_overlay_fits(c->m, 1)
               ? CZ_LIMIT
               : CZ_OK;
}

static uint64_t emit_withdraw(struct czi_call *c, const struct asked *a)
{
    struct czi_slice text = {c->m->scratch, a->in.text_len};
    struct czi_op op = {.code = CZI_OP_WITHDRAW, .quantity = quantity_of(a)};
    uint8_t *bytes;
    int rc;

    op.a = place_of(c, a->indexes[0]);
    op.b = place_of(c, a->indexes[1]);
    op.c = place_of(c, a->indexes[2]);
    if (text.len > CZ_DESTINATION_SIZE_MAX)
        return czi_call_code(CZ_INVALID);
    if (!czi_call_pay_more(c, text.len) ||
        !czi_call_get(c, a->in.text, c->m->scratch, text.len))
        return 0;
    for (unsigned i = 0; i < 3; i++)
        note(c, a->indexes[i], false);
    rc = czi_destination_problem(text) ? CZ_INVALID : withdraw_fault(c, a);
    if (rc)
        return czi_call_code(rc);
    bytes = czi_overlay_bytes(c->m, text.len, &rc);
    if (rc == CZ_NOMEM)
        czi_call_no_memory(c);
    if (rc)
        return czi_call_code(rc);
    memcpy(bytes, text.data, text.len);
    op.text = (struct czi_slice){bytes, text.len};
    now_of(c, a->indexes[0])->quantity -= op.quantity;
    now_of(c, a->indexes[2])->quantity += op.quantity;
    *czi_overlay_op(c->m, c->f) = op;
    for (unsigned i = 0; i < 3; i++)
        note(c, a->indexes[i], true);
    return 0;
}

/* ---- Which one it is ----------------------------------------------------------------------
 */

static const struct emission {
    uint64_t (*fn)(struct czi_call *c, const struct asked *a);
    uint8_t named; /* resources */
    bool only_reads;
} emissions[] = {
    [CZ_OP_TRANSFER] = {emit_move, 2},      [CZ_OP_MOVE] = {emit_move, 2},
    [CZ_OP_WRITE] = {emit_write, 1},        [CZ_OP_LOCK] = {emit_lifecycle, 1},
    [CZ_OP_UNLOCK] = {emit_lifecycle, 1},   [CZ_OP_FREEZE] = {emit_lifecycle, 1},
    [CZ_OP_UNFREEZE] = {emit_lifecycle, 1}, [CZ_OP_CONSUME] = {emit_lifecycle, 1},
    [CZ_OP_ARCHIVE] = {emit_lifecycle, 1},  [CZ_OP_REQUIRE] = {emit_require, 1, true},
    [CZ_OP_WITHDRAW] = {emit_withdraw, 3},
};

#define SAME(name) _Static_assert((int)CZ_OP_##name == (int)CZI_OP_##name, #name)
SAME(TRANSFER);
SAME(MOVE);
SAME(WRITE);
SAME(LOCK);
SAME(UNLOCK);
SAME(FREEZE);
SAME(UNFREEZE);
SAME(CONSUME);
SAME(ARCHIVE);
SAME(REQUIRE);
SAME(WITHDRAW);

/* (struct cz_guest_op) */
uint64_t czi_call_do_emit(struct czi_call *c)
{
    const struct emission *e;
    struct asked a = {.indexes = {0}};

    if (!czi_call_get(c, c->a[0], &a.in, sizeof a.in))
        return 0;
    if (a.in.code >= CZI_COUNTOF(emissions) || !emissions[a.in.code].fn)
        return czi_call_code(CZ_UNSUPPORTED);
    e = &emissions[a.in.code];
    for (unsigned i = 0; i < CZI_MIN(e->named, 3u); i++) {
        const uint64_t ids[] = {a.in.a, a.in.b, a.in.c};

        if (!find_named(c, ids[i], e->only_reads ? CZ_READ : CZ_WRITE, &a.indexes[i]))
            return 0;
    }
    return e->fn(c, &a);
}
