/* audit.c - checks what a journal says against itself, without executing it.
 *
 * Layer: replay. Threads: see journal.h. Facts and their proofs: fact_audit.c.
 *
 * Nothing of execute.c is used. From the recorded outcomes alone the state is carried along,
 * and every new outcome must follow from it: versions count up by one, `previous` names the
 * last write, Lamport time is one more than the latest of what the effect depends on (R4),
 * nonces rise (R3, so that no effect applies twice), lifecycles move legally, what is cited was
 * there before (R5), and per asset the resources change by what create and consume declare.
 * Whether an effect that was applied should have been rejected (an overdraft half-way, a
 * requirement) is not judged here: that is what replay is for.
 */
#include "base/error.h"
#include "codec/blake3.h"
#include "replay/fact_audit.h"
#include "replay/journal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* A resource as the effect at hand declares it: the recorded state before, then what each of
 * its operations says. */
struct declared {
    uint32_t slot, asset;
    uint8_t kind, state;
    bool exists, created, has_data;
    unsigned __int128 before, quantity; /* wrap: what does not fit cannot match */
    struct czi_op creation;
    struct czi_slice data;
};

struct czi_auditor {
    struct czi_core *core;
    struct czi_fact_audit facts;
    struct declared declared[CZI_ACCESSES_MAX];
    unsigned count;
    struct {
        uint32_t asset;
        unsigned __int128 change;
    } supply[CZI_OPERATIONS_MAX];
    unsigned supply_count;
    /* The effect at hand. */
    const struct czi_pending *pending;
    const struct czi_outcome *outcome; /* with its posts */
};

/* ---- Findings --------------------------------------------------------------------------- */

CZI_PRINTF(3, 4)
static int found(const struct czi_auditor *a, cz_error *err, const char *fmt, ...)
{
    char what[CZ_DETAIL_SIZE / 2];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return czi_fail(err, CZ_CORRUPT, "position %" PRIu64 ": %s", a->outcome->position, what);
}

static int found_number(const struct czi_auditor *a, const char *what, uint64_t is,
                        uint64_t should, cz_error *err)
{
    return found(a, err, "%s is %" PRIu64 ", but %" PRIu64 " follows from what comes before",
                 what, is, should);
}

static int found_access(const struct czi_auditor *a, unsigned i, const char *what, uint64_t is,
                        uint64_t should, cz_error *err)
{
    cz_id id;
    char text[CZ_ID_TEXT_SIZE];

    memcpy(&id, czi_effect_access_id(a->pending->bytes, &a->pending->view, i), sizeof id);
    cz_id_print(&id, text);
    return found(a, err, "%s of resource %s is %" PRIu64 ", but %" PRIu64 " follows", what,
                 text, is, should);
}

/* ---- What an effect depends on ---------------------------------------------------------- */

static int check_nonce(struct czi_auditor *a, cz_error *err)
{
    const struct czi_pending *p = a->pending;
    uint32_t n = czi_core_origin(a->core, czi_effect_origin(p->bytes), true);

    if (n == CZI_ID_NONE)
        return czi_nomem(err, "an origin's nonce");
    if (p->view.nonce < a->core->origins[n].next_nonce)
        return found(a, err,
                     "the nonce %" PRIu64 " does not rise: %" PRIu64 " is the origin's lowest "
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
        struct declared *d = &a->declared[i];
        const struct czi_resource *x;

        *d = (struct declared){
            .slot = czi_id_table_find(&a->core->resources.ids,
                                      czi_effect_access_id(p->bytes, &p->view, i))};
        if (d->slot == CZI_ID_NONE)
            continue;
        x = czi_resource_at(&a->core->resources, d->slot);
        d->exists = true;
        d->kind = x->kind;
        d->state = x->state;
        d->asset = x->asset;
        d->before = d->quantity = (unsigned __int128)x->quantity;
    }
}

static const struct czi_resource *resource_of(const struct czi_auditor *a, unsigned i)
{
    return a->declared[i].slot == CZI_ID_NONE
               ? NULL
               : czi_resource_at(&a->core->resources, a->declared[i].slot);
}

