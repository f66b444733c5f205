/* ledger.c - see ledger.h: appending, finding, checkpoints. Opening and recovery: recover.c.
 *
 * Layer: ledger. Threads: one writer; finders hold the mutex while they look at the tails, at
 * which the writer only swaps and adds under it. The background thread of a checkpoint reads
 * the sealed tail, which nobody changes any more.
 *
 * Invariants: what the tails and the tip say is durable; the sealed tail stays until the index
 * has its rows; after a failed load nothing is loaded any more, so the index has no gaps.
 */
#include "ledger/ledger_state.h"

#include "base/error.h"
#include "base/limits.h"

#include <inttypes.h>

/* Frames and mark up to this size go out in one write from one piece of memory. */
#define ONE_WRITE_MAX (64u * 1024u)

/* ---- Append ------------------------------------------------------------------------------ */

/* A new segment is durable, name and all, before its first frame can be acknowledged. */
static int begin_segment(struct czi_ledger *l, cz_error *err)
{
    uint8_t header[CZI_SEGMENT_HEADER_SIZE];
    char path[CZI_SEGMENT_PATH_SIZE];
    int rc;

    l->fs->ops->close(l->file);
    l->file = NULL;
    czi_segment_path(path, l->segments + 1);
    czi_segment_header_put(header, l->segments + 1, &l->tip);
    rc = l->fs->ops->open(l->fs, path, CZI_OPEN_CREATE, &l->file, err);
    if (!rc)
        rc = l->fs->ops->write(l->file, 0, header, sizeof header, err);
    if (!rc)
        rc = l->fs->ops->sync(l->file, err);
    if (!rc)
        rc = l->fs->ops->sync_dir(l->fs, "journal", err);
    if (rc)
        return rc;
    l->segments++;
    l->end = CZI_SEGMENT_HEADER_SIZE;
    l->sealed_segment = false;
    return CZ_OK;
}

static int open_current(struct czi_ledger *l, cz_error *err)
{
    char path[CZI_SEGMENT_PATH_SIZE];

    if (l->sealed_segment)
        return begin_segment(l, err);
    if (l->file)
        return CZ_OK;
    czi_segment_path(path, l->segments);
    return l->fs->ops->open(l->fs, path, CZI_OPEN_WRITE, &l->file, err);
}

/* What is written together must be durable together or not at all: one mark, one sync. */
static int write_pieces(struct czi_ledger *l, const struct czi_piece *pieces, size_t count,
                        cz_error *err)
{
    uint8_t mark[CZI_MARK_SIZE];
    uint64_t at = l->end;
    bool small = count == 1 && pieces->len <= ONE_WRITE_MAX;
    int rc;

    czi_mark_put(mark, l->segments, l->end);
    if (small) {
        l->scratch.len = 0;
        czi_buf_put(&l->scratch, mark, sizeof mark);
        czi_buf_put(&l->scratch, pieces->frames, pieces->len);
        if (l->scratch.failed)
            return czi_nomem(err, "a write");
        rc = l->fs->ops->write(l->file, at, l->scratch.data, l->scratch.len, err);
    } else {
        rc = l->fs->ops->write(l->file, at, mark, sizeof mark, err);
    }
    at += sizeof mark;
    for (size_t i = 0; i < count && !small && !rc; at += pieces[i++].len)
        rc = l->fs->ops->write(l->file, at, pieces[i].frames, pieces[i].len, err);
    return rc ? rc : l->fs->ops->sync(l->file, err);
}

/* The frames' headers, taken as they are: their hashes were made a moment ago. */
static struct czi_frame peek(const uint8_t *data, size_t len)
{
    struct czi_frame f = {0};

    CZI_CHECK(len >= CZI_FRAME_HEADER_SIZE && !memcmp(data, "CZF1", 4));
    f.payload = (struct czi_slice){data + CZI_FRAME_HEADER_SIZE, czi_get_u32le(data + 4)};
    CZI_CHECK(f.payload.len <= len - CZI_FRAME_HEADER_SIZE);
    f.first_position = czi_get_u64le(data + 8);
    f.position_count = czi_get_u32le(data + 16);
    f.fact_count = czi_get_u32le(data + 20);
    f.facts_before = czi_get_u64le(data + 24);
    memcpy(f.previous, data + 32, 32);
    memcpy(f.hash, data + 96, 32);
    return f;
}

