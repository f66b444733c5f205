/* rows.c - the state as rows of the index, and back; see rows.h.
 *
 * Layer: engine. Thread: the engine's, while nothing executes.
 *
 * Rows (canonical DAG-CBOR values):
 *   'r' group (2 bytes) id     [creator, controller, label, kind, state, asset|null,
 *                               quantity|data, version, position, lamport, head, clock|null,
 *                               controlled]
 *   'o' id      next nonce           'a' name   supply
 *   'd' number (u32)  [head, items]  of its fact log
 *   'b' key     what the book says of it (fact/book.h)
 *   'k' program, task (u32)          [position, lamport, clock]
 *   'q' first position (u64)         [program, entries, last position, head] of its log
 *   'c'         [applied, rejected, batches, lamport]
 *   'l'         hash of the placement that groups are of; none: all are 0
 * A clock is [program, [task, count]…].
 */
#include "engine/rows.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "codec/dag_cbor.h"
#include "engine/cite.h"
#include "engine/engine.h"
#include "engine/placement.h"
#include "resource/policy.h"

/* ---- Rows ------------------------------------------------------------------------------- */

static void put_clock(struct czi_buf *b, const struct czi_shared_clock *c)
{
    if (!c) {
        czi_buf_put_byte(b, 0xf6);
        return;
    }
    czi_cbor_add_head(b, 4, 1 + c->count);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, &c->program, sizeof c->program);
    for (uint32_t i = 0; i < c->count; i++) {
        czi_cbor_add_head(b, 4, 2);
        czi_cbor_add_head(b, 0, c->parts[i].task);
        czi_cbor_add_head(b, 0, c->parts[i].count);
    }
}

static void put_resource(struct czi_buf *b, const struct czi_core *core, uint32_t slot)
{
    const struct czi_resource *x = czi_resource_at(&core->resources, slot);
    const struct czi_resource_name *n = czi_resource_name(&core->resources, slot);

    czi_cbor_add_head(b, 4, 13);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, &n->creator, sizeof(cz_id));
    czi_cbor_add_string(b, CZI_CBOR_BYTES, &n->controller, sizeof(cz_id));
    czi_cbor_add_string(b, 3, n->label, strlen(n->label));
    czi_cbor_add_head(b, 0, x->kind);
    czi_cbor_add_head(b, 0, x->state);
    if (czi_kind_has_data(x->kind)) {
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
    put_clock(b, n->clock);
    czi_buf_put_byte(b, x->controlled ? 0xf5 : 0xf4);
}

static void put_task(struct czi_buf *b, const struct czi_task_clock *t)
{
    czi_cbor_add_head(b, 4, 3);
    czi_cbor_add_head(b, 0, t->position);
    czi_cbor_add_head(b, 0, t->lamport);
    put_clock(b, t->clock);
}

#define TASK_KEY_SIZE 36
static void task_key(const struct czi_task_clock *t, uint8_t key[TASK_KEY_SIZE])
{
    memcpy(key, &t->program, 32);
    czi_put_u32be(key + 32, t->task);
}

static void put_program(struct czi_buf *b, const struct czi_core *core, uint32_t n)
{
    const struct czi_program_log *l = czi_program_log(core, n);

    czi_cbor_add_head(b, 4, 4);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, czi_id_table_id(&core->program_ids, n),
                        sizeof(cz_id));
    czi_cbor_add_head(b, 0, l->entries);
    czi_cbor_add_head(b, 0, l->last);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, l->head, sizeof l->head);
}

#define PROGRAM_KEY_SIZE 8
static void program_key(uint64_t first, uint8_t key[PROGRAM_KEY_SIZE])
{
    czi_put_u32be(key, (uint32_t)(first >> 32));
    czi_put_u32be(key + 4, (uint32_t)first);
}

static void put_domain(struct czi_buf *b, const struct czi_domain_log *d)
{
    czi_cbor_add_head(b, 4, 2);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, d->head, sizeof(cz_id));
    czi_cbor_add_head(b, 0, d->items);
}

