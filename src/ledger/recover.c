/* recover.c - creating, opening, recovering and scanning a store; see ledger.h.
 *
 * Layer: ledger. Thread: the one that opens.
 *
 * The order of reading makes it right beside a live writer: CHECKPOINT and index first, the
 * list of segments after, so the journal that is seen is never older than what they say.
 * Opening for writing leaves a store without traces of a crash: a torn tail is cut, a last
 * segment without frames is removed, so every byte of a closed store is accounted for.
 */
#include "ledger/ledger_state.h"

#include "base/error.h"
#include "base/limits.h"

#include <inttypes.h>
#include <stdio.h>

static const char format_prefix[] = "causality store ", format_version[] = "causality store 1",
                  format[] = "causality store 1\n";

#define REINDEX "delete and rebuild it with `causality reindex`"

/* ---- Create ------------------------------------------------------------------------------ */

/* What an interrupted create may leave behind; all else belongs to somebody. */
static int check_leftover(void *arg, const char *name)
{
    static const char *const ours[] = {"LOCK", "journal", "CHECKPOINT", "CHECKPOINT.new",
                                       "FORMAT.new"};

    for (size_t i = 0; i < CZI_COUNTOF(ours); i++)
        if (!strcmp(name, ours[i]))
            return CZ_OK;
    if (!strcmp(name, "FORMAT"))
        return czi_fail(arg, CZ_CONFLICT, "there is a store here already");
    return czi_fail(arg, CZ_CONFLICT, "the directory is not empty: it holds %s", name);
}

static int refuse_segment(void *arg, const char *name)
{
    if (!strcmp(name, "0000000000000001"))
        return CZ_OK;
    return czi_fail(arg, CZ_CONFLICT, "the directory is not empty: it holds journal/%s", name);
}

static int make_dir(struct czi_fs *fs, const char *path, cz_error *err)
{
    int rc = fs->ops->make_dir(fs, path, err);

    return rc == CZ_CONFLICT ? CZ_OK : rc;
}

static int make_file(struct czi_fs *fs, const char *path, struct czi_file **ret, cz_error *err)
{
    int rc = fs->ops->open(fs, path, CZI_OPEN_CREATE, ret, err);

    return rc == CZ_CONFLICT ? fs->ops->open(fs, path, CZI_OPEN_WRITE, ret, err) : rc;
}

static int write_first_segment(struct czi_fs *fs, cz_error *err)
{
    struct czi_place start = czi_place_start();
    uint8_t header[CZI_SEGMENT_HEADER_SIZE];
    char path[CZI_SEGMENT_PATH_SIZE];
    struct czi_file *f;
    uint64_t size;
    int rc;

    czi_segment_path(path, 1);
    czi_segment_header_put(header, 1, &start);
    rc = make_file(fs, path, &f, err);
    if (rc)
        return rc;
    rc = fs->ops->size(f, &size, err);
    if (!rc && size > sizeof header)
        rc = czi_fail(err, CZ_CONFLICT, "there is a journal here already, without FORMAT");
    if (!rc)
        rc = fs->ops->write(f, 0, header, sizeof header, err);
    if (!rc)
        rc = fs->ops->sync(f, err);
    fs->ops->close(f);
    return rc ? rc : fs->ops->sync_dir(fs, "journal", err);
}

/* FORMAT comes last: with it the store is there, without it creating starts over. */
static int fill_store(struct czi_fs *fs, cz_error *err)
{
    struct czi_place start = czi_place_start();
    int rc = make_dir(fs, "journal", err);

    if (!rc)
        rc = fs->ops->list(fs, "journal", refuse_segment, err, err);
    if (!rc)
        rc = write_first_segment(fs, err);
    if (!rc)
        rc = czi_checkpoint_write(fs, &start, err);
    return rc ? rc : czi_file_replace(fs, "FORMAT", format, strlen(format), err);
}

int czi_ledger_create(struct czi_fs *fs, cz_error *err)
{
    struct czi_file *lock = NULL;
    int rc = make_dir(fs, "", err);

    if (!rc)
        rc = fs->ops->list(fs, "", check_leftover, err, err);
    if (!rc)
        rc = make_file(fs, "LOCK", &lock, err);
    if (!rc)
        rc = fs->ops->lock(lock, err);
    if (!rc)
        rc = fill_store(fs, err);
    fs->ops->close(lock);
    return rc;
}

