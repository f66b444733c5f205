/* export.c - everything that a store records, as one CAR file that any IPLD tool reads.
 *
 * Layer: replay. Threads: see journal.h. Memory: the state, one frame, the pages of heads.
 *
 * The journal is read twice. The first time it is audited (but for proofs), which gives the
 * heads of all logs; then the file begins with what leads to everything else:
 *
 *   root      [7, positions, facts, root of heads: bytes(32), [page: link…],
 *              [[domain: text, facts, head of its fact log: link]…],
 *              effects in no resource's log, head of their log: link | null,
 *              [page of programs: link…]]
 *   page      [8, [[resource identity: link, head of its log: link]…]]   1,024, ascending by id
 *   page of programs  [23, [[program: bytes(32), entries, head of its log: link]…]]   1,024, in
 *              the order of their first entries
 *
 * The second time every effect, receipt, log node and item of a fact log is written in journal
 * order, and each snapshot of the time map behind the item that made it. An effect that was
 * rejected or that writes nothing is in no resource's log, so the export makes one for all of
 * them, of the same nodes. One that was rejected for what it cites may hold links to nowhere;
 * its item is instead
 *
 *   envelope  [9, receipt: bytes, effect: bytes]
 *
 * A program's log has the receipt of such an effect all the same: its node's link leads to what
 * the envelope holds.
 *
 * What any other effect names without relying on it (a fact that it left out, the snapshot that
 * it was proposed under) may not be in the store, and then not in the file either.
 *
 * A node that two logs share (two resources that an effect created are alike so far) is one
 * block, written once.
 */
#include "base/error.h"
#include "codec/blake3.h"
#include "codec/car.h"
#include "engine/cite.h"
#include "engine/engine.h"
#include "ledger/record.h"
#include "replay/journal.h"

#define PAGE_SIZE 1024u

/* Pieces are gathered up to this size before they go to the caller's sink. */
#define GATHER_SIZE (256u * 1024u)

struct export
{
    struct czi_journal journal;
    struct czi_auditor *auditor;
    cz_sink_fn sink;
    void *arg;
    struct czi_buf gathered;
    cz_export_report report;
    uint8_t rest[32]; /* head of the log of effects that are in no other */
    uint64_t rest_count;
    uint32_t *slots; /* of resources, ascending by id; owned */
    size_t slot_count;
    struct czi_buf block;                     /* in the making */
    struct czi_buf snapshots, snapshot_bytes; /* of struct czi_snapshot, in order */
    size_t snapshot_next;
    uint64_t items; /* written so far */
};

/* ---- Blocks ----------------------------------------------------------------------------- */

static int flush(struct export *x, cz_error *err)
{
    size_t len = x->gathered.len;

    x->gathered.len = 0;
    x->report.bytes += len;
    return len ? x->sink(x->arg, x->gathered.data, len, err) : CZ_OK;
}

static int gather(void *arg, const void *data, size_t len, cz_error *err)
{
    struct export *x = arg;

    czi_buf_put(&x->gathered, data, len);
    if (x->gathered.failed)
        return czi_nomem(err, "an export");
    return x->gathered.len < GATHER_SIZE ? CZ_OK : flush(x, err);
}

static int put_block(struct export *x, const void *id, const void *data, size_t len,
                     cz_error *err)
{
    cz_id copy;

    memcpy(&copy, id, sizeof copy);
    x->report.blocks++;
    return czi_car_write_block(gather, x, &copy, data, len, err);
}

/* Room for a block in the making; NULL when out of memory. */
static uint8_t *begin_block(struct export *x, size_t size_max)
{
    x->block.len = 0;
    return czi_buf_reserve(&x->block, size_max);
}

static cz_id end_block(struct export *x, const uint8_t *end)
{
    cz_id id;

    x->block.len = (size_t)(end - x->block.data);
    czi_blake3(x->block.data, x->block.len, id.bytes);
    return id;
}

/* ---- Effects in no resource's log ---------------------------------------------------------
 */

static bool is_rest(const struct czi_effect_view *v, uint8_t reason)
{
    return reason != CZ_APPLIED || !v->write_count;
}

/* What that log holds for one: its receipt, or both in an envelope, which is then in x->block.
 */
