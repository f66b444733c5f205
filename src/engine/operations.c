/* operations.c - what each operation does to the copies of an effect's resources; see
 * general.h.
 */
#include "engine/general.h"

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

static uint8_t change_supply(struct general *g, uint32_t asset, cz_quantity change)
{
    cz_quantity supply = g->core->assets[asset].supply;

    if (change == 0)
        return CZ_APPLIED;
    for (unsigned i = 0; i < g->supply_count; i++)
        if (g->supply[i].asset == asset)
            supply += g->supply[i].change;
    if (__builtin_add_overflow(supply, change, &supply))
        return CZ_OVERFLOW;
    g->supply[g->supply_count].asset = asset;
    g->supply[g->supply_count++].change = change;
    return CZ_APPLIED;
}

static uint8_t op_create(struct general *g, struct work *w, const struct czi_op *op)
{
    uint32_t asset = 0;

    if (!czi_kind_has_data(op->kind)) {
        asset = czi_core_asset(g->core, op->asset, true);
        if (asset == CZI_ID_NONE) {
            g->no_memory = g->core->asset_ids.count < CZI_ASSETS_MAX;
            return CZ_FULL;
        }
    }
    if (w->exists) {
        bool same = op->if_absent && w->now.kind == op->kind &&
                    (czi_kind_has_data(op->kind) || w->now.asset == asset);

        return same ? CZ_APPLIED : CZ_EXISTS;
    }
    w->now = (struct czi_resource){.kind = op->kind, .asset = asset, .quantity = op->quantity};
    w->exists = w->created = true;
    w->creation = op;
    if (czi_kind_has_data(op->kind)) {
        w->has_data = true;
        w->data = op->data;
    }
    return op->kind == CZ_FUNGIBLE ? change_supply(g, asset, op->quantity) : CZ_APPLIED;
}

static uint8_t op_transfer(struct work *from, struct work *to, cz_quantity q)
{
    uint8_t reason = czi_transfer_reason(&from->now, &to->now, q);

    if (reason == CZ_APPLIED) {
        from->now.quantity -= q;
        to->now.quantity += q;
    }
    return reason;
}

static uint8_t op_move(struct work *from, struct work *to, cz_quantity q)
{
    cz_quantity less, more;

    if (from->now.kind != CZ_POSITION || to->now.kind != CZ_POSITION)
        return CZ_WRONG_KIND;
    if (from->now.asset != to->now.asset)
        return CZ_WRONG_ASSET;
    if (from->now.state != CZ_ACTIVE || to->now.state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    if (from == to)
        return CZ_APPLIED;
    if (__builtin_sub_overflow(from->now.quantity, q, &less) ||
        __builtin_add_overflow(to->now.quantity, q, &more))
        return CZ_OVERFLOW;
    from->now.quantity = less;
    to->now.quantity = more;
    return CZ_APPLIED;
}

static uint8_t op_write(struct work *w, const struct czi_op *op)
{
    if (w->now.kind != CZ_DATA)
        return CZ_WRONG_KIND;
    if (w->now.state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    w->has_data = true;
    w->data = op->data;
    return CZ_APPLIED;
}

static uint8_t op_lifecycle(struct general *g, struct work *w, unsigned code)
{
    enum czi_move move = (enum czi_move)(code - CZI_OP_LOCK);
    cz_quantity retired = w->now.quantity;

    if (!czi_state_move(&w->now.state, move))
        return CZ_WRONG_STATE;
    /* A position mirrors something outside, which does not end because its mirror does. */
    if ((move == CZI_MOVE_ARCHIVE ||
         (move == CZI_MOVE_CONSUME && w->now.kind == CZ_POSITION)) &&
        retired != 0)
        return CZ_NOT_EMPTY;
    if (move != CZI_MOVE_CONSUME || w->now.kind != CZ_FUNGIBLE)
        return CZ_APPLIED;
    w->now.quantity = 0;
    return change_supply(g, w->now.asset, -retired);
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

uint8_t czi_operation(struct general *g, const struct czi_op *op)
{
    struct work *a = &g->works[op->a], *b = &g->works[op->b];
    bool two = op->code == CZI_OP_TRANSFER || op->code == CZI_OP_MOVE;

    if (op->code == CZI_OP_NOTE)
        return CZ_APPLIED;
    if (op->code == CZI_OP_CREATE)
        return op_create(g, a, op);
    if (!a->exists || (two && !b->exists))
        return CZ_UNKNOWN_RESOURCE;
    switch (op->code) {
    case CZI_OP_TRANSFER:
        return op_transfer(a, b, op->quantity);
    case CZI_OP_MOVE:
        return op_move(a, b, op->quantity);
    case CZI_OP_WRITE:
        return op_write(a, op);
    case CZI_OP_REQUIRE:
        return op_require(a, &op->requirement);
    case CZI_OP_USE:
    case CZI_OP_WHEN:
    case CZI_OP_DEPOSIT:
    case CZI_OP_WITHDRAW:
    case CZI_OP_CONFIRM:
    case CZI_OP_RELEASE:
        return CZ_WRONG_KIND;
    default:
        return op_lifecycle(g, a, op->code);
    }
}
