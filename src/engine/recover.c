/* recover.c - state to rows and back, and executing frames again.
 *
 * Layer: engine. Opening loads the rows of the last checkpoint and executes the frames after
 * it; replay executes all of them. Either compares what comes out with what is written: every
 * outcome and every receipt (through the frame's hash over their ids).
 *
 * Rows (canonical DAG-CBOR values):
 *   'r' group (2 bytes, 0) id  [creator, controller, label, kind, state, asset|null,
 *                               quantity|data, version, position, lamport, head]
 *   'o' id      next nonce           'a' name   supply
 *   'd' name    [head, facts]        'f' id     null
 *   'c'         [applied, rejected, batches]
 */
#include "base/error.h"
#include "codec/blake3.h"
#include "engine/engine.h"
#include "engine/seal.h"
#include "fact/fact.h"

/* ---- Rows -----------------------------------------------------------------------------------
 */

static void put_id(struct czi_buf *b, const void *id)
{
    uint8_t *p = czi_buf_reserve(b, 34);

    if (p)
        b->len = (size_t)(czi_cbor_put_bytes(p, id, 32) - b->data);
}

static void put_string(struct czi_buf *b, unsigned major, const void *s, size_t len)
{
    uint8_t *p = czi_buf_reserve(b, CZI_CBOR_HEAD_SIZE_MAX);

    if (p)
        b->len = (size_t)(czi_cbor_put_head(p, major, len) - b->data);
    czi_buf_put(b, s, len);
}

static void put_uint(struct czi_buf *b, unsigned major, uint64_t v)
{
    uint8_t *p = czi_buf_reserve(b, CZI_CBOR_HEAD_SIZE_MAX);

    if (p)
        b->len = (size_t)(czi_cbor_put_head(p, major, v) - b->data);
}

static void put_quantity(struct czi_buf *b, cz_quantity q)
{
    uint8_t *p = czi_buf_reserve(b, CZI_CBOR_QUANTITY_SIZE_MAX);

    if (p)
        b->len = (size_t)(czi_cbor_put_quantity(p, q) - b->data);
}

static void put_resource(struct czi_buf *b, const struct czi_core *core, uint32_t slot)
{
    const struct czi_resource *x = czi_resource_at(&core->resources, slot);
    const struct czi_resource_name *n = czi_resource_name(&core->resources, slot);

    put_uint(b, 4, 11);
    put_id(b, &n->creator);
    put_id(b, &n->controller);
    put_string(b, 3, n->label, strlen(n->label));
    put_uint(b, 0, x->kind);
    put_uint(b, 0, x->state);
    if (x->kind == CZ_DATA) {
        czi_buf_put_byte(b, 0xf6);
        put_string(b, 2, n->data, n->data_len);
    } else {
        put_string(b, 3, core->assets[x->asset].name, strlen(core->assets[x->asset].name));
        put_quantity(b, x->quantity);
    }
    put_uint(b, 0, x->version);
    put_uint(b, 0, x->position);
    put_uint(b, 0, x->lamport);
    put_id(b, czi_resource_head(&core->resources, slot)->node);
}

static void add_row(struct czi_rows *rows, uint8_t table, const void *key, size_t key_len,
                    struct czi_buf *value)
{
    uint8_t full[3 + CZI_ASSET_SIZE_MAX];
    size_t n = 0;

    full[n++] = table;
    if (table == 'r') {
        full[n++] = 0;
        full[n++] = 0;
    }
    CZI_CHECK(key_len <= sizeof full - n);
    if (key_len)
        memcpy(full + n, key, key_len);
    czi_rows_add(rows, full, n + key_len, value->data, value->len);
    if (value->failed)
        rows->bytes.failed = true;
    value->len = 0;
}