/* A missing fact is the reason of a rejection, and the reason only of that. */
static int check_facts(const struct czi_auditor *a, cz_error *err)
{
    const struct czi_pending *p = a->pending;
    bool missing = false;

    for (unsigned i = 0; i < p->view.fact_count; i++)
        missing |= czi_id_table_find(&a->core->fact_ids,
                                     czi_effect_fact(p->bytes, &p->view, i)) == CZI_ID_NONE;
    if (missing && a->outcome->reason != CZ_UNKNOWN_FACT)
        return found(a, err, "it cites a fact that is not recorded before it");
    if (!missing && a->outcome->reason == CZ_UNKNOWN_FACT)
        return found(a, err, "it is rejected for a fact that is recorded");
    return CZ_OK;
}

static int check_predecessors(const struct czi_auditor *a, uint64_t *lamport, cz_error *err)
{
    const struct czi_pending *p = a->pending;
    const struct czi_predecessor *known = NULL;
    bool missing = false;

    if (p->view.after_count)
        known = a->core->predecessors(a->core->predecessors_arg, p);
    for (unsigned i = 0; i < p->view.after_count; i++) {
        missing |= !known[i].applied;
        if (known[i].applied)
            *lamport = CZI_MAX(*lamport, known[i].lamport);
    }
    if (missing && a->outcome->reason != CZ_UNKNOWN_PREDECESSOR &&
        a->outcome->reason != CZ_UNKNOWN_FACT)
        return found(a, err, "it follows an effect that is not applied before it");
    if (!missing && a->outcome->reason == CZ_UNKNOWN_PREDECESSOR)
        return found(a, err, "it is rejected for a predecessor that is applied");
    return CZ_OK;
}

static int check_dependencies(const struct czi_auditor *a, cz_error *err)
{
    uint64_t lamport = 0;
    int rc = check_facts(a, err);

    for (unsigned i = 0; i < a->count; i++)
        if (a->declared[i].exists)
            lamport = CZI_MAX(lamport, resource_of(a, i)->lamport);
    if (!rc)
        rc = check_predecessors(a, &lamport, err);
    if (!rc && a->outcome->lamport != lamport + 1)
        rc = found_number(a, "the Lamport time", a->outcome->lamport, lamport + 1, err);
    return rc;
}

/* ---- What its operations declare -------------------------------------------------------- */

static void declare_supply(struct czi_auditor *a, uint32_t asset, unsigned __int128 change)
{
    a->supply[a->supply_count].asset = asset;
    a->supply[a->supply_count++].change = change;
}

static int declare_creation(struct czi_auditor *a, struct declared *d, const struct czi_op *op,
                            cz_error *err)
{
    uint32_t asset = 0;

    if (op->kind != CZ_DATA) {
        asset = czi_core_asset(a->core, op->asset, true);
        if (asset == CZI_ID_NONE)
            return czi_nomem(err, "an asset");
    }
    if (d->exists)
        return op->if_absent && d->kind == op->kind &&
                       (op->kind == CZ_DATA || d->asset == asset)
                   ? CZ_OK
                   : found(a, err, "it creates a resource that exists");
    *d = (struct declared){.slot = d->slot,
                           .asset = asset,
                           .kind = op->kind,
                           .exists = true,
                           .created = true,
                           .has_data = op->kind == CZ_DATA,
                           .quantity = (unsigned __int128)op->quantity,
                           .creation = *op,
                           .data = op->data};
    if (op->kind == CZ_FUNGIBLE)
        declare_supply(a, asset, d->quantity);
    return CZ_OK;
}

static int declare_move(struct czi_auditor *a, struct declared *d, unsigned code, cz_error *err)
{
    uint8_t state = d->state;

    if (!czi_state_move(&d->state, (enum czi_move)(code - CZI_OP_LOCK)))
        return found(a, err, "the lifecycle does not allow to %s what is %s",
                     czi_opcode_name(code), cz_state_name(state));
    if (code == CZI_OP_CONSUME && d->kind == CZ_FUNGIBLE) {
        declare_supply(a, d->asset, -d->quantity);
        d->quantity = 0;
    }
    return CZ_OK;
}

