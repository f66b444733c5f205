/* causal.c - see causal.h: the graph itself, and how it grows.
 *
 * Layer: timemap. See causal_index.h. An event is added in two steps: room for all that it can
 * need, which may fail, then writing, which cannot.
 */
#include "timemap/causal_index.h"

#include <stdlib.h>
#include <string.h>

#define INSERTS_MAX 32u
#define AHEAD 32 /* predecessors that are fetched before it is their event's turn */

/* ---- Piles ------------------------------------------------------------------------------- */

bool czi_pile_grow(struct czi_pile *p, uint32_t more, uint32_t shift, size_t bytes)
{
    while ((uint64_t)p->count + more > (uint64_t)p->chunk_count << shift) {
        if (p->chunk_count == p->chunk_room) {
            uint32_t room = p->chunk_room ? p->chunk_room * 2 : 8;
            void *grown = czi_realloc(p->chunk, room * sizeof *p->chunk);

            if (!grown)
                return false;
            p->chunk = grown;
            p->chunk_room = room;
        }
        p->chunk[p->chunk_count] = czi_alloc_aligned(bytes);
        if (!p->chunk[p->chunk_count])
            return false;
        p->chunk_count++;
    }
    return true;
}

void czi_pile_done(struct czi_pile *p)
{
    while (p->chunk_count)
        czi_free(p->chunk[--p->chunk_count]);
    czi_free(p->chunk);
}

static size_t pile_bytes(const struct czi_pile *p, size_t chunk)
{
    return p->chunk_count * chunk + p->chunk_room * sizeof *p->chunk;
}

/* ---- Life -------------------------------------------------------------------------------- */

struct czi_causal *czi_causal_new(void)
{
    struct czi_causal *c = czi_alloc_zero(1, sizeof *c);

    if (!c)
        return NULL;
    c->walk.hub = 1;
    if (!czi_causal_search_init(&c->search) ||
        !czi_pile_grow(&c->hubs, 1, CZI_PILE_SHIFT, sizeof(struct czi_hub) << CZI_PILE_SHIFT) ||
        !czi_pile_grow(&c->chains, 1, CZI_PILE_SHIFT,
                       sizeof(struct czi_chain) << CZI_PILE_SHIFT)) {
        czi_causal_free(c);
        return NULL;
    }
    /* Hub 0 of chain 0 stands for none. */
    *czi_causal_hub(c, c->hubs.count++) = (struct czi_hub){0};
    *czi_causal_chain(c, c->chains.count++) =
        (struct czi_chain){.tip = CZI_NONE, .due = CZI_NONE};
    return c;
}

void czi_causal_free(struct czi_causal *c)
{
    if (!c)
        return;
    czi_pile_done(&c->blocks);
    czi_pile_done(&c->units);
    czi_pile_done(&c->hubs);
    czi_pile_done(&c->chains);
    czi_pile_done(&c->walk.stack);
    czi_causal_search_done(&c->search);
    czi_free(c->scratch);
    czi_free(c);
}

uint32_t czi_causal_count(const struct czi_causal *c)
{
    return c->count;
}

size_t czi_causal_bytes(const struct czi_causal *c)
{
    return sizeof *c + pile_bytes(&c->blocks, sizeof(struct czi_block)) +
           pile_bytes(&c->units, sizeof(struct czi_unit) << CZI_PILE_SHIFT) +
           pile_bytes(&c->hubs, sizeof(struct czi_hub) << CZI_PILE_SHIFT) +
           pile_bytes(&c->chains, sizeof(struct czi_chain) << CZI_PILE_SHIFT) +
           pile_bytes(&c->walk.stack, sizeof(uint32_t) << CZI_PILE_SHIFT) +
           c->scratch_room * sizeof *c->scratch + czi_causal_search_bytes(&c->search);
}

