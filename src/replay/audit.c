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
#include "engine/cite.h"
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
    bool proofs; /* are verified too */
    struct czi_citing citing;
    struct czi_item item;
    struct czi_buf *snapshots, *snapshot_bytes; /* NULL: nobody wants them */
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

/* What it cites and follows, judged anew: the facts first, then the predecessors. A fault is
 * the reason of a rejection, and the reason only of that. */
static int check_citations(struct czi_auditor *a, uint64_t *lamport, cz_error *err)
{
    uint8_t should = czi_cite(a->core, a->pending, &a->citing, lamport);
    uint8_t is = a->outcome->reason;

    if (should && is != should)
        return found(a, err, "its reason is \"%s\", but what it cites gives \"%s\"",
                     cz_reason_name(is), cz_reason_name(should));
    if (!should &&
        (is == CZ_UNKNOWN_FACT || is == CZ_UNKNOWN_PREDECESSOR || is >= CZ_UNKNOWN_DOMAIN))
        return found(a, err, "it is rejected as %s, but all that it cites holds",
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
        return found(a, err, "it applied without a vector clock");
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
    if (!czi_clock_same(is->clock, should->clock))
        return found(a, err, "its vector clock is not what follows from what comes before");
    return CZ_OK;
}

static int check_time(const struct czi_auditor *a, cz_error *err)
{
    static const cz_id none;
    const cz_id *should = czi_book_time_id(a->core->book);

    if (a->outcome->time ? czi_id_equal(a->outcome->time, should) : czi_id_equal(should, &none))
        return CZ_OK;
    return found(a, err, "its time map is not what the facts before it give");
}

static int check_dependencies(struct czi_auditor *a, cz_error *err)
{
    uint64_t lamport = 0;
    int rc;

    for (unsigned i = 0; i < a->count; i++)
        if (a->declared[i].exists)
            lamport = CZI_MAX(lamport, resource_of(a, i)->lamport);
    rc = check_citations(a, &lamport, err);
    if (!rc && a->outcome->lamport != lamport + 1)
        rc = found_number(a, "the Lamport time", a->outcome->lamport, lamport + 1, err);
    if (!rc)
        rc = check_links(a, err);
    return rc ? rc : check_time(a, err);
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

/* Of what was read, or not applied: the version that was there, and its position. */
static int check_seen(const struct czi_auditor *a, unsigned i, const struct czi_resource *x,
                      cz_error *err)
{
    const struct czi_post *post = &a->outcome->posts[i];
    uint64_t version = x ? x->version : 0, position = x ? x->position : 0;

    if (post->version != version)
        return found_access(a, i, "the version seen", post->version, version, err);
    if (post->previous != position)
        return found_access(a, i, "the position of the version seen", post->previous, position,
                            err);
    return CZ_OK;
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
        else
            rc = check_seen(a, i, x, err);
    }
    return rc;
}

static int check_rejected(const struct czi_auditor *a, cz_error *err)
{
    bool unknown = false;

    if (a->outcome->reason == CZ_NONCE ||
        strcmp(cz_reason_name(a->outcome->reason), "unknown") == 0)
        return found(a, err, "the reason %u is none that is recorded", a->outcome->reason);
    for (unsigned i = 0; i < a->count; i++) {
        const struct czi_resource *x = resource_of(a, i);
        int rc = check_seen(a, i, x, err);

        unknown |= !x;
        if (rc)
            return rc;
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

/* The clocks that later effects go on from, and what was used up. */
static int keep_links(struct czi_auditor *a, struct czi_batch *b, struct czi_entry *e,
                      cz_error *err)
{
    uint32_t slots[CZI_ACCESSES_MAX];

    for (unsigned i = 0; i < a->count; i++)
        slots[i] = a->declared[i].slot;
    czi_cite_task(a->core, a->pending, &a->citing, a->outcome->position);
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

/* ---- Items of fact logs -------------------------------------------------------------------
 */

/* Of the book: CZ_CORRUPT, since it was recorded. */
static int bad_item(uint64_t number, const char *what, cz_error *err)
{
    return czi_fail(err, CZ_CORRUPT, "fact %" PRIu64 ": %s", number, what);
}

void czi_auditor_keep_snapshots(struct czi_auditor *a, struct czi_buf *snapshots,
                                struct czi_buf *bytes)
{
    a->snapshots = snapshots;
    a->snapshot_bytes = bytes;
}

static int keep_snapshot(struct czi_auditor *a, uint64_t number, cz_error *err)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_snapshot s = {.number = number, .id = *czi_book_time_id(a->core->book)};
    int rc;

    if (!a->snapshots)
        return CZ_OK;
    rc = czi_time_map_encode(czi_book_time(a->core->book), &bytes, err);
    if (rc)
        return rc;
    s.at = a->snapshot_bytes->len;
    s.len = bytes.len;
    czi_buf_put(a->snapshot_bytes, bytes.data, bytes.len);
    czi_buf_put(a->snapshots, &s, sizeof s);
    return a->snapshots->failed || a->snapshot_bytes->failed
               ? czi_nomem(err, "the snapshots of the time map")
               : CZ_OK;
}

static int audit_item(struct czi_auditor *a, struct czi_batch *b, struct czi_entry *e,
                      cz_error *err)
{
    const struct czi_pending *p = e->pending;
    struct czi_book *book = a->core->book;
    uint64_t number = (uint64_t)czi_book_count(book) + 1;
    uint32_t times = b->time_count;
    uint8_t reason;

    if (czi_item_decode(p->bytes, p->len, &a->item, err)) {
        czi_wrap(err, CZ_CORRUPT, "fact %" PRIu64, number);
        if (err)
            err->code = CZ_CORRUPT;
        return CZ_CORRUPT;
    }
    if (czi_book_find(book, &p->item_id) != CZI_ID_NONE)
        return bad_item(number, "it is recorded a second time", err);
    reason = czi_book_take(book, &a->item, &p->item_id, &e->origin);
    if (reason == CZI_BOOK_NOMEM)
        return czi_nomem(err, "a fact");
    if (reason)
        return bad_item(number, cz_reason_text(reason), err);
    e->number = CZI_ID_NONE;
    e->status = CZI_ENTRY_ITEM;
    czi_batch_note_time(a->core, b, e);
    b->fact_count++;
    return b->time_count > times ? keep_snapshot(a, number, err) : CZ_OK;
}

/* ---- Frames and the end ----------------------------------------------------------------- */

int czi_auditor_new(struct czi_journal *j, bool proofs, struct czi_auditor **ret, cz_error *err)
{
    struct czi_auditor *a = czi_alloc_zero(1, sizeof *a);

    if (!a)
        return czi_nomem(err, "an audit");
    a->core = &j->core;
    a->facts = (struct czi_fact_audit){.core = &j->core, .threads = j->options.threads};
    a->proofs = proofs;
    *ret = a;
    return CZ_OK;
}

void czi_auditor_free(struct czi_auditor *a)
{
    if (!a)
        return;
    czi_fact_audit_done(&a->facts);
    czi_clock_drop(a->citing.extra.clock);
    czi_free(a);
}

static void begin_batch(struct czi_auditor *a, struct czi_batch *b,
                        const struct czi_frame *frame)
{
    b->first_position = frame->first_position;
    b->facts_before = frame->facts_before;
    b->number = ++a->core->batches;
    b->position_count = b->fact_count = b->post_count = b->look_ups = 0;
    czi_batch_begin_time(a->core, b);
}

int czi_audit_frame(void *auditor, struct czi_journal *j, const struct czi_frame *frame,
                    struct czi_replayer *r, cz_error *err)
{
    struct czi_auditor *a = auditor;
    struct czi_batch *b = r->batch;
    const struct czi_post *posts = (const struct czi_post *)(const void *)r->posts.data;
    const struct czi_extra *extras = (const struct czi_extra *)(const void *)r->extras.data;
    int rc = CZ_OK;

    begin_batch(a, b, frame);
    for (uint32_t i = 0; i < b->entry_count && !rc; i++) {
        struct czi_outcome o = r->outcomes[i];

        a->pending = b->entries[i].pending;
        a->outcome = &o;
        o.posts = posts;
        o.extra = o.extra ? extras++ : NULL; /* whether, not where */
        rc = a->pending->is_item ? audit_item(a, b, &b->entries[i], err)
                                 : audit_effect(a, b, &b->entries[i], err);
        posts += a->pending->is_item ? 0 : o.post_count;
    }
    a->outcome = NULL;
    if (!rc && a->proofs)
        rc = czi_fact_audit_batch(&a->facts, b, err);
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