/* Checks that a piece continues the chain from *at and moves *at behind it; returns its number
 * of frames. */
static uint64_t check_piece(const struct czi_piece *p, struct czi_place *at)
{
    uint64_t count = 0;
    size_t size;

    CZI_CHECK(p->len > 0);
    for (size_t done = 0; done < p->len; done += size, count++) {
        struct czi_frame f = peek(p->frames + done, p->len - done);

        size = CZI_FRAME_HEADER_SIZE + f.payload.len;
        CZI_CHECK(!memcmp(f.previous, at->hash, 32) && f.first_position == at->positions + 1 &&
                  f.facts_before == at->facts);
        *at = czi_place_of(&f);
    }
    return count;
}

/* Makes room in the tail before anything is written, so that nothing can fail once it is
 * durable. */
static int reserve(struct czi_ledger *l, const struct czi_piece *pieces, size_t count,
                   cz_error *err)
{
    struct czi_place at = l->tip;
    uint64_t frames = 0;
    bool ok;

    for (size_t i = 0; i < count; i++)
        frames += check_piece(&pieces[i], &at);
    czi_mutex_lock(l->mutex);
    ok = czi_tail_reserve(l->tail, at.positions - l->tip.positions, frames);
    czi_mutex_unlock(l->mutex);
    return ok ? CZ_OK : czi_nomem(err, "the tail's index");
}

void czi_ledger_note(struct czi_ledger *l, const struct czi_frame *f, const cz_id *ids)
{
    czi_mutex_lock(l->mutex);
    czi_tail_add(l->tail, f, ids);
    l->tip = czi_place_of(f);
    czi_mutex_unlock(l->mutex);
}

static void publish(struct czi_ledger *l, const struct czi_piece *p)
{
    const cz_id *ids = p->ids;
    size_t size;

    for (size_t at = 0; at < p->len; at += size) {
        struct czi_frame f = peek(p->frames + at, p->len - at);

        size = CZI_FRAME_HEADER_SIZE + f.payload.len;
        f.segment = l->segments;
        f.offset = l->end;
        czi_ledger_note(l, &f, ids);
        ids += f.position_count;
        l->end += size;
    }
}

int czi_ledger_append(struct czi_ledger *l, const struct czi_piece *pieces, size_t count,
                      cz_error *err)
{
    cz_error detail = {0};
    uint64_t before;
    int rc;

    CZI_CHECK(l->recovered && !l->read_only && count);
    if (l->stopped)
        return czi_fail(err, CZ_CLOSED, "the journal stopped after: %s", l->reason.detail);
    rc = reserve(l, pieces, count, &detail);
    if (!rc)
        rc = open_current(l, &detail);
    if (!rc)
        rc = write_pieces(l, pieces, count, &detail);
    if (rc) {
        l->stopped = true;
        l->reason = detail;
        return czi_fail(err, rc, "the journal: %s", detail.detail);
    }
    before = l->end;
    l->end += CZI_MARK_SIZE;
    for (size_t i = 0; i < count; i++)
        publish(l, &pieces[i]);
    atomic_fetch_add(&l->size, l->end - before);
    l->tail->bytes += l->end - before;
    return CZ_OK;
}

/* ---- Finders ----------------------------------------------------------------------------- */

void czi_ledger_tip(const struct czi_ledger *l, uint8_t ret_hash[32], uint64_t *ret_positions,
                    uint64_t *ret_facts)
{
    czi_mutex_lock(l->mutex);
    memcpy(ret_hash, l->tip.hash, 32);
    *ret_positions = l->tip.positions;
    *ret_facts = l->tip.facts;
    czi_mutex_unlock(l->mutex);
}

uint64_t czi_ledger_size(const struct czi_ledger *l)
{
    return atomic_load(&l->size);
}

/* A search through the rows of effects, by as many bits of an id as they hold. */
struct search {
    const uint8_t *prefix;
    unsigned bits;
    uint64_t *positions;
    size_t max, count;
    cz_error *err;
};

/* Ends a scan early and is no error. */
#define ENOUGH (-1)

static void add_position(struct search *s, uint64_t position)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->positions[i] == position)
            return;
    s->positions[s->count++] = position;
}