static void add_resources(struct czi_core *core, struct czi_rows *rows, struct czi_buf *value)
{
    struct czi_resources *r = &core->resources;

    for (uint32_t i = 0; i < r->dirty_count; i++) {
        uint32_t slot = r->dirty[i];

        put_resource(value, core, slot);
        add_row(rows, 'r', czi_id_table_id(&r->ids, slot), sizeof(cz_id), value);
    }
    for (uint32_t i = 0; i < core->dirty_origin_count; i++) {
        uint32_t n = core->dirty_origins[i];

        put_uint(value, 0, core->origins[n].next_nonce);
        add_row(rows, 'o', czi_id_table_id(&core->origin_ids, n), sizeof(cz_id), value);
    }
}

static void add_names(struct czi_core *core, struct czi_rows *rows, struct czi_buf *value)
{
    for (uint32_t i = 0; i < core->asset_ids.count; i++) {
        if (!core->assets[i].dirty)
            continue;
        put_quantity(value, core->assets[i].supply);
        add_row(rows, 'a', core->assets[i].name, strlen(core->assets[i].name), value);
    }
    for (uint32_t i = 0; i < core->domain_ids.count; i++) {
        if (!core->domains[i].dirty)
            continue;
        put_uint(value, 4, 2);
        put_id(value, core->domains[i].head);
        put_uint(value, 0, core->domains[i].facts);
        add_row(rows, 'd', core->domains[i].name, strlen(core->domains[i].name), value);
    }
    for (uint32_t i = core->facts_saved; i < core->fact_ids.count; i++) {
        czi_buf_put_byte(value, 0xf6);
        add_row(rows, 'f', czi_id_table_id(&core->fact_ids, i), sizeof(cz_id), value);
    }
    put_uint(value, 4, 3);
    put_uint(value, 0, core->applied);
    put_uint(value, 0, core->rejected);
    put_uint(value, 0, core->batches);
    add_row(rows, 'c', NULL, 0, value);
}

/* All that is in rows now counts as saved. */
static void clear_dirty(struct czi_core *core)
{
    for (uint32_t i = 0; i < core->resources.dirty_count; i++)
        czi_resource_at(&core->resources, core->resources.dirty[i])->dirty = false;
    core->resources.dirty_count = 0;
    for (uint32_t i = 0; i < core->dirty_origin_count; i++)
        core->origins[core->dirty_origins[i]].dirty = false;
    core->dirty_origin_count = 0;
    for (uint32_t i = 0; i < core->asset_ids.count; i++)
        core->assets[i].dirty = false;
    for (uint32_t i = 0; i < core->domain_ids.count; i++)
        core->domains[i].dirty = false;
    core->facts_saved = core->fact_ids.count;
}

/* Closing makes a checkpoint only when opening again would otherwise take noticeable time. */
#define CHECKPOINT_POSITIONS_MIN 50000u

int czi_engine_checkpoint(cz_engine *g, bool background, cz_error *err)
{
    struct czi_core *core = &g->step.core;
    struct czi_rows rows = {0};
    CZI_AUTOBUF value = {0};
    int rc;

    if (!background && core->positions - g->saved_positions < CHECKPOINT_POSITIONS_MIN)
        return CZ_OK;
    add_resources(core, &rows, &value);
    add_names(core, &rows, &value);
    if (rows.bytes.failed || rows.spans.failed) {
        czi_rows_done(&rows);
        return czi_nomem(err, "a checkpoint");
    }
    rc = czi_ledger_checkpoint(g->ledger, &rows, background, err);
    if (rc)
        return rc;
    clear_dirty(core);
    g->saved_positions = core->positions;
    return CZ_OK;
}

/* ---- Loading rows
 * ---------------------------------------------------------------------------- */

struct load {
    struct czi_core *core;
    cz_error *err;
};

static int bad_row(struct load *l, const struct czi_row *row, const char *what)
{
    return czi_fail(l->err, CZ_CORRUPT,
                    "index: a row of table '%c' %s; `causality reindex` rebuilds it",
                    row->key.data[0], what);
}

