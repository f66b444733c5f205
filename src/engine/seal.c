/* seal.c - hashes what a batch did: effect ids, receipts, log nodes, frame.
 *
 * Layer: engine. Thread: one batch at a time, in batch order; may run beside the execution of
 * later batches. Owns the heads of all logs.
 *
 * Messages are short (an effect 2 blocks, a receipt 2, a node 2), so they are hashed many at
 * once. A log is a chain, so its nodes cannot be: but the first nodes of all logs of a batch
 * can, then the second ones, and so on. Such a wave takes one lane for each log; a hot log
 * makes many waves with few lanes, whose cost is the length of its run, not of the batch.
 */
#include "engine/seal.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "engine/core.h"
#include "ledger/ledger.h"
#include "ledger/record.h"

/* Messages encoded and hashed together: 256 receipts or nodes stay in the first-level cache. */
#define GROUP 256u
/* Of a whole group without guests, and one more with one: a group with others may be cut. */
#define RECEIPT_MAX czi_receipt_size_max(CZI_ACCESSES_MAX)
#define RECEIPTS_SIZE (GROUP * RECEIPT_MAX + CZI_RECEIPT_GUEST_MAX)

struct write {
    uint32_t slot;
    uint32_t number; /* of its effect */
};

struct czi_seal_scratch {
    const uint8_t *at[GROUP];
    uint32_t len[GROUP];
    uint8_t hashes[GROUP][32];
    uint8_t nodes[GROUP][128];
    uint8_t *receipts;
    const uint8_t **effects; /* per number: canonical bytes */
    uint32_t *effect_lens;
    struct write *writes;  /* of the batch, by wave */
    uint32_t *waves;       /* per post: its wave */
    uint32_t *wave_starts; /* per wave, one more than there can be */
};

struct czi_seal_scratch *czi_seal_scratch_new(uint32_t entries, uint32_t posts)
{
    struct czi_seal_scratch *s = czi_alloc_aligned(sizeof *s);

    if (!s)
        return NULL;
    s->receipts = czi_alloc_aligned(RECEIPTS_SIZE);
    s->effects = czi_alloc_aligned(entries * sizeof *s->effects);
    s->effect_lens = czi_alloc_aligned(entries * sizeof *s->effect_lens);
    s->writes = czi_alloc_aligned(posts * sizeof *s->writes);
    s->waves = czi_alloc_aligned(posts * sizeof *s->waves);
    s->wave_starts = czi_alloc_aligned((entries + 2) * sizeof *s->wave_starts);
    if (!s->receipts || !s->effects || !s->effect_lens || !s->writes || !s->waves ||
        !s->wave_starts) {
        czi_seal_scratch_free(s);
        return NULL;
    }
    return s;
}

void czi_seal_scratch_free(struct czi_seal_scratch *s)
{
    if (!s)
        return;
    czi_free(s->receipts);
    czi_free(s->effects);
    czi_free(s->effect_lens);
    czi_free(s->writes);
    czi_free(s->waves);
    czi_free(s->wave_starts);
    czi_free(s);
}

/* The place of each effect's bytes: the payload when it is written, else the submission. */
static void seal_effects(struct czi_batch *b)
{
    struct czi_seal_scratch *s = b->scratch;
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->entry_count && b->frame.len == 0; i++) {
        const struct czi_entry *e = &b->entries[i];

        if (e->number == CZI_ID_NONE)
            continue;
        s->effects[e->number] = e->pending->bytes;
        s->effect_lens[e->number] = e->pending->len;
    }
    for (uint32_t done = 0; done < b->position_count; done += n) {
        n = CZI_MIN(b->position_count - done, GROUP);
        czi_blake3_many(s->effects + done, s->effect_lens + done, n,
                        (uint8_t(*)[32])(b->effect_ids + done));
    }
}

/* Receipts that wait in the scratch, to be hashed together. */
struct receipts {
    uint8_t *at;
    uint32_t count, done;
};

static void hash_receipts(struct czi_batch *b, struct receipts *r)
{
    struct czi_seal_scratch *s = b->scratch;

    czi_blake3_many(s->at, s->len, r->count, (uint8_t(*)[32])(b->receipt_ids + r->done));
    *r = (struct receipts){s->receipts, 0, r->done + r->count};
}

/* What a guest put out may take the room of others: those before it are hashed at once then. */
static bool has_room(const struct czi_batch *b, const struct receipts *r,
                     const struct czi_outcome *o)
{
    size_t used = (size_t)(r->at - b->scratch->receipts);

    return used + czi_receipt_size(o) + (GROUP - r->count - 1) * RECEIPT_MAX <= RECEIPTS_SIZE;
}