static int search_row(void *arg, const struct czi_row *row)
{
    enum { KNOWN = 2 + CZI_EFFECT_ENTRY_SIZE - 4 }; /* bytes of an id */
    struct search *s = arg;
    unsigned bits = CZI_MIN(s->bits, 8u * KNOWN);
    uint64_t first = 0;
    uint8_t id[KNOWN];

    if (row->key.len != CZI_EFFECT_KEY_SIZE || row->value.len % CZI_EFFECT_ENTRY_SIZE != 0)
        return czi_fail(s->err, CZ_CORRUPT,
                        "the index has a malformed row: rebuild it with `causality reindex`");
    for (int i = 0; i < 8; i++)
        first = first << 8 | row->key.data[3 + i];
    memcpy(id, row->key.data + 1, 2);
    for (size_t at = 0; at < row->value.len; at += CZI_EFFECT_ENTRY_SIZE) {
        const uint8_t *entry = row->value.data + at;

        if (s->count == s->max)
            return ENOUGH;
        memcpy(id + 2, entry, KNOWN - 2);
        if (czi_prefix_matches(id, s->prefix, bits))
            add_position(s, first + czi_get_u32le(entry + KNOWN - 2));
    }
    return CZ_OK;
}

static int search_index(struct czi_ledger *l, struct search *s)
{
    uint8_t key[3] = {'e'};
    size_t whole = CZI_MIN(s->bits / 8, 2u);
    int rc;

    memcpy(key + 1, s->prefix, whole);
    rc = l->index->ops->scan(l->index, (struct czi_slice){key, 1 + whole}, search_row, s,
                             s->err);
    return rc == ENOUGH ? CZ_OK : rc;
}

int czi_ledger_find(struct czi_ledger *l, const cz_id *effect, uint64_t *ret_position,
                    cz_error *err)
{
    uint64_t position;
    struct search s = {effect->bytes, 256, &position, 1, 0, err};
    bool found;
    int rc;

    /* The older tail first: of an id that came twice the first position counts. */
    czi_mutex_lock(l->mutex);
    found = (l->sealed && czi_tail_find(l->sealed, effect, ret_position)) ||
            czi_tail_find(l->tail, effect, ret_position);
    czi_mutex_unlock(l->mutex);
    if (found)
        return CZ_OK;
    rc = search_index(l, &s);
    if (!rc && !s.count)
        return czi_fail(err, CZ_NOT_FOUND, "no such effect in the journal");
    if (!rc)
        *ret_position = position;
    return rc;
}

static void put_tail(struct czi_ledger *l, struct czi_tail *t)
{
    unsigned left;

    if (!t)
        return;
    czi_mutex_lock(l->mutex);
    left = --t->refs;
    czi_mutex_unlock(l->mutex);
    if (!left)
        czi_tail_free(t);
}

static struct czi_tail *get_tail(struct czi_tail *t, uint64_t *ret_count)
{
    *ret_count = t ? t->count : 0;
    if (t)
        t->refs++;
    return t;
}

/* Tails are searched outside the mutex, because that reads every id in them. */
int czi_ledger_find_prefix(struct czi_ledger *l, const uint8_t prefix[32], unsigned bits,
                           uint64_t *positions, size_t max, size_t *ret_count, cz_error *err)
{
    struct search s = {prefix, bits, positions, max, 0, err};
    struct czi_tail *tails[2];
    uint64_t counts[2];
    int rc;

    CZI_CHECK(bits <= 256);
    czi_mutex_lock(l->mutex);
    tails[0] = get_tail(l->sealed, &counts[0]);
    tails[1] = get_tail(l->tail, &counts[1]);
    czi_mutex_unlock(l->mutex);
    for (int i = 0; i < 2; i++) {
        if (tails[i])
            czi_tail_prefix(tails[i], counts[i], prefix, bits, positions, max, &s.count);
        put_tail(l, tails[i]);
    }
    rc = search_index(l, &s);
    if (!rc)
        *ret_count = s.count;
    return rc;
}