static int load_resource(void *arg, const struct czi_row *row)
{
    struct load *l = arg;
    struct czi_cbor c = czi_cbor(row->value.data, row->value.len);
    struct czi_slice label, asset = {0}, data = {0};
    struct czi_resource x = {0};
    cz_id id, creator, controller, head, hash;
    struct czi_resource_name *n;
    uint32_t slot;

    czi_cbor_array_of(&c, 11);
    creator = czi_cbor_bytes32(&c);
    controller = czi_cbor_bytes32(&c);
    label = czi_cbor_text(&c);
    x.kind = (uint8_t)czi_cbor_uint_max(&c, CZ_DATA);
    x.state = (uint8_t)czi_cbor_uint_max(&c, CZ_ARCHIVED);
    if (czi_cbor_null(&c)) {
        data = czi_cbor_bytes(&c);
    } else {
        asset = czi_cbor_text(&c);
        x.quantity = czi_cbor_quantity(&c);
    }
    x.version = czi_cbor_uint(&c);
    x.position = czi_cbor_uint(&c);
    x.lamport = czi_cbor_uint(&c);
    head = czi_cbor_bytes32(&c);
    if (czi_cbor_end(&c, NULL) || row->key.len != 3 + sizeof id)
        return bad_row(l, row, "is malformed");
    memcpy(&id, row->key.data + 3, sizeof id);
    if (asset.data)
        x.asset = czi_core_asset(l->core, asset, true);
    slot = x.asset == CZI_ID_NONE ? CZI_ID_NONE : czi_resources_add(&l->core->resources, &id);
    if (slot == CZI_ID_NONE)
        return czi_nomem(l->err, "the resources of the store");
    *czi_resource_at(&l->core->resources, slot) = x;
    memcpy(czi_resource_head(&l->core->resources, slot)->node, &head, 32);
    n = czi_resource_name(&l->core->resources, slot);
    n->creator = creator;
    n->controller = controller;
    n->label = czi_alloc(label.len + 1);
    if (!n->label)
        return czi_nomem(l->err, "a label");
    memcpy(n->label, label.data, label.len);
    n->label[label.len] = 0;
    czi_blake3(data.data, data.len, hash.bytes);
    if (x.kind == CZ_DATA && !czi_resource_set_data(n, data, &hash))
        return czi_nomem(l->err, "data");
    return CZ_OK;
}

static int load_origin(void *arg, const struct czi_row *row)
{
    struct load *l = arg;
    struct czi_cbor c = czi_cbor(row->value.data, row->value.len);
    uint64_t next = czi_cbor_uint(&c);
    uint32_t n;

    if (czi_cbor_end(&c, NULL) || row->key.len != 1 + sizeof(cz_id))
        return bad_row(l, row, "is malformed");
    n = czi_core_origin(l->core, row->key.data + 1, true);
    if (n == CZI_ID_NONE)
        return czi_nomem(l->err, "the origins of the store");
    l->core->origins[n].next_nonce = next;
    return CZ_OK;
}

static int load_asset(void *arg, const struct czi_row *row)
{
    struct load *l = arg;
    struct czi_cbor c = czi_cbor(row->value.data, row->value.len);
    cz_quantity supply = czi_cbor_quantity(&c);
    uint32_t n;

    if (czi_cbor_end(&c, NULL))
        return bad_row(l, row, "is malformed");
    n = czi_core_asset(l->core, (struct czi_slice){row->key.data + 1, row->key.len - 1}, true);
    if (n == CZI_ID_NONE)
        return czi_nomem(l->err, "the assets of the store");
    l->core->assets[n].supply = supply;
    return CZ_OK;
}

