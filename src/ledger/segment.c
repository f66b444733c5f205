/* segment.c - see segment.h. */
#include "ledger/segment.h"

#include "base/error.h"
#include "base/limits.h"
#include "codec/blake3.h"

#include <inttypes.h>
#include <stdio.h>

#define HEADER_MAGIC "CZJ1"
#define HEADER_HASHED 56
#define MARK_MAGIC "CZA1"
#define MARK_HASHED 16

/* Read at once when walking, and when looking at one frame or header; what is larger is read
 * whole. */
#define WINDOW_SIZE (1024u * 1024u)
#define READ_AHEAD 4096u

struct czi_place czi_place_start(void)
{
    return (struct czi_place){.segment = 1, .end = CZI_SEGMENT_HEADER_SIZE};
}

struct czi_place czi_place_of(const struct czi_frame *f)
{
    struct czi_place p = {.segment = f->segment,
                          .offset = f->offset,
                          .end = f->offset + CZI_FRAME_HEADER_SIZE + f->payload.len,
                          .positions = f->first_position + f->position_count - 1,
                          .facts = f->facts_before + f->fact_count};

    memcpy(p.hash, f->hash, 32);
    return p;
}

void czi_segment_path(char out[CZI_SEGMENT_PATH_SIZE], uint32_t number)
{
    snprintf(out, CZI_SEGMENT_PATH_SIZE, "journal/%016" PRIx32, number);
}

void czi_segment_header_put(uint8_t out[CZI_SEGMENT_HEADER_SIZE], uint32_t number,
                            const struct czi_place *before)
{
    uint8_t *p = out;

    memcpy(p, HEADER_MAGIC, 4);
    p = czi_put_u32le(p + 4, number);
    p = czi_put_u64le(p, before->positions + 1);
    p = czi_put_u64le(p, before->facts);
    memcpy(p, before->hash, 32);
    czi_blake3(out, HEADER_HASHED, out + HEADER_HASHED);
}

void czi_mark_put(uint8_t out[CZI_MARK_SIZE], uint32_t segment, uint64_t offset)
{
    memcpy(out, MARK_MAGIC, 4);
    czi_put_u64le(czi_put_u32le(out + 4, segment), offset);
    czi_blake3(out, MARK_HASHED, out + MARK_HASHED);
}

static bool is_mark(const uint8_t *data, uint32_t segment, uint64_t offset)
{
    uint8_t expected[CZI_MARK_SIZE];

    if (memcmp(data, MARK_MAGIC, 4) != 0 || czi_get_u32le(data + 4) != segment ||
        czi_get_u64le(data + 8) != offset)
        return false;
    czi_mark_put(expected, segment, offset);
    return memcmp(data, expected, CZI_MARK_SIZE) == 0;
}

static int corrupt(uint32_t segment, uint64_t offset, const char *what, cz_error *err)
{
    char path[CZI_SEGMENT_PATH_SIZE];

    czi_segment_path(path, segment);
    return czi_fail(err, CZ_CORRUPT, "%s: offset %" PRIu64 ": %s", path, offset, what);
}

/* ---- Walking ----------------------------------------------------------------------------- */

void czi_walk_refresh(struct czi_walk *w)
{
    w->window.len = 0;
    w->window_at = w->offset;
}

/* At least n bytes from w->offset on, or as many as the file has. */
static int fill(struct czi_walk *w, size_t n, struct czi_slice *ret, cz_error *err)
{
    size_t skip = (size_t)(w->offset - w->window_at), got;

    if (skip > w->window.len || w->window.len - skip < n) {
        size_t left = skip < w->window.len ? w->window.len - skip : 0, want;
        uint8_t *to;
        int rc;

        if (left)
            memmove(w->window.data, w->window.data + skip, left);
        w->window.len = left;
        w->window_at = w->offset;
        skip = 0;
        want = CZI_MAX(n, w->ahead) - left;
        to = czi_buf_reserve(&w->window, want);
        if (!to)
            return czi_nomem(err, "a window on the journal");
        rc = w->fs->ops->read(w->file, w->offset + left, to, want, &got, err);
        if (rc)
            return rc;
        w->window.len += got;
    }
    *ret = (struct czi_slice){w->window.data + skip, w->window.len - skip};
    return CZ_OK;
}