/* ---- Predecessors as they are kept ------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void insert_all(uint32_t *sorted, const uint32_t *preds, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = i;

        for (; k > 0 && sorted[k - 1] > preds[i]; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = preds[i];
    }
}

/* Sorts preds into the scratch, each once; false: out of memory. */
static bool tidy_many(struct czi_causal *c, const uint32_t *preds, uint32_t count,
                      uint32_t *ret)
{
    uint32_t n = 0;

    if (count > c->scratch_room) {
        uint32_t *grown = czi_realloc(c->scratch, count * sizeof *grown);

        if (!grown)
            return false;
        c->scratch = grown;
        c->scratch_room = count;
    }
    if (count <= INSERTS_MAX)
        insert_all(c->scratch, preds, count);
    else {
        memcpy(c->scratch, preds, count * sizeof *preds);
        qsort(c->scratch, count, sizeof *preds, by_number);
    }
    for (uint32_t i = 0; i < count; i++)
        if (n == 0 || c->scratch[i] != c->scratch[n - 1])
            c->scratch[n++] = c->scratch[i];
    *ret = n;
    return true;
}

/* ---- Room -------------------------------------------------------------------------------- */

/* How often `each` more elements find room. */
static uint32_t room_of(const struct czi_pile *p, uint32_t each)
{
    return ((p->chunk_count << CZI_PILE_SHIFT) - p->count) / each;
}

/* For an event with n predecessors: their units, one for each one's list of successors. What is
 * left is counted in events with two, so that most need not look. */
static bool make_room(struct czi_causal *c, uint32_t n)
{
    uint32_t had = c->blocks.chunk_count;

    if (c->count >= CZI_EVENTS_MAX || c->units.count > INT32_MAX - 2 * (n + 1))
        return false;
    c->blocks.count = c->count;
    if (!czi_pile_grow(&c->blocks, 1, CZI_BLOCK_SHIFT, sizeof(struct czi_block)))
        return false;
    if (c->blocks.chunk_count > had)
        memset(czi_causal_block(c, c->count)->mark, 0, CZI_BLOCK / 8);
    if (!czi_pile_grow(&c->units, n + n / 4 + 1, CZI_PILE_SHIFT,
                       sizeof(struct czi_unit) << CZI_PILE_SHIFT) ||
        !czi_pile_grow(&c->hubs, n, CZI_PILE_SHIFT, sizeof(struct czi_hub) << CZI_PILE_SHIFT) ||
        !czi_pile_grow(&c->chains, n, CZI_PILE_SHIFT,
                       sizeof(struct czi_chain) << CZI_PILE_SHIFT) ||
        !czi_causal_walk_room(c, n))
        return false;
    c->room = CZI_MIN(room_of(&c->units, 2), room_of(&c->hubs, 2));
    c->room = CZI_MIN(c->room, room_of(&c->chains, 2));
    c->room = CZI_MIN(c->room, czi_causal_walk_left(c));
    c->room = CZI_MIN(c->room, (c->blocks.chunk_count << CZI_BLOCK_SHIFT) - c->count);
    c->room = CZI_MIN(c->room, CZI_EVENTS_MAX - c->count);
    return true;
}

static void keep_preds(struct czi_causal *c, struct czi_node *n, const uint32_t *p,
                       uint32_t count)
{
    n->pred[0] = count > 0 ? p[0] : CZI_NONE;
    n->pred[1] = count > 1 ? p[1] : CZI_NONE;
    if (count <= 2)
        return;
    n->pred[1] = CZI_MORE | c->units.count;
    for (uint32_t i = 0; i < count; i++)
        czi_causal_unit(c, c->units.count + i / 4)->word[i % 4] = i ? p[i] : count;
    c->units.count += (count + 3) / 4;
}

static void keep_more_succ(struct czi_causal *c, struct czi_node *p, uint32_t e)
{
    uint32_t fresh = c->units.count;
    struct czi_unit *u;

    if (!(p->succ[1] & CZI_MORE)) {
        *czi_causal_unit(c, fresh) = (struct czi_unit){{p->succ[1], e, CZI_NONE, fresh}};
        p->succ[1] = CZI_MORE | fresh;
        c->units.count++;
        return;
    }
    u = czi_causal_unit(c, p->succ[1] ^ CZI_MORE);
    for (unsigned i = 1; i < 3; i++)
        if (u->word[i] == CZI_NONE) {
            u->word[i] = e;
            return;
        }
    *czi_causal_unit(c, fresh) = (struct czi_unit){{e, CZI_NONE, CZI_NONE, u->word[3]}};
    u->word[3] = fresh;
    p->succ[1] = CZI_MORE | fresh;
    c->units.count++;
}

