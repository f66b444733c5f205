/* audit_operations.c - what an applied effect's operations declare, against what is recorded.
 *
 * Layer: replay. Thread: the one that audits.
 */
#include "replay/audit.h"

#include <inttypes.h>

static int found_access(const struct czi_auditor *a, unsigned i, const char *what, uint64_t is,
                        uint64_t should, cz_error *err)
{
    cz_id id;
    char text[CZ_ID_TEXT_SIZE];

    memcpy(&id, czi_effect_access_id(a->pending->bytes, &a->pending->view, i), sizeof id);
    cz_id_print(&id, text);
    return czi_audit_found(a, err, "%s of resource %s is %" PRIu64 ", but %" PRIu64 " follows",
                           what, text, is, should);
}

/* ---- What its operations declare -------------------------------------------------------- */

static void declare_supply(struct czi_auditor *a, uint32_t asset, unsigned __int128 change)
{
    a->supply[a->supply_count].asset = asset;
    a->supply[a->supply_count++].change = change;
}

static int declare_creation(struct czi_auditor *a, struct czi_declared *d,
                            const struct czi_op *op, cz_error *err)
{
    uint32_t asset = 0;
    int rc;

    if (!czi_kind_has_data(op->kind)) {
        asset = czi_core_asset(a->core, op->asset, true);
        if (asset == CZI_ID_NONE)
            return czi_nomem(err, "an asset");
    }
    if (d->exists)
        return czi_audit_create_again(a, op, asset, err);
    *d = (struct czi_declared){.slot = d->slot,
                               .asset = asset,
                               .kind = op->kind,
                               .created = true,
                               .has_data = czi_kind_has_data(op->kind),
                               .quantity = (unsigned __int128)op->quantity,
                               .creation = *op,
                               .data = op->data};
    rc = czi_audit_may_create(a, op->a, err);
    d->exists = true;
    if (op->kind == CZ_FUNGIBLE)
        declare_supply(a, asset, d->quantity);
    return rc;
}

static int declare_move(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    struct czi_declared *d = &a->declared[op->a];
    uint8_t state = d->state;
    int rc = czi_audit_may_move(a, op->a, op->code, err);

    if (rc)
        return rc;

    if (!czi_state_move(&d->state, (enum czi_move)(op->code - CZI_OP_LOCK)))
        return czi_audit_found(a, err, "the lifecycle does not allow to %s what is %s",
                               czi_opcode_name(op->code), cz_state_name(state));
    if (op->code == CZI_OP_CONSUME && d->kind == CZ_FUNGIBLE) {
        declare_supply(a, d->asset, -d->quantity);
        d->quantity = 0;
    }
    return CZ_OK;
}

static int declare_transfer(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    struct czi_declared *from = &a->declared[op->a], *to = &a->declared[op->b];
    int rc = czi_audit_may_debit(a, op->a, op->b, op->quantity, err);

    from->quantity -= (unsigned __int128)op->quantity;
    to->quantity += (unsigned __int128)op->quantity;
    return rc;
}

static int declare_write(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    int rc = czi_audit_may_write(a, op->a, op->data, err);

    a->declared[op->a].has_data = true;
    a->declared[op->a].data = op->data;
    return rc;
}

/* Those that come from outside, or need no resource. */
static int declare_other(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    switch (op->code) {
    case CZI_OP_NOTE:
        return CZ_OK;
    case CZI_OP_WHEN:
        return czi_audit_when(a, op, err);
    case CZI_OP_DEPOSIT:
        return czi_audit_deposit(a, op, err);
    case CZI_OP_WITHDRAW:
        return czi_audit_withdraw(a, op, err);
    case CZI_OP_CONFIRM:
        return czi_audit_confirm(a, op, err);
    case CZI_OP_RELEASE:
        return czi_audit_release(a, op, err);
    default:
        return czi_audit_guest(a, op, err);
    }
}

int czi_audit_declare(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    const struct czi_declared *d = &a->declared[op->a], *to = &a->declared[op->b];
    bool two = op->code == CZI_OP_TRANSFER || op->code == CZI_OP_MOVE;

    if (op->code == CZI_OP_CREATE)
        return declare_creation(a, &a->declared[op->a], op, err);
    if (op->code >= CZI_OP_NOTE)
        return declare_other(a, op, err);
    if (!d->exists || (two && !to->exists))
        return czi_audit_found(a, err, "it is applied to a resource that does not exist");
    switch (op->code) {
    case CZI_OP_REQUIRE:
        return CZ_OK;
    case CZI_OP_TRANSFER:
    case CZI_OP_MOVE:
        return declare_transfer(a, op, err);
    case CZI_OP_WRITE:
        return declare_write(a, op, err);
    case CZI_OP_USE:
        return czi_audit_use(a, op->a, err);
    default:
        return declare_move(a, op, err);
    }
}

static int declare_all(struct czi_auditor *a, cz_error *err)
{
    const struct czi_pending *p = a->pending;
    struct czi_cbor c = czi_cbor(p->bytes + p->view.ops, p->view.ops_len);
    int rc = CZ_OK;

    a->supply_count = a->presented_count = 0;
    a->withdrawals = 0;
    a->facts_used = 0;
    a->ran_count = 0;
    for (unsigned i = 0; i < p->view.op_count && !rc; i++) {
        struct czi_op op;

        czi_op_next(&c, &op);
        rc = czi_audit_declare(a, &op, err);
    }
    if (!rc)
        rc = czi_audit_unused(a, err);
    return rc ? rc : czi_audit_untouched(a, err);
}