static int rest_item(struct export *x, const cz_id *effect, struct czi_slice bytes,
                     const struct czi_outcome *o, cz_id *ret, cz_id *ret_receipt,
                     bool *ret_envelope, cz_error *err)
{
    uint8_t receipt[1024], *p;
    size_t max = czi_receipt_size(o), len;
    CZI_AUTOFREE uint8_t *large = max > sizeof receipt ? czi_alloc(max) : NULL;
    uint8_t *at = max > sizeof receipt ? large : receipt;

    p = begin_block(x, bytes.len + max + 32);
    if (!at || !p)
        return czi_nomem(err, "an effect");
    len = czi_receipt_encode(at, effect, o);
    czi_blake3(at, len, ret_receipt->bytes);
    *ret = *ret_receipt;
    *ret_envelope = czi_cite_is_reason(o->reason);
    if (!*ret_envelope)
        return CZ_OK;
    p = czi_cbor_put_array(p, 3);
    p = czi_cbor_put_uint(p, CZI_TAG_ENVELOPE);
    p = czi_cbor_put_bytes(p, at, len);
    *ret = end_block(x, czi_cbor_put_bytes(p, bytes.data, bytes.len));
    return CZ_OK;
}

/* Moves the head of a log; node receives the new node's bytes. */
static size_t extend(uint8_t head[32], const cz_id *item, uint8_t node[CZI_NODE_SIZE_MAX])
{
    size_t len = czi_node_encode(node, head, item->bytes);

    czi_blake3(node, len, head);
    return len;
}

/* ---- First pass ------------------------------------------------------------------------- */

static int first_frame(void *arg, struct czi_journal *j, const struct czi_frame *frame,
                       struct czi_replayer *r, cz_error *err)
{
    struct export *x = arg;
    const struct czi_batch *b = r->batch;
    int rc = czi_audit_frame(x->auditor, j, frame, r, err);
    const uint8_t *time = rc ? NULL : czi_entry_time(b, NULL);

    for (uint32_t i = 0; i < b->entry_count && !rc; i++) {
        const struct czi_entry *e = &b->entries[i];
        struct czi_slice bytes = {e->pending->bytes, e->pending->len};
        uint8_t node[CZI_NODE_SIZE_MAX];
        struct czi_outcome o;
        bool envelope;
        cz_id item, receipt;

        if (e->status == CZI_ENTRY_ITEM)
            time = czi_entry_time(b, e);
        if (e->number == CZI_ID_NONE || !is_rest(&e->pending->view, e->reason))
            continue;
        o = czi_entry_outcome(b, e, time);
        rc =
            rest_item(x, &b->effect_ids[e->number], bytes, &o, &item, &receipt, &envelope, err);
        if (!rc)
            (void)extend(x->rest, &item, node);
        x->rest_count++;
    }
    return rc;
}

/* ---- What leads to everything ----------------------------------------------------------- */

static uint8_t *put_link(uint8_t *p, const void *digest)
{
    cz_id id;

    memcpy(&id, digest, sizeof id);
    return czi_cbor_put_link(p, &id);
}

/* A page of so many resources or programs, into x->block. */
typedef int (*page_fn)(struct export *x, size_t first, size_t count, cz_id *ret, cz_error *err);

static int make_page(struct export *x, size_t first, size_t count, cz_id *ret, cz_error *err)
{
    const struct czi_resources *r = &x->journal.core.resources;
    const uint32_t *slots = x->slots + first;
    uint8_t *p = begin_block(x, 16 + count * (1 + 2 * CZI_CBOR_LINK_SIZE));

    if (!p)
        return czi_nomem(err, "a page of heads");
    p = czi_cbor_put_array(p, 2);
    p = czi_cbor_put_uint(p, CZI_TAG_PAGE);
    p = czi_cbor_put_array(p, count);
    for (size_t i = 0; i < count; i++) {
        p = czi_cbor_put_array(p, 2);
        p = put_link(p, czi_id_table_id(&r->ids, slots[i]));
        p = put_link(p, czi_resource_head(r, slots[i])->node);
    }
    *ret = end_block(x, p);
    return CZ_OK;
}

/* Numbers of programs are in the order of their first entries. */
static int make_program_page(struct export *x, size_t first, size_t count, cz_id *ret,
                             cz_error *err)
{
    const struct czi_core *core = &x->journal.core;
    uint8_t *p = begin_block(x, 16 + count * (1 + 34 + 9 + CZI_CBOR_LINK_SIZE));

    if (!p)
        return czi_nomem(err, "a page of programs");
    p = czi_cbor_put_array(p, 2);
    p = czi_cbor_put_uint(p, CZI_TAG_PROGRAM_PAGE);
    p = czi_cbor_put_array(p, count);
    for (size_t i = first; i < first + count; i++) {
        const struct czi_program_log *l = czi_program_log(core, (uint32_t)i);

        p = czi_cbor_put_array(p, 3);
        p = czi_cbor_put_bytes(p, czi_id_table_id(&core->program_ids, (uint32_t)i), 32);
        p = czi_cbor_put_uint(p, l->entries);
        p = put_link(p, l->head);
    }
    *ret = end_block(x, p);
    return CZ_OK;
}