static int load_domain(void *arg, const struct czi_row *row)
{
    struct load *l = arg;
    struct czi_cbor c = czi_cbor(row->value.data, row->value.len);
    cz_id head;
    uint64_t facts;
    uint32_t n;

    czi_cbor_array_of(&c, 2);
    head = czi_cbor_bytes32(&c);
    facts = czi_cbor_uint(&c);
    if (czi_cbor_end(&c, NULL))
        return bad_row(l, row, "is malformed");
    n = czi_core_domain(l->core, (struct czi_slice){row->key.data + 1, row->key.len - 1}, true);
    if (n == CZI_ID_NONE)
        return czi_nomem(l->err, "the domains of the store");
    memcpy(l->core->domains[n].head, &head, 32);
    l->core->domains[n].facts = facts;
    return CZ_OK;
}

static int load_fact(void *arg, const struct czi_row *row)
{
    struct load *l = arg;
    cz_id id;

    if (row->key.len != 1 + sizeof id)
        return bad_row(l, row, "is malformed");
    memcpy(&id, row->key.data + 1, sizeof id);
    if (czi_id_table_insert(&l->core->fact_ids, &id) == CZI_ID_NONE)
        return czi_nomem(l->err, "the facts of the store");
    return CZ_OK;
}

static int load_counts(void *arg, const struct czi_row *row)
{
    struct load *l = arg;
    struct czi_cbor c = czi_cbor(row->value.data, row->value.len);

    czi_cbor_array_of(&c, 3);
    l->core->applied = czi_cbor_uint(&c);
    l->core->rejected = czi_cbor_uint(&c);
    l->core->batches = czi_cbor_uint(&c);
    if (czi_cbor_end(&c, NULL))
        return bad_row(l, row, "is malformed");
    l->core->positions = l->core->applied + l->core->rejected;
    return CZ_OK;
}

/* ---- Executing frames again
 * -------------------------------------------------------------------- */

static const struct czi_predecessor *replay_predecessors(void *arg, const struct czi_pending *p)
{
    struct czi_replayer *r = arg;
    struct czi_predecessor *known = r->known;

    for (unsigned i = 0; i < p->view.after_count; i++) {
        cz_id id;

        memcpy(&id, czi_effect_after(p->bytes, &p->view, i), sizeof id);
        known[i] = (struct czi_predecessor){0};
        /* Only what lies before the frame at hand counts: it begins with its follower. */
        if (czi_find_effect(r->finder, &id, NULL) == CZ_OK &&
            r->finder->record.outcome.position < r->batch->first_position)
            known[i] = (struct czi_predecessor){r->finder->record.outcome.reason == CZ_APPLIED,
                                                r->finder->record.outcome.lamport};
    }
    return known;
}

int czi_replayer_init(struct czi_replayer *r, struct czi_core *core, struct czi_finder *finder,
                      cz_error *err)
{
    *r = (struct czi_replayer){.core = core, .finder = finder};
    r->pendings = czi_alloc_aligned(CZI_BATCH_ENTRIES_MAX * sizeof *r->pendings);
    r->outcomes = czi_alloc(CZI_BATCH_ENTRIES_MAX * sizeof *r->outcomes);
    if (!r->pendings || !r->outcomes || czi_batch_new(CZI_BATCH_ENTRIES_MAX, &r->batch, err)) {
        czi_replayer_done(r);
        return czi_nomem(err, "a replay");
    }
    core->predecessors = replay_predecessors;
    core->predecessors_arg = r;
    return CZ_OK;
}

void czi_replayer_done(struct czi_replayer *r)
{
    czi_batch_free(r->batch);
    czi_free(r->pendings);
    czi_free(r->outcomes);
    czi_buf_done(&r->posts);
    *r = (struct czi_replayer){0};
}

