/* order.c - questions to the causal graph: before, after, concurrent; and what is disputed.
 *
 * Layer: engine. Threads: any.
 */
#include "base/error.h"
#include "engine/engine.h"
#include "engine/facts.h"

#include <stdlib.h>

/* ---- Order ------------------------------------------------------------------------------- */

/* An effect or an item, once the graph is kept. */
struct named {
    bool is_item;
    uint64_t number; /* position, or number of the item */
};

/* While the engine rests. */
static int find_event(cz_engine *g, const cz_id *id, struct named *ret, cz_error *err)
{
    uint32_t number = czi_book_find(g->step.core.book, id);
    char text[CZ_ID_TEXT_SIZE];
    int rc;

    if (number != CZI_ID_NONE) {
        *ret = (struct named){true, number};
        return CZ_OK;
    }
    rc = czi_find_effect(&g->reader, id, err);
    if (!rc)
        *ret = (struct named){false, g->reader.record.outcome.position};
    if (rc != CZ_NOT_FOUND)
        return rc;
    cz_id_print(id, text);
    return czi_fail(err, CZ_NOT_FOUND, "no effect or fact %s", text);
}

static uint32_t event_of(const struct czi_history *h, struct named n)
{
    return n.is_item ? czi_history_item(h, (uint32_t)n.number)
                     : czi_history_effect(h, n.number);
}

/* Under the history's lock, kept. */
static enum cz_order order_of(struct czi_history *h, uint32_t a, uint32_t b)
{
    if (a == b)
        return CZ_SAME;
    if (a < b)
        return czi_causal_before(h->graph, a, b) ? CZ_BEFORE : CZ_CONCURRENT;
    return czi_causal_before(h->graph, b, a) ? CZ_AFTER : CZ_CONCURRENT;
}

int cz_causal_order(cz_engine *g, const cz_id *a, const cz_id *b, enum cz_order *ret,
                    cz_error *err)
{
    struct czi_history *h = &g->history;
    struct named x = {0}, y = {0};
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    rc = find_event(g, a, &x, err);
    if (!rc)
        rc = find_event(g, b, &y, err);
    if (!rc)
        rc = czi_history_ensure(h, g, err);
    if (!rc) {
        czi_mutex_lock(h->lock);
        *ret = order_of(h, event_of(h, x), event_of(h, y));
        czi_mutex_unlock(h->lock);
    }
    czi_read_end(g);
    return rc;
}

/* The graph is there, and stays at least as long as its lock is held. */
static int lock_kept(cz_engine *g, cz_error *err)
{
    struct czi_history *h = &g->history;
    int rc;

    if (CZI_LIKELY(czi_history_lock(h)))
        return CZ_OK;
    rc = czi_read_begin(g, err);
    if (rc)
        return rc;
    rc = czi_history_ensure(h, g, err);
    if (!rc && !czi_history_lock(h))
        rc = czi_nomem(err, "the causal index");
    czi_read_end(g);
    return rc;
}

int cz_causal_order_at(cz_engine *g, uint64_t a, uint64_t b, enum cz_order *ret, cz_error *err)
{
    struct czi_history *h = &g->history;
    uint64_t last;
    int rc = lock_kept(g, err);

    if (rc)
        return rc;
    last = h->positions;
    if (a && b && a <= last && b <= last)
        *ret = order_of(h, czi_history_effect(h, a), czi_history_effect(h, b));
    else
        rc = CZ_NOT_FOUND;
    czi_mutex_unlock(h->lock);
    return rc ? czi_fail(err, rc, "there is no position %llu; the last is %llu",
                         (unsigned long long)(a && a <= last ? b : a), (unsigned long long)last)
              : CZ_OK;
}

int cz_happened_before(cz_engine *g, const cz_id *a, const cz_id *b, bool *ret, cz_error *err)
{
    enum cz_order order = CZ_SAME;
    int rc = cz_causal_order(g, a, b, &order, err);

    if (!rc)
        *ret = order == CZ_BEFORE;
    return rc;
}

int cz_concurrent(cz_engine *g, const cz_id *a, const cz_id *b, bool *ret, cz_error *err)
{
    enum cz_order order = CZ_SAME;
    int rc = cz_causal_order(g, a, b, &order, err);

    if (!rc)
        *ret = order == CZ_CONCURRENT;
    return rc;
}

/* ---- Disputes ---------------------------------------------------------------------------- */

struct disputed {
    uint32_t event;
    uint32_t fact; /* number of the retracted one */
    bool direct;
};

struct walk {
    cz_engine *g;
    struct czi_buf found; /* of struct disputed: the queue of the walk, and its result */
    uint64_t *seen;       /* bits by event */
};

/* The applied effects that follow directly. Rejected ones changed nothing, and items are judged
 * by themselves. */