/* ---- Open -------------------------------------------------------------------------------- */

/* A whole line with another number. */
static bool is_other_version(const uint8_t *text, size_t len)
{
    size_t at = strlen(format_prefix);

    if (len < at + 2 || memcmp(text, format_prefix, at) != 0 || text[len - 1] != '\n')
        return false;
    for (; at < len - 1; at++)
        if (text[at] < '0' || text[at] > '9')
            return false;
    return true;
}

static int check_format(struct czi_fs *fs, cz_error *err)
{
    uint8_t text[64];
    size_t len;
    int rc = czi_file_load(fs, "FORMAT", text, sizeof text, &len, err);

    if (rc == CZ_NOT_FOUND)
        return czi_wrap(err, rc, "there is no store here (`causality init` makes one)");
    if (rc)
        return rc;
    if (len == strlen(format) && !memcmp(text, format, len))
        return CZ_OK;
    if (is_other_version(text, len))
        return czi_fail(err, CZ_UNSUPPORTED, "FORMAT says %.*s, this version reads %s",
                        (int)len - 1, (const char *)text, format_version);
    return czi_fail(err, CZ_CORRUPT, "FORMAT does not say that this is a store");
}

static int take_lock(struct czi_ledger *l, cz_error *err)
{
    int rc = make_file(l->fs, "LOCK", &l->lock, err);

    return rc ? rc : l->fs->ops->lock(l->lock, err);
}

static int open_rocksdb(struct czi_ledger *l, cz_error *err)
{
    CZI_AUTOBUF path = {0};

    czi_buf_printf(&path, "%s/index", l->fs->root);
    czi_buf_put_byte(&path, 0);
    if (path.failed)
        return czi_nomem(err, "the index's path");
    return czi_index_rocksdb((const char *)path.data, l->read_only, &l->index, err);
}

static int read_meta(struct czi_ledger *l, cz_error *err)
{
    CZI_AUTOBUF value = {0};
    const struct czi_slice key = {(const uint8_t *)"m", 1};
    int rc = l->index->ops->get(l->index, key, &value, err);

    l->indexed = czi_place_start();
    if (rc == CZ_NOT_FOUND)
        return CZ_OK;
    if (!rc)
        rc = czi_place_parse(czi_buf_slice(&value), &l->indexed, err);
    return rc == CZ_CORRUPT ? czi_wrap(err, rc, "the index is damaged (" REINDEX ")") : rc;
}

/* Without an index that can be read beside its writer, a reader recovers from the start. */
static int open_index(struct czi_ledger *l, const struct czi_ledger_options *o, cz_error *err)
{
    int rc = CZ_OK;

    l->index = o->index;
    l->index_borrowed = o->index != NULL;
    if (!l->index)
        rc = o->memory_index || !l->fs->root ? czi_index_memory(&l->index, err)
                                             : open_rocksdb(l, err);
    if (rc && rc != CZ_NOMEM && l->read_only)
        rc = czi_index_memory(&l->index, err);
    return rc ? rc : read_meta(l, err);
}

/* Segments are numbered without gaps. */
static int count_segment(void *arg, const char *name)
{
    struct czi_ledger *l = arg;
    char expected[CZI_SEGMENT_PATH_SIZE];

    czi_segment_path(expected, l->segments + 1);
    if (strcmp(name, strchr(expected, '/') + 1) != 0)
        return czi_fail(&l->reason, CZ_CORRUPT,
                        "%s is missing, or journal/%s does not belong there", expected, name);
    l->segments++;
    return CZ_OK;
}

/* A last segment whose header never reached the disk was never used. */
static int drop_unborn_segment(struct czi_ledger *l, cz_error *err)
{
    char path[CZI_SEGMENT_PATH_SIZE];
    int rc = CZ_OK;

    czi_segment_path(path, l->segments);
    if (!l->read_only) {
        rc = l->fs->ops->remove(l->fs, path, err);
        if (!rc)
            rc = l->fs->ops->sync_dir(l->fs, "journal", err);
    }
    l->segments--;
    return rc;
}

