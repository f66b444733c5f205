/* causes.c - the causal past of an event, read from the journal, where each event names what it
 * follows directly.
 *
 * Layer: engine. Threads: any; the engine goes on meanwhile. No index is needed: a record holds
 * the positions of the writes before, of those that were seen, of predecessors and of the
 * task's effect before (ledger/record.h). Frames are read newest first, each once, and decoded
 * from behind; so the first event comes after one frame, and a long past costs what reading it
 * does.
 */
#include "base/error.h"
#include "codec/blake3.h"
#include "engine/engine.h"
#include "engine/facts.h"

#define CAUSES_MAX (CZI_ACCESSES_MAX + 2 * CZI_CITATIONS_MAX + 1)

/* Where an effect's record is in the frame at hand, so that it can be read from behind. */
struct place {
    const uint8_t *at, *time;
    uint32_t items; /* of fact logs, recorded before it */
};

struct past {
    cz_engine *g;
    struct czi_buf bytes; /* of the frame */
    struct czi_frame frame;
    struct czi_record_reader reader;
    struct czi_buf places; /* of struct place, by position - the frame's first */
    struct czi_finder items;
    struct czi_buf effects, facts; /* heaps of u64, the greatest first: what is to come */
    cz_cause causes[CAUSES_MAX];
    size_t cause_count;
};

static void past_done(struct past *p)
{
    czi_buf_done(&p->bytes);
    czi_buf_done(&p->places);
    czi_buf_done(&p->effects);
    czi_buf_done(&p->facts);
    czi_finder_done(&p->items);
}

/* ---- Heaps ------------------------------------------------------------------------------- */

static void push(struct czi_buf *heap, uint64_t v)
{
    size_t at = heap->len / sizeof v;
    uint64_t *h;

    czi_buf_put(heap, &v, sizeof v);
    if (heap->failed)
        return;
    for (h = (uint64_t *)(void *)heap->data; at && h[(at - 1) / 2] < v; at = (at - 1) / 2)
        h[at] = h[(at - 1) / 2];
    h[at] = v;
}

static void sift_down(uint64_t *h, size_t n, uint64_t v)
{
    size_t at = 0, child;

    while ((child = 2 * at + 1) < n) {
        child += child + 1 < n && h[child + 1] > h[child];
        if (h[child] <= v)
            break;
        h[at] = h[child];
        at = child;
    }
    h[at] = v;
}

/* The greatest, with all that equal it; false when empty. */
static bool pop(struct czi_buf *heap, uint64_t *ret)
{
    uint64_t *h = (uint64_t *)(void *)heap->data;

    if (!heap->len)
        return false;
    *ret = h[0];
    do {
        size_t n = heap->len / sizeof *h - 1;
        uint64_t last = h[n];

        heap->len -= sizeof *h;
        if (n)
            sift_down(h, n, last);
    } while (heap->len && h[0] == *ret);
    return true;
}

/* ---- One event --------------------------------------------------------------------------- */

static int load_frame(struct past *p, uint64_t position, cz_error *err)
{
    bool more = true;
    uint32_t items;
    int rc = czi_ledger_read(p->g->ledger, position, &p->bytes, &p->frame, err);

    p->places.len = 0;
    if (rc)
        return rc;
    items = (uint32_t)p->frame.facts_before;
    czi_record_reader(&p->reader, p->frame.payload, p->frame.first_position);
    while (!rc && more) {
        struct place place = {p->reader.in.at, p->reader.time, items};
        struct czi_record rec;

        rc = czi_record_next(&p->reader, &more, &rec, err);
        items += !rc && more && rec.type == CZI_RECORD_ITEM;
        if (!rc && more && rec.type != CZI_RECORD_ITEM)
            czi_buf_put(&p->places, &place, sizeof place);
    }
    return rc ? rc : p->places.failed ? czi_nomem(err, "a frame") : CZ_OK;
}

static const struct place *place_of(const struct past *p, uint64_t position)
{
    return (const struct place *)(const void *)p->places.data +
           (position - p->frame.first_position);
}

