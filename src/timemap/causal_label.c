/* causal_label.c - the labels of the causal index: hubs, their chains and walks.
 *
 * Layer: timemap. See causal_index.h. A chain of hubs is a path that runs where events are
 * dense: the first event that follows its tip and is followed itself becomes the next hub. What
 * reaches a chain at or before the place where something else left it is before that; so two
 * numbers an event decide nearly all pairs that are far apart. A chain begins where events are
 * many levels away from any hub, and ends where it meets a faster one, so in the end there is
 * one wherever everything is connected, and one each in parts that have little to do with each
 * other.
 *
 * Walks give each event its down once, over all hubs, so they cost one look at every link.
 */
#include "timemap/causal_index.h"

#define BEGIN_LEVELS 64u /* a chain may begin at its multiples */
#define BEGIN_STEPS 128u
#define FORK_BACK_MAX 16u
#define HOPS_MAX 8u

/* ---- What labels say --------------------------------------------------------------------- */

/* Whether hub x is known to reach hub y: on one chain, or by where chains begin and end. */
static bool hub_reaches(const struct czi_causal *c, uint32_t x, uint32_t y)
{
    for (unsigned hops = 0; hops < HOPS_MAX && x <= y; hops++) {
        const struct czi_hub *hx = czi_causal_hub(c, x), *hy = czi_causal_hub(c, y);
        const struct czi_chain *cx;

        if (hx->chain == hy->chain)
            return y < hx->killed;
        cx = czi_causal_chain(c, hx->chain);
        if (cx->tip == 0 && x <= cx->exit && cx->exit < hx->killed) {
            uint32_t next = czi_causal_node(c, cx->via)->down;

            if (next <= y) {
                x = next;
                continue;
            }
        }
        y = czi_causal_chain(c, hy->chain)->origin;
    }
    return false;
}

bool czi_causal_apart(const struct czi_causal *c, uint32_t a, const struct czi_node *x,
                      const struct czi_node *y)
{
    return y->foreign < a && x->level > 0 &&
           czi_causal_chain_of(c, x->up) != czi_causal_chain_of(c, y->up);
}

enum czi_causal_answer czi_causal_decide(const struct czi_causal *c, const struct czi_node *x,
                                         const struct czi_node *y)
{
    if (x->level >= y->level || x->up > y->up)
        return CZI_CAUSAL_NO;
    if (x->down == CZI_NONE) {
        if (y->down < c->walk.hub)
            return CZI_CAUSAL_NO;
    } else {
        if (x->down > y->down)
            return CZI_CAUSAL_NO;
        if (x->down <= y->up && hub_reaches(c, x->down, y->up))
            return CZI_CAUSAL_YES;
    }
    return CZI_CAUSAL_OPEN;
}

/* ---- Hubs -------------------------------------------------------------------------------- */

static const struct czi_node *hub_node(const struct czi_causal *c, uint32_t hub)
{
    return czi_causal_node(c, czi_causal_hub(c, hub)->event);
}

static void add_hub(struct czi_causal *c, uint32_t e, struct czi_node *n, uint32_t prev,
                    uint32_t chain)
{
    uint32_t hub = c->hubs.count++;
    struct czi_chain *k = czi_causal_chain(c, chain);

    *czi_causal_hub(c, hub) = (struct czi_hub){e, chain, prev, CZI_NONE};
    n->up = n->down = hub;
    k->gap += (c->count - k->last) / 8 - k->gap / 8;
    if (prev != 0)
        k->rise += 2 * (n->level - hub_node(c, prev)->level) - k->rise / 8;
    k->last = c->count;
    k->tip = hub;
}

static void begin_chain(struct czi_causal *c, uint32_t e, struct czi_node *n)
{
    uint32_t chain = c->chains.count++;

    /* It is slow until it has shown otherwise. */
    *czi_causal_chain(c, chain) =
        (struct czi_chain){.last = c->count, .gap = c->count, .rise = 16, .origin = n->up};
    n->foreign = e;
    add_hub(c, e, n, 0, chain);
}

/* The tip seems to be where nothing goes on: may the chain go on from hub u before it? What is
 * in between is left aside. The longer it waits, the farther back. */
static bool take_back(struct czi_causal *c, const struct czi_chain *k, uint32_t u)
{
    uint32_t back = (c->count - k->last) / (4 * k->gap + 16), h = k->tip;

    back = CZI_MIN(back, FORK_BACK_MAX);
    for (; back > 0 && h > u; back--)
        h = czi_causal_hub(c, h)->prev;
    if (h != u)
        return false;
    for (h = k->tip; h != u; h = czi_causal_hub(c, h)->prev)
        czi_causal_hub(c, h)->killed = c->hubs.count;
    return true;
}