static int declare(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    struct declared *d = &a->declared[op->a], *to = &a->declared[op->b];
    bool two = op->code == CZI_OP_TRANSFER || op->code == CZI_OP_MOVE;

    if (op->code == CZI_OP_CREATE)
        return declare_creation(a, d, op, err);
    if (!d->exists || (two && !to->exists))
        return found(a, err, "it is applied to a resource that does not exist");
    switch (op->code) {
    case CZI_OP_REQUIRE:
        return CZ_OK;
    case CZI_OP_TRANSFER:
    case CZI_OP_MOVE:
        d->quantity -= (unsigned __int128)op->quantity;
        to->quantity += (unsigned __int128)op->quantity;
        return CZ_OK;
    case CZI_OP_WRITE:
        d->has_data = true;
        d->data = op->data;
        return CZ_OK;
    default:
        return declare_move(a, d, op->code, err);
    }
}

static int declare_all(struct czi_auditor *a, cz_error *err)
{
    const struct czi_pending *p = a->pending;
    struct czi_cbor c = czi_cbor(p->bytes + p->view.ops, p->view.ops_len);
    int rc = CZ_OK;

    a->supply_count = 0;
    for (unsigned i = 0; i < p->view.op_count && !rc; i++) {
        struct czi_op op;

        czi_op_next(&c, &op);
        rc = declare(a, &op, err);
    }
    return rc;
}

/* ---- What is recorded of it ------------------------------------------------------------- */