/* What the journal says of an effect, in short: its posts lie in r->posts. */
static int take_record(struct czi_replayer *r, const struct czi_record *rec, cz_error *err)
{
    uint32_t n = r->batch->entry_count;
    struct czi_pending *p = &r->pendings[n];

    if (n == CZI_BATCH_ENTRIES_MAX)
        return czi_fail(err, CZ_CORRUPT, "a frame has more than %u entries",
                        CZI_BATCH_ENTRIES_MAX);
    *p = (struct czi_pending){.view = rec->view,
                              .bytes = (uint8_t *)(uintptr_t)rec->bytes.data,
                              .len = (uint32_t)rec->bytes.len,
                              .is_fact = rec->type == CZI_RECORD_FACT};
    if (p->is_fact) {
        int rc = czi_pending_fact(p, err);

        if (rc)
            return rc;
    }
    if (!czi_batch_fits(r->batch, p))
        return czi_fail(err, CZ_CORRUPT, "a frame is larger than a batch");
    r->outcomes[n] = rec->outcome;
    r->outcomes[n].posts = NULL;
    czi_buf_put(&r->posts, rec->outcome.posts,
                rec->outcome.post_count * sizeof(struct czi_post));
    czi_batch_add(r->batch, p);
    return r->posts.failed ? czi_nomem(err, "a frame's outcomes") : CZ_OK;
}

static int differs(uint64_t position, const char *what, uint64_t journal, uint64_t now,
                   cz_error *err)
{
    return czi_fail(err, CZ_DIFFERS,
                    "position %llu: the journal says %s %llu, executing gives %llu",
                    (unsigned long long)position, what, (unsigned long long)journal,
                    (unsigned long long)now);
}

static int compare_posts(const struct czi_post *was, const struct czi_post *is, unsigned count,
                         bool applied, uint64_t position, cz_error *err)
{
    for (unsigned i = 0; i < count; i++) {
        if (was[i].version != is[i].version)
            return differs(position, "version", was[i].version, is[i].version, err);
        if (!applied || !was[i].written)
            continue;
        if (was[i].previous != is[i].previous)
            return differs(position, "previous position", was[i].previous, is[i].previous, err);
        if (was[i].kind != is[i].kind || was[i].state != is[i].state)
            return differs(position, "kind and state",
                           (uint64_t)was[i].kind << 4 | was[i].state,
                           (uint64_t)is[i].kind << 4 | is[i].state, err);
        if (was[i].kind == CZ_DATA ? memcmp(was[i].data_hash, is[i].data_hash, 32) != 0
                                   : was[i].quantity != is[i].quantity)
            return czi_fail(
                err, CZ_DIFFERS,
                "position %llu: the journal and executing give access %u another value",
                (unsigned long long)position, i);
    }
    return CZ_OK;
}

static int compare_outcomes(struct czi_replayer *r, cz_error *err)
{
    struct czi_batch *b = r->batch;
    const struct czi_post *was = (const struct czi_post *)(const void *)r->posts.data;

    for (uint32_t i = 0; i < b->entry_count; i++) {
        const struct czi_entry *e = &b->entries[i];
        const struct czi_outcome *o = &r->outcomes[i];
        uint64_t position = b->first_position + e->number;
        int rc;

        if (e->pending->is_fact && e->status == CZI_ENTRY_FACT)
            continue;
        if (e->pending->is_fact || e->number == CZI_ID_NONE)
            return czi_fail(err, CZ_DIFFERS,
                            "before position %llu: a fact or effect is recorded a second time",
                            (unsigned long long)(b->first_position + b->position_count));
        if (o->reason != e->reason)
            return czi_fail(err, CZ_DIFFERS,
                            "position %llu: the journal says %s, executing gives %s",
                            (unsigned long long)position, cz_reason_name(o->reason),
                            cz_reason_name(e->reason));
        if (o->lamport != e->lamport)
            return differs(position, "Lamport time", o->lamport, e->lamport, err);
        rc = compare_posts(was, b->posts + e->posts, o->post_count, !o->reason, position, err);
        if (rc)
            return rc;
        was += o->post_count;
    }
    return CZ_OK;
}