static int check_segments(struct czi_ledger *l, cz_error *err)
{
    uint64_t total = 0;

    for (uint32_t i = 1; i <= l->segments; i++) {
        uint64_t size = 0;
        bool used;
        int rc = czi_segment_check(l->fs, i, &used, &size, err);

        if (rc == CZ_CORRUPT && !used && i == l->segments && i > 1) {
            rc = drop_unborn_segment(l, err);
            size = 0;
        }
        if (rc)
            return rc;
        total += size;
    }
    atomic_store(&l->size, total);
    return CZ_OK;
}

static int open_journal(struct czi_ledger *l, cz_error *err)
{
    int rc = l->fs->ops->list(l->fs, "journal", count_segment, l, err);

    if (rc && l->reason.code) {
        if (err)
            *err = l->reason;
        return rc;
    }
    if (rc == CZ_NOT_FOUND || (!rc && !l->segments))
        rc = czi_fail(err, CZ_CORRUPT, "journal/0000000000000001 is missing");
    if (!rc)
        rc = check_segments(l, err);
    return rc;
}

static int verify_places(struct czi_ledger *l, cz_error *err)
{
    int rc = czi_place_verify(l->fs, &l->checkpoint, l->segments, err);

    if (rc)
        return czi_wrap(err, rc, "CHECKPOINT and journal disagree");
    rc = czi_place_verify(l->fs, &l->indexed, l->segments, err);
    return rc == CZ_CORRUPT ? czi_wrap(err, rc, "index and journal disagree (" REINDEX ")")
                            : rc;
}

static int open_all(struct czi_ledger *l, const struct czi_ledger_options *o, cz_error *err)
{
    int rc = check_format(l->fs, err);

    if (!rc && !l->read_only)
        rc = take_lock(l, err);
    if (!rc)
        rc = czi_checkpoint_read(l->fs, &l->checkpoint, err);
    if (!rc)
        rc = open_index(l, o, err);
    if (!rc)
        rc = open_journal(l, err);
    if (!rc)
        rc = verify_places(l, err);
    if (rc)
        return rc;
    l->tip = l->indexed;
    l->mutex = czi_mutex_new();
    l->tail = czi_tail_new(l->tip.positions + 1);
    return l->mutex && l->tail ? CZ_OK : czi_nomem(err, "the ledger");
}

int czi_ledger_open(const struct czi_ledger_options *options, struct czi_ledger **ret,
                    cz_error *err)
{
    struct czi_ledger *l = czi_alloc_zero(1, sizeof *l);
    int rc;

    if (!l)
        return czi_nomem(err, "the ledger");
    l->fs = options->fs;
    l->read_only = options->read_only;
    l->segment_size_max =
        options->segment_size_max ? options->segment_size_max : CZI_SEGMENT_SIZE_MAX;
    rc = open_all(l, options, err);
    if (rc) {
        czi_ledger_release(l);
        return rc;
    }
    *ret = l;
    return CZ_OK;
}

void czi_ledger_release(struct czi_ledger *l)
{
    if (l->index && !l->index_borrowed)
        l->index->ops->close(l->index);
    czi_tail_free(l->tail);
    czi_tail_free(l->sealed);
    czi_tail_free(l->spare);
    czi_buf_done(&l->scratch);
    czi_mutex_free(l->mutex);
    l->fs->ops->close(l->file);
    l->fs->ops->close(l->lock);
    czi_free(l);
}

/* ---- Recovery and scan ---------------------------------------------------------------------
 */

struct pass {
    struct czi_ledger *l;
    struct czi_walk walk;
    bool allow_torn;
    bool at_checkpoint; /* the frame that CHECKPOINT names went by */
    uint64_t torn;
    int (*fn)(struct pass *p, const struct czi_frame *f, cz_error *err);
    union {
        czi_recover_fn recover;
        czi_frame_fn scan;
    } user;
    void *arg;
    uint64_t last; /* position: of a range */
};

/* At a bad byte of the last segment: CZ_OK when it is a torn tail. A reader beside a live
 * writer may have seen half a frame that has become whole since: it looks again. */
static int judge_bad_tail(struct pass *p, struct czi_frame *f, bool *again, cz_error *err)
{
    uint64_t size;
    cz_error detail = *err;
    bool torn;
    int rc = czi_walk_torn(&p->walk, &torn, err);

    if (rc)
        return rc;
    if (!torn) {
        rc = p->l->read_only ? czi_walk_next(&p->walk, f, err) : CZ_CORRUPT;
        *again = rc == CZ_OK;
        if (rc)
            *err = detail;
        return *again ? CZ_OK : CZ_CORRUPT;
    }
    rc = p->l->fs->ops->size(p->walk.file, &size, err);
    if (!rc)
        p->torn = size - (p->walk.place.segment == p->walk.segment ? p->walk.place.end
                                                                   : CZI_SEGMENT_HEADER_SIZE);
    return rc;
}