/* Pages of everything that has one kind of page: their ids. */
struct pages {
    page_fn make;
    size_t things, count;
    cz_id *ids; /* owned */
};

static uint8_t *put_pages(uint8_t *p, const struct pages *pages)
{
    p = czi_cbor_put_array(p, pages->count);
    for (size_t i = 0; i < pages->count; i++)
        p = czi_cbor_put_link(p, &pages->ids[i]);
    return p;
}

static int make_root(struct export *x, const struct pages *resources,
                     const struct pages *programs, cz_id *ret, cz_error *err)
{
    const struct czi_core *core = &x->journal.core;
    const cz_journal_report *r = &x->journal.report;
    uint8_t *p =
        begin_block(x, 256 + (resources->count + programs->count) * CZI_CBOR_LINK_SIZE +
                           r->domains * (64 + CZI_DOMAIN_SIZE_MAX));

    if (!p)
        return czi_nomem(err, "the root of an export");
    p = czi_cbor_put_array(p, 9);
    p = czi_cbor_put_uint(p, CZI_TAG_EXPORT);
    p = czi_cbor_put_uint(p, r->positions);
    p = czi_cbor_put_uint(p, r->facts);
    p = czi_cbor_put_bytes(p, r->root, sizeof r->root);
    p = put_pages(p, resources);
    p = czi_cbor_put_array(p, r->domains);
    for (uint32_t i = 0; i < r->domains; i++) {
        struct czi_domain_info info;

        czi_book_domain_info(core->book, i, &info);
        p = czi_cbor_put_array(p, 3);
        p = czi_cbor_put_text(p, info.name, strlen(info.name));
        p = czi_cbor_put_uint(p, core->domains[i].items);
        p = put_link(p, core->domains[i].head);
    }
    p = czi_cbor_put_uint(p, x->rest_count);
    p = x->rest_count ? put_link(p, x->rest) : czi_cbor_put_null(p);
    *ret = end_block(x, put_pages(p, programs));
    return CZ_OK;
}

/* Pages are made twice: for their ids, which the root needs, and to be written behind it. */
static int each_page(struct export *x, const struct pages *pages, bool write, cz_error *err)
{
    int rc = CZ_OK;

    for (size_t i = 0; i < pages->count && !rc; i++) {
        size_t first = i * PAGE_SIZE;

        rc = pages->make(x, first, CZI_MIN(pages->things - first, (size_t)PAGE_SIZE),
                         &pages->ids[i], err);
        if (!rc && write)
            rc = put_block(x, &pages->ids[i], x->block.data, x->block.len, err);
    }
    return rc;
}

static int pages_of(struct export *x, page_fn make, size_t things, struct pages *ret,
                    cz_error *err)
{
    *ret = (struct pages){make, things, (things + PAGE_SIZE - 1) / PAGE_SIZE, NULL};
    ret->ids = czi_alloc(ret->count * sizeof *ret->ids);
    return ret->ids ? each_page(x, ret, false, err) : czi_nomem(err, "the pages of heads");
}

static void pages_done(struct pages *pages)
{
    czi_free(pages->ids);
}

static int put_identities(struct export *x, cz_error *err)
{
    const struct czi_resources *r = &x->journal.core.resources;
    int rc = CZ_OK;

    for (size_t i = 0; i < x->slot_count && !rc; i++) {
        const struct czi_resource_name *n = czi_resource_name(r, x->slots[i]);
        struct czi_slice label = {(const uint8_t *)n->label, strlen(n->label)};
        uint8_t bytes[CZI_IDENTITY_SIZE_MAX];
        size_t len = czi_identity_encode(bytes, &n->creator, label);

        rc = put_block(x, czi_id_table_id(&r->ids, x->slots[i]), bytes, len, err);
    }
    return rc;
}

