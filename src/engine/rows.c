/* rows.c - the state as rows of the index, and back; see rows.h.
 *
 * Layer: engine. Thread: the engine's, while nothing executes.
 *
 * Rows (canonical DAG-CBOR values):
 *   'r' group (2 bytes, 0) id  [creator, controller, label, kind, state, asset|null,
 *                               quantity|data, version, position, lamport, head]
 *   'o' id      next nonce           'a' name   supply
 *   'd' name    [head, facts]        'f' id     null
 *   'c'         [applied, rejected, batches]
 */
#include "engine/rows.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "codec/dag_cbor.h"
#include "engine/engine.h"

/* ---- Rows ------------------------------------------------------------------------------- */

static void put_resource(struct czi_buf *b, const struct czi_core *core, uint32_t slot)
{
    const struct czi_resource *x = czi_resource_at(&core->resources, slot);
    const struct czi_resource_name *n = czi_resource_name(&core->resources, slot);

    czi_cbor_add_head(b, 4, 11);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, &n->creator, sizeof(cz_id));
    czi_cbor_add_string(b, CZI_CBOR_BYTES, &n->controller, sizeof(cz_id));
    czi_cbor_add_string(b, 3, n->label, strlen(n->label));
    czi_cbor_add_head(b, 0, x->kind);
    czi_cbor_add_head(b, 0, x->state);
    if (x->kind == CZ_DATA) {
        czi_buf_put_byte(b, 0xf6);
        czi_cbor_add_string(b, 2, n->data, n->data_len);
    } else {
        czi_cbor_add_string(b, 3, core->assets[x->asset].name,
                            strlen(core->assets[x->asset].name));
        czi_cbor_add_quantity(b, x->quantity);
    }
    czi_cbor_add_head(b, 0, x->version);
    czi_cbor_add_head(b, 0, x->position);
    czi_cbor_add_head(b, 0, x->lamport);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, czi_resource_head(&core->resources, slot)->node,
                        sizeof(cz_id));
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

        czi_cbor_add_head(value, 0, core->origins[n].next_nonce);
        add_row(rows, 'o', czi_id_table_id(&core->origin_ids, n), sizeof(cz_id), value);
    }
}