/* Quantities of all resources of one kind and asset together, against what was declared. */
static int check_conserved(const struct czi_auditor *a, unsigned first, cz_error *err)
{
    const struct declared *d = &a->declared[first];
    unsigned __int128 added = 0, declared = 0;
    char added_text[CZ_QUANTITY_TEXT_SIZE], declared_text[CZ_QUANTITY_TEXT_SIZE];

    for (unsigned i = 0; i < a->pending->view.write_count; i++) {
        const struct declared *x = &a->declared[i];

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
    return found(a, err, "asset %s is not conserved: the effect adds %s, it declares %s",
                 a->core->assets[d->asset].name, added_text, declared_text);
}

static int check_quantity(const struct czi_auditor *a, unsigned i, cz_error *err)
{
    const struct declared *d = &a->declared[i];
    cz_quantity q = a->outcome->posts[i].quantity;
    char is[CZ_QUANTITY_TEXT_SIZE], should[CZ_QUANTITY_TEXT_SIZE];

    if ((unsigned __int128)q != d->quantity) {
        cz_quantity_print(q, is);
        cz_quantity_print((cz_quantity)d->quantity, should);
        return found(a, err, "the balance of access %u is %s, its operations make it %s", i, is,
                     should);
    }
    if (d->kind == CZ_FUNGIBLE && q < 0)
        return found(a, err, "the fungible balance of access %u is negative", i);
    if (d->state >= CZ_CONSUMED && q != 0)
        return found(a, err, "access %u is %s, but not empty", i, cz_state_name(d->state));
    return CZ_OK;
}

static int check_data(const struct czi_auditor *a, unsigned i, cz_error *err)
{
    const struct declared *d = &a->declared[i];
    cz_id hash;

    if (d->has_data)
        czi_blake3(d->data.data, d->data.len, hash.bytes);
    else
        hash = czi_resource_name(&a->core->resources, d->slot)->data_hash;
    if (memcmp(hash.bytes, a->outcome->posts[i].data_hash, 32) != 0)
        return found(a, err, "the recorded hash of access %u is not that of its data", i);
    return CZ_OK;
}

static int check_write(const struct czi_auditor *a, unsigned i, cz_error *err)
{
    const struct declared *d = &a->declared[i];
    const struct czi_post *post = &a->outcome->posts[i];
    const struct czi_resource *x = resource_of(a, i);
    uint64_t version = x ? x->version : 0, previous = x ? x->position : 0;

    if (!d->exists)
        return found(a, err, "it is applied to a resource that does not exist");
    if (post->version != version + 1)
        return found_access(a, i, "the version", post->version, version + 1, err);
    if (post->previous != previous)
        return found_access(a, i, "the previous position", post->previous, previous, err);
    if (post->kind != d->kind)
        return found_access(a, i, "the kind", post->kind, d->kind, err);
    if (post->state != d->state)
        return found(a, err, "access %u is recorded as %s, its operations make it %s", i,
                     cz_state_name(post->state), cz_state_name(d->state));
    return d->kind == CZ_DATA ? check_data(a, i, err) : check_conserved(a, i, err);
}

static int check_applied(struct czi_auditor *a, cz_error *err)
{
    unsigned writes = a->pending->view.write_count;
    int rc = declare_all(a, err);

    for (unsigned i = 0; i < writes && !rc; i++)
        rc = check_write(a, i, err);
    for (unsigned i = 0; i < writes && !rc; i++)
        if (a->declared[i].kind != CZ_DATA)
            rc = check_quantity(a, i, err);
    for (unsigned i = writes; i < a->count && !rc; i++) {
        const struct czi_resource *x = resource_of(a, i);

        if (!x)
            rc = found(a, err, "it reads a resource that does not exist");
        else if (a->outcome->posts[i].version != x->version)
            rc = found_access(a, i, "the version seen", a->outcome->posts[i].version,
                              x->version, err);
    }
    return rc;
}

static int check_rejected(const struct czi_auditor *a, cz_error *err)
{
    bool unknown = false;

    if (a->outcome->reason >= CZ_NONCE)
        return found(a, err, "the reason %u is none that is recorded", a->outcome->reason);
    for (unsigned i = 0; i < a->count; i++) {
        const struct czi_resource *x = resource_of(a, i);
        uint64_t version = x ? x->version : 0;

        unknown |= !x;
        if (a->outcome->posts[i].version != version)
            return found_access(a, i, "the version seen", a->outcome->posts[i].version, version,
                                err);
    }
    if (!unknown && a->outcome->reason == CZ_UNKNOWN_RESOURCE)
        return found(a, err, "it is rejected for a resource that exists");
    return CZ_OK;
}

/* ---- Carrying the state along ----------------------------------------------------------- */

static bool name_created(const struct czi_auditor *a, struct declared *d)
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
    struct declared *d = &a->declared[i];
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
    x->version = post->version;
    x->position = a->outcome->position;
    x->lamport = a->outcome->lamport;
    x->quantity = d->kind == CZ_DATA ? 0 : post->quantity;
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

/* What sealing needs to know of the entry. */
static void enter_effect(const struct czi_auditor *a, struct czi_batch *b, struct czi_entry *e)
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
}

static int audit_effect(struct czi_auditor *a, struct czi_batch *b, struct czi_entry *e,
                        cz_error *err)
{
    int rc = check_nonce(a, err);

    load_accesses(a);
    if (!rc)
        rc = check_dependencies(a, err);
    if (!rc && a->outcome->reason)
        rc = check_rejected(a, err);
    if (!rc && !a->outcome->reason) {
        rc = check_applied(a, err);
        if (!rc)
            rc = keep_effect(a, err);
    }
    if (rc)
        return rc;
    enter_effect(a, b, e);
    a->core->rejected += a->outcome->reason != CZ_APPLIED;
    a->core->applied += a->outcome->reason == CZ_APPLIED;
    a->core->positions++;
    return CZ_OK;
}

/* ---- Frames and the end ----------------------------------------------------------------- */

int czi_auditor_new(struct czi_journal *j, bool proofs, struct czi_auditor **ret, cz_error *err)
{
    struct czi_auditor *a = czi_alloc_zero(1, sizeof *a);

    if (!a)
        return czi_nomem(err, "an audit");
    a->core = &j->core;
    a->facts = (struct czi_fact_audit){&j->core, j->fs, j->options.threads, proofs};
    *ret = a;
    return CZ_OK;
}

void czi_auditor_free(struct czi_auditor *a)
{
    if (!a)
        return;
    czi_fact_audit_done(&a->facts);
    czi_free(a);
}