static int put_head(struct export *x, cz_error *err)
{
    const struct czi_core *core = &x->journal.core;
    CZI_CLEANUP(pages_done) struct pages resources = {0};
    CZI_CLEANUP(pages_done) struct pages programs = {0};
    int rc;

    x->slots = czi_resources_sorted(&core->resources, &x->slot_count);
    if (!x->slots)
        return czi_nomem(err, "the list of resources");
    rc = pages_of(x, make_page, x->slot_count, &resources, err);
    if (!rc)
        rc = pages_of(x, make_program_page, core->program_ids.count, &programs, err);
    if (!rc)
        rc = make_root(x, &resources, &programs, &x->report.root, err);
    if (!rc)
        rc = czi_car_write_header(gather, x, &x->report.root, 1, err);
    if (!rc)
        rc = put_block(x, &x->report.root, x->block.data, x->block.len, err);
    if (!rc)
        rc = each_page(x, &resources, true, err);
    if (!rc)
        rc = each_page(x, &programs, true, err);
    return rc ? rc : put_identities(x, err);
}

/* ---- Second pass ------------------------------------------------------------------------ */

/* The logs begin anew: their heads are known to the first blocks now. */
static void reset_heads(struct export *x)
{
    struct czi_core *core = &x->journal.core;

    for (uint32_t i = 0; i < core->resources.ids.count; i++)
        memset(czi_resource_head(&core->resources, i)->node, 0, 32);
    for (uint32_t i = 0; i < czi_book_domains(core->book); i++)
        memset(core->domains[i].head, 0, 32);
    for (uint32_t i = 0; i < core->program_ids.count; i++)
        memset(czi_program_log(core, i)->head, 0, 32);
    memset(x->rest, 0, sizeof x->rest);
}

/* Nodes that an effect has added to logs; of logs that are alike so far it is the same one. */
struct nodes {
    uint8_t ids[CZI_ACCESSES_MAX + 1][32];
    unsigned count;
};

static int put_node(struct export *x, uint8_t head[32], const cz_id *item, struct nodes *n,
                    cz_error *err)
{
    uint8_t node[CZI_NODE_SIZE_MAX];
    size_t len = extend(head, item, node);

    for (unsigned i = 0; i < n->count; i++)
        if (memcmp(n->ids[i], head, 32) == 0)
            return CZ_OK;
    memcpy(n->ids[n->count++], head, 32);
    return put_block(x, head, node, len, err);
}

/* The next node of every resource's log that an applied effect writes. */
static int put_nodes(struct export *x, const struct czi_record *rec, const cz_id *receipt,
                     struct nodes *n, cz_error *err)
{
    const struct czi_resources *r = &x->journal.core.resources;
    int rc = CZ_OK;

    for (unsigned i = 0; i < rec->view.write_count && !rc; i++) {
        uint32_t slot =
            czi_id_table_find(&r->ids, czi_effect_access_id(rec->bytes.data, &rec->view, i));

        rc = put_node(x, czi_resource_head(r, slot)->node, receipt, n, err);
    }
    return rc;
}

/* The next one of its program's log. */
static int put_entry(struct export *x, const struct czi_record *rec, const cz_id *receipt,
                     struct nodes *n, cz_error *err)
{
    const struct czi_core *core = &x->journal.core;
    const uint8_t *program;
    uint32_t task, number;

    if (!rec->view.has_program)
        return CZ_OK;
    program = czi_effect_program(rec->bytes.data, rec->bytes.len, &rec->view, &task);
    number = czi_id_table_find(&core->program_ids, program);
    if (number == CZI_ID_NONE) /* there was no room for another one */
        return CZ_OK;
    return put_node(x, czi_program_log(core, number)->head, receipt, n, err);
}

static int put_plain(struct export *x, const struct czi_record *rec, const cz_id *effect,
                     cz_id *ret_receipt, cz_error *err)
{
    uint8_t *p = begin_block(x, czi_receipt_size(&rec->outcome));
    int rc;

    if (!p)
        return czi_nomem(err, "a receipt");
    *ret_receipt = end_block(x, p + czi_receipt_encode(p, effect, &rec->outcome));
    rc = put_block(x, effect, rec->bytes.data, rec->bytes.len, err);
    return rc ? rc : put_block(x, ret_receipt, x->block.data, x->block.len, err);
}