/* ---- What is recorded of it ------------------------------------------------------------- */

/* Quantities of all resources of one kind and asset together, against what was declared. */
static int check_conserved(const struct czi_auditor *a, unsigned first, cz_error *err)
{
    const struct czi_declared *d = &a->declared[first];
    unsigned __int128 added = 0, declared = 0;
    char added_text[CZ_QUANTITY_TEXT_SIZE], declared_text[CZ_QUANTITY_TEXT_SIZE];

    for (unsigned i = 0; i < a->pending->view.write_count; i++) {
        const struct czi_declared *x = &a->declared[i];

        if (x->kind != d->kind || x->asset != d->asset)
            continue;
        if (i < first)
            return CZ_OK; /* seen from there */
        added += (unsigned __int128)a->outcome->posts[i].quantity - x->before;
    }
    for (unsigned i = 0; i < a->supply_count && d->kind == CZ_FUNGIBLE; i++)
        if (a->supply[i].asset == d->asset)
            declared += a->supply[i].change;
    if (added == declared)
        return CZ_OK;
    cz_quantity_print((cz_quantity)added, added_text);
    cz_quantity_print((cz_quantity)declared, declared_text);
    return czi_audit_found(a, err,
                           "asset %s is not conserved: the effect adds %s, it declares %s",
                           a->core->assets[d->asset].name, added_text, declared_text);
}

static int check_quantity(const struct czi_auditor *a, unsigned i, cz_error *err)
{
    const struct czi_declared *d = &a->declared[i];
    cz_quantity q = a->outcome->posts[i].quantity;
    char is[CZ_QUANTITY_TEXT_SIZE], should[CZ_QUANTITY_TEXT_SIZE];

    if ((unsigned __int128)q != d->quantity) {
        cz_quantity_print(q, is);
        cz_quantity_print((cz_quantity)d->quantity, should);
        return czi_audit_found(a, err,
                               "the balance of access %u is %s, its operations make it %s", i,
                               is, should);
    }
    if (d->kind == CZ_FUNGIBLE && q < 0)
        return czi_audit_found(a, err, "the fungible balance of access %u is negative", i);
    if (d->state >= CZ_CONSUMED && q != 0)
        return czi_audit_found(a, err, "access %u is %s, but not empty", i,
                               cz_state_name(d->state));
    return CZ_OK;
}

static int check_data(const struct czi_auditor *a, unsigned i, cz_error *err)
{
    const struct czi_declared *d = &a->declared[i];
    cz_id hash;

    if (d->has_data)
        czi_blake3(d->data.data, d->data.len, hash.bytes);
    else
        hash = czi_resource_name(&a->core->resources, d->slot)->data_hash;
    if (memcmp(hash.bytes, a->outcome->posts[i].data_hash, 32) != 0)
        return czi_audit_found(a, err, "the recorded hash of access %u is not that of its data",
                               i);
    return CZ_OK;
}

static int check_write(const struct czi_auditor *a, unsigned i, cz_error *err)
{
    const struct czi_declared *d = &a->declared[i];
    const struct czi_post *post = &a->outcome->posts[i];
    const struct czi_resource *x = czi_audit_resource(a, i);
    uint64_t version = x ? x->version : 0, previous = x ? x->position : 0;

    if (!d->exists)
        return czi_audit_found(a, err, "it is applied to a resource that does not exist");
    if (post->version != version + 1)
        return found_access(a, i, "the version", post->version, version + 1, err);
    if (post->previous != previous)
        return found_access(a, i, "the previous position", post->previous, previous, err);
    if (post->kind != d->kind)
        return found_access(a, i, "the kind", post->kind, d->kind, err);
    if (post->state != d->state)
        return czi_audit_found(a, err, "access %u is recorded as %s, its operations make it %s",
                               i, cz_state_name(post->state), cz_state_name(d->state));
    return czi_kind_has_data(d->kind) ? check_data(a, i, err) : check_conserved(a, i, err);
}

int czi_audit_seen(const struct czi_auditor *a, unsigned i, cz_error *err)
{
    const struct czi_resource *x = czi_audit_resource(a, i);
    const struct czi_post *post = &a->outcome->posts[i];
    uint64_t version = x ? x->version : 0, position = x ? x->position : 0;

    if (post->version != version)
        return found_access(a, i, "the version seen", post->version, version, err);
    if (post->previous != position)
        return found_access(a, i, "the position of the version seen", post->previous, position,
                            err);
    return CZ_OK;
}

int czi_audit_applied(struct czi_auditor *a, cz_error *err)
{
    unsigned writes = a->pending->view.write_count;
    int rc = declare_all(a, err);

    for (unsigned i = 0; i < writes && !rc; i++)
        rc = check_write(a, i, err);
    for (unsigned i = 0; i < writes && !rc; i++)
        if (!czi_kind_has_data(a->declared[i].kind))
            rc = check_quantity(a, i, err);
    for (unsigned i = writes; i < a->count && !rc; i++) {
        if (!czi_audit_resource(a, i))
            rc = czi_audit_found(a, err, "it reads a resource that does not exist");
        else
            rc = czi_audit_seen(a, i, err);
    }
    return rc;
}
