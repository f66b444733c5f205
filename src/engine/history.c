/* history.c - see history.h. */
#include "engine/history.h"

#include "base/error.h"
#include "engine/engine.h"

/* Events that are added to the index together. */
#define TOGETHER 4096u

int czi_history_init(struct czi_history *h, uint32_t events_max, cz_error *err)
{
    *h = (struct czi_history){.events_max = events_max};
    h->lock = czi_mutex_new();
    return h->lock ? CZ_OK : czi_nomem(err, "a causal index");
}

static void drop(struct czi_history *h)
{
    atomic_store(&h->kept, false);
    czi_causal_free(h->graph);
    h->graph = NULL;
    czi_buf_done(&h->bases);
    czi_buf_done(&h->is_item);
    czi_buf_done(&h->is_rejected);
    czi_buf_done(&h->item_events);
    czi_buf_done(&h->preds);
    czi_buf_done(&h->counts);
    h->positions = 0;
    h->items = h->pending = h->next = 0;
    h->preds_done = h->counts_done = 0;
    atomic_store(&h->lag, 0);
}

void czi_history_done(struct czi_history *h)
{
    drop(h);
    czi_mutex_free(h->lock);
    *h = (struct czi_history){0};
}

/* ---- What an event is -------------------------------------------------------------------- */

static const uint64_t *words(const struct czi_buf *b)
{
    return (const uint64_t *)(const void *)b->data;
}

static bool bit(const struct czi_buf *b, uint32_t event)
{
    return words(b)[event / 64] >> event % 64 & 1;
}

bool czi_history_is_item(const struct czi_history *h, uint32_t event)
{
    return bit(&h->is_item, event);
}

bool czi_history_is_rejected(const struct czi_history *h, uint32_t event)
{
    return bit(&h->is_rejected, event);
}

uint32_t czi_history_item(const struct czi_history *h, uint32_t number)
{
    return ((const uint32_t *)(const void *)h->item_events.data)[number];
}

/* The event of the first of each 64 positions is known; from there the effects are counted. */
uint32_t czi_history_effect(const struct czi_history *h, uint64_t position)
{
    const uint32_t *bases = (const uint32_t *)(const void *)h->bases.data;
    uint32_t event = bases[(position - 1) / 64];
    unsigned left = (unsigned)((position - 1) % 64);

    if (CZI_LIKELY(!h->items))
        return event + left;
    for (;;) {
        uint64_t effects = ~words(&h->is_item)[event / 64] >> event % 64;
        unsigned n = (unsigned)__builtin_popcountll(effects);

        if (left < n) {
            while (left--)
                effects &= effects - 1;
            return event + (unsigned)__builtin_ctzll(effects);
        }
        left -= n;
        event = (event / 64 + 1) * 64;
    }
}

/* The last of a rising list that is not above `event`. */
static uint32_t last_from(const struct czi_buf *list, uint32_t event)
{
    const uint32_t *at = (const uint32_t *)(const void *)list->data;
    uint32_t low = 0, high = (uint32_t)(list->len / sizeof *at);

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (at[mid] <= event)
            low = mid + 1;
        else
            high = mid;
    }
    return low - 1;
}

uint64_t czi_history_number(const struct czi_history *h, uint32_t event)
{
    const uint32_t *bases = (const uint32_t *)(const void *)h->bases.data;
    uint32_t block, at;
    uint64_t position;

    if (czi_history_is_item(h, event))
        return last_from(&h->item_events, event);
    block = last_from(&h->bases, event);
    position = (uint64_t)block * 64 + 1;
    for (at = bases[block]; at < event; at++)
        position += !czi_history_is_item(h, at);
    return position;
}

/* ---- Adding ------------------------------------------------------------------------------ */

/* Out of memory: the graph is dropped, and nothing is read of it any more. */
static bool failed(const struct czi_history *h)
{
    return h->preds.failed || h->counts.failed || h->bases.failed || h->is_item.failed ||
           h->is_rejected.failed || h->item_events.failed;
}

/* Words of zeroes for the bits of so many more events. */
static void make_bits(struct czi_buf *b, uint64_t events)
{
    size_t words = (size_t)((events + 63) / 64), had = b->len / sizeof(uint64_t);
    uint8_t *p = words > had ? czi_buf_reserve(b, (words - had) * sizeof(uint64_t)) : NULL;

    if (!p)
        return;
    memset(p, 0, (words - had) * sizeof(uint64_t));
    b->len = words * sizeof(uint64_t);
}

static void set_bit(struct czi_buf *b, uint32_t event)
{
    ((uint64_t *)(void *)b->data)[event / 64] |= (uint64_t)1 << event % 64;
}

/* Room for what `events` more have beside their predecessors, after which put_event cannot
 * fail.
 */
static bool make_room(struct czi_history *h, uint32_t events)
{
    make_bits(&h->is_item, (uint64_t)h->next + events);
    make_bits(&h->is_rejected, (uint64_t)h->next + events);
    (void)czi_buf_reserve(&h->bases, (events / 64 + 2) * sizeof(uint32_t));
    (void)czi_buf_reserve(&h->item_events, events * sizeof(uint32_t));
    (void)czi_buf_reserve(&h->counts, events * sizeof(uint32_t));
    return !failed(h);
}

