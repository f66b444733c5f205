/* items.c - the bytes of facts that guests read, found in the journal again.
 *
 * Layer: replay. Thread: the one that works on frames. What is kept is where the frames with
 * items lie, 32 bytes for each, and the last one that was read.
 */
#include "base/error.h"
#include "ledger/record.h"
#include "ledger/segment.h"
#include "replay/journal.h"

struct item_frame {
    uint64_t first; /* number of its first item, from 0 */
    uint64_t offset, end;
    uint32_t segment;
};

static const struct item_frame *frames(const struct czi_journal *j, size_t *ret_count)
{
    *ret_count = j->item_frames.len / sizeof(struct item_frame);
    return (const void *)j->item_frames.data;
}

int czi_journal_note_items(struct czi_journal *j, const struct czi_frame *frame, cz_error *err)
{
    struct czi_place place = czi_place_of(frame);
    struct item_frame x = {frame->facts_before, frame->offset, place.end, frame->segment};

    if (!frame->fact_count)
        return CZ_OK;
    czi_buf_put(&j->item_frames, &x, sizeof x);
    return j->item_frames.failed ? czi_nomem(err, "the places of facts") : CZ_OK;
}

/* The last one that begins at the number or before. */
static const struct item_frame *find(const struct czi_journal *j, uint64_t number)
{
    size_t low = 0, high;
    const struct item_frame *all = frames(j, &high);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (all[middle].first <= number)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &all[low - 1] : NULL;
}

/* Leaves the frame in j->item_frame, unless it is there. */
static int read_frame(struct czi_journal *j, const struct item_frame *x, cz_error *err)
{
    const struct czi_fs_ops *ops = j->fs->ops;
    size_t len = (size_t)(x->end - x->offset), got = 0;
    char path[CZI_SEGMENT_PATH_SIZE];
    struct czi_file *file;
    uint8_t *to;
    int rc;

    if (j->item_frame.payload.data && j->item_frame.facts_before == x->first)
        return CZ_OK;
    j->item_frame = (struct czi_frame){0};
    j->item_bytes.len = 0;
    to = czi_buf_reserve(&j->item_bytes, len);
    if (!to)
        return czi_nomem(err, "a frame with facts");
    czi_segment_path(path, x->segment);
    rc = ops->open(j->fs, path, CZI_OPEN_READ, &file, err);
    if (rc)
        return rc;
    rc = ops->read(file, x->offset, to, len, &got, err);
    ops->close(file);
    return rc ? rc : czi_frame_parse(to, got, &j->item_frame, err);
}

int czi_journal_item(void *journal, uint32_t number, struct czi_buf *ret, cz_error *err)
{
    struct czi_journal *j = journal;
    const struct item_frame *x = find(j, number);
    struct czi_record_reader reader;
    struct czi_record rec;
    uint64_t at;
    bool more = true;
    int rc;

    CZI_CHECK(x);
    rc = read_frame(j, x, err);
    czi_record_reader(&reader, j->item_frame.payload, j->item_frame.first_position);
    for (at = x->first; !rc && more; at += rec.type == CZI_RECORD_ITEM) {
        rc = czi_record_next(&reader, &more, &rec, err);
        if (rc || !more || rec.type != CZI_RECORD_ITEM || at != number)
            continue;
        czi_buf_put(ret, rec.bytes.data, rec.bytes.len);
        return ret->failed ? czi_nomem(err, "a fact") : CZ_OK;
    }
    return rc ? rc : czi_fail(err, CZ_CORRUPT, "fact %u is not where it was", number + 1);
}