static void seal_receipts(struct czi_batch *b)
{
    struct czi_seal_scratch *s = b->scratch;
    const uint8_t *time = czi_entry_time(b, NULL);
    struct receipts r = {.at = s->receipts};

    for (uint32_t i = 0; i < b->entry_count; i++) {
        const struct czi_entry *e = &b->entries[i];
        struct czi_outcome o;

        if (e->status == CZI_ENTRY_ITEM)
            time = czi_entry_time(b, e);
        if (e->number == CZI_ID_NONE)
            continue;
        o = czi_entry_outcome(b, e, time);
        if (CZI_UNLIKELY(o.extra) && o.extra->has_guest && !has_room(b, &r, &o))
            hash_receipts(b, &r);
        s->at[r.count] = r.at;
        s->len[r.count] = (uint32_t)czi_receipt_encode(r.at, &b->effect_ids[e->number], &o);
        r.at += s->len[r.count];
        if (++r.count == GROUP)
            hash_receipts(b, &r);
    }
    hash_receipts(b, &r);
}

/* Gives each write its wave: how many of this batch's writes its log had before. Returns how
 * many waves there are; wave_starts[w + 1] then counts wave w. */
static uint32_t number_waves(struct czi_core *core, struct czi_batch *b)
{
    struct czi_seal_scratch *s = b->scratch;
    uint32_t count = 0;

    s->wave_starts[0] = s->wave_starts[1] = 0;
    for (uint32_t i = 0; i < b->post_count; i++) {
        struct czi_head *h;

        if (i + 16 < b->post_count && b->posts[i + 16].written)
            __builtin_prefetch(czi_resource_head(&core->resources, b->posts[i + 16].slot), 1);
        if (!b->posts[i].written)
            continue;
        h = czi_resource_head(&core->resources, b->posts[i].slot);
        if (h->batch != (uint32_t)b->number) {
            h->batch = (uint32_t)b->number;
            h->depth = 0;
        }
        s->waves[i] = h->depth++;
        if (s->waves[i] == count)
            s->wave_starts[++count + 1] = 0;
        s->wave_starts[s->waves[i] + 1]++;
    }
    return count;
}

/* Counting sort of the writes by wave. */
static void sort_waves(struct czi_batch *b, uint32_t waves)
{
    struct czi_seal_scratch *s = b->scratch;

    for (uint32_t w = 1; w <= waves; w++)
        s->wave_starts[w] += s->wave_starts[w - 1];
    for (uint32_t i = 0; i < b->entry_count; i++) {
        const struct czi_entry *e = &b->entries[i];

        if (e->number == CZI_ID_NONE)
            continue;
        for (uint32_t k = e->posts; k < e->posts + e->post_count; k++)
            if (b->posts[k].written)
                s->writes[s->wave_starts[s->waves[k]]++] =
                    (struct write){b->posts[k].slot, e->number};
    }
    /* Filling moved each start to the next wave's; wave w now begins at wave_starts[w - 1]. */
}

static void seal_wave(struct czi_core *core, struct czi_batch *b, const struct write *writes,
                      uint32_t count)
{
    struct czi_seal_scratch *s = b->scratch;

    for (uint32_t done = 0; done < count; done += GROUP) {
        uint32_t n = CZI_MIN(count - done, GROUP);

        for (uint32_t i = 0; i < n; i++) {
            const struct write *w = &writes[done + i];

            s->at[i] = s->nodes[i];
            s->len[i] =
                (uint32_t)czi_node_encode(s->nodes[i],
                                          czi_resource_head(&core->resources, w->slot)->node,
                                          b->receipt_ids[w->number].bytes);
        }
        czi_blake3_many(s->at, s->len, n, s->hashes);
        for (uint32_t i = 0; i < n; i++)
            memcpy(czi_resource_head(&core->resources, writes[done + i].slot)->node,
                   s->hashes[i], 32);
    }
}

static void seal_logs(struct czi_core *core, struct czi_batch *b)
{
    struct czi_seal_scratch *s = b->scratch;
    uint32_t waves = number_waves(core, b);

    sort_waves(b, waves);
    for (uint32_t w = 0; w < waves; w++) {
        uint32_t start = w ? s->wave_starts[w - 1] : 0;

        seal_wave(core, b, s->writes + start, s->wave_starts[w] - start);
    }
}