static void put_counts(struct czi_buf *b, const struct czi_core *core)
{
    czi_cbor_add_head(b, 4, 4);
    czi_cbor_add_head(b, 0, core->applied);
    czi_cbor_add_head(b, 0, core->rejected);
    czi_cbor_add_head(b, 0, core->batches);
    czi_cbor_add_head(b, 0, core->lamport);
}

#define RESOURCE_KEY_SIZE (2 + sizeof(cz_id))
static void resource_key(const struct czi_core *core, uint32_t slot,
                         uint8_t key[RESOURCE_KEY_SIZE])
{
    const cz_id *id = czi_id_table_id(&core->resources.ids, slot);
    uint16_t group = czi_placement_group(core->placement, id);

    key[0] = (uint8_t)(group >> 8);
    key[1] = (uint8_t)group;
    memcpy(key + 2, id, sizeof *id);
}

static void add_row(struct czi_rows *rows, uint8_t table, const void *key, size_t key_len,
                    struct czi_buf *value)
{
    uint8_t full[3 + CZI_ASSET_SIZE_MAX];
    size_t n = 0;

    full[n++] = table;
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
        uint8_t key[RESOURCE_KEY_SIZE];

        put_resource(value, core, slot);
        resource_key(core, slot, key);
        add_row(rows, 'r', key, sizeof key, value);
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
    for (uint32_t i = 0; i < czi_book_domains(core->book); i++) {
        uint8_t key[4];

        if (!core->domains[i].dirty)
            continue;
        czi_put_u32be(key, i);
        put_domain(value, &core->domains[i]);
        add_row(rows, 'd', key, sizeof key, value);
    }
    for (uint32_t i = 0; i < core->task_ids.count; i++) {
        uint8_t key[TASK_KEY_SIZE];

        if (!core->tasks[i].dirty)
            continue;
        task_key(&core->tasks[i], key);
        put_task(value, &core->tasks[i]);
        add_row(rows, 'k', key, sizeof key, value);
    }
    for (uint32_t i = 0; i < core->program_ids.count; i++) {
        uint8_t key[PROGRAM_KEY_SIZE];

        if (!czi_program_log(core, i)->dirty)
            continue;
        program_key(czi_program_log(core, i)->first, key);
        put_program(value, core, i);
        add_row(rows, 'q', key, sizeof key, value);
    }
    put_counts(value, core);
    add_row(rows, 'c', NULL, 0, value);
    if (core->placement && core->placement->ids.count) {
        czi_buf_put(value, core->placement->hash, sizeof core->placement->hash);
        add_row(rows, 'l', NULL, 0, value);
    }
}