static void begin_batch(struct czi_auditor *a, struct czi_batch *b,
                        const struct czi_frame *frame)
{
    b->first_position = frame->first_position;
    b->facts_before = frame->facts_before;
    b->number = ++a->core->batches;
    b->position_count = b->fact_count = b->post_count = b->look_ups = 0;
}

int czi_audit_frame(void *auditor, struct czi_journal *j, const struct czi_frame *frame,
                    struct czi_replayer *r, cz_error *err)
{
    struct czi_auditor *a = auditor;
    struct czi_batch *b = r->batch;
    const struct czi_post *posts = (const struct czi_post *)(const void *)r->posts.data;
    int rc = CZ_OK;

    begin_batch(a, b, frame);
    for (uint32_t i = 0; i < b->entry_count && !rc; i++) {
        struct czi_outcome o = r->outcomes[i];

        a->pending = b->entries[i].pending;
        a->outcome = &o;
        o.posts = posts;
        rc = a->pending->is_fact ? czi_fact_audit_take(&a->facts, frame, b, &b->entries[i], err)
                                 : audit_effect(a, b, &b->entries[i], err);
        posts += a->pending->is_fact ? 0 : o.post_count;
    }
    a->outcome = NULL;
    if (!rc)
        rc = czi_fact_audit_verify(&a->facts, err);
    if (!rc)
        rc = czi_replayer_seal(r, &j->core, frame, err);
    if (rc != CZ_DIFFERS)
        return rc;
    if (err)
        err->code = CZ_CORRUPT;
    return CZ_CORRUPT;
}

int czi_audit_end(const struct czi_journal *j, cz_error *err)
{
    const struct czi_core *core = &j->core;
    uint32_t n = core->asset_ids.count;
    CZI_AUTOFREE unsigned __int128 *sums = czi_alloc_zero(2 * (size_t)n + 1, sizeof *sums);
    char is[CZ_QUANTITY_TEXT_SIZE], should[CZ_QUANTITY_TEXT_SIZE];

    if (!sums)
        return czi_nomem(err, "the assets' sums");
    for (uint32_t i = 0; i < core->resources.ids.count; i++) {
        const struct czi_resource *x = czi_resource_at(&core->resources, i);

        if (x->kind != CZ_DATA)
            sums[2 * x->asset + x->kind] += (unsigned __int128)x->quantity;
    }
    for (uint32_t i = 0; i < n; i++) {
        cz_quantity supply = core->assets[i].supply;

        if ((cz_quantity)sums[2 * i] == supply && !sums[2 * i + 1])
            continue;
        cz_quantity_print((cz_quantity)sums[2 * i], is);
        cz_quantity_print(supply, should);
        return czi_fail(err, CZ_CORRUPT,
                        "asset %s: its fungible resources hold %s, its supply is %s, and its "
                        "positions %s zero",
                        core->assets[i].name, is, should,
                        sums[2 * i + 1] ? "do not sum to" : "sum to");
    }
    return CZ_OK;
}

int czi_audit(struct czi_fs *fs, const cz_check_options *options, cz_audit_report *ret,
              cz_error *err)
{
    CZI_CLEANUP(czi_journal_close) struct czi_journal j;
    struct czi_auditor *a = NULL;
    int rc = czi_journal_open(&j, fs, options, err);

    if (!rc)
        rc = czi_auditor_new(&j, true, &a, err);
    if (!rc)
        rc = czi_journal_run(&j, czi_audit_frame, a, err);
    if (!rc)
        rc = czi_audit_end(&j, err);
    if (!rc)
        *ret = (cz_audit_report){j.report, a->facts.verified, a->facts.unverified};
    czi_auditor_free(a);
    return rc;
}

int cz_audit(const char *dir, const cz_check_options *options, cz_audit_report *ret,
             cz_error *err)
{
    struct czi_fs *fs;
    int rc = czi_fs_posix(dir, &fs, err);

    if (rc)
        return rc;
    rc = czi_audit(fs, options, ret, err);
    fs->ops->free(fs);
    return rc;
}
