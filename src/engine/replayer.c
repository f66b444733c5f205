/* replayer.c - see replayer.h. */
#include "engine/replayer.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "engine/engine.h"

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
    struct czi_arrival a = {.number = n,
                            .len = (uint32_t)rec->bytes.len,
                            .is_fact = rec->type == CZI_RECORD_FACT};

    if (n == CZI_BATCH_ENTRIES_MAX)
        return czi_fail(err, CZ_CORRUPT, "a frame has more than %u entries",
                        CZI_BATCH_ENTRIES_MAX);
    *p = (struct czi_pending){.view = rec->view,
                              .bytes = (uint8_t *)(uintptr_t)rec->bytes.data,
                              .len = a.len,
                              .is_fact = a.is_fact};
    if (p->is_fact) {
        int rc = czi_pending_fact(p, err);

        if (rc)
            return rc;
    }
    a.accesses = (uint8_t)czi_effect_accesses(&rec->view);
    if (!czi_batch_fits(r->batch, &a))
        return czi_fail(err, CZ_CORRUPT, "a frame is larger than a batch");
    r->outcomes[n] = rec->outcome;
    r->outcomes[n].posts = NULL;
    czi_buf_put(&r->posts, rec->outcome.posts,
                rec->outcome.post_count * sizeof(struct czi_post));
    czi_batch_add(r->batch, &a, p);
    return r->posts.failed ? czi_nomem(err, "a frame's outcomes") : CZ_OK;
}

int czi_replayer_take(struct czi_replayer *r, const struct czi_frame *frame, cz_error *err)
{
    struct czi_record_reader reader;
    struct czi_record rec;
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
    int rc = czi_core_plan(core, r->batch, 0, err);

    if (!rc)
        rc = czi_core_execute(core, r->batch, 0, err);
    if (!rc)
        rc = compare_outcomes(r, err);
    return rc ? rc : czi_replayer_seal(r, core, frame, err);
}