/* Leaves the effect in p->reader. */
static int read_effect(struct past *p, uint64_t position, struct czi_record *ret, cz_error *err)
{
    const struct place *place;
    bool more;
    int rc = CZ_OK;

    if (!p->places.len || position < p->frame.first_position ||
        position - p->frame.first_position >= p->frame.position_count)
        rc = load_frame(p, position, err);
    if (rc)
        return rc;
    place = place_of(p, position);
    p->reader.in.at = place->at;
    p->reader.time = place->time;
    p->reader.position = position;
    return czi_record_next(&p->reader, &more, ret, err);
}

static void add_cause(struct past *p, enum cz_link link, const uint8_t *resource, bool is_fact,
                      uint64_t number)
{
    cz_cause *c;

    CZI_CHECK(p->cause_count < CAUSES_MAX);
    c = &p->causes[p->cause_count++];
    *c = (cz_cause){.link = link, .is_fact = is_fact, .number = number};
    if (resource)
        memcpy(&c->resource, resource, sizeof c->resource);
}

/* The facts that were recorded before the effect. With the gate. */
static unsigned linked_facts(const struct past *p, const struct czi_record *rec,
                             uint32_t numbers[CZI_CITATIONS_MAX])
{
    return czi_linked_facts(p->g->step.core.book, place_of(p, rec->outcome.position)->items,
                            rec->bytes.data, &rec->view, rec->outcome.extra, numbers);
}

static void effect_causes(struct past *p, const struct czi_record *rec)
{
    const struct czi_outcome *o = &rec->outcome;
    const struct czi_extra *x = o->extra;
    uint32_t numbers[CZI_CITATIONS_MAX];
    unsigned facts = 0;

    p->cause_count = 0;
    for (unsigned i = 0; i < o->post_count; i++)
        if (o->posts[i].previous)
            add_cause(p, i < rec->view.write_count ? CZ_LINK_WRITE : CZ_LINK_READ,
                      czi_effect_access_id(rec->bytes.data, &rec->view, i), false,
                      o->posts[i].previous);
    if (rec->view.fact_count) {
        czi_manager_lock(p->g);
        facts = linked_facts(p, rec, numbers);
        czi_manager_unlock(p->g);
    }
    for (unsigned i = 0; i < facts; i++)
        add_cause(p, CZ_LINK_FACT, NULL, true, (uint64_t)numbers[i] + 1);
    for (unsigned i = 0; x && i < x->after_count; i++)
        if (x->after[i])
            add_cause(p, CZ_LINK_AFTER, NULL, false, x->after[i]);
    if (x && x->task_previous)
        add_cause(p, CZ_LINK_TASK, NULL, false, x->task_previous);
}

static int tell_effect(struct past *p, uint64_t position, cz_event_fn fn, void *arg,
                       cz_error *err)
{
    struct czi_record rec;
    cz_post posts[CZI_ACCESSES_MAX];
    cz_receipt receipt;
    cz_id effect, id;
    cz_event event;
    int rc = read_effect(p, position, &rec, err);

    if (rc)
        return rc;
    czi_blake3(rec.bytes.data, rec.bytes.len, effect.bytes);
    rc = czi_receipt_id(&effect, &rec.outcome, &id, err);
    if (rc)
        return rc;
    receipt = czi_receipt_describe(&rec, &effect, &id, posts);
    effect_causes(p, &rec);
    event = (cz_event){.id = effect,
                       .number = position,
                       .receipt = &receipt,
                       .causes = p->causes,
                       .cause_count = p->cause_count};
    return fn(arg, &event);
}

/* number: from 1, as it is told. */
static int tell_fact(struct past *p, uint64_t number, cz_event_fn fn, void *arg, cz_error *err)
{
    const struct czi_book *book = p->g->step.core.book;
    struct czi_slice bytes = {0};
    struct czi_item item;
    cz_event event;
    cz_fact fact;
    uint32_t causes[2];
    unsigned n;
    int rc = czi_find_item(&p->items, number - 1, &bytes, err);

    if (!rc)
        rc = czi_item_decode(bytes.data, bytes.len, &item, err);
    if (rc)
        return rc;
    czi_manager_lock(p->g);
    czi_fact_describe(book, (uint32_t)number - 1, bytes, &fact);
    n = czi_linked_items(book, &item, (uint32_t)number - 1, causes);
    czi_manager_unlock(p->g);
    p->cause_count = 0;
    for (unsigned i = 0; i < n; i++)
        add_cause(p, CZ_LINK_BLOCK, NULL, true, (uint64_t)causes[i] + 1);
    event = (cz_event){.id = fact.id,
                       .is_fact = true,
                       .number = number,
                       .fact = &fact,
                       .causes = p->causes,
                       .cause_count = p->cause_count};
    return fn(arg, &event);
}