int czi_replay_frame(struct czi_replayer *r, const struct czi_frame *frame, cz_error *err)
{
    struct czi_record_reader reader;
    struct czi_record rec;
    uint8_t receipts[32];
    bool more = true;
    int rc = CZ_OK;

    czi_batch_clear(r->batch);
    r->posts.len = 0;
    czi_record_reader(&reader, frame->payload, frame->first_position);
    while (!rc && more) {
        rc = czi_record_next(&reader, &more, &rec, err);
        if (!rc && more)
            rc = take_record(r, &rec, err);
    }
    if (!rc)
        rc = czi_core_plan(r->core, r->batch, err);
    if (!rc)
        rc = czi_core_execute(r->core, r->batch, err);
    if (!rc)
        rc = compare_outcomes(r, err);
    if (rc)
        return rc;
    if (r->batch->position_count != frame->position_count ||
        r->batch->first_position != frame->first_position ||
        r->batch->fact_count != frame->fact_count)
        return czi_fail(err, CZ_DIFFERS,
                        "frame at position %llu: it does not hold what its header says",
                        (unsigned long long)frame->first_position);
    czi_seal(r->core, r->batch);
    czi_blake3(r->batch->receipt_ids, frame->position_count * sizeof(cz_id), receipts);
    if (memcmp(receipts, frame->receipts, 32) != 0)
        return czi_fail(err, CZ_DIFFERS, "frame at position %llu: another receipt",
                        (unsigned long long)frame->first_position);
    return CZ_OK;
}

/* ---- Opening
 * ------------------------------------------------------------------------------------ */

static int recover_frame(void *arg, const struct czi_frame *frame, const cz_id **ret_ids,
                         cz_error *err)
{
    struct czi_replayer *r = arg;
    int rc = czi_replay_frame(r, frame, err);

    *ret_ids = r->batch->effect_ids;
    if (rc != CZ_DIFFERS)
        return rc;
    czi_wrap(err, CZ_CORRUPT, "recovery");
    if (err)
        err->code = CZ_CORRUPT;
    return CZ_CORRUPT;
}

static int load_rows(cz_engine *g, cz_error *err)
{
    static const struct {
        uint8_t table;
        int (*fn)(void *arg, const struct czi_row *row);
    } tables[] = {{'a', load_asset},  {'r', load_resource}, {'o', load_origin},
                  {'d', load_domain}, {'f', load_fact},     {'c', load_counts}};
    struct load l = {&g->step.core, err};
    int rc = CZ_OK;

    for (size_t i = 0; i < CZI_COUNTOF(tables) && !rc; i++)
        rc = czi_ledger_rows(g->ledger, tables[i].table, tables[i].fn, &l, err);
    if (!rc)
        clear_dirty(&g->step.core);
    return rc;
}

int czi_engine_load(cz_engine *g, cz_error *err)
{
    struct czi_core *core = &g->step.core;
    struct czi_replayer r;
    const struct czi_predecessor *(*predecessors)(void *, const struct czi_pending *) =
        core->predecessors;
    uint64_t torn, positions, facts;
    int rc = load_rows(g, err);

    if (rc)
        return rc;
    rc = czi_replayer_init(&r, core, &g->reader, err);
    if (rc)
        return rc;
    g->saved_positions = core->positions;
    rc = czi_ledger_recover(g->ledger, recover_frame, &r, &torn, err);
    czi_replayer_done(&r);
    core->predecessors = predecessors;
    core->predecessors_arg = &g->step;
    if (rc)
        return rc;
    czi_ledger_tip(g->ledger, g->tip, &positions, &facts);
    if (positions != core->positions || facts != core->fact_ids.count)
        return czi_fail(
            err, CZ_CORRUPT,
            "index: it holds %llu positions and %u facts, the journal %llu and %llu; "
            "`causality reindex` rebuilds it",
            (unsigned long long)core->positions, core->fact_ids.count,
            (unsigned long long)positions, (unsigned long long)facts);
    return CZ_OK;
}
