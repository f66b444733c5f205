/* operations.c - what each operation does to the copies of an effect's resources; see
 * general.h.
 */
#include "engine/authority.h"

#include "resource/policy.h"

uint8_t czi_transfer_reason(const struct czi_resource *from, const struct czi_resource *to,
                            cz_quantity q)
{
    cz_quantity sum;

    if (from->kind != CZ_FUNGIBLE || to->kind != CZ_FUNGIBLE)
        return CZ_WRONG_KIND;
    if (from->asset != to->asset)
        return CZ_WRONG_ASSET;
    if (from->state != CZ_ACTIVE || to->state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    if (from->quantity < q)
        return CZ_OVERDRAFT;
    if (from != to && __builtin_add_overflow(to->quantity, q, &sum))
        return CZ_OVERFLOW;
    return CZ_APPLIED;
}

uint8_t czi_change_supply(struct general *g, uint32_t asset, cz_quantity change)
{
    cz_quantity supply;

    if (change == 0 || (g->asking && asset >= g->core->asset_ids.count))
        return CZ_APPLIED;
    supply = g->core->assets[asset].supply;
    for (unsigned i = 0; i < g->supply_count; i++)
        if (g->supply[i].asset == asset)
            supply += g->supply[i].change;
    if (__builtin_add_overflow(supply, change, &supply))
        return CZ_OVERFLOW;
    g->supply[g->supply_count].asset = asset;
    g->supply[g->supply_count++].change = change;
    return CZ_APPLIED;
}

/* ---- Creating ------------------------------------------------------------------------------
 */

/* The number of an asset that is named. One who only asks adds none, and an unknown asset is
 * then like no other but an unknown one. */
static uint8_t find_asset(struct general *g, const struct czi_op *op, uint32_t *ret)
{
    *ret = 0;
    if (czi_kind_has_data(op->kind))
        return CZ_APPLIED;
    *ret = czi_core_asset(g->core, op->asset, !g->asking);
    if (*ret != CZI_ID_NONE || g->asking)
        return CZ_APPLIED;
    g->no_memory = g->core->asset_ids.count < CZI_ASSETS_MAX;
    return CZ_FULL;
}

/* It is there, and if_absent may be content with it. Else than where anybody may create, it is
 * not touched: nobody gets at a resource by creating it again. */
static uint8_t create_again(struct general *g, const struct work *w, const struct czi_op *op,
                            uint32_t asset, bool controlled)
{
    if (!op->if_absent || w->now.kind != op->kind ||
        (!czi_kind_has_data(op->kind) && w->now.asset != asset) ||
        (controlled &&
         (!w->now.controlled || !czi_id_equal(czi_work_controller(g, w), op->controller))))
        return CZ_EXISTS;
    if (czi_is_canonical(op) && czi_controller_kind(g, op->controller) != CZ_CODE)
        czi_work_touch(g, w);
    return CZ_APPLIED;
}

/* The effect's own, or one that has a log. */
static bool is_program(const struct general *g, const uint8_t *id)
{
    const struct czi_pending *p = g->pending;
    uint32_t task;
    const uint8_t *program = czi_effect_program(p->bytes, p->len, &p->view, &task);

    return (program && czi_id_equal(program, id)) ||
           czi_id_table_find(&g->core->program_ids, id) != CZI_ID_NONE;
}

/* Who may hold what is created. What is external belongs to accounts: a code is none. */
static uint8_t ownership_fault(const struct general *g, const struct czi_op *op, int controller)
{
    if (op->kind == CZ_FUNGIBLE && czi_is_external(g->core->book, op->asset)) {
        if (op->quantity)
            return CZ_UNPROVEN;
        if (controller != CZ_ACCOUNT && controller != CZ_OUTBOX)
            return CZ_DIRECT_OWNERSHIP;
    }
    return is_program(g, op->controller) ? CZ_DIRECT_OWNERSHIP : CZ_APPLIED;
}

static uint8_t op_create(struct general *g, struct work *w, const struct czi_op *op)
{
    int controller = czi_controller_kind(g, op->controller);
    bool controlled =
        controller == CZ_ACCOUNT || controller == CZ_OUTBOX || controller == CZ_CODE;
    uint32_t asset;
    uint8_t reason = find_asset(g, op, &asset);

    if (reason)
        return reason;
    g->blame.id = czi_work_id(g, w);
    if (w->exists)
        return create_again(g, w, op, asset, controlled);
    reason = czi_code_fault(g, op);
    if (!reason)
        reason = ownership_fault(g, op, controller);
    if (reason)
        return reason;
    w->now = (struct czi_resource){.kind = op->kind,
                                   .asset = asset,
                                   .quantity = op->quantity,
                                   .controlled = controlled};
    w->created = true;
    w->creation = op;
    reason = czi_authorise_creation(g, w, op);
    if (reason)
        return reason;
    w->exists = true;
    czi_work_touch(g, w);
    if (czi_kind_has_data(op->kind)) {
        w->has_data = true;
        w->data = op->data;
    }
    return op->kind == CZ_FUNGIBLE ? czi_change_supply(g, asset, op->quantity) : CZ_APPLIED;
}

/* ---- Moving --------------------------------------------------------------------------------
 */

static uint8_t op_transfer(struct general *g, struct work *from, struct work *to, cz_quantity q)
{
    uint8_t reason = czi_transfer_reason(&from->now, &to->now, q);

    if (!reason && CZI_UNLIKELY(from->now.controlled || to->now.controlled))
        reason = czi_authorise_debit(g, from, to, q);
    if (reason)
        return reason;
    from->now.quantity -= q;
    to->now.quantity += q;
    return CZ_APPLIED;
}

static uint8_t move_reason(const struct work *from, const struct work *to, cz_quantity q)
{
    cz_quantity changed;

    if (from->now.kind != CZ_POSITION || to->now.kind != CZ_POSITION)
        return CZ_WRONG_KIND;
    if (from->now.asset != to->now.asset)
        return CZ_WRONG_ASSET;
    if (from->now.state != CZ_ACTIVE || to->now.state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    if (from != to && (__builtin_sub_overflow(from->now.quantity, q, &changed) ||
                       __builtin_add_overflow(to->now.quantity, q, &changed)))
        return CZ_OVERFLOW;
    return CZ_APPLIED;
}

static uint8_t op_move(struct general *g, struct work *from, struct work *to, cz_quantity q)
{
    uint8_t reason = move_reason(from, to, q);

    if (!reason && CZI_UNLIKELY(from->now.controlled || to->now.controlled))
        reason = czi_authorise_debit(g, from, to, q);
    if (reason || from == to)
        return reason;
    from->now.quantity -= q;
    to->now.quantity += q;
    return CZ_APPLIED;
}

/* ---- The rest ------------------------------------------------------------------------------
 */

static uint8_t op_write(struct general *g, struct work *w, const struct czi_op *op)
{
    uint8_t reason = CZ_APPLIED;

    if (w->now.kind != CZ_DATA && w->now.kind != CZ_ACCOUNT)
        return CZ_WRONG_KIND;
    if (w->now.state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    if (w->now.controlled || w->now.kind == CZ_ACCOUNT)
        reason = czi_authorise_write(g, w, op->data);
    if (reason)
        return reason;
    w->has_data = true;
    w->data = op->data;
    return CZ_APPLIED;
}

/* What is there and must not be when it ends. A position mirrors something outside, which does
 * not end because its mirror does; an outbox's withdrawals could never be closed. */
static bool is_occupied(const struct general *g, const struct work *w, enum czi_move move)
{
    struct czi_outbox o;

    if (move != CZI_MOVE_ARCHIVE && move != CZI_MOVE_CONSUME)
        return false;
    if (w->now.kind == CZ_OUTBOX)
        return czi_outbox_read(czi_work_data(g, w), &o, NULL) || o.count;
    return w->now.quantity != 0 && (move == CZI_MOVE_ARCHIVE || w->now.kind == CZ_POSITION);
}

static uint8_t op_lifecycle(struct general *g, struct work *w, unsigned code)
{
    enum czi_move move = (enum czi_move)(code - CZI_OP_LOCK);
    cz_quantity retired = w->now.quantity;
    uint8_t state = w->now.state, reason = CZ_APPLIED;

    if (w->now.kind == CZ_CODE)
        return CZ_WRONG_KIND;
    if (!czi_state_move(&state, move))
        return CZ_WRONG_STATE;
    if (is_occupied(g, w, move))
        return CZ_NOT_EMPTY;
    if (w->now.controlled || w->now.kind == CZ_ACCOUNT)
        reason = czi_authorise_lifecycle(g, w, code);
    if (reason)
        return reason;
    w->now.state = state;
    if (move != CZI_MOVE_CONSUME || w->now.kind != CZ_FUNGIBLE || retired == 0)
        return CZ_APPLIED;
    if (czi_is_external(g->core->book, czi_work_asset(g, w)))
        return CZ_UNPROVEN;
    w->now.quantity = 0;
    return czi_change_supply(g, w->now.asset, -retired);
}

static uint8_t op_when(const struct general *g, const struct czi_op *op)
{
    const struct czi_book *book = g->core->book;
    const struct czi_domain_time *at;

    if (czi_book_domain(book, op->text) == CZI_ID_NONE)
        return CZ_UNKNOWN_DOMAIN;
    at = czi_time_map_find(czi_book_time(book), op->text);
    if (!at || at->time < op->not_before)
        return CZ_TOO_EARLY;
    return at->time > op->not_after ? CZ_TOO_LATE : CZ_APPLIED;
}

static uint8_t op_require(const struct work *w, const cz_requirement *r)
{
    if (r->has_state && w->now.state != r->state)
        return CZ_REQUIRE_STATE;
    if (r->has_version && w->now.version != r->version)
        return CZ_REQUIRE_VERSION;
    if (r->has_quantity && (czi_kind_has_data(w->now.kind) || w->now.quantity < r->quantity))
        return CZ_REQUIRE_QUANTITY;
    return CZ_APPLIED;
}

/* How many accesses an operation names, and whether it changes them. */
static const struct {
    uint8_t named;
    bool only_reads;
} shapes[CZI_OPCODES] = {
    [CZI_OP_CREATE] = {1, false},  [CZI_OP_TRANSFER] = {2, false},
    [CZI_OP_MOVE] = {2, false},    [CZI_OP_WRITE] = {1, false},
    [CZI_OP_LOCK] = {1, false},    [CZI_OP_UNLOCK] = {1, false},
    [CZI_OP_FREEZE] = {1, false},  [CZI_OP_UNFREEZE] = {1, false},
    [CZI_OP_CONSUME] = {1, false}, [CZI_OP_ARCHIVE] = {1, false},
    [CZI_OP_REQUIRE] = {1, true},  [CZI_OP_USE] = {1, true},
    [CZI_OP_NOTE] = {0, true},     [CZI_OP_WHEN] = {0, true},
    [CZI_OP_DEPOSIT] = {1, false}, [CZI_OP_WITHDRAW] = {3, false},
    [CZI_OP_CONFIRM] = {2, false}, [CZI_OP_RELEASE] = {3, false},
    [CZI_OP_RUN] = {1, true},      [CZI_OP_CALL] = {0, true},
};

unsigned czi_operation_names(unsigned code, bool *ret_changes)
{
    *ret_changes = !shapes[code].only_reads;
    return CZI_MIN(shapes[code].named, 3u);
}

/* All that the operation names exists, and is its affair from now on. */
static uint8_t name_accesses(struct general *g, const struct czi_op *op)
{
    const uint8_t accesses[3] = {op->a, op->b, op->c};
    bool changes;
    unsigned named = czi_operation_names(op->code, &changes);

    for (unsigned i = 0; i < named; i++) {
        g->blame.id = czi_work_id(g, &g->works[accesses[i]]);
        if (!g->works[accesses[i]].exists)
            return CZ_UNKNOWN_RESOURCE;
        if (changes)
            g->touched |= UINT64_C(1) << accesses[i];
    }
    return CZ_APPLIED;
}

uint8_t czi_operation(struct general *g, const struct czi_op *op)
{
    struct work *a = &g->works[op->a], *b = &g->works[op->b];
    uint8_t reason;

    if (op->code == CZI_OP_CREATE)
        return op_create(g, a, op);
    reason = name_accesses(g, op);
    if (reason)
        return reason;
    switch (op->code) {
    case CZI_OP_TRANSFER:
        return op_transfer(g, a, b, op->quantity);
    case CZI_OP_MOVE:
        return op_move(g, a, b, op->quantity);
    case CZI_OP_WRITE:
        return op_write(g, a, op);
    case CZI_OP_REQUIRE:
        return op_require(a, &op->requirement);
    case CZI_OP_USE:
        return czi_authorise_use(g, a);
    case CZI_OP_NOTE:
        return CZ_APPLIED;
    case CZI_OP_WHEN:
        return op_when(g, op);
    case CZI_OP_DEPOSIT:
        return czi_deposit(g, a, op);
    case CZI_OP_WITHDRAW:
        return czi_withdraw(g, op);
    case CZI_OP_CONFIRM:
        return czi_confirm(g, op);
    case CZI_OP_RELEASE:
        return czi_release(g, op);
    case CZI_OP_RUN:
    case CZI_OP_CALL:
        return czi_guest_operation(g, op);
    default:
        return op_lifecycle(g, a, op->code);
    }
}