static int tell(struct past *p, bool is_fact, uint64_t number, cz_event_fn fn, void *arg,
                cz_error *err)
{
    return is_fact ? tell_fact(p, number, fn, arg, err) : tell_effect(p, number, fn, arg, err);
}

/* ---- Where it begins --------------------------------------------------------------------- */

static int find(cz_engine *g, const cz_id *id, bool *ret_is_fact, uint64_t *ret, cz_error *err)
{
    uint32_t number = czi_book_find(g->step.core.book, id);
    char text[CZ_ID_TEXT_SIZE];
    int rc;

    *ret_is_fact = number != CZI_ID_NONE;
    *ret = (uint64_t)number + 1;
    if (*ret_is_fact)
        return CZ_OK;
    rc = czi_find_effect(&g->reader, id, err);
    *ret = g->reader.record.outcome.position;
    if (rc != CZ_NOT_FOUND)
        return rc;
    cz_id_print(id, text);
    return czi_fail(err, CZ_NOT_FOUND, "no effect or fact %s", text);
}

/* id NULL: the number says which. Everything acknowledged so far is there to be asked for. */
static int begin(struct past *p, cz_engine *g, const cz_id *id, bool *is_fact, uint64_t *number,
                 cz_error *err)
{
    uint64_t last;
    int rc;

    *p = (struct past){.g = g, .items = {.ledger = g->ledger}};
    rc = czi_read_begin(g, err);
    if (rc)
        return rc;
    if (id)
        rc = find(g, id, is_fact, number, err);
    last = *is_fact ? czi_book_count(g->step.core.book) : g->step.core.positions;
    if (!rc && (!*number || *number > last))
        rc = czi_fail(err, CZ_NOT_FOUND, "there is no %s %llu; the last is %llu",
                      *is_fact ? "fact" : "position", (unsigned long long)*number,
                      (unsigned long long)last);
    czi_read_end(g);
    return rc;
}

static int tell_one(cz_engine *g, const cz_id *id, bool is_fact, uint64_t number,
                    cz_event_fn fn, void *arg, cz_error *err)
{
    struct past p;
    int rc = begin(&p, g, id, &is_fact, &number, err);

    if (!rc)
        rc = tell(&p, is_fact, number, fn, arg, err);
    past_done(&p);
    return rc;
}

int cz_event_get(cz_engine *g, const cz_id *id, cz_event_fn fn, void *arg, cz_error *err)
{
    return tell_one(g, id, false, 0, fn, arg, err);
}

int cz_event_at(cz_engine *g, bool is_fact, uint64_t number, cz_event_fn fn, void *arg,
                cz_error *err)
{
    return tell_one(g, NULL, is_fact, number, fn, arg, err);
}

int cz_causes(cz_engine *g, const cz_id *id, cz_event_fn fn, void *arg, cz_error *err)
{
    struct past p;
    bool is_fact = false;
    uint64_t number = 0;
    int rc = begin(&p, g, id, &is_fact, &number, err);

    if (!rc)
        push(is_fact ? &p.facts : &p.effects, number);
    while (!rc && ((is_fact = false, pop(&p.effects, &number)) ||
                   (is_fact = true, pop(&p.facts, &number)))) {
        rc = tell(&p, is_fact, number, fn, arg, err);
        for (size_t i = 0; i < p.cause_count && !rc; i++)
            push(p.causes[i].is_fact ? &p.facts : &p.effects, p.causes[i].number);
        if (!rc && (p.effects.failed || p.facts.failed))
            rc = czi_nomem(err, "the causal past");
    }
    past_done(&p);
    return rc;
}