static int locate_in_index(struct czi_ledger *l, char table, uint64_t first,
                           uint32_t *ret_segment, uint64_t *ret_offset, cz_error *err)
{
    uint8_t key[CZI_FRAME_KEY_SIZE];
    CZI_AUTOBUF value = {0};
    int rc;

    czi_frame_key(key, table, first);
    rc = l->index->ops->floor(l->index, (struct czi_slice){key, sizeof key}, NULL, &value, err);
    if (rc)
        return rc;
    if (value.len != CZI_FRAME_VALUE_SIZE)
        return czi_fail(err, CZ_CORRUPT,
                        "the index has a malformed row: rebuild it with `causality reindex`");
    *ret_segment = czi_get_u32le(value.data);
    *ret_offset = czi_get_u64le(value.data + 4);
    return CZ_OK;
}

static int locate(struct czi_ledger *l, uint64_t position, uint32_t *ret_segment,
                  uint64_t *ret_offset, cz_error *err)
{
    const struct czi_tail_frame *f;
    uint64_t last;

    czi_mutex_lock(l->mutex);
    last = l->tip.positions;
    f = czi_tail_frame_of(l->tail, position);
    if (!f && l->sealed)
        f = czi_tail_frame_of(l->sealed, position);
    if (f) {
        *ret_segment = f->segment;
        *ret_offset = f->offset;
    }
    czi_mutex_unlock(l->mutex);
    if (f)
        return CZ_OK;
    if (!position || position > last)
        return czi_fail(err, CZ_NOT_FOUND,
                        "there is no position %" PRIu64 "; the last is %" PRIu64, position,
                        last);
    return locate_in_index(l, 'p', position, ret_segment, ret_offset, err);
}

static bool holds(const struct czi_frame *f, uint64_t position)
{
    return position >= f->first_position && position - f->first_position < f->position_count;
}

int czi_ledger_read(struct czi_ledger *l, uint64_t position, struct czi_buf *buf,
                    struct czi_frame *frame, cz_error *err)
{
    uint32_t segment = 0;
    uint64_t offset = 0;
    int rc;

    if (buf->len && frame->payload.data == buf->data + CZI_FRAME_HEADER_SIZE &&
        holds(frame, position))
        return CZ_OK;
    rc = locate(l, position, &segment, &offset, err);
    if (rc)
        return rc;
    *frame = (struct czi_frame){0}; /* buf is about to change */
    rc = czi_segment_read(l->fs, segment, offset, buf, frame, err);
    if (rc)
        return rc;
    if (!holds(frame, position))
        return czi_fail(err, CZ_CORRUPT,
                        "the index places position %" PRIu64
                        " wrongly: rebuild it with `causality reindex`",
                        position);
    return CZ_OK;
}

static bool holds_fact(const struct czi_frame *f, uint64_t fact)
{
    return fact >= f->facts_before && fact - f->facts_before < f->fact_count;
}

static int locate_fact(struct czi_ledger *l, uint64_t fact, uint32_t *ret_segment,
                       uint64_t *ret_offset, cz_error *err)
{
    const struct czi_tail_frame *f;
    uint64_t count;

    czi_mutex_lock(l->mutex);
    count = l->tip.facts;
    f = czi_tail_frame_of_fact(l->tail, fact);
    if (!f && l->sealed)
        f = czi_tail_frame_of_fact(l->sealed, fact);
    if (f) {
        *ret_segment = f->segment;
        *ret_offset = f->offset;
    }
    czi_mutex_unlock(l->mutex);
    if (f)
        return CZ_OK;
    if (fact >= count)
        return czi_fail(err, CZ_NOT_FOUND, "there is no fact %" PRIu64 "; the last is %" PRIu64,
                        fact + 1, count);
    return locate_in_index(l, 'g', fact, ret_segment, ret_offset, err);
}

int czi_ledger_read_fact(struct czi_ledger *l, uint64_t fact, struct czi_buf *buf,
                         struct czi_frame *frame, cz_error *err)
{
    uint32_t segment = 0;
    uint64_t offset = 0;
    int rc;

    if (buf->len && frame->payload.data == buf->data + CZI_FRAME_HEADER_SIZE &&
        holds_fact(frame, fact))
        return CZ_OK;
    rc = locate_fact(l, fact, &segment, &offset, err);
    if (rc)
        return rc;
    *frame = (struct czi_frame){0}; /* buf is about to change */
    rc = czi_segment_read(l->fs, segment, offset, buf, frame, err);
    if (rc)
        return rc;
    if (!holds_fact(frame, fact))
        return czi_fail(err, CZ_CORRUPT,
                        "the index places fact %" PRIu64
                        " wrongly: rebuild it with `causality reindex`",
                        fact + 1);
    return CZ_OK;
}