static int pass_segment(struct pass *p, cz_error *err)
{
    bool last = p->walk.segment == p->l->segments;
    struct czi_frame f;
    int rc;

    for (;;) {
        bool again = false;

        rc = czi_walk_next(&p->walk, &f, err);
        if (rc == CZ_CORRUPT && last && p->allow_torn && p->walk.may_be_torn) {
            rc = judge_bad_tail(p, &f, &again, err);
            if (!rc && !again)
                return CZ_OK;
        }
        if (rc)
            return rc == CZ_NOT_FOUND ? CZ_OK : rc;
        p->at_checkpoint |= !memcmp(f.hash, p->l->checkpoint.hash, 32);
        rc = p->fn(p, &f, err);
        if (rc)
            return rc;
    }
}

static int run_pass(struct pass *p, const struct czi_place *from, cz_error *err)
{
    cz_error own = {0};
    int rc;

    err = err ? err : &own; /* what is found here decides what is done */
    p->walk.fs = p->l->fs;
    rc = czi_walk_begin(&p->walk, p->l->fs, from, err);
    if (!rc && !from->offset)
        rc = czi_walk_segment(&p->walk, 1, err);
    if (!rc)
        rc = pass_segment(p, err);
    while (!rc && p->walk.segment < p->l->segments) {
        rc = czi_walk_segment(&p->walk, p->walk.segment + 1, err);
        if (!rc)
            rc = pass_segment(p, err);
    }
    return rc;
}

static int recover_frame(struct pass *p, const struct czi_frame *f, cz_error *err)
{
    struct czi_ledger *l = p->l;
    const cz_id *ids = NULL;
    bool ok;
    int rc = p->user.recover(p->arg, f, &ids, err);

    if (rc)
        return rc;
    czi_mutex_lock(l->mutex);
    ok = czi_tail_reserve(l->tail, f->position_count, 1);
    czi_mutex_unlock(l->mutex);
    if (!ok)
        return czi_nomem(err, "the tail's index");
    czi_ledger_note(l, f, ids);
    l->tail->bytes += CZI_MARK_SIZE + CZI_FRAME_HEADER_SIZE + f->payload.len;
    return CZ_OK;
}

static int cut_tail(struct czi_ledger *l, cz_error *err)
{
    char path[CZI_SEGMENT_PATH_SIZE];
    struct czi_file *f;
    int rc;

    czi_segment_path(path, l->segments);
    rc = l->fs->ops->open(l->fs, path, CZI_OPEN_WRITE, &f, err);
    if (rc)
        return rc;
    rc = l->fs->ops->truncate(f, l->tip.end, err);
    if (!rc)
        rc = l->fs->ops->sync(f, err);
    l->fs->ops->close(f);
    return rc;
}

/* Leaves whole frames only; a last segment without any goes as a whole. */
static int clean_tail(struct czi_ledger *l, uint64_t torn, cz_error *err)
{
    int rc = CZ_OK;

    if (l->tip.segment < l->segments) {
        rc = drop_unborn_segment(l, err);
        torn += CZI_SEGMENT_HEADER_SIZE;
    } else if (torn) {
        rc = cut_tail(l, err);
    }
    atomic_fetch_sub(&l->size, torn);
    return rc;
}

int czi_ledger_recover(struct czi_ledger *l, czi_recover_fn fn, void *arg, uint64_t *ret_torn,
                       cz_error *err)
{
    struct pass p = {.l = l, .allow_torn = true, .fn = recover_frame, .arg = arg};
    int rc;

    CZI_CHECK(!l->recovered);
    p.user.recover = fn;
    rc = run_pass(&p, &l->indexed, err);
    czi_walk_done(&p.walk);
    if (!rc && !l->read_only)
        rc = clean_tail(l, p.torn, err);
    if (rc)
        return rc;
    l->end = l->tip.end;
    l->recovered = true;
    *ret_torn = p.torn;
    return CZ_OK;
}

