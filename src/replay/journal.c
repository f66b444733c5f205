/* journal.c - see journal.h. */
#include "replay/journal.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "engine/cite.h"
#include "engine/rows.h"
#include "ledger/checkpoint.h"
#include "ledger/record.h"

#include <inttypes.h>

/* Frames between the two threads: one in work at each, one to even them out. */
#define SLOTS 3u

/* A callback's return that ends a scan and is no error. */
#define ENOUGH (-1)

int czi_at_frame(const struct czi_frame *frame, int rc, cz_error *err)
{
    char path[CZI_SEGMENT_PATH_SIZE];

    czi_segment_path(path, frame->segment);
    return czi_wrap(err, rc, "%s: offset %" PRIu64, path, frame->offset);
}

/* ---- Opening ---------------------------------------------------------------------------- */

static int note_current(void *arg, const char *name)
{
    if (!strcmp(name, "CURRENT"))
        *(bool *)arg = true;
    return CZ_OK;
}

static int read_meta(struct czi_journal *j, cz_error *err)
{
    const struct czi_slice key = {(const uint8_t *)"m", 1};
    CZI_AUTOBUF value = {0};
    struct czi_place place;
    int rc = j->index->ops->get(j->index, key, &value, err);

    if (rc == CZ_NOT_FOUND)
        return CZ_OK;
    if (!rc)
        rc = czi_place_parse(czi_buf_slice(&value), &place, err);
    if (rc)
        return czi_wrap(err, rc, "index (`causality reindex` rebuilds it)");
    j->has_meta = true;
    memcpy(j->meta_hash, place.hash, sizeof j->meta_hash);
    return CZ_OK;
}

/* The index is only compared with; a store without one is whole. */
static int open_index(struct czi_journal *j, cz_error *err)
{
    CZI_AUTOBUF path = {0};
    bool there = false;
    int rc;

    if (!j->fs->root)
        return CZ_OK;
    rc = j->fs->ops->list(j->fs, "index", note_current, &there, err);
    if (rc == CZ_NOT_FOUND || (!rc && !there))
        return CZ_OK;
    if (rc)
        return rc;
    czi_buf_printf(&path, "%s/index", j->fs->root);
    czi_buf_put_byte(&path, 0);
    if (path.failed)
        return czi_nomem(err, "the index's path");
    rc = czi_index_rocksdb((const char *)path.data, true, &j->index, err);
    return rc ? rc : read_meta(j, err);
}

static int measure(struct czi_journal *j, cz_error *err)
{
    const struct czi_fs_ops *ops = j->fs->ops;
    int rc = CZ_OK;

    for (uint32_t n = 1; !rc; n++) {
        char path[CZI_SEGMENT_PATH_SIZE];
        struct czi_file *f;
        uint64_t size;

        czi_segment_path(path, n);
        rc = ops->open(j->fs, path, CZI_OPEN_READ, &f, err);
        if (rc == CZ_NOT_FOUND)
            break;
        if (rc)
            return rc;
        rc = ops->size(f, &size, err);
        ops->close(f);
        if (rc)
            return rc;
        j->report.segments = n;
        j->report.journal_bytes += size;
        czi_buf_put(&j->sizes, &size, sizeof size);
    }
    return j->sizes.failed ? czi_nomem(err, "the journal's segments") : CZ_OK;
}

static uint64_t size_of(const struct czi_journal *j, uint32_t segment)
{
    uint64_t size;

    CZI_CHECK(segment >= 1);
    if (segment > j->report.segments)
        return 0;
    memcpy(&size, j->sizes.data + (segment - 1) * sizeof size, sizeof size);
    return size;
}

static const struct czi_predecessor *look_up(void *arg, const struct czi_pending *p)
{
    struct czi_journal *j = arg;

    for (unsigned i = 0; i < p->view.after_count; i++) {
        uint32_t n = czi_id_table_find(&j->cited_ids, czi_effect_after(p->bytes, &p->view, i));
        const struct czi_cited *c = n == CZI_ID_NONE ? NULL : &j->cited[n];

        j->known[i] = (struct czi_predecessor){0};
        if (c && c->seen)
            j->known[i] = c->what;
    }
    return j->known;
}

static int open_all(struct czi_journal *j, cz_error *err)
{
    struct czi_ledger_options o = {.fs = j->fs, .read_only = true, .memory_index = true};
    int rc;

    if (j->options.threads > CZI_THREADS_MAX)
        return czi_fail(err, CZ_LIMIT, "options: at most %u threads", CZI_THREADS_MAX);
    if (!j->options.threads)
        j->options.threads = CZI_MIN(czi_cpu_count(), CZI_THREADS_MAX);
    rc = open_index(j, err);
    if (!rc)
        rc = czi_ledger_open(&o, &j->ledger, err);
    if (!rc)
        rc = measure(j, err);
    if (!rc)
        rc = czi_core_init(&j->core, err);
    j->core.predecessors = look_up;
    j->core.predecessors_arg = j;
    j->core.item_bytes = czi_journal_item;
    j->core.item_bytes_arg = j;
    return rc;
}

