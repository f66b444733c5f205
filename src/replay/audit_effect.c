/* audit_effect.c - one effect: what it depends on, what became of it, and the state after it.
 *
 * Layer: replay. Thread: the one that audits.
 */
#include "replay/audit.h"

#include <inttypes.h>

static int found_number(const struct czi_auditor *a, const char *what, uint64_t is,
                        uint64_t should, cz_error *err)
{
    return czi_audit_found(a, err,
                           "%s is %" PRIu64 ", but %" PRIu64 " follows from what comes before",
                           what, is, should);
}

/* ---- What an effect depends on ---------------------------------------------------------- */

static int check_nonce(struct czi_auditor *a, cz_error *err)
{
    const struct czi_pending *p = a->pending;
    uint32_t n = czi_core_origin(a->core, czi_effect_origin(p->bytes), true);

    if (n == CZI_ID_NONE)
        return czi_nomem(err, "an origin's nonce");
    if (p->view.nonce < a->core->origins[n].next_nonce)
        return czi_audit_found(a, err,
                               "the nonce %" PRIu64 " does not rise: %" PRIu64
                               " is the origin's lowest "
                               "unused one (or an effect applies twice)",
                               p->view.nonce, a->core->origins[n].next_nonce);
    a->core->origins[n].next_nonce = p->view.nonce + 1;
    return CZ_OK;
}

static void load_accesses(struct czi_auditor *a)
{
    const struct czi_pending *p = a->pending;

    a->count = czi_effect_accesses(&p->view);
    for (unsigned i = 0; i < a->count; i++) {
        struct czi_declared *d = &a->declared[i];
        const struct czi_resource *x;

        *d = (struct czi_declared){
            .slot = czi_id_table_find(&a->core->resources.ids,
                                      czi_effect_access_id(p->bytes, &p->view, i))};
        if (d->slot == CZI_ID_NONE)
            continue;
        x = czi_resource_at(&a->core->resources, d->slot);
        d->exists = true;
        d->kind = x->kind;
        d->state = x->state;
        d->asset = x->asset;
        d->controlled = x->controlled;
        d->before = d->quantity = (unsigned __int128)x->quantity;
    }
}

/* Whether one of its operations may give such a reason too. */
static bool may_give(const struct czi_auditor *a, uint8_t reason)
{
    const struct czi_pending *p = a->pending;
    struct czi_cbor c = czi_cbor(p->bytes + p->view.ops, p->view.ops_len);

    for (unsigned i = 0; i < p->view.op_count; i++) {
        struct czi_op op;

        czi_op_next(&c, &op);
        if (reason == CZ_UNKNOWN_DOMAIN &&
            (op.code == CZI_OP_WHEN || op.code == CZI_OP_WITHDRAW))
            return true;
        if (reason == CZ_EVENT_CONSUMED &&
            (op.code == CZI_OP_DEPOSIT || op.code == CZI_OP_CONFIRM))
            return true;
    }
    return false;
}

/* What it cites and follows, judged anew: the facts first, then the predecessors. A fault is
 * the reason of a rejection, and the reason only of that. */
static int check_citations(struct czi_auditor *a, uint64_t *lamport, cz_error *err)
{
    uint8_t should = czi_cite(a->core, a->pending, &a->citing, lamport);
    uint8_t is = a->outcome->reason;

    if (should && is != should)
        return czi_audit_found(a, err, "its reason is \"%s\", but what it cites gives \"%s\"",
                               cz_reason_name(is), cz_reason_name(should));
    if (!should && czi_cite_is_reason(is) && !may_give(a, is))
        return czi_audit_found(a, err, "it is rejected as %s, but all that it cites holds",
                               cz_reason_name(is));
    return CZ_OK;
}