/* ---- Adding ------------------------------------------------------------------------------ */

/* A predecessor gets the new event as successor, and may become a hub by that. Few branches:
 * whether it had a successor is anyone's guess. */
static inline void follow(struct czi_causal *c, uint32_t e, struct czi_node *x)
{
    const struct czi_chain *k = czi_causal_chain(c, x->family);
    bool first = x->succ[0] == CZI_NONE;

    if (CZI_UNLIKELY(first & ((k->tip == x->up) | (k->due <= c->count) |
                              (x->level % CZI_BEGIN_LEVELS == 0))))
        czi_causal_name(c, e, x);
    if (CZI_LIKELY(x->succ[1] == CZI_NONE))
        x->succ[!first] = c->count;
    else
        keep_more_succ(c, x, c->count);
}

/* The newest of another family in the past of an event, as far as x's part of it goes. */
static inline uint32_t foreign(const struct czi_node *n, const struct czi_node *x,
                               uint32_t event)
{
    return n->family == x->family ? x->foreign : x->level ? event : 0;
}

static void label_two(struct czi_causal *c, struct czi_node *n, uint32_t p, uint32_t q)
{
    struct czi_node *x = czi_causal_node(c, p), *y = czi_causal_node(c, q);

    follow(c, p, x);
    follow(c, q, y);
    n->level = 1 + CZI_MAX(x->level, y->level);
    n->up = CZI_MAX(x->up, y->up);
    n->family = x->up > y->up ? x->family : y->family;
    if (CZI_LIKELY(x->family == y->family)) {
        n->foreign = CZI_MAX(x->foreign, y->foreign);
        return;
    }
    czi_causal_merge(c, c->count, x, y);
    p = foreign(n, x, p);
    q = foreign(n, y, q);
    n->foreign = CZI_MAX(p, q);
}

static void label_many(struct czi_causal *c, struct czi_node *n, const uint32_t *p,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct czi_node *x = czi_causal_node(c, p[i]);

        follow(c, p[i], x);
        n->level = CZI_MAX(n->level, x->level + 1);
        if (x->family != n->family)
            czi_causal_merge(c, c->count, x, n);
        if (x->up > n->up) {
            n->up = x->up;
            n->family = x->family;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t f = foreign(n, czi_causal_node(c, p[i]), p[i]);

        n->foreign = CZI_MAX(n->foreign, f);
    }
}

/* The event goes on with its only predecessor's run if it is the first to follow it. */
static void label_one(struct czi_causal *c, struct czi_node *n, uint32_t p)
{
    const struct czi_node *x = czi_causal_node(c, p);

    if (x->succ[0] == CZI_NONE)
        n->pred[1] = czi_causal_run(p, x);
    label_many(c, n, &p, 1);
}

static bool add_many_preds(struct czi_causal *c, const uint32_t *preds, uint32_t count)
{
    struct czi_node *n;
    uint32_t kept;

    if (count > CZI_EVENTS_MAX / 4 || !tidy_many(c, preds, count, &kept) || !make_room(c, kept))
        return false;
    n = czi_causal_node(c, c->count);
    *n = (struct czi_node){.succ = {CZI_NONE, CZI_NONE}};
    *czi_causal_down(c, c->count) = CZI_NONE;
    keep_preds(c, n, c->scratch, kept);
    if (kept == 1)
        label_one(c, n, c->scratch[0]);
    else
        label_many(c, n, c->scratch, kept);
    c->room = 0;
    c->count++;
    czi_causal_walk(c, kept);
    return true;
}

/* The way of nearly all: two predecessors, and room. */
static inline void add_two(struct czi_causal *c, uint32_t p, uint32_t q)
{
    uint32_t low = CZI_MIN(p, q), high = CZI_MAX(p, q);
    struct czi_node *n = czi_causal_node(c, c->count);

    *n = (struct czi_node){{low, high}, {CZI_NONE, CZI_NONE}, 0, 0, 0, 0};
    *czi_causal_down(c, c->count) = CZI_NONE;
    label_two(c, n, low, high);
    c->room--;
    c->count++;
    czi_causal_walk(c, 2);
}

