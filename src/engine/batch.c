/* batch.c - the arrays of a batch; see core.h. */
#include "engine/core.h"

#include "base/error.h"
#include "engine/cite.h"
#include "engine/seal.h"

int czi_batch_new(uint32_t room, struct czi_batch **ret, cz_error *err)
{
    struct czi_batch *b = czi_alloc_zero(1, sizeof *b);

    if (!b)
        return czi_nomem(err, "a batch");
    b->room = room;
    /* A single effect may use all accesses that one may have. */
    b->post_room = CZI_MAX(room * CZI_BATCH_ACCESSES_EACH, (uint32_t)CZI_ACCESSES_MAX);
    b->entries = czi_alloc_aligned(room * sizeof *b->entries);
    b->posts = czi_alloc_aligned(b->post_room * sizeof *b->posts);
    b->hashes = czi_alloc_aligned(b->post_room * sizeof *b->hashes);
    b->times = czi_alloc_aligned((room + 1) * sizeof *b->times);
    b->effect_ids = czi_alloc_aligned(room * sizeof *b->effect_ids);
    b->receipt_ids = czi_alloc_aligned(room * sizeof *b->receipt_ids);
    b->scratch = czi_seal_scratch_new(room, b->post_room);
    if (!b->entries || !b->posts || !b->hashes || !b->times || !b->effect_ids ||
        !b->receipt_ids || !b->scratch) {
        czi_batch_free(b);
        return czi_nomem(err, "a batch");
    }
    *ret = b;
    return CZ_OK;
}

void czi_batch_free(struct czi_batch *b)
{
    if (!b)
        return;
    czi_free(b->entries);
    czi_free(b->posts);
    czi_free(b->hashes);
    czi_free(b->times);
    czi_extras_done(&b->extras);
    czi_buf_done(&b->extras);
    czi_replaced_done(b);
    czi_buf_done(&b->replaced);
    czi_buf_done(&b->moves);
    czi_free(b->effect_ids);
    czi_free(b->receipt_ids);
    czi_seal_scratch_free(b->scratch);
    czi_buf_done(&b->frame);
    czi_free(b);
}

void czi_batch_clear(struct czi_batch *b)
{
    b->guest_count = 0;
    b->entry_count = b->access_count = b->post_count = b->position_count = b->fact_count = 0;
    b->bytes = 0;
    b->frame.len = b->moves.len = 0;
    b->watched = false;
    czi_extras_done(&b->extras);
    czi_replaced_done(b);
}

void czi_replaced_done(struct czi_batch *b)
{
    const struct czi_replaced *r = (const void *)b->replaced.data;

    for (size_t i = 0; i < b->replaced.len / sizeof *r; i++)
        czi_free(r[i].data);
    b->replaced.len = 0;
}

bool czi_batch_fits(const struct czi_batch *b, const struct czi_arrival *a)
{
    return b->entry_count < b->room && b->access_count + a->accesses <= b->post_room &&
           (!a->has_guest || b->guest_count < CZI_BATCH_GUESTS_MAX) &&
           (b->entry_count == 0 || b->bytes + a->len <= CZI_BATCH_BYTES_MAX);
}

void czi_batch_add(struct czi_batch *b, const struct czi_arrival *a, struct czi_pending *p)
{
    struct czi_entry *e = &b->entries[b->entry_count++];

    e->pending = p;
    e->status = a->is_item      ? CZI_ENTRY_ITEM
                : a->is_refused ? CZI_ENTRY_REFUSED
                                : CZI_ENTRY_EFFECT;
    b->access_count += a->accesses;
    if (CZI_UNLIKELY(a->has_guest))
        b->guest_count++;
    b->bytes += a->len;
}

void czi_batch_begin_time(const struct czi_core *core, struct czi_batch *b)
{
    b->times[0] = *czi_book_time_id(core->book);
    b->time_count = 1;
}

void czi_batch_note_time(const struct czi_core *core, struct czi_batch *b, struct czi_entry *e)
{
    const cz_id *now = czi_book_time_id(core->book);

    if (!czi_id_equal(now, &b->times[b->time_count - 1]))
        b->times[b->time_count++] = *now;
    e->from = b->time_count - 1;
}