static void add_names(struct czi_core *core, struct czi_rows *rows, struct czi_buf *value)
{
    for (uint32_t i = 0; i < core->asset_ids.count; i++) {
        if (!core->assets[i].dirty)
            continue;
        czi_cbor_add_quantity(value, core->assets[i].supply);
        add_row(rows, 'a', core->assets[i].name, strlen(core->assets[i].name), value);
    }
    for (uint32_t i = 0; i < core->domain_ids.count; i++) {
        if (!core->domains[i].dirty)
            continue;
        czi_cbor_add_head(value, 4, 2);
        czi_cbor_add_string(value, CZI_CBOR_BYTES, core->domains[i].head, sizeof(cz_id));
        czi_cbor_add_head(value, 0, core->domains[i].facts);
        add_row(rows, 'd', core->domains[i].name, strlen(core->domains[i].name), value);
    }
    for (uint32_t i = core->facts_saved; i < core->fact_ids.count; i++) {
        czi_buf_put_byte(value, 0xf6);
        add_row(rows, 'f', czi_id_table_id(&core->fact_ids, i), sizeof(cz_id), value);
    }
    czi_cbor_add_head(value, 4, 3);
    czi_cbor_add_head(value, 0, core->applied);
    czi_cbor_add_head(value, 0, core->rejected);
    czi_cbor_add_head(value, 0, core->batches);
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

    if (!background &&
        (g->in_memory || core->positions - g->saved_positions < CHECKPOINT_POSITIONS_MIN))
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

/* ---- Loading rows ----------------------------------------------------------------------- */

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
    l->core->created++;
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

int czi_core_load(struct czi_core *core, struct czi_ledger *ledger, cz_error *err)
{
    static const struct {
        uint8_t table;
        int (*fn)(void *arg, const struct czi_row *row);
    } tables[] = {{'a', load_asset},  {'r', load_resource}, {'o', load_origin},
                  {'d', load_domain}, {'f', load_fact},     {'c', load_counts}};
    struct load l = {core, err};
    int rc = CZ_OK;

    for (size_t i = 0; i < CZI_COUNTOF(tables) && !rc; i++)
        rc = czi_ledger_rows(ledger, tables[i].table, tables[i].fn, &l, err);
    if (!rc)
        clear_dirty(core);
    return rc;
}

/* ---- Comparing -------------------------------------------------------------------------- */

struct comparison {
    const struct czi_core *core;
    struct czi_buf value;
    uint64_t count; /* rows of the table at hand */
    cz_error *err;
};

static int differs(struct comparison *c, const struct czi_row *row, const char *what)
{
    char text[CZ_ID_TEXT_SIZE] = "";
    cz_id id;

    if (row->key.len >= sizeof id) {
        memcpy(&id, row->key.data + row->key.len - sizeof id, sizeof id);
        cz_id_print(&id, text);
    }
    return czi_fail(
        c->err, CZ_CORRUPT,
        "index: %s %s is not what the journal says; `causality reindex` rebuilds it", what,
        text);
}

/* The number that the table gives to a row's id, which ends its key. */
static uint32_t number_of(const struct czi_id_table *t, const struct czi_row *row)
{
    return row->key.len < 1 + sizeof(cz_id)
               ? CZI_ID_NONE
               : czi_id_table_find(t, row->key.data + row->key.len - sizeof(cz_id));
}

static bool same(struct comparison *c, const struct czi_row *row)
{
    return !c->value.failed && c->value.len == row->value.len &&
           memcmp(c->value.data, row->value.data, row->value.len) == 0;
}

static int compare_resource(void *arg, const struct czi_row *row)
{
    struct comparison *c = arg;
    uint32_t slot = number_of(&c->core->resources.ids, row);

    c->count++;
    c->value.len = 0;
    if (slot != CZI_ID_NONE)
        put_resource(&c->value, c->core, slot);
    if (c->value.failed)
        return czi_nomem(c->err, "a row");
    return slot != CZI_ID_NONE && same(c, row) ? CZ_OK : differs(c, row, "resource");
}

static int compare_origin(void *arg, const struct czi_row *row)
{
    struct comparison *c = arg;
    uint32_t n = number_of(&c->core->origin_ids, row);

    c->count++;
    c->value.len = 0;
    if (n != CZI_ID_NONE)
        czi_cbor_add_head(&c->value, 0, c->core->origins[n].next_nonce);
    if (c->value.failed)
        return czi_nomem(c->err, "a row");
    return n != CZI_ID_NONE && same(c, row) ? CZ_OK : differs(c, row, "the nonce of origin");
}

static int compare_fact(void *arg, const struct czi_row *row)
{
    struct comparison *c = arg;

    c->count++;
    return number_of(&c->core->fact_ids, row) != CZI_ID_NONE ? CZ_OK : differs(c, row, "fact");
}

/* Names that only rejected effects used may have a row or not; their supply is zero. */
static int compare_asset(void *arg, const struct czi_row *row)
{
    struct comparison *c = arg;
    struct czi_cbor in = czi_cbor(row->value.data, row->value.len);
    cz_quantity supply = czi_cbor_quantity(&in);
    struct czi_slice name = {row->key.data + 1, row->key.len - 1};
    uint32_t n = czi_core_asset((struct czi_core *)(uintptr_t)c->core, name, false);
    bool agrees = supply == (n == CZI_ID_NONE ? 0 : c->core->assets[n].supply);

    c->count += supply != 0;
    return !czi_cbor_end(&in, NULL) && agrees ? CZ_OK
                                              : differs(c, row, "the supply of an asset");
}

static int compare_domain(void *arg, const struct czi_row *row)
{
    struct comparison *c = arg;
    struct czi_slice name = {row->key.data + 1, row->key.len - 1};
    uint32_t n = czi_core_domain((struct czi_core *)(uintptr_t)c->core, name, false);

    c->count++;
    c->value.len = 0;
    if (n != CZI_ID_NONE) {
        czi_cbor_add_head(&c->value, 4, 2);
        czi_cbor_add_string(&c->value, CZI_CBOR_BYTES, c->core->domains[n].head, sizeof(cz_id));
        czi_cbor_add_head(&c->value, 0, c->core->domains[n].facts);
    }
    if (c->value.failed)
        return czi_nomem(c->err, "a row");
    return n != CZI_ID_NONE && same(c, row) ? CZ_OK
                                            : differs(c, row, "the fact log of a domain");
}

/* How many batches there were is no fact of the journal: some leave no frame. */
static int compare_counts(void *arg, const struct czi_row *row)
{
    struct comparison *c = arg;
    struct czi_cbor in = czi_cbor(row->value.data, row->value.len);
    bool agrees;

    czi_cbor_array_of(&in, 3);
    agrees = czi_cbor_uint(&in) == c->core->applied;
    agrees = czi_cbor_uint(&in) == c->core->rejected && agrees;
    (void)czi_cbor_uint(&in);
    c->count++;
    return !czi_cbor_end(&in, NULL) && agrees ? CZ_OK : differs(c, row, "the count of effects");
}

static uint64_t count_created(const struct czi_core *core)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < core->resources.ids.count; i++)
        n += czi_resource_at(&core->resources, i)->position != 0;
    return n;
}

static uint64_t count_supplied(const struct czi_core *core)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < core->asset_ids.count; i++)
        n += core->assets[i].supply != 0;
    return n;
}

int czi_core_compare(const struct czi_core *core, struct czi_index *index, cz_error *err)
{
    const struct {
        uint8_t table;
        const char *what;
        int (*fn)(void *arg, const struct czi_row *row);
        uint64_t count;
    } tables[] = {{'r', "resources", compare_resource, count_created(core)},
                  {'o', "origins", compare_origin, core->origin_ids.count},
                  {'a', "assets with a supply", compare_asset, count_supplied(core)},
                  {'d', "domains", compare_domain, core->domain_ids.count},
                  {'f', "facts", compare_fact, core->fact_ids.count},
                  {'c', "counts", compare_counts, 1}};
    struct comparison c = {.core = core, .err = err};
    int rc = CZ_OK;

    for (size_t i = 0; i < CZI_COUNTOF(tables) && !rc; i++) {
        c.count = 0;
        rc = index->ops->scan(index, (struct czi_slice){&tables[i].table, 1}, tables[i].fn, &c,
                              err);
        if (!rc && c.count != tables[i].count)
            rc = czi_fail(err, CZ_CORRUPT,
                          "index: it holds %llu %s, the journal %llu; `causality reindex` "
                          "rebuilds it",
                          (unsigned long long)c.count, tables[i].what,
                          (unsigned long long)tables[i].count);
    }
    czi_buf_done(&c.value);
    return rc;
}