/* The recorded links to what it cites and follows, and its clock. */
static int check_links(struct czi_auditor *a, cz_error *err)
{
    static const struct czi_extra none;
    const struct czi_extra *is = a->outcome->extra ? a->outcome->extra : &none;
    struct czi_extra *should = &a->citing.extra;
    uint32_t slots[CZI_ACCESSES_MAX];
    uint8_t full = CZ_APPLIED;

    for (unsigned i = 0; i < a->count; i++)
        slots[i] = a->declared[i].slot;
    if (a->pending->view.has_program &&
        !czi_cite_clock(a->core, a->pending, &a->citing, slots, a->count, &full))
        return czi_nomem(err, "a vector clock");
    if (full && a->outcome->reason == CZ_APPLIED)
        return czi_audit_found(a, err, "it applied without a vector clock");
    for (unsigned i = 0; i < should->after_count; i++)
        if (is->after[i] != should->after[i])
            return found_number(a, "the position of a predecessor", is->after[i],
                                should->after[i], err);
    if (is->left_out != should->left_out)
        return found_number(a, "the set of facts left out", is->left_out, should->left_out,
                            err);
    if (is->task_previous != should->task_previous)
        return found_number(a, "the position of its task's effect before", is->task_previous,
                            should->task_previous, err);
    if (is->program_previous != should->program_previous)
        return found_number(a, "the position of its program's entry before",
                            is->program_previous, should->program_previous, err);
    if (!czi_clock_same(is->clock, should->clock))
        return czi_audit_found(a, err,
                               "its vector clock is not what follows from what comes before");
    return CZ_OK;
}

static int check_time(const struct czi_auditor *a, cz_error *err)
{
    static const cz_id none;
    const cz_id *should = czi_book_time_id(a->core->book);

    if (a->outcome->time ? czi_id_equal(a->outcome->time, should) : czi_id_equal(should, &none))
        return CZ_OK;
    return czi_audit_found(a, err, "its time map is not what the facts before it give");
}

static int check_dependencies(struct czi_auditor *a, cz_error *err)
{
    uint64_t lamport = 0;
    int rc;

    for (unsigned i = 0; i < a->count; i++)
        if (a->declared[i].exists)
            lamport = CZI_MAX(lamport, czi_audit_resource(a, i)->lamport);
    rc = check_citations(a, &lamport, err);
    if (!rc && a->outcome->lamport != lamport + 1)
        rc = found_number(a, "the Lamport time", a->outcome->lamport, lamport + 1, err);
    if (!rc)
        rc = check_links(a, err);
    return rc ? rc : check_time(a, err);
}

static int check_rejected(struct czi_auditor *a, cz_error *err)
{
    bool unknown = false;

    if (a->outcome->reason == CZ_NONCE || a->outcome->reason == CZ_BAD_SIGNATURE ||
        strcmp(cz_reason_name(a->outcome->reason), "unknown") == 0)
        return czi_audit_found(a, err, "the reason %u is none that is recorded",
                               a->outcome->reason);
    for (unsigned i = 0; i < a->count; i++) {
        int rc = czi_audit_seen(a, i, err);

        unknown |= !czi_audit_resource(a, i);
        if (rc)
            return rc;
    }
    if (!unknown && a->outcome->reason == CZ_UNKNOWN_RESOURCE && !a->pending->view.is_open)
        return czi_audit_found(a, err, "it is rejected for a resource that exists");
    return CZI_UNLIKELY(a->pending->view.has_guest) ? czi_audit_guest_rejected(a, err) : CZ_OK;
}

/* ---- Carrying the state along ----------------------------------------------------------- */

static bool name_created(const struct czi_auditor *a, struct czi_declared *d)
{
    const struct czi_op *op = &d->creation;
    struct czi_resource_name *n = czi_resource_name(&a->core->resources, d->slot);

    memcpy(&n->creator, op->creator, sizeof n->creator);
    memcpy(&n->controller, op->controller, sizeof n->controller);
    n->label = czi_alloc(op->label.len + 1);
    if (!n->label)
        return false;
    memcpy(n->label, op->label.data, op->label.len);
    n->label[op->label.len] = 0;
    return true;
}