static int open_segment(struct czi_walk *w, uint32_t number, cz_error *err)
{
    char path[CZI_SEGMENT_PATH_SIZE];

    if (w->file)
        w->fs->ops->close(w->file);
    w->file = NULL;
    w->segment = number;
    w->offset = 0;
    w->marked = false;
    czi_walk_refresh(w);
    czi_segment_path(path, number);
    return w->fs->ops->open(w->fs, path, CZI_OPEN_READ, &w->file, err);
}

int czi_walk_begin(struct czi_walk *w, struct czi_fs *fs, const struct czi_place *after,
                   cz_error *err)
{
    int rc;

    w->fs = fs;
    w->ahead = WINDOW_SIZE;
    w->place = *after;
    rc = open_segment(w, after->segment, err);
    w->offset = after->end;
    czi_walk_refresh(w);
    return rc;
}

int czi_walk_segment(struct czi_walk *w, uint32_t number, cz_error *err)
{
    uint8_t expected[CZI_SEGMENT_HEADER_SIZE];
    struct czi_slice s;
    int rc = open_segment(w, number, err);

    if (!rc)
        rc = fill(w, CZI_SEGMENT_HEADER_SIZE, &s, err);
    if (rc)
        return rc;
    czi_segment_header_put(expected, number, &w->place);
    if (s.len < CZI_SEGMENT_HEADER_SIZE || memcmp(s.data, expected, sizeof expected) != 0) {
        w->may_be_torn = false;
        return corrupt(number, 0, "the segment's header does not continue the chain", err);
    }
    w->offset = CZI_SEGMENT_HEADER_SIZE;
    return CZ_OK;
}

static int check_chain(const struct czi_walk *w, const struct czi_frame *f, cz_error *err)
{
    const struct czi_place *p = &w->place;

    if (memcmp(f->previous, p->hash, 32) != 0)
        return corrupt(w->segment, w->offset, "the frame does not follow the one before it",
                       err);
    if (f->first_position != p->positions + 1)
        return corrupt(w->segment, w->offset, "the frame skips or repeats a position", err);
    if (f->facts_before != p->facts)
        return corrupt(w->segment, w->offset, "the frame skips or repeats a fact", err);
    return CZ_OK;
}

static int next_frame(struct czi_walk *w, const struct czi_slice *s, struct czi_frame *ret,
                      cz_error *err)
{
    struct czi_slice whole = *s;
    cz_error detail = {0};
    int rc;

    if (s->len >= CZI_FRAME_HEADER_SIZE && memcmp(s->data, "CZF1", 4) == 0) {
        size_t len = CZI_FRAME_HEADER_SIZE + (size_t)czi_get_u32le(s->data + 4);

        rc = fill(w, CZI_MIN(len, (size_t)CZI_FRAME_SIZE_MAX), &whole, err);
        if (rc)
            return rc;
    }
    rc = czi_frame_parse(whole.data, whole.len, ret, &detail);
    if (rc) {
        w->may_be_torn = true;
        return corrupt(w->segment, w->offset, detail.detail, err);
    }
    w->may_be_torn = false;
    rc = check_chain(w, ret, err);
    if (rc)
        return rc;
    ret->segment = w->segment;
    ret->offset = w->offset;
    w->place = czi_place_of(ret);
    w->offset = w->place.end;
    w->marked = false;
    return CZ_OK;
}

int czi_walk_next(struct czi_walk *w, struct czi_frame *ret, cz_error *err)
{
    struct czi_slice s;
    int rc = fill(w, CZI_FRAME_HEADER_SIZE, &s, err);

    if (rc)
        return rc;
    if (!w->marked && s.len >= CZI_MARK_SIZE && is_mark(s.data, w->segment, w->offset)) {
        w->marked = true;
        w->offset += CZI_MARK_SIZE;
        rc = fill(w, CZI_FRAME_HEADER_SIZE, &s, err);
        if (rc)
            return rc;
    }
    if (!s.len && !w->marked)
        return CZ_NOT_FOUND;
    if (!w->marked && w->offset == CZI_SEGMENT_HEADER_SIZE) {
        w->may_be_torn = true;
        return corrupt(w->segment, w->offset, "no append begins here", err);
    }
    return next_frame(w, &s, ret, err);
}