/* Whether the newest hub in the past is farther away than the spread of a chain explains. */
static bool far_from_hubs(const struct czi_causal *c, const struct czi_node *n)
{
    uint64_t rise = czi_causal_chain(c, czi_causal_chain_of(c, n->up))->rise;

    return n->up == 0 || 16 * (uint64_t)(n->level - hub_node(c, n->up)->level) >=
                             BEGIN_STEPS * CZI_MAX(rise, 16);
}

void czi_causal_name(struct czi_causal *c, uint32_t e, struct czi_node *n)
{
    uint32_t chain = czi_causal_chain_of(c, n->up);
    const struct czi_chain *k = czi_causal_chain(c, chain);

    if (k->tip != 0 &&
        (k->tip == n->up || (k->last + 4 * k->gap + 16 <= c->count && take_back(c, k, n->up))))
        add_hub(c, e, n, n->up, chain);
    else if (n->level % BEGIN_LEVELS == 0 && n->level > 0 && far_from_hubs(c, n))
        begin_chain(c, e, n);
}

/* How long a chain takes to its next hub, as far as that can be told. */
static uint32_t pace(const struct czi_causal *c, const struct czi_chain *k)
{
    return k->gap + (c->count - k->last);
}

void czi_causal_merge(struct czi_causal *c, uint32_t e, uint32_t x, uint32_t y)
{
    uint32_t kx = czi_causal_chain_of(c, x), ky = czi_causal_chain_of(c, y);
    struct czi_chain *cx = czi_causal_chain(c, kx), *cy = czi_causal_chain(c, ky), *slow;

    if (kx == ky || cx->tip == 0 || cy->tip == 0)
        return;
    slow = pace(c, cx) > pace(c, cy) ? cx : cy;
    slow->exit = slow == cx ? x : y;
    slow->via = e;
    slow->tip = 0;
}

/* ---- Walks ------------------------------------------------------------------------------- */

static uint32_t *stacked(const struct czi_causal *c, uint32_t i)
{
    return (uint32_t *)(void *)c->walk.stack.chunk[i >> CZI_PILE_SHIFT] +
           (i & ((1u << CZI_PILE_SHIFT) - 1));
}

bool czi_causal_walk_room(struct czi_causal *c, uint32_t credit)
{
    return czi_pile_grow(&c->walk.stack, credit, CZI_PILE_SHIFT,
                         sizeof(uint32_t) << CZI_PILE_SHIFT);
}

static void push(struct czi_causal *c, uint32_t e)
{
    struct czi_walk *w = &c->walk;

    if (w->tail - w->head < CZI_WALK_RING)
        w->ring[w->tail++ % CZI_WALK_RING] = e;
    else
        *stacked(c, w->stack.count++) = e;
}

/* The first of the ring, after a refill or the begin of the next hub's walk; false: all done.
 */
static bool next_in_walk(struct czi_causal *c)
{
    struct czi_walk *w = &c->walk;

    while (w->stack.count && w->tail - w->head < CZI_WALK_RING) {
        uint32_t e = *stacked(c, --w->stack.count);

        __builtin_prefetch(czi_causal_node(c, e));
        w->ring[w->tail++ % CZI_WALK_RING] = e;
    }
    if (w->head != w->tail)
        return true;
    w->hub += w->begun;
    w->begun = w->hub < c->hubs.count;
    if (w->begun)
        push(c, czi_causal_hub(c, w->hub)->event);
    return w->begun;
}

static void prefetch_preds(const struct czi_causal *c, uint32_t e)
{
    const struct czi_node *n = czi_causal_node(c, e);

    if (n->pred[0] != CZI_NONE)
        __builtin_prefetch(czi_causal_node(c, n->pred[0]));
    if (!(n->pred[1] & CZI_MORE))
        __builtin_prefetch(czi_causal_node(c, n->pred[1]));
}

void czi_causal_walk(struct czi_causal *c, uint32_t credit)
{
    struct czi_walk *w = &c->walk;

    while (credit && next_in_walk(c)) {
        const struct czi_node *n = czi_causal_node(c, w->ring[w->head % CZI_WALK_RING]);
        uint32_t count = czi_causal_pred_count(c, n);

        if (w->at == 0 && w->tail - w->head > 8)
            prefetch_preds(c, w->ring[(w->head + 8) % CZI_WALK_RING]);
        for (; w->at < count && credit; w->at++, credit--) {
            uint32_t pred = czi_causal_pred(c, n, w->at);
            struct czi_node *p = czi_causal_node(c, pred);

            if (p->down == CZI_NONE) {
                p->down = w->hub;
                push(c, pred);
            }
        }
        if (w->at < count)
            return;
        w->at = 0;
        w->head++;
    }
}