static void add_one(struct czi_causal *c, const uint32_t *pred)
{
    struct czi_node *n = czi_causal_node(c, c->count);

    *n = (struct czi_node){{CZI_NONE, CZI_NONE}, {CZI_NONE, CZI_NONE}, 0, 0, 0, 0};
    *czi_causal_down(c, c->count) = CZI_NONE;
    if (pred) {
        n->pred[0] = *pred;
        label_one(c, n, *pred);
    }
    c->room--;
    c->count++;
    czi_causal_walk(c, 1);
}

bool czi_causal_add(struct czi_causal *c, const uint32_t *preds, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        CZI_CHECK(preds[i] < c->count);
    if (CZI_UNLIKELY(count > 2))
        return add_many_preds(c, preds, count);
    if (CZI_UNLIKELY(c->room == 0) && !make_room(c, 2))
        return false;
    if (count == 2 && preds[0] != preds[1])
        add_two(c, preds[0], preds[1]);
    else
        add_one(c, count ? preds : NULL);
    return true;
}

uint32_t czi_causal_add_many(struct czi_causal *c, const uint32_t *preds,
                             const uint32_t *counts, uint32_t events)
{
    const uint32_t *ahead = preds, *end = preds;

    for (uint32_t i = 0; i < events; i++)
        end += counts[i];
    for (uint32_t i = 0; i < events; preds += counts[i++]) {
        const uint32_t *until = end - preds > AHEAD ? preds + AHEAD : end;

        for (; ahead < until; ahead++)
            if (CZI_LIKELY(*ahead < c->count))
                __builtin_prefetch(czi_causal_node(c, *ahead), 1);
        if (CZI_LIKELY(counts[i] == 2 && c->room && preds[0] != preds[1])) {
            CZI_CHECK(preds[0] < c->count && preds[1] < c->count);
            add_two(c, preds[0], preds[1]);
        } else if (!czi_causal_add(c, preds, counts[i])) {
            return i;
        }
    }
    return events;
}

/* ---- Reading links ----------------------------------------------------------------------- */

uint32_t czi_causal_preds(const struct czi_causal *c, uint32_t event, uint32_t from,
                          uint32_t *ret, uint32_t room)
{
    const struct czi_node *n;
    uint32_t count;

    CZI_CHECK(event < c->count);
    n = czi_causal_node(c, event);
    count = czi_causal_pred_count(c, n);
    for (uint32_t i = 0; i < room && from < count; i++, from++)
        ret[i] = czi_causal_pred(c, n, from);
    return count;
}

/* The cursor: 0, 1: that of succ; else 2 + 4 * unit + place, and the end is UINT64_MAX. */
bool czi_causal_next(const struct czi_causal *c, uint32_t event, uint64_t *cursor,
                     uint32_t *ret)
{
    const struct czi_node *n;
    const struct czi_unit *u;
    uint32_t unit, place;

    CZI_CHECK(event < c->count);
    n = czi_causal_node(c, event);
    if (*cursor == 0 || (*cursor == 1 && !(n->succ[1] & CZI_MORE))) {
        if (n->succ[*cursor] == CZI_NONE)
            return false;
        *ret = n->succ[(*cursor)++];
        return true;
    }
    if (!(n->succ[1] & CZI_MORE) || n->succ[1] == CZI_NONE || *cursor == UINT64_MAX)
        return false;
    if (*cursor == 1)
        *cursor = 2 + 4 * (uint64_t)czi_causal_unit(c, n->succ[1] ^ CZI_MORE)->word[3];
    unit = (uint32_t)((*cursor - 2) / 4);
    place = (uint32_t)((*cursor - 2) % 4);
    u = czi_causal_unit(c, unit);
    if (u->word[place] == CZI_NONE)
        return false;
    *ret = u->word[place];
    if (place < 2)
        (*cursor)++;
    else
        *cursor = unit == (n->succ[1] ^ CZI_MORE) ? UINT64_MAX : 2 + 4 * (uint64_t)u->word[3];
    return true;
}