static void append(struct czi_buf *b, uint32_t v)
{
    memcpy(b->data + b->len, &v, sizeof v);
    b->len += sizeof v;
}

/* Its predecessors are the last ones in h->preds, `count` of them. */
static void put_event(struct czi_history *h, bool is_item, bool is_rejected, uint32_t count)
{
    uint32_t event = h->next++;

    if (CZI_UNLIKELY(is_item)) {
        append(&h->item_events, event);
        set_bit(&h->is_item, event);
        h->items++;
    } else {
        if (h->positions % 64 == 0)
            append(&h->bases, event);
        h->positions++;
    }
    if (CZI_UNLIKELY(is_rejected))
        set_bit(&h->is_rejected, event);
    append(&h->counts, count);
    h->pending++;
}

static void remove_front(struct czi_buf *b, size_t elements)
{
    size_t n = elements * sizeof(uint32_t);

    b->len -= n;
    if (b->len)
        memmove(b->data, b->data + n, b->len);
}

/* Up to `most` of the events that wait come into the index. False: the graph cannot be kept. */
static bool add_pending(struct czi_history *h, uint32_t most)
{
    const uint32_t *preds = (const uint32_t *)(const void *)h->preds.data + h->preds_done;
    const uint32_t *counts = (const uint32_t *)(const void *)h->counts.data + h->counts_done;
    uint32_t n = CZI_MIN(h->pending, most), links = 0;

    h->too_large = !failed(h) && h->next > h->events_max;
    if (failed(h) || h->too_large)
        return false;
    for (uint32_t i = 0; i < n; i++)
        links += counts[i];
    if (czi_causal_add_many(h->graph, preds, counts, n) != n)
        return false;
    h->preds_done += links;
    h->counts_done += n;
    h->pending -= n;
    /* Under load there is always something left: it moves to the front now and then, each event
     * at most once, or the arrays would grow for ever. */
    if (h->counts_done >= h->pending) {
        remove_front(&h->preds, h->preds_done);
        remove_front(&h->counts, h->counts_done);
        h->preds_done = h->counts_done = 0;
    }
    return true;
}

/* Under lock. */
static void catch_up(struct czi_history *h, uint32_t most)
{
    if (h->pending && !add_pending(h, most))
        drop(h);
    atomic_store(&h->lag, h->pending);
}

void czi_history_catch_up(struct czi_history *h, uint32_t most)
{
    czi_mutex_lock(h->lock);
    catch_up(h, most);
    czi_mutex_unlock(h->lock);
}

bool czi_history_lock(struct czi_history *h)
{
    czi_mutex_lock(h->lock);
    catch_up(h, UINT32_MAX);
    if (CZI_LIKELY(atomic_load(&h->kept)))
        return true;
    czi_mutex_unlock(h->lock);
    return false;
}

unsigned czi_linked_facts(const struct czi_book *book, uint32_t items_before,
                          const uint8_t *bytes, const struct czi_effect_view *v,
                          const struct czi_extra *x, uint32_t numbers[CZI_CITATIONS_MAX])
{
    unsigned n = 0;

    for (unsigned i = 0; i < v->fact_count; i++) {
        cz_id id;
        uint32_t number;

        if (x && x->left_out >> i & 1)
            continue;
        memcpy(&id, czi_effect_fact(bytes, v, i), sizeof id);
        number = czi_book_find(book, &id);
        if (number < items_before)
            numbers[n++] = number;
    }
    return n;
}

unsigned czi_linked_items(const struct czi_book *book, const struct czi_item *item,
                          uint32_t number, uint32_t numbers[2])
{
    struct czi_entry_info info;

    switch (item->type) {
    case CZI_ITEM_FACT:
        czi_book_entry(book, number, &info);
        numbers[0] = info.block;
        return info.block != number && info.block != CZI_ID_NONE;
    case CZI_ITEM_RETRACTION:
        numbers[0] = czi_book_find(book, &item->retraction.fact);
        return 1;
    case CZI_ITEM_DECISION:
        numbers[0] = czi_book_find(book, &item->decision.keep);
        numbers[1] = czi_book_find(book, &item->decision.drop);
        return 2;
    case CZI_ITEM_DOMAIN:
        break;
    }
    return 0;
}

static void put_effect(struct czi_history *h, const struct czi_book *book, const uint8_t *bytes,
                       const struct czi_effect_view *v, const struct czi_outcome *o)
{
    const struct czi_extra *x = o->extra;
    uint32_t numbers[CZI_CITATIONS_MAX], count = 0, *preds;
    unsigned facts = v->fact_count ? czi_linked_facts(book, h->items, bytes, v, x, numbers) : 0;
    size_t most = 1 + (size_t)o->post_count + facts + (x ? (size_t)x->after_count + 1 : 0);

    preds = (uint32_t *)(void *)czi_buf_reserve(&h->preds, most * sizeof *preds);
    if (CZI_UNLIKELY(!preds))
        return;
    for (unsigned i = 0; i < o->post_count; i++)
        if (CZI_LIKELY(o->posts[i].previous))
            preds[count++] = czi_history_effect(h, o->posts[i].previous);
    for (unsigned i = 0; i < facts; i++)
        preds[count++] = czi_history_item(h, numbers[i]);
    for (unsigned i = 0; x && i < x->after_count; i++)
        if (x->after[i])
            preds[count++] = czi_history_effect(h, x->after[i]);
    if (x && x->task_previous)
        preds[count++] = czi_history_effect(h, x->task_previous);
    h->preds.len += count * sizeof *preds;
    put_event(h, false, o->reason != CZ_APPLIED, count);
}

