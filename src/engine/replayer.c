/* replayer.c - see replayer.h. */
#include "engine/replayer.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "engine/cite.h"
#include "fact/fact.h"
#include "ledger/record.h"

int czi_replayer_init(struct czi_replayer *r, cz_error *err)
{
    *r = (struct czi_replayer){0};
    r->pendings = czi_alloc_aligned(CZI_BATCH_ENTRIES_MAX * sizeof *r->pendings);
    r->outcomes = czi_alloc(CZI_BATCH_ENTRIES_MAX * sizeof *r->outcomes);
    if (!r->pendings || !r->outcomes || czi_batch_new(CZI_BATCH_ENTRIES_MAX, &r->batch, err)) {
        czi_replayer_done(r);
        return czi_nomem(err, "a replay");
    }
    return CZ_OK;
}

static void drop_copies(struct czi_replayer *r)
{
    uint8_t **copies = (uint8_t **)(void *)r->copies.data;

    for (size_t i = 0; i < r->copies.len / sizeof *copies; i++)
        czi_free(copies[i]);
    r->copies.len = 0;
}

/* An open effect's bytes with its scope, which executing writes anew. */
static bool copy_open(struct czi_replayer *r, struct czi_pending *p, size_t scope)
{
    uint8_t *copy = czi_alloc(p->len + CZI_SCOPE_SIZE_MAX);

    if (!copy)
        return false;
    czi_buf_put(&r->copies, &copy, sizeof copy);
    if (r->copies.failed) {
        czi_free(copy);
        return false;
    }
    memcpy(copy, p->bytes, p->len + scope);
    p->bytes = copy;
    return true;
}

void czi_replayer_done(struct czi_replayer *r)
{
    drop_copies(r);
    czi_buf_done(&r->copies);
    czi_batch_free(r->batch);
    czi_free(r->pendings);
    czi_free(r->outcomes);
    czi_buf_done(&r->posts);
    czi_extras_done(&r->extras);
    czi_buf_done(&r->extras);
    *r = (struct czi_replayer){0};
}

/* A copy that outlives the reader's. */
static bool keep_extra(struct czi_replayer *r, const struct czi_extra *extra)
{
    struct czi_extra x;

    if (!extra)
        return true;
    x = *extra;
    if (x.clock)
        x.clock = czi_clock_copy(x.clock);
    if (x.run)
        x.run = czi_guest_run_copy(x.run);
    if (!x.clock == !extra->clock && !x.run == !extra->run) {
        czi_buf_put(&r->extras, &x, sizeof x);
        if (!r->extras.failed)
            return true;
    }
    czi_extra_done(&x);
    return false;
}

/* What the journal says of an effect, in short: its posts lie in r->posts. */
static int take_record(struct czi_replayer *r, const struct czi_record *rec, cz_error *err)
{
    uint32_t n = r->batch->entry_count;
    struct czi_pending *p = &r->pendings[n];
    struct czi_arrival a = {.number = n,
                            .len = (uint32_t)rec->bytes.len,
                            .is_item = rec->type == CZI_RECORD_ITEM};

    if (n == CZI_BATCH_ENTRIES_MAX)
        return czi_fail(err, CZ_CORRUPT, "a frame has more than %u entries",
                        CZI_BATCH_ENTRIES_MAX);
    *p = (struct czi_pending){.view = rec->view,
                              .bytes = (uint8_t *)(uintptr_t)rec->bytes.data,
                              .len = a.len,
                              .is_item = a.is_item};
    if (p->is_item)
        p->item_id = czi_fact_id(p->bytes, p->len);
    if (rec->view.is_open && !copy_open(r, p, rec->outcome.extra->scope.len))
        return czi_nomem(err, "an effect");
    a.accesses = czi_accesses_max(&rec->view);
    if (!czi_batch_fits(r->batch, &a))
        return czi_fail(err, CZ_CORRUPT, "a frame is larger than a batch");
    r->outcomes[n] = rec->outcome;
    r->outcomes[n].posts = NULL;
    czi_buf_put(&r->posts, rec->outcome.posts,
                rec->outcome.post_count * sizeof(struct czi_post));
    czi_batch_add(r->batch, &a, p);
    return !keep_extra(r, rec->outcome.extra) || r->posts.failed
               ? czi_nomem(err, "a frame's outcomes")
               : CZ_OK;
}

int czi_replayer_take(struct czi_replayer *r, const struct czi_frame *frame, cz_error *err)
{
    struct czi_record_reader reader;
    struct czi_record rec;
    bool more = true;
    int rc = CZ_OK;

    czi_batch_clear(r->batch);
    drop_copies(r);
    r->posts.len = 0;
    czi_extras_done(&r->extras);
    czi_record_reader(&reader, frame->payload, frame->first_position);
    while (!rc && more) {
        rc = czi_record_next(&reader, &more, &rec, err);
        if (!rc && more)
            rc = take_record(r, &rec, err);
    }
    return rc;
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
        if (was[i].previous != is[i].previous)
            return differs(position, "previous position", was[i].previous, is[i].previous, err);
        if (!applied || !was[i].written)
            continue;
        if (was[i].kind != is[i].kind || was[i].state != is[i].state)
            return differs(position, "kind and state",
                           (uint64_t)was[i].kind << 4 | was[i].state,
                           (uint64_t)is[i].kind << 4 | is[i].state, err);
        if (czi_kind_has_data(was[i].kind) ? memcmp(was[i].data_hash, is[i].data_hash, 32) != 0
                                           : was[i].quantity != is[i].quantity)
            return czi_fail(
                err, CZ_DIFFERS,
                "position %llu: the journal and executing give access %u another value",
                (unsigned long long)position, i);
    }
    return CZ_OK;
}