static int add_book_row(void *arg, const uint8_t *key, size_t key_len,
                        const struct czi_buf *value)
{
    struct czi_rows *rows = arg;
    uint8_t full[1 + 64];

    CZI_CHECK(key_len < sizeof full);
    full[0] = 'b';
    memcpy(full + 1, key, key_len);
    czi_rows_add(rows, full, 1 + key_len, value->data, value->len);
    return CZ_OK;
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
    for (uint32_t i = 0; i < czi_book_domains(core->book); i++)
        core->domains[i].dirty = false;
    for (uint32_t i = 0; i < core->task_ids.count; i++)
        core->tasks[i].dirty = false;
    for (uint32_t i = 0; i < core->program_ids.count; i++)
        czi_program_log(core, i)->dirty = false;
    czi_book_saved(core->book);
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
    rc = czi_book_save(core->book, add_book_row, &rows, err);
    if (rc) {
        czi_rows_done(&rows);
        return rc;
    }
    if (rows.bytes.failed || rows.spans.failed) {
        czi_rows_done(&rows);
        return czi_nomem(err, "a checkpoint");
    }
    rc = czi_ledger_checkpoint(g->ledger, &rows, background && !g->driven, err);
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

/* A clock, or null; false: out of memory. */
static bool read_clock(struct czi_cbor *c, struct czi_shared_clock **ret)
{
    _Alignas(8) uint8_t
        bytes[sizeof(struct czi_shared_clock) + CZI_CLOCK_TASKS_MAX * sizeof(cz_clock_part)];
    struct czi_shared_clock *clock = (struct czi_shared_clock *)(void *)bytes;
    uint64_t n;

    *ret = NULL;
    if (czi_cbor_null(c))
        return true;
    n = czi_cbor_array(c);
    if (c->what || n < 2 || n > 1 + CZI_CLOCK_TASKS_MAX) {
        czi_cbor_fail(c, "no clock");
        return true;
    }
    clock->program = czi_cbor_bytes32(c);
    clock->count = (uint32_t)n - 1;
    for (uint32_t i = 0; i < clock->count; i++) {
        czi_cbor_array_of(c, 2);
        clock->parts[i].task = (uint32_t)czi_cbor_uint_max(c, UINT32_MAX);
        clock->parts[i].count = czi_cbor_uint(c);
    }
    *ret = czi_clock_copy(clock);
    return *ret != NULL;
}

static int load_resource(void *arg, const struct czi_row *row)
{
    struct load *l = arg;
    struct czi_cbor c = czi_cbor(row->value.data, row->value.len);
    struct czi_slice label, asset = {0}, data = {0};
    struct czi_resource x = {0};
    cz_id id, creator, controller, head, hash;
    struct czi_shared_clock *clock;
    struct czi_resource_name *n;
    uint32_t slot;

    czi_cbor_array_of(&c, 13);
    creator = czi_cbor_bytes32(&c);
    controller = czi_cbor_bytes32(&c);
    label = czi_cbor_text(&c);
    x.kind = (uint8_t)czi_cbor_uint_max(&c, CZI_KIND_LAST);
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
    if (!read_clock(&c, &clock))
        return czi_nomem(l->err, "a vector clock");
    x.controlled = czi_cbor_bool(&c);
    if (czi_cbor_end(&c, NULL) || row->key.len != 3 + sizeof id ||
        (data.data ? !czi_kind_has_data(x.kind) || !czi_is_form(x.kind, data)
                   : czi_kind_has_data(x.kind))) {
        czi_clock_drop(clock);
        return bad_row(l, row, "is malformed");
    }
    memcpy(&id, row->key.data + 3, sizeof id);
    if (asset.data)
        x.asset = czi_core_asset(l->core, asset, true);
    slot = x.asset == CZI_ID_NONE ? CZI_ID_NONE : czi_resources_add(&l->core->resources, &id);
    if (slot == CZI_ID_NONE) {
        czi_clock_drop(clock);
        return czi_nomem(l->err, "the resources of the store");
    }
    *czi_resource_at(&l->core->resources, slot) = x;
    l->core->created++;
    memcpy(czi_resource_head(&l->core->resources, slot)->node, &head, 32);
    n = czi_resource_name(&l->core->resources, slot);
    n->clock = clock;
    n->creator = creator;
    n->controller = controller;
    n->label = czi_alloc(label.len + 1);
    if (!n->label)
        return czi_nomem(l->err, "a label");
    memcpy(n->label, label.data, label.len);
    n->label[label.len] = 0;
    czi_blake3(data.data, data.len, hash.bytes);
    if (czi_kind_has_data(x.kind) && !czi_resource_set_data(n, data, &hash))
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
    struct czi_domain_log *d;
    cz_id head;
    uint32_t n;

    if (row->key.len != 1 + sizeof n)
        return bad_row(l, row, "is malformed");
    n = czi_get_u32be(row->key.data + 1);
    if (n >= czi_book_domains(l->core->book))
        return bad_row(l, row, "is of no domain");
    d = &l->core->domains[n];
    czi_cbor_array_of(&c, 2);
    head = czi_cbor_bytes32(&c);
    d->items = czi_cbor_uint(&c);
    memcpy(d->head, &head, sizeof head);
    return czi_cbor_end(&c, NULL) ? bad_row(l, row, "is malformed") : CZ_OK;
}

static int load_book(void *arg, const struct czi_row *row)
{
    struct load *l = arg;
    struct czi_slice key = {row->key.data + 1, row->key.len - 1};
    int rc = czi_book_load(l->core->book, key, row->value, l->err);

    return rc == CZ_CORRUPT ? bad_row(l, row, "is malformed") : rc;
}

/* Rows come in the order of first entries, which gives the numbers. */
static int load_program(void *arg, const struct czi_row *row)
{
    struct load *l = arg;
    struct czi_cbor c = czi_cbor(row->value.data, row->value.len);
    struct czi_program_log log = {0};
    cz_id program, head;
    uint32_t n, count = l->core->program_ids.count;

    czi_cbor_array_of(&c, 4);
    program = czi_cbor_bytes32(&c);
    log.entries = czi_cbor_uint(&c);
    log.last = czi_cbor_uint(&c);
    head = czi_cbor_bytes32(&c);
    memcpy(log.head, &head, sizeof log.head);
    if (czi_cbor_end(&c, NULL) || row->key.len != 1 + PROGRAM_KEY_SIZE || !log.entries)
        return bad_row(l, row, "is malformed");
    log.first = (uint64_t)czi_get_u32be(row->key.data + 1) << 32;
    log.first |= czi_get_u32be(row->key.data + 5);
    n = czi_core_program(l->core, program.bytes, true);
    if (n == CZI_ID_NONE)
        return czi_nomem(l->err, "the programs of the store");
    if (n != count)
        return bad_row(l, row, "is of the same program as another one");
    *czi_program_log(l->core, n) = log;
    return CZ_OK;
}

static int load_task(void *arg, const struct czi_row *row)
{
    struct load *l = arg;
    struct czi_cbor c = czi_cbor(row->value.data, row->value.len);
    struct czi_shared_clock *clock;
    uint64_t position, lamport;
    uint32_t n;

    czi_cbor_array_of(&c, 3);
    position = czi_cbor_uint(&c);
    lamport = czi_cbor_uint(&c);
    if (!read_clock(&c, &clock))
        return czi_nomem(l->err, "a vector clock");
    if (czi_cbor_end(&c, NULL) || row->key.len != 1 + TASK_KEY_SIZE || !clock) {
        czi_clock_drop(clock);
        return bad_row(l, row, "is malformed");
    }
    n = czi_core_task(l->core, row->key.data + 1, czi_get_u32be(row->key.data + 33), true);
    if (n == CZI_ID_NONE) {
        czi_clock_drop(clock);
        return czi_nomem(l->err, "the tasks of the store");
    }
    if (!czi_program_log(l->core, l->core->tasks[n].log)->entries) {
        czi_clock_drop(clock);
        return bad_row(l, row, "is of a program without a log");
    }
    l->core->tasks[n].clock = clock;
    l->core->tasks[n].position = position;
    l->core->tasks[n].lamport = lamport;
    return CZ_OK;
}

static int load_counts(void *arg, const struct czi_row *row)
{
    struct load *l = arg;
    struct czi_cbor c = czi_cbor(row->value.data, row->value.len);

    czi_cbor_array_of(&c, 4);
    l->core->applied = czi_cbor_uint(&c);
    l->core->rejected = czi_cbor_uint(&c);
    l->core->batches = czi_cbor_uint(&c);
    l->core->lamport = czi_cbor_uint(&c);
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
    } tables[] = {{'a', load_asset}, {'r', load_resource}, {'o', load_origin},
                  {'b', load_book},  {'d', load_domain},   {'q', load_program},
                  {'k', load_task},  {'c', load_counts}};
    struct load l = {core, err};
    int rc = CZ_OK;

    for (size_t i = 0; i < CZI_COUNTOF(tables) && !rc; i++) {
        rc = czi_ledger_rows(ledger, tables[i].table, tables[i].fn, &l, err);
        if (!rc && tables[i].table == 'b')
            rc = czi_book_loaded(core->book, err);
    }
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

static int compare_book(void *arg, const struct czi_row *row)
{
    struct comparison *c = arg;
    struct czi_slice key = {row->key.data + 1, row->key.len - 1};

    c->count++;
    return czi_book_has_row(c->core->book, key, row->value) ? CZ_OK : differs(c, row, "a fact");
}

static int compare_task(void *arg, const struct czi_row *row)
{
    struct comparison *c = arg;
    uint32_t n = row->key.len != 1 + TASK_KEY_SIZE
                     ? CZI_ID_NONE
                     : czi_core_task((struct czi_core *)(uintptr_t)c->core, row->key.data + 1,
                                     czi_get_u32be(row->key.data + 33), false);

    c->count++;
    c->value.len = 0;
    if (n != CZI_ID_NONE)
        put_task(&c->value, &c->core->tasks[n]);
    if (c->value.failed)
        return czi_nomem(c->err, "a row");
    return n != CZI_ID_NONE && same(c, row) ? CZ_OK : differs(c, row, "the clock of a task");
}

static int compare_program(void *arg, const struct czi_row *row)
{
    struct comparison *c = arg;
    struct czi_cbor in = czi_cbor(row->value.data, row->value.len);
    uint8_t key[PROGRAM_KEY_SIZE];
    cz_id program;
    uint32_t n;

    czi_cbor_array_of(&in, 4);
    program = czi_cbor_bytes32(&in);
    n = czi_id_table_find(&c->core->program_ids, &program);
    c->count++;
    c->value.len = 0;
    if (n != CZI_ID_NONE) {
        program_key(czi_program_log(c->core, n)->first, key);
        put_program(&c->value, c->core, n);
    }
    if (c->value.failed)
        return czi_nomem(c->err, "a row");
    return n != CZI_ID_NONE && same(c, row) && row->key.len == 1 + sizeof key &&
                   memcmp(row->key.data + 1, key, sizeof key) == 0
               ? CZ_OK
               : differs(c, row, "the log of a program");
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
    uint32_t n = row->key.len == 5 ? czi_get_u32be(row->key.data + 1) : CZI_ID_NONE;
    bool known = n < czi_book_domains(c->core->book);

    c->count++;
    c->value.len = 0;
    if (known)
        put_domain(&c->value, &c->core->domains[n]);
    if (c->value.failed)
        return czi_nomem(c->err, "a row");
    return known && same(c, row) ? CZ_OK : differs(c, row, "the fact log of a domain");
}

/* How many batches there were is no fact of the journal: some leave no frame. */
static int compare_counts(void *arg, const struct czi_row *row)
{
    struct comparison *c = arg;
    struct czi_cbor in = czi_cbor(row->value.data, row->value.len);
    bool agrees;

    czi_cbor_array_of(&in, 4);
    agrees = czi_cbor_uint(&in) == c->core->applied;
    agrees = czi_cbor_uint(&in) == c->core->rejected && agrees;
    (void)czi_cbor_uint(&in);
    agrees = czi_cbor_uint(&in) == c->core->lamport && agrees;
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

/* A task whose only effects had no room for a clock has no row. */
static uint64_t count_tasks(const struct czi_core *core)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < core->task_ids.count; i++)
        n += core->tasks[i].clock != NULL;
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
                  {'d', "domains", compare_domain, czi_book_domains(core->book)},
                  {'b', "rows about facts", compare_book, czi_book_rows(core->book)},
                  {'k', "tasks of programs", compare_task, count_tasks(core)},
                  {'q', "programs", compare_program, core->program_ids.count},
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