int czi_journal_open(struct czi_journal *j, struct czi_fs *fs, const cz_check_options *options,
                     cz_error *err)
{
    int rc;

    *j = (struct czi_journal){.fs = fs, .last_segment = 1, .last_end = CZI_SEGMENT_HEADER_SIZE};
    if (options)
        j->options = *options;
    rc = open_all(j, err);
    if (rc)
        czi_journal_close(j);
    return rc;
}

void czi_journal_close(struct czi_journal *j)
{
    (void)czi_ledger_close(j->ledger, NULL); /* read only: nothing can fail */
    if (j->index)
        j->index->ops->close(j->index);
    czi_core_done(&j->core);
    czi_buf_done(&j->sizes);
    czi_buf_done(&j->item_frames);
    czi_buf_done(&j->item_bytes);
    czi_signature_audit_done(&j->signatures);
    for (uint32_t i = 0; i < j->cited_ids.count; i++)
        czi_predecessors_done(&j->cited[i].what, 1);
    czi_id_table_done(&j->cited_ids);
    czi_free(j->cited);
    *j = (struct czi_journal){0};
}

/* ---- Predecessors ----------------------------------------------------------------------- */

/* Calls fn with each effect of a frame. */
static int each_effect(const struct czi_frame *frame, struct czi_journal *j,
                       int (*fn)(struct czi_journal *j, const struct czi_record *rec,
                                 cz_error *err),
                       cz_error *err)
{
    struct czi_record_reader reader;
    struct czi_record rec;
    bool more = true;
    int rc = CZ_OK;

    czi_record_reader(&reader, frame->payload, frame->first_position);
    while (!rc && more) {
        rc = czi_record_next(&reader, &more, &rec, err);
        if (!rc && more && rec.type != CZI_RECORD_ITEM)
            rc = fn(j, &rec, err);
    }
    return rc;
}

static bool add_cited(struct czi_journal *j, const uint8_t *bytes)
{
    uint32_t next = j->cited_ids.count;
    cz_id id;

    if (czi_id_table_find(&j->cited_ids, bytes) != CZI_ID_NONE)
        return true;
    if (next == j->cited_room) {
        uint32_t room = CZI_MAX(1024u, j->cited_room * 2);
        struct czi_cited *fresh = czi_realloc(j->cited, room * sizeof *fresh);

        if (!fresh)
            return false;
        j->cited = fresh;
        j->cited_room = room;
    }
    j->cited[next] = (struct czi_cited){0};
    memcpy(&id, bytes, sizeof id);
    return czi_id_table_insert(&j->cited_ids, &id) != CZI_ID_NONE;
}

static int cite(struct czi_journal *j, const struct czi_record *rec, cz_error *err)
{
    for (unsigned i = 0; i < rec->view.after_count; i++)
        if (!add_cited(j, czi_effect_after(rec->bytes.data, &rec->view, i)))
            return czi_nomem(err, "the effects that others follow");
    return CZ_OK;
}

static int see(struct czi_journal *j, const void *id, const struct czi_outcome *o,
               cz_error *err)
{
    uint32_t n = czi_id_table_find(&j->cited_ids, id);

    if (n == CZI_ID_NONE || j->cited[n].seen)
        return CZ_OK;
    j->cited[n].seen = true;
    return czi_predecessor_of(o, &j->cited[n].what, err);
}

static int see_record(struct czi_journal *j, const struct czi_record *rec, cz_error *err)
{
    cz_id id;

    czi_blake3(rec->bytes.data, rec->bytes.len, id.bytes);
    return see(j, &id, &rec->outcome, err);
}

static int cite_frame(void *arg, const struct czi_frame *frame, cz_error *err)
{
    return each_effect(frame, arg, cite, err);
}

struct up_to {
    struct czi_journal *j;
    uint64_t position;
};

static int see_frame(void *arg, const struct czi_frame *frame, cz_error *err)
{
    const struct up_to *u = arg;

    if (frame->first_position >= u->position)
        return ENOUGH;
    return each_effect(frame, u->j, see_record, err);
}

/* Once, when the first effect comes that follows another: which effects are followed, and
 * what the journal said of them so far. What does not verify further on is reported there. */
static int collect_cited(struct czi_journal *j, const struct czi_frame *frame, cz_error *err)
{
    struct up_to u = {j, frame->first_position};
    int rc = czi_ledger_scan(j->ledger, true, cite_frame, j, err);

    if (rc == CZ_CORRUPT)
        rc = CZ_OK;
    if (!rc)
        rc = czi_ledger_scan(j->ledger, true, see_frame, &u, err);
    j->knows_cited = true;
    return rc == ENOUGH || rc == CZ_CORRUPT ? CZ_OK : rc;
}