static bool same_scope(const struct czi_extra *was, const struct czi_extra *is)
{
    return was->scope.len == is->scope.len &&
           (!was->scope.len || memcmp(was->scope.data, is->scope.data, was->scope.len) == 0);
}

static int compare_runs(const cz_guest_run *was, const cz_guest_run *is, uint64_t position,
                        cz_error *err)
{
    if (was && is && was->gas != is->gas)
        return differs(position, "gas used", was->gas, is->gas, err);
    if (czi_guest_run_same(was, is))
        return CZ_OK;
    return czi_fail(err, CZ_DIFFERS,
                    "position %llu: the journal and executing give another end of its guest",
                    (unsigned long long)position);
}

static int compare_extra(const struct czi_extra *was, const struct czi_extra *is,
                         uint64_t position, cz_error *err)
{
    if (!was || !is)
        return was || is ? differs(position, "links", was != NULL, is != NULL, err) : CZ_OK;
    for (unsigned i = 0; i < was->after_count; i++)
        if (was->after[i] != is->after[i])
            return differs(position, "the position of a predecessor", was->after[i],
                           is->after[i], err);
    if (was->left_out != is->left_out)
        return differs(position, "facts left out", was->left_out, is->left_out, err);
    if (was->task_previous != is->task_previous)
        return differs(position, "the position of its task's effect before", was->task_previous,
                       is->task_previous, err);
    if (was->program_previous != is->program_previous)
        return differs(position, "the position of its program's entry before",
                       was->program_previous, is->program_previous, err);
    if (!czi_clock_same(was->clock, is->clock))
        return czi_fail(err, CZ_DIFFERS,
                        "position %llu: the journal and executing give another vector clock",
                        (unsigned long long)position);
    if (!same_scope(was, is))
        return czi_fail(err, CZ_DIFFERS,
                        "position %llu: the journal and executing give another scope",
                        (unsigned long long)position);
    return compare_runs(was->run, is->run, position, err);
}

static int compare_times(const uint8_t *was, const uint8_t *is, uint64_t position,
                         cz_error *err)
{
    if (was && is ? czi_id_equal(was, is) : was == is)
        return CZ_OK;
    return czi_fail(err, CZ_DIFFERS,
                    "position %llu: the journal and executing give another time map",
                    (unsigned long long)position);
}

static int compare_outcomes(struct czi_replayer *r, cz_error *err)
{
    struct czi_batch *b = r->batch;
    const struct czi_post *was = (const struct czi_post *)(const void *)r->posts.data;
    const struct czi_extra *extras = (const struct czi_extra *)(const void *)r->extras.data;
    const uint8_t *time = czi_entry_time(b, NULL);

    for (uint32_t i = 0; i < b->entry_count; i++) {
        const struct czi_entry *e = &b->entries[i];
        const struct czi_outcome *o = &r->outcomes[i];
        uint64_t position = b->first_position + e->number;
        int rc;

        if (e->pending->is_item && e->status == CZI_ENTRY_ITEM) {
            time = czi_entry_time(b, e);
            continue;
        }
        if (e->pending->is_item && e->status == CZI_ENTRY_REFUSED)
            return czi_fail(err, CZ_DIFFERS,
                            "fact %llu: it is recorded, but must be refused: %s",
                            (unsigned long long)(b->facts_before + b->fact_count + 1),
                            cz_reason_text(e->reason));
        if (e->pending->is_item || e->number == CZI_ID_NONE)
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
        rc = compare_extra(o->extra ? extras++ : NULL, czi_entry_extra(b, e), position, err);
        if (!rc && o->post_count != e->post_count)
            rc = differs(position, "accesses", o->post_count, e->post_count, err);
        if (!rc)
            rc = compare_posts(was, b->posts + e->posts, o->post_count, !o->reason, position,
                               err);
        if (!rc)
            rc = compare_times(o->time, time, position, err);
        if (rc)
            return rc;
        was += o->post_count;
    }
    return CZ_OK;
}

int czi_replayer_seal(struct czi_replayer *r, struct czi_core *core,
                      const struct czi_frame *frame, cz_error *err)
{
    const struct czi_batch *b = r->batch;
    uint8_t receipts[32];

    if (b->position_count != frame->position_count ||
        b->first_position != frame->first_position || b->fact_count != frame->fact_count)
        return czi_fail(err, CZ_DIFFERS,
                        "frame at position %llu: it does not hold what its header says",
                        (unsigned long long)frame->first_position);
    czi_seal(core, r->batch);
    czi_blake3(b->receipt_ids, frame->position_count * sizeof(cz_id), receipts);
    if (memcmp(receipts, frame->receipts, 32) != 0)
        return czi_fail(err, CZ_DIFFERS,
                        "frame at position %llu: its receipts are not those that its header "
                        "seals",
                        (unsigned long long)frame->first_position);
    return CZ_OK;
}

int czi_replayer_run(struct czi_replayer *r, struct czi_core *core,
                     const struct czi_frame *frame, cz_error *err)
{
    int rc;

    for (uint32_t i = 0; i < r->batch->entry_count && r->copies.len; i++)
        if (r->pendings[i].view.is_open)
            czi_effect_drop_scope(&r->pendings[i].view);
    rc = czi_core_plan(core, r->batch, 0, err);
    if (!rc)
        rc = czi_core_execute(core, r->batch, 0, err);
    if (!rc)
        rc = compare_outcomes(r, err);
    return rc ? rc : czi_replayer_seal(r, core, frame, err);
}