static void follow(struct walk *w, uint32_t event, uint32_t fact, bool direct)
{
    struct czi_history *h = &w->g->history;
    uint64_t cursor = 0;
    uint32_t next;

    while (czi_causal_next(h->graph, event, &cursor, &next)) {
        struct disputed d = {next, fact, direct};

        if (czi_history_is_item(h, next) || czi_history_is_rejected(h, next) ||
            w->seen[next / 64] >> next % 64 & 1)
            continue;
        w->seen[next / 64] |= (uint64_t)1 << next % 64;
        czi_buf_put(&w->found, &d, sizeof d);
    }
}

/* A fact that is retracted, and no other one of its event stands. */
static bool is_gone(const struct czi_book *book, uint32_t number)
{
    struct czi_entry_info e;

    czi_book_entry(book, number, &e);
    return e.type == CZI_ITEM_FACT && e.standing == CZI_RETRACTED &&
           czi_book_standing(book, number) == CZI_ID_NONE;
}

static int by_event(const void *a, const void *b)
{
    const struct disputed *x = a, *y = b;

    return (x->event > y->event) - (x->event < y->event);
}

/* While the engine rests, under the history's lock. First what cites, then what follows: so
 * each effect that cites is direct. */
static int find_disputed(struct walk *w, cz_error *err)
{
    const struct czi_book *book = w->g->step.core.book;
    struct czi_history *h = &w->g->history;
    uint32_t count = czi_causal_count(h->graph);

    w->seen = czi_alloc_zero(count / 64 + 1, sizeof *w->seen);
    if (!w->seen)
        return czi_nomem(err, "the disputed effects");
    for (uint32_t i = 0; i < czi_book_count(book); i++)
        if (is_gone(book, i))
            follow(w, czi_history_item(h, i), i, true);
    for (size_t i = 0; i < w->found.len / sizeof(struct disputed) && !w->found.failed; i++) {
        struct disputed d;

        memcpy(&d, w->found.data + i * sizeof d, sizeof d);
        follow(w, d.event, d.fact, false);
    }
    if (w->found.failed)
        return czi_nomem(err, "the disputed effects");
    if (w->found.len)
        qsort(w->found.data, w->found.len / sizeof(struct disputed), sizeof(struct disputed),
              by_event);
    return CZ_OK;
}

static int walk_disputed(struct walk *w, cz_error *err)
{
    struct czi_history *h = &w->g->history;
    int rc = czi_history_ensure(h, w->g, err);

    if (rc)
        return rc;
    czi_mutex_lock(h->lock);
    rc = find_disputed(w, err);
    czi_mutex_unlock(h->lock);
    return rc;
}

/* Whether anything was retracted at all: if not, nobody needs the graph. */
static bool any_gone(const struct czi_book *book)
{
    for (uint32_t i = 0; i < czi_book_count(book); i++)
        if (is_gone(book, i))
            return true;
    return false;
}

static int tell(cz_engine *g, const struct disputed *d, cz_dispute_fn fn, void *arg,
                cz_error *err)
{
    struct czi_history *h = &g->history;
    cz_dispute out = {.fact = *czi_book_id(g->step.core.book, d->fact), .direct = d->direct};
    int rc;

    czi_mutex_lock(h->lock);
    out.position = czi_history_number(h, d->event);
    czi_mutex_unlock(h->lock);
    rc = czi_find_position(&g->reader, out.position, err);
    if (rc)
        return rc;
    out.effect = g->reader.effect;
    return fn(arg, &out);
}

int cz_disputed(cz_engine *g, cz_dispute_fn fn, void *arg, cz_error *err)
{
    struct walk w = {.g = g};
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    if (any_gone(g->step.core.book))
        rc = walk_disputed(&w, err);
    for (size_t i = 0; i < w.found.len / sizeof(struct disputed) && !rc; i++) {
        struct disputed d;

        memcpy(&d, w.found.data + i * sizeof d, sizeof d);
        rc = tell(g, &d, fn, arg, err);
    }
    czi_read_end(g);
    czi_free(w.seen);
    czi_buf_done(&w.found);
    return rc;
}

int cz_is_disputed(cz_engine *g, const cz_id *effect, bool *ret, cz_error *err)
{
    struct walk w = {.g = g};
    struct named n = {0};
    bool is = false;
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    rc = find_event(g, effect, &n, err);
    if (!rc && n.is_item)
        rc = czi_fail(err, CZ_INVALID, "only effects are disputed; this is a fact");
    if (!rc && any_gone(g->step.core.book)) {
        rc = walk_disputed(&w, err);
        if (!rc) {
            uint32_t event;

            czi_mutex_lock(g->history.lock);
            event = event_of(&g->history, n);
            is = w.seen[event / 64] >> event % 64 & 1;
            czi_mutex_unlock(g->history.lock);
        }
    }
    czi_read_end(g);
    czi_free(w.seen);
    czi_buf_done(&w.found);
    if (!rc)
        *ret = is;
    return rc;
}