static int scan_frame(struct pass *p, const struct czi_frame *f, cz_error *err)
{
    return p->user.scan(p->arg, f, err);
}

int czi_ledger_scan(struct czi_ledger *l, bool allow_torn, czi_frame_fn fn, void *arg,
                    cz_error *err)
{
    struct czi_place start = czi_place_start();
    struct pass p = {.l = l, .allow_torn = allow_torn, .fn = scan_frame, .arg = arg};
    int rc;

    p.user.scan = fn;
    rc = run_pass(&p, &start, err);
    czi_walk_done(&p.walk);
    if (!rc && l->checkpoint.offset && !p.at_checkpoint)
        rc = czi_fail(err, CZ_CORRUPT,
                      "the journal's chain does not reach what CHECKPOINT names");
    return rc;
}

/* Ends a pass early and is no error. */
#define ENOUGH (-1)

/* What lies behind the range may be under way. */
static int range_frame(struct pass *p, const struct czi_frame *f, cz_error *err)
{
    int rc = p->user.scan(p->arg, f, err);

    return rc || f->first_position + f->position_count <= p->last ? rc : ENOUGH;
}

int czi_ledger_range(struct czi_ledger *l, uint64_t first, uint64_t last, czi_frame_fn fn,
                     void *arg, cz_error *err)
{
    struct pass p = {.l = l, .fn = range_frame, .arg = arg, .last = last};
    CZI_AUTOBUF buf = {0};
    struct czi_frame frame = {0};
    struct czi_place place;
    int rc = czi_ledger_read(l, first, &buf, &frame, err);

    if (rc)
        return rc;
    p.user.scan = fn;
    place = czi_place_of(&frame);
    rc = range_frame(&p, &frame, err);
    if (!rc)
        rc = run_pass(&p, &place, err);
    czi_walk_done(&p.walk);
    return rc == ENOUGH ? CZ_OK : rc;
}

/* ---- Index ------------------------------------------------------------------------------- */

struct names {
    struct czi_buf text;
    bool has_current;
};

static int collect_name(void *arg, const char *name)
{
    struct names *n = arg;

    if (!strcmp(name, "CURRENT")) {
        n->has_current = true;
        return CZ_OK;
    }
    czi_buf_printf(&n->text, "index/%s", name);
    czi_buf_put_byte(&n->text, 0);
    return CZ_OK;
}

/* CURRENT goes first and for good: what is left without it is no database, so a crash on the
 * way leaves nothing that could be taken for a whole one. */
static int remove_index(struct czi_fs *fs, const struct names *n, cz_error *err)
{
    int rc = CZ_OK;

    if (n->text.failed)
        return czi_nomem(err, "a directory listing");
    if (n->has_current) {
        rc = fs->ops->remove(fs, "index/CURRENT", err);
        if (!rc)
            rc = fs->ops->sync_dir(fs, "index", err);
    }
    for (size_t at = 0; !rc && at < n->text.len;) {
        const char *path = (const char *)n->text.data + at;

        rc = fs->ops->remove(fs, path, err);
        at += strlen(path) + 1;
    }
    return rc ? rc : fs->ops->sync_dir(fs, "index", err);
}

static int drop_nothing(void *arg, cz_error *err)
{
    (void)arg;
    (void)err;
    return CZ_OK;
}

int czi_ledger_drop_index(struct czi_fs *fs, cz_error *err)
{
    return czi_ledger_drop_index_after(fs, drop_nothing, NULL, err);
}

int czi_ledger_drop_index_after(struct czi_fs *fs, int (*first)(void *arg, cz_error *err),
                                void *arg, cz_error *err)
{
    struct names names = {0};
    struct czi_file *lock = NULL;
    int rc = check_format(fs, err);

    if (!rc)
        rc = make_file(fs, "LOCK", &lock, err);
    if (!rc)
        rc = fs->ops->lock(lock, err);
    if (!rc)
        rc = first(arg, err);
    if (rc) {
        fs->ops->close(lock);
        return rc;
    }
    rc = fs->ops->list(fs, "index", collect_name, &names, err);
    if (!rc)
        rc = remove_index(fs, &names, err);
    else if (rc == CZ_NOT_FOUND)
        rc = check_format(fs, err); /* no index: nothing to do in a store */
    czi_buf_done(&names.text);
    fs->ops->close(lock);
    return rc;
}