/* Looks for a mark at or after w->offset; leaves w->offset as it was. */
static int find_mark(struct czi_walk *w, bool *ret, cz_error *err)
{
    uint64_t from = w->offset;
    struct czi_slice s;
    int rc;

    *ret = false;
    czi_walk_refresh(w);
    for (;;) {
        const uint8_t *at;

        rc = fill(w, WINDOW_SIZE, &s, err);
        if (rc || s.len < CZI_MARK_SIZE)
            break;
        at = memmem(s.data, s.len - CZI_MARK_SIZE + 4, MARK_MAGIC, 4);
        w->offset += at ? (size_t)(at - s.data) : s.len - CZI_MARK_SIZE + 1;
        if (at && is_mark(at, w->segment, w->offset)) {
            *ret = true;
            break;
        }
        w->offset += at != NULL;
    }
    w->offset = from;
    czi_walk_refresh(w);
    return rc;
}

int czi_walk_torn(struct czi_walk *w, bool *ret, cz_error *err)
{
    bool later;
    int rc = find_mark(w, &later, err);

    if (!rc)
        *ret = !later;
    return rc;
}

void czi_walk_done(struct czi_walk *w)
{
    if (w->file)
        w->fs->ops->close(w->file);
    w->file = NULL;
    czi_buf_done(&w->window);
}

/* ---- One segment, one frame ---------------------------------------------------------------
 */

static int check_header(struct czi_walk *w, cz_error *err)
{
    uint8_t hash[32];
    struct czi_slice s;
    int rc = fill(w, CZI_SEGMENT_HEADER_SIZE, &s, err);

    if (rc)
        return rc;
    if (s.len < CZI_SEGMENT_HEADER_SIZE)
        return corrupt(w->segment, 0, "the segment's header is cut short", err);
    czi_blake3(s.data, HEADER_HASHED, hash);
    if (memcmp(s.data, HEADER_MAGIC, 4) != 0 || memcmp(hash, s.data + HEADER_HASHED, 32) != 0)
        return corrupt(w->segment, 0, "the segment's header does not match its hash", err);
    if (czi_get_u32le(s.data + 4) != w->segment)
        return corrupt(w->segment, 0, "the segment's header has another number", err);
    return CZ_OK;
}

int czi_segment_check(struct czi_fs *fs, uint32_t number, bool *ret_used, uint64_t *ret_size,
                      cz_error *err)
{
    CZI_CLEANUP(czi_walk_done) struct czi_walk w = {.fs = fs, .ahead = READ_AHEAD};
    int rc = open_segment(&w, number, err), found;

    *ret_used = true;
    if (!rc)
        rc = fs->ops->size(w.file, ret_size, err);
    if (!rc)
        rc = check_header(&w, err);
    if (rc != CZ_CORRUPT)
        return rc;
    found = find_mark(&w, ret_used, err);
    return found ? found : rc;
}

int czi_segment_read(struct czi_fs *fs, uint32_t segment, uint64_t offset, struct czi_buf *buf,
                     struct czi_frame *ret, cz_error *err)
{
    CZI_CLEANUP(czi_walk_done) struct czi_walk w = {.fs = fs, .ahead = READ_AHEAD};
    cz_error detail = {0};
    struct czi_slice s;
    int rc = open_segment(&w, segment, err);

    if (rc)
        return rc;
    /* The caller's buffer is the window, so that the frame stays in it. */
    w.offset = w.window_at = offset;
    w.window = *buf;
    w.window.len = 0;
    rc = fill(&w, CZI_FRAME_HEADER_SIZE, &s, err);
    if (!rc && s.len >= CZI_FRAME_HEADER_SIZE)
        rc = fill(&w,
                  CZI_MIN(CZI_FRAME_HEADER_SIZE + (size_t)czi_get_u32le(s.data + 4),
                          (size_t)CZI_FRAME_SIZE_MAX),
                  &s, err);
    *buf = w.window;
    buf->failed = false;
    w.window = (struct czi_buf){0};
    if (rc)
        return rc;
    if (czi_frame_parse(s.data, s.len, ret, &detail))
        return corrupt(segment, offset, detail.detail, err);
    ret->segment = segment;
    ret->offset = offset;
    return CZ_OK;
}