static void put_item(struct czi_history *h, const struct czi_book *book, const uint8_t *bytes,
                     size_t len)
{
    struct czi_item item;
    uint32_t numbers[2], *preds;
    unsigned n = 0;

    if (!czi_item_decode(bytes, len, &item, NULL))
        n = czi_linked_items(book, &item, h->items, numbers);

    preds = (uint32_t *)(void *)czi_buf_reserve(&h->preds, sizeof numbers);
    if (!preds)
        return;
    for (unsigned i = 0; i < n; i++)
        preds[i] = czi_history_item(h, numbers[i]);
    h->preds.len += n * sizeof *preds;
    put_event(h, true, false, n);
}

/* Before the first of a batch's entries: room for all. */
static bool make_some(struct czi_history *h, const struct czi_batch *b, uint32_t i)
{
    return i ? !h->preds.failed : make_room(h, b->entry_count);
}

void czi_history_batch(struct czi_history *h, const struct czi_book *book,
                       const struct czi_batch *b)
{
    if (CZI_LIKELY(!atomic_load(&h->kept)))
        return;
    czi_mutex_lock(h->lock);
    for (uint32_t i = 0; i < b->entry_count && make_some(h, b, i); i++) {
        const struct czi_entry *e = &b->entries[i];
        const struct czi_pending *p = e->pending;
        struct czi_outcome o;

        if (e->status == CZI_ENTRY_ITEM) {
            put_item(h, book, p->bytes, p->len);
        } else if (e->status == CZI_ENTRY_EFFECT) {
            o = czi_entry_outcome(b, e, NULL);
            put_effect(h, book, p->bytes, &p->view, &o);
        }
    }
    if (failed(h) || h->next > h->events_max)
        drop(h);
    catch_up(h, h->pending > CZI_HISTORY_LAG_MAX ? h->pending - CZI_HISTORY_LAG_MAX : 0);
    czi_mutex_unlock(h->lock);
}

/* ---- From the journal -------------------------------------------------------------------- */

struct making {
    struct czi_history *h;
    const struct czi_book *book;
};

static int make_frame(void *arg, const struct czi_frame *frame, cz_error *err)
{
    const struct making *m = arg;
    struct czi_history *h = m->h;
    struct czi_record_reader reader;
    struct czi_record rec;
    bool more = true;
    int rc = CZ_OK;

    czi_record_reader(&reader, frame->payload, frame->first_position);
    while (!rc && more && !failed(h)) {
        if (h->pending % TOGETHER == 0 && !make_room(h, TOGETHER))
            break;
        rc = czi_record_next(&reader, &more, &rec, err);
        if (rc || !more)
            continue;
        if (rec.type == CZI_RECORD_ITEM)
            put_item(h, m->book, rec.bytes.data, rec.bytes.len);
        else
            put_effect(h, m->book, rec.bytes.data, &rec.view, &rec.outcome);
        if (h->pending == TOGETHER && !add_pending(h, TOGETHER))
            return CZ_NOMEM;
    }
    return rc ? rc : failed(h) ? CZ_NOMEM : CZ_OK;
}

static int too_large(const struct czi_history *h, cz_error *err)
{
    return czi_fail(err, CZ_LIMIT,
                    "the history has more than %u events: the causal index needs "
                    "options.causal_max to be larger, and 64 bytes of memory for each",
                    h->events_max);
}

static int make(struct czi_history *h, cz_engine *g, cz_error *err)
{
    struct making m = {h, g->step.core.book};
    int rc;

    h->too_large = g->step.core.positions + czi_book_count(g->step.core.book) > h->events_max;
    if (h->too_large)
        return too_large(h, err);
    h->graph = czi_causal_new();
    if (!h->graph)
        return czi_nomem(err, "the causal index");
    rc = czi_ledger_scan(g->ledger, true, make_frame, &m, err);
    if (!rc && !add_pending(h, TOGETHER))
        rc = CZ_NOMEM;
    if (rc == CZ_NOMEM)
        rc = h->too_large ? too_large(h, err) : czi_nomem(err, "the causal index");
    if (rc) {
        drop(h);
        return rc;
    }
    atomic_store(&h->kept, true);
    return CZ_OK;
}

int czi_history_ensure(struct czi_history *h, cz_engine *g, cz_error *err)
{
    int rc = CZ_OK;

    czi_mutex_lock(h->lock);
    catch_up(h, UINT32_MAX);
    if (!atomic_load(&h->kept))
        rc = make(h, g, err);
    czi_mutex_unlock(h->lock);
    return rc;
}