/* ---- Frames ----------------------------------------------------------------------------- */

struct slot {
    struct czi_frame frame;
    struct czi_buf payload;
    struct czi_replayer replayer;
    bool cites;
};

struct flow {
    struct czi_journal *j;
    czi_journal_fn fn;
    void *arg;
    struct slot slots[SLOTS];
    uint32_t slot_count;
    bool feed_failed;
    struct czi_thread *thread; /* NULL: work is done where it arises */
    struct czi_mutex *lock;
    struct czi_cond *moved;
    /* Under lock. */
    uint32_t first, count;
    bool end;
    int rc; /* of the work */
    cz_error err;
};

/* What later effects may follow. */
static int see_batch(struct czi_journal *j, const struct czi_batch *b, cz_error *err)
{
    int rc = CZ_OK;

    for (uint32_t i = 0; i < b->entry_count && j->cited_ids.count && !rc; i++) {
        const struct czi_entry *e = &b->entries[i];
        struct czi_outcome o;

        if (e->number == CZI_ID_NONE)
            continue;
        o = czi_entry_outcome(b, e, NULL);
        rc = see(j, &b->effect_ids[e->number], &o, err);
    }
    return rc;
}

static int work(struct flow *f, struct slot *s, cz_error *err)
{
    struct czi_journal *j = f->j;
    const struct czi_batch *b = s->replayer.batch;
    int rc = CZ_OK;

    if (s->cites && !j->knows_cited)
        rc = collect_cited(j, &s->frame, err);
    if (!rc)
        rc = f->fn(f->arg, j, &s->frame, &s->replayer, err);
    if (rc)
        return czi_at_frame(&s->frame, rc, err);
    rc = czi_signature_audit_frame(&j->signatures, &s->frame, b, err);
    if (!rc)
        rc = see_batch(j, b, err);
    if (!rc)
        rc = czi_journal_note_items(j, &s->frame, err);
    if (rc)
        return rc;
    j->report.frames++;
    j->last_segment = s->frame.segment;
    j->last_end = czi_place_of(&s->frame).end;
    if (!j->has_meta || memcmp(s->frame.hash, j->meta_hash, sizeof j->meta_hash) != 0)
        return CZ_OK;
    j->report.index_compared = true;
    return czi_core_compare(&j->core, j->index, err);
}

static int take(struct slot *s, const struct czi_frame *frame, cz_error *err)
{
    int rc;

    s->frame = *frame;
    s->payload.len = 0;
    czi_buf_put(&s->payload, frame->payload.data, frame->payload.len);
    if (s->payload.failed)
        return czi_nomem(err, "a frame");
    s->frame.payload = czi_buf_slice(&s->payload);
    rc = czi_replayer_take(&s->replayer, &s->frame, err);
    if (rc)
        return czi_at_frame(frame, rc, err);
    s->cites = false;
    for (uint32_t i = 0; i < s->replayer.batch->entry_count && !s->cites; i++)
        s->cites = s->replayer.pendings[i].view.after_count != 0;
    return CZ_OK;
}

static void worker(void *arg)
{
    struct flow *f = arg;

    czi_mutex_lock(f->lock);
    for (;;) {
        int rc;

        while (!f->count && !f->end)
            czi_cond_wait(f->moved, f->lock);
        if (!f->count || f->rc)
            break;
        czi_mutex_unlock(f->lock);
        rc = work(f, &f->slots[f->first], &f->err);
        czi_mutex_lock(f->lock);
        f->rc = rc;
        f->first = (f->first + 1) % f->slot_count;
        f->count--;
        czi_cond_broadcast(f->moved);
    }
    czi_mutex_unlock(f->lock);
}

static void tell(const struct czi_journal *j, const struct czi_frame *frame)
{
    uint64_t done = czi_place_of(frame).end;

    if (!j->options.progress)
        return;
    for (uint32_t n = 1; n < frame->segment; n++)
        done += size_of(j, n);
    j->options.progress(j->options.progress_arg, CZI_MIN(done, j->report.journal_bytes),
                        j->report.journal_bytes);
}