static int put_effect(struct export *x, const struct czi_record *rec, cz_error *err)
{
    struct nodes nodes = {.count = 0};
    bool envelope = false;
    cz_id effect, item, receipt;
    int rc = CZ_OK;

    czi_blake3(rec->bytes.data, rec->bytes.len, effect.bytes);
    if (rec->outcome.reason)
        rc = rest_item(x, &effect, rec->bytes, &rec->outcome, &item, &receipt, &envelope, err);
    if (!rc && envelope) {
        rc = put_block(x, &item, x->block.data, x->block.len, err);
    } else if (!rc) {
        rc = put_plain(x, rec, &effect, &receipt, err);
        item = receipt;
    }
    if (!rc)
        rc = is_rest(&rec->view, rec->outcome.reason)
                 ? put_node(x, x->rest, &item, &nodes, err)
                 : put_nodes(x, rec, &receipt, &nodes, err);
    return rc ? rc : put_entry(x, rec, &receipt, &nodes, err);
}

/* The snapshot that an item made, if it did: whatever names it comes later. */
static int put_snapshot(struct export *x, cz_error *err)
{
    const struct czi_snapshot *s = (const struct czi_snapshot *)(const void *)x->snapshots.data;

    if (x->snapshot_next == x->snapshots.len / sizeof *s ||
        s[x->snapshot_next].number != x->items)
        return CZ_OK;
    s += x->snapshot_next++;
    return put_block(x, &s->id, x->snapshot_bytes.data + s->at, s->len, err);
}

static int put_item(struct export *x, const struct czi_record *rec, cz_error *err)
{
    const struct czi_core *core = &x->journal.core;
    cz_id id = czi_fact_id(rec->bytes.data, rec->bytes.len);
    uint8_t node[CZI_NODE_SIZE_MAX], *head;
    struct czi_entry_info info;
    size_t len;
    int rc;

    czi_book_entry(core->book, czi_book_find(core->book, &id), &info);
    head = core->domains[info.domain].head;
    x->items++;
    rc = put_block(x, &id, rec->bytes.data, rec->bytes.len, err);
    len = czi_node_encode(node, head, id.bytes);
    czi_blake3(node, len, head);
    if (!rc)
        rc = put_block(x, head, node, len, err);
    return rc ? rc : put_snapshot(x, err);
}

static int second_frame(void *arg, const struct czi_frame *frame, cz_error *err)
{
    struct export *x = arg;
    struct czi_record_reader reader;
    struct czi_record rec;
    bool more = true;
    int rc = CZ_OK;

    czi_record_reader(&reader, frame->payload, frame->first_position);
    while (!rc && more) {
        rc = czi_record_next(&reader, &more, &rec, err);
        if (!rc && more)
            rc =
                rec.type == CZI_RECORD_ITEM ? put_item(x, &rec, err) : put_effect(x, &rec, err);
    }
    return rc;
}

/* ---- All of it -------------------------------------------------------------------------- */

static int run(struct export *x, struct czi_fs *fs, const cz_check_options *options,
               cz_error *err)
{
    struct czi_journal *j = &x->journal;
    int rc = czi_journal_open(j, fs, options, err);

    if (!rc)
        rc = czi_auditor_new(j, false, &x->auditor, err);
    if (!rc)
        czi_auditor_keep_snapshots(x->auditor, &x->snapshots, &x->snapshot_bytes);
    if (!rc)
        rc = czi_journal_run(j, first_frame, x, err);
    if (!rc)
        rc = czi_audit_end(j, err);
    if (!rc)
        rc = put_head(x, err);
    if (rc)
        return rc;
    reset_heads(x);
    rc = czi_journal_again(j, second_frame, x, err);
    if (!rc)
        rc = flush(x, err);
    x->report.journal = j->report;
    return rc;
}

int czi_export_car(struct czi_fs *fs, const cz_check_options *options, cz_sink_fn sink,
                   void *arg, cz_export_report *ret, cz_error *err)
{
    struct export x = {.sink = sink, .arg = arg};
    int rc = run(&x, fs, options, err);

    if (!rc)
        *ret = x.report;
    czi_auditor_free(x.auditor);
    czi_journal_close(&x.journal);
    czi_free(x.slots);
    czi_buf_done(&x.gathered);
    czi_buf_done(&x.block);
    czi_buf_done(&x.snapshots);
    czi_buf_done(&x.snapshot_bytes);
    return rc;
}

int cz_export_car(const char *dir, const cz_check_options *options, cz_sink_fn sink, void *arg,
                  cz_export_report *ret, cz_error *err)
{
    struct czi_fs *fs;
    int rc = czi_fs_posix(dir, &fs, err);

    if (rc)
        return rc;
    rc = czi_export_car(fs, options, sink, arg, ret, err);
    fs->ops->free(fs);
    return rc;
}