int czi_ledger_rows(struct czi_ledger *l, uint8_t table,
                    int (*fn)(void *arg, const struct czi_row *row), void *arg, cz_error *err)
{
    return l->index->ops->scan(l->index, (struct czi_slice){&table, 1}, fn, arg, err);
}

/* ---- Checkpoint and close ------------------------------------------------------------------
 */

bool czi_ledger_wants_checkpoint(const struct czi_ledger *l)
{
    return !l->read_only && !l->load_error_told && l->tail->bytes >= l->segment_size_max;
}

/* The index has it all now. Whoever still searches the old tail frees it. */
static void retire_tail(struct czi_ledger *l)
{
    struct czi_tail *t;
    unsigned left;

    czi_mutex_lock(l->mutex);
    t = l->sealed;
    l->sealed = NULL;
    left = --t->refs;
    czi_mutex_unlock(l->mutex);
    if (left)
        return;
    czi_tail_clear(t);
    l->spare = t;
}

static void run_load(void *arg)
{
    struct czi_ledger *l = arg;

    l->load_rc = czi_load_run(&l->load, &l->load_error);
    czi_rows_done(&l->load.rows);
    if (!l->load_rc) /* else the tail stays, so that its effects are still found */
        retire_tail(l);
}

/* An empty tail, cleared or new; a spare one is used up. */
static struct czi_tail *take_tail(struct czi_ledger *l)
{
    struct czi_tail *t = l->spare;

    l->spare = NULL;
    if (!t)
        return czi_tail_new(l->tip.positions + 1);
    t->first_position = l->tip.positions + 1;
    return t;
}

/* Waits for the background; tells its error. */
static int join_load(struct czi_ledger *l, cz_error *err)
{
    czi_thread_join(l->loader);
    l->loader = NULL;
    if (!l->load_rc)
        return CZ_OK;
    l->load_error_told = true;
    if (err)
        *err = l->load_error;
    return czi_wrap(err, l->load_rc,
                    "the index could not be brought up to date (the journal is not harmed)");
}

int czi_ledger_checkpoint(struct czi_ledger *l, struct czi_rows *rows, bool background,
                          cz_error *err)
{
    struct czi_rows taken = *rows;
    struct czi_tail *fresh;
    int rc;

    CZI_CHECK(!l->read_only);
    *rows = (struct czi_rows){0};
    rc = join_load(l, err);
    fresh = rc ? NULL : take_tail(l);
    if (!rc && !fresh)
        rc = czi_nomem(err, "the tail's index");
    if (!rc && (taken.bytes.failed || taken.spans.failed))
        rc = czi_nomem(err, "the index's rows");
    if (rc) {
        czi_rows_done(&taken);
        czi_tail_free(fresh);
        return rc;
    }
    l->load = (struct czi_load){l->index, taken, l->tail, l->tip};
    czi_mutex_lock(l->mutex);
    l->sealed = l->tail;
    l->tail = fresh;
    czi_mutex_unlock(l->mutex);
    /* While it recovers there is more to come in the segments that are there. */
    l->sealed_segment |= l->recovered && l->end > CZI_SEGMENT_HEADER_SIZE;
    if (background && !czi_thread_start(&l->loader, run_load, l, "causality-index", NULL))
        return CZ_OK;
    run_load(l);
    return join_load(l, err);
}

static int write_checkpoint(struct czi_ledger *l, cz_error *err)
{
    if (!l->recovered || l->read_only || l->stopped ||
        !memcmp(l->tip.hash, l->checkpoint.hash, 32))
        return CZ_OK;
    return czi_checkpoint_write(l->fs, &l->tip, err);
}

int czi_ledger_close(struct czi_ledger *l, cz_error *err)
{
    cz_error second = {0};
    int rc, checkpoint_rc;

    if (!l)
        return CZ_OK;
    rc = join_load(l, err);
    checkpoint_rc = write_checkpoint(l, rc ? &second : err);
    czi_ledger_release(l);
    return rc ? rc : checkpoint_rc;
}