static int feed(void *arg, const struct czi_frame *frame, cz_error *err)
{
    struct flow *f = arg;
    uint32_t at;
    int rc;

    tell(f->j, frame);
    if (!f->thread) {
        rc = take(&f->slots[0], frame, err);
        if (!rc)
            rc = work(f, &f->slots[0], err);
        f->feed_failed = rc != CZ_OK;
        return rc;
    }
    czi_mutex_lock(f->lock);
    while (f->count == f->slot_count && !f->rc)
        czi_cond_wait(f->moved, f->lock);
    at = (f->first + f->count) % f->slot_count;
    rc = f->rc ? ENOUGH : CZ_OK;
    czi_mutex_unlock(f->lock);
    if (!rc)
        rc = take(&f->slots[at], frame, err);
    f->feed_failed = rc != CZ_OK;
    if (rc)
        return rc;
    czi_mutex_lock(f->lock);
    f->count++;
    czi_cond_broadcast(f->moved);
    czi_mutex_unlock(f->lock);
    return CZ_OK;
}

static int start(struct flow *f, cz_error *err)
{
    int rc = CZ_OK;

    f->slot_count = f->j->options.threads > 1 ? SLOTS : 1;
    for (uint32_t i = 0; i < f->slot_count && !rc; i++)
        rc = czi_replayer_init(&f->slots[i].replayer, err);
    if (rc || f->slot_count == 1)
        return rc;
    f->lock = czi_mutex_new();
    f->moved = czi_cond_new();
    if (!f->lock || !f->moved)
        return czi_nomem(err, "a pipeline");
    return czi_thread_start(&f->thread, worker, f, "cz-replay", err);
}

static void finish(struct flow *f)
{
    if (f->thread) {
        czi_mutex_lock(f->lock);
        f->end = true;
        czi_cond_broadcast(f->moved);
        czi_mutex_unlock(f->lock);
        czi_thread_join(f->thread);
    }
    for (uint32_t i = 0; i < f->slot_count; i++) {
        czi_buf_done(&f->slots[i].payload);
        czi_replayer_done(&f->slots[i].replayer);
    }
    czi_mutex_free(f->lock);
    czi_cond_free(f->moved);
}

static int ignore_frame(void *arg, const struct czi_frame *frame, cz_error *err)
{
    (void)arg;
    (void)frame;
    (void)err;
    return CZ_OK;
}

static int report(struct czi_journal *j, cz_error *err)
{
    cz_journal_report *r = &j->report;
    const struct czi_core *core = &j->core;
    uint64_t size = size_of(j, j->last_segment);

    if (j->has_meta && !r->index_compared)
        return czi_fail(err, CZ_CORRUPT,
                        "index: it knows a frame that the journal does not hold; "
                        "`causality reindex` rebuilds it");
    r->positions = core->positions;
    r->applied = core->applied;
    r->rejected = core->rejected;
    r->facts = czi_book_count(core->book);
    r->assets = core->asset_ids.count;
    r->domains = czi_book_domains(core->book);
    r->resources = 0;
    for (uint32_t i = 0; i < core->resources.ids.count; i++)
        r->resources += czi_resource_at(&core->resources, i)->position != 0;
    r->tail_segment = j->last_segment;
    r->tail_offset = j->last_end;
    r->tail_bytes = size > j->last_end ? size - j->last_end : 0;
    for (uint32_t n = j->last_segment + 1; n <= r->segments; n++)
        r->tail_bytes += size_of(j, n);
    r->unfinished_tail = r->tail_bytes != 0;
    return czi_resources_root(&core->resources, r->root, err);
}

int czi_journal_run(struct czi_journal *j, czi_journal_fn fn, void *arg, cz_error *err)
{
    struct flow f = {.j = j, .fn = fn, .arg = arg};
    cz_error early = {0};
    int rc = start(&f, err);

    if (!rc)
        rc = czi_ledger_scan(j->ledger, true, feed, &f, err);
    finish(&f);
    if (czi_signature_audit_rest(&j->signatures, &early)) {
        f.rc = early.code;
        f.err = early;
    }
    if (f.rc) { /* it was found further in front */
        if (err)
            *err = f.err;
        return f.rc;
    }
    /* A tail that CHECKPOINT contradicts is not torn: then its place is the finding. */
    if (rc == CZ_CORRUPT && !f.feed_failed)
        rc = CZI_MAX(czi_ledger_scan(j->ledger, false, ignore_frame, NULL, err), rc);
    return rc ? rc : report(j, err);
}

struct again {
    const struct czi_journal *j;
    czi_frame_fn fn;
    void *arg;
};

static int again_frame(void *arg, const struct czi_frame *frame, cz_error *err)
{
    const struct again *a = arg;
    int rc = a->fn(a->arg, frame, err);

    if (!rc && frame->segment == a->j->last_segment &&
        czi_place_of(frame).end == a->j->last_end)
        rc = ENOUGH;
    return rc;
}

int czi_journal_again(struct czi_journal *j, czi_frame_fn fn, void *arg, cz_error *err)
{
    struct again a = {j, fn, arg};
    int rc = j->report.frames ? czi_ledger_scan(j->ledger, true, again_frame, &a, err) : CZ_OK;

    return rc == ENOUGH ? CZ_OK : rc;
}
