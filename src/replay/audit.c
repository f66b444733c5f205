/* audit.c - checks what a journal says against itself, without executing it.
 *
 * Layer: replay. Threads: see journal.h. One effect: audit_effect.c and
 * audit_operations.c. Facts and their proofs: fact_audit.c.
 *
 * Nothing of execute.c is used. From the recorded outcomes alone the state is carried along,
 * and every new outcome must follow from it: versions count up by one, `previous` names the
 * last write, Lamport time is one more than the latest of what the effect depends on (R4),
 * nonces rise (R3, so that no effect applies twice), lifecycles move legally, what is cited was
 * there before (R5), and per asset the resources change by what create and consume declare.
 * What an applied effect does must be authorised by who signed it and what they presented, and
 * what comes from or goes to domains must be proven (audit_authority.c, audit_gateway.c).
 * Whether one should have been rejected for something else (an overdraft half-way, a
 * requirement), or a rejected one applied, is not judged here: that is what replay is for.
 */
#include "replay/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

int czi_audit_found(const struct czi_auditor *a, cz_error *err, const char *fmt, ...)
{
    char what[CZ_DETAIL_SIZE / 2];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return czi_fail(err, CZ_CORRUPT, "position %" PRIu64 ": %s", a->outcome->position, what);
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
    if (czi_codes_init(&a->codes, err)) {
        czi_auditor_free(a);
        return CZ_NOMEM;
    }
    *ret = a;
    return CZ_OK;
}

void czi_auditor_free(struct czi_auditor *a)
{
    if (!a)
        return;
    for (unsigned i = 0; i < CZI_ACCESSES_MAX; i++)
        czi_buf_done(&a->derived[i]);
    czi_codes_done(&a->codes);
    czi_vm_manager_free(a->manager);
    czi_buf_done(&a->fact_bytes);
    czi_fact_audit_done(&a->facts);
    czi_clock_drop(a->citing.extra.clock);
    czi_free(a);
}

static void begin_batch(struct czi_auditor *a, struct czi_batch *b,
                        const struct czi_frame *frame)
{
    a->batch = b;
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
                                 : czi_audit_effect(a, b, &b->entries[i], err);
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

        if (!czi_kind_has_data(x->kind))
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
    czi_journal_verify(&j);
    if (!rc)
        rc = czi_journal_run(&j, czi_audit_frame, a, err);
    if (!rc)
        rc = czi_audit_end(&j, err);
    if (!rc)
        *ret = (cz_audit_report){.journal = j.report,
                                 .signatures = j.signatures.verified,
                                 .proofs = a->facts.verified,
                                 .unverified = a->facts.unverified};
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