static bool keep_write(struct czi_auditor *a, unsigned i)
{
    struct czi_declared *d = &a->declared[i];
    const struct czi_post *post = &a->outcome->posts[i];
    struct czi_resource *x;
    cz_id id, hash;

    if (d->slot == CZI_ID_NONE) {
        memcpy(&id, czi_effect_access_id(a->pending->bytes, &a->pending->view, i), sizeof id);
        d->slot = czi_resources_add(&a->core->resources, &id);
        if (d->slot == CZI_ID_NONE || !name_created(a, d))
            return false;
    }
    x = czi_resource_at(&a->core->resources, d->slot);
    x->kind = d->kind;
    x->state = d->state;
    x->asset = d->asset;
    x->controlled = d->controlled;
    x->version = post->version;
    x->position = a->outcome->position;
    x->lamport = a->outcome->lamport;
    x->quantity = czi_kind_has_data(d->kind) ? 0 : post->quantity;
    if (!d->has_data)
        return true;
    memcpy(hash.bytes, post->data_hash, sizeof hash.bytes);
    return czi_resource_set_data(czi_resource_name(&a->core->resources, d->slot), d->data,
                                 &hash);
}

static int keep_effect(struct czi_auditor *a, cz_error *err)
{
    for (unsigned i = 0; i < a->pending->view.write_count; i++)
        if (!keep_write(a, i))
            return czi_nomem(err, "the state of a resource");
    for (unsigned i = 0; i < a->supply_count; i++) {
        cz_quantity *supply = &a->core->assets[a->supply[i].asset].supply;

        *supply = (cz_quantity)((unsigned __int128)*supply + a->supply[i].change);
    }
    return CZ_OK;
}

/* The clocks that later effects go on from, and what was used up. */
static int keep_links(struct czi_auditor *a, struct czi_batch *b, struct czi_entry *e,
                      cz_error *err)
{
    uint32_t slots[CZI_ACCESSES_MAX];

    for (unsigned i = 0; i < a->count; i++)
        slots[i] = a->declared[i].slot;
    czi_cite_task(a->core, a->pending, &a->citing, a->outcome->position);
    if (CZI_UNLIKELY(a->pending->view.has_guest) && a->outcome->extra->run) {
        a->citing.extra.run = czi_guest_run_copy(a->outcome->extra->run);
        if (!a->citing.extra.run)
            return czi_nomem(err, "the end of a guest");
    }
    if ((a->outcome->reason ||
         czi_cite_applied(a->core, &a->citing, slots, a->pending->view.write_count)) &&
        czi_cite_keep(b, e, a->pending, &a->citing))
        return CZ_OK;
    return czi_nomem(err, "an effect's links");
}

/* What sealing needs to know of the entry. */
static int enter_effect(struct czi_auditor *a, struct czi_batch *b, struct czi_entry *e,
                        cz_error *err)
{
    const struct czi_outcome *o = a->outcome;

    e->status = CZI_ENTRY_EFFECT;
    e->number = b->position_count++;
    e->lamport = o->lamport;
    e->reason = o->reason;
    e->post_count = o->post_count;
    e->posts = b->post_count;
    for (unsigned i = 0; i < o->post_count; i++) {
        b->posts[b->post_count] = o->posts[i];
        b->posts[b->post_count++].slot = a->declared[i].slot;
    }
    return keep_links(a, b, e, err);
}

int czi_audit_effect(struct czi_auditor *a, struct czi_batch *b, struct czi_entry *e,
                     cz_error *err)
{
    int rc = check_nonce(a, err);

    load_accesses(a);
    if (!rc)
        rc = check_dependencies(a, err);
    if (!rc && a->outcome->reason)
        rc = check_rejected(a, err);
    if (!rc && !a->outcome->reason) {
        rc = czi_audit_applied(a, err);
        if (!rc)
            rc = keep_effect(a, err);
    }
    if (!rc)
        rc = enter_effect(a, b, e, err);
    if (rc)
        return rc;
    a->core->lamport = CZI_MAX(a->core->lamport, a->outcome->lamport);
    a->core->rejected += a->outcome->reason != CZ_APPLIED;
    a->core->applied += a->outcome->reason == CZ_APPLIED;
    a->core->positions++;
    return CZ_OK;
}