static void seal_items(struct czi_core *core, struct czi_batch *b)
{
    uint8_t node[CZI_NODE_SIZE_MAX];

    for (uint32_t i = 0; i < b->entry_count && b->fact_count; i++) {
        const struct czi_entry *e = &b->entries[i];
        struct czi_domain_log *d;

        if (e->status != CZI_ENTRY_ITEM)
            continue;
        d = &core->domains[e->origin];
        czi_blake3(node, czi_node_encode(node, d->head, e->pending->item_id.bytes), d->head);
        d->items++;
        d->dirty = true;
    }
}

/* Entries of programs' logs are few, and a chain each. */
static void seal_programs(struct czi_core *core, struct czi_batch *b)
{
    uint8_t node[CZI_NODE_SIZE_MAX];

    for (uint32_t i = 0; i < b->entry_count && b->extras.len; i++) {
        const struct czi_entry *e = &b->entries[i];
        const struct czi_extra *x = e->number == CZI_ID_NONE ? NULL : czi_entry_extra(b, e);
        uint8_t *head;

        if (!x || !x->has_program || x->program == CZI_ID_NONE)
            continue;
        head = czi_program_log(core, x->program)->head;
        czi_blake3(node, czi_node_encode(node, head, b->receipt_ids[e->number].bytes), head);
    }
}

void czi_seal(struct czi_core *core, struct czi_batch *b)
{
    seal_effects(b);
    seal_receipts(b);
    seal_logs(core, b);
    seal_items(core, b);
    seal_programs(core, b);
}

/* What effects have in a frame beyond czi_record_size_max. */
static size_t extras_size_max(const struct czi_batch *b)
{
    const struct czi_extra *x = (const struct czi_extra *)(const void *)b->extras.data;
    size_t size = 0;

    for (size_t i = 0; i < b->extras.len / sizeof *x; i++) {
        if (x[i].after_count || x[i].has_terms || x[i].has_program)
            size += CZI_RECORD_LINKS_MAX;
        if (x[i].has_guest)
            size += czi_record_guest_size_max(&x[i]);
    }
    return size;
}

static size_t frame_size_max(const struct czi_batch *b)
{
    return CZI_FRAME_HEADER_SIZE + b->bytes + b->entry_count * czi_record_size_max(0, 0) +
           b->post_count * (10 + 10 + 1 + 32) + b->time_count * CZI_RECORD_TIME_SIZE +
           extras_size_max(b);
}

static void prefetch_bytes(const struct czi_pending *p)
{
    __builtin_prefetch(p->inline_bytes);
    __builtin_prefetch(p->inline_bytes + 64);
    __builtin_prefetch(p->inline_bytes + 128);
}

int czi_seal_payload(struct czi_batch *b, cz_error *err)
{
    struct czi_seal_scratch *s = b->scratch;
    const uint8_t *time = czi_entry_time(b, NULL), *written = NULL;
    uint8_t *start, *p;

    b->frame.len = 0;
    b->frame.failed = false;
    start = czi_buf_reserve(&b->frame, frame_size_max(b));
    if (!start)
        return czi_nomem(err, "a frame");
    p = start + CZI_FRAME_HEADER_SIZE;
    for (uint32_t i = 0; i < b->entry_count; i++) {
        const struct czi_entry *e = &b->entries[i];
        struct czi_slice bytes;

        if (i + 8 < b->entry_count)
            prefetch_bytes(b->entries[i + 8].pending);
        bytes = (struct czi_slice){e->pending->bytes, e->pending->len};
        if (e->status == CZI_ENTRY_ITEM) {
            p = czi_record_put_item(p, bytes);
            time = czi_entry_time(b, e);
        } else if (e->number != CZI_ID_NONE) {
            struct czi_outcome o = czi_entry_outcome(b, e, time);

            if (CZI_UNLIKELY(time != written))
                p = czi_record_put_time(p, time);
            written = time;
            s->effects[e->number] = czi_record_effect_at(p, bytes.len);
            s->effect_lens[e->number] = (uint32_t)bytes.len;
            p = czi_record_put_effect(p, bytes, &o);
        }
    }
    b->frame.len = (size_t)(p - start);
    return CZ_OK;
}

void czi_seal_frame(struct czi_batch *b, const uint8_t previous[32])
{
    struct czi_frame f = {.first_position = b->first_position,
                          .position_count = b->position_count,
                          .fact_count = b->fact_count,
                          .facts_before = b->facts_before};

    memcpy(f.previous, previous, 32);
    czi_blake3(b->receipt_ids, (size_t)b->position_count * sizeof *b->receipt_ids, f.receipts);
    czi_frame_seal(b->frame.data, b->frame.len - CZI_FRAME_HEADER_SIZE, &f);
    memcpy(b->frame_hash, f.hash, 32);
}
