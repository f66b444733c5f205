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

#define BEGIN_STEPS 128u
#define FORK_BACK_MAX 16u
#define HOPS_MAX 8u
#define CREDIT_EACH 2u /* more than one link each */
#define CREDIT_MIN                                                                             \
    128u /* this many links at once, so that fetching ahead has something ahead */
#define WALK_AHEAD 8u

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
            uint32_t next = *czi_causal_down(c, cx->via);

            if (next <= y) {
                x = next;
                continue;
            }
        }
        y = czi_causal_chain(c, hy->chain)->origin;
    }
    return false;
}

enum czi_causal_answer czi_causal_decide(const struct czi_causal *c, uint32_t a, uint32_t b)
{
    const struct czi_node *x = czi_causal_node(c, a), *y = czi_causal_node(c, b);
    uint32_t dx, dy;

    if (x->level >= y->level || x->up > y->up)
        return CZI_CAUSAL_NO;
    dx = *czi_causal_down(c, a);
    dy = *czi_causal_down(c, b);
    if (dx == CZI_NONE)
        return dy < c->walk.hub ? CZI_CAUSAL_NO : CZI_CAUSAL_OPEN;
    if (dx > dy)
        return CZI_CAUSAL_NO;
    return hub_reaches(c, dx, y->up) ? CZI_CAUSAL_YES : CZI_CAUSAL_OPEN;
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
    n->up = *czi_causal_down(c, e) = hub;
    n->family = chain;
    k->gap += (c->count - k->last) / 8 - k->gap / 8;
    if (prev != 0)
        k->rise += 2 * (n->level - hub_node(c, prev)->level) - k->rise / 8;
    k->last = c->count;
    k->due = (uint32_t)CZI_MIN(c->count + 4 * (uint64_t)k->gap + 16, UINT32_MAX);
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
    uint64_t rise = czi_causal_chain(c, n->family)->rise;

    return n->up == 0 || 16 * (uint64_t)(n->level - hub_node(c, n->up)->level) >=
                             BEGIN_STEPS * CZI_MAX(rise, 16);
}

void czi_causal_name(struct czi_causal *c, uint32_t e, struct czi_node *n)
{
    const struct czi_chain *k = czi_causal_chain(c, n->family);

    if (k->tip != 0 && (k->tip == n->up || (k->due <= c->count && take_back(c, k, n->up))))
        add_hub(c, e, n, n->up, n->family);
    else if (n->level % CZI_BEGIN_LEVELS == 0 && n->level > 0 && far_from_hubs(c, n))
        begin_chain(c, e, n);
}

/* How long a chain takes to its next hub, as far as that can be told. */
static uint32_t pace(const struct czi_causal *c, const struct czi_chain *k)
{
    return k->gap + (c->count - k->last);
}

void czi_causal_merge(struct czi_causal *c, uint32_t e, const struct czi_node *x,
                      const struct czi_node *y)
{
    struct czi_chain *cx = czi_causal_chain(c, x->family), *cy = czi_causal_chain(c, y->family),
                     *slow;

    if (x->family == 0 || y->family == 0 || cx->tip == 0 || cy->tip == 0)
        return;
    slow = pace(c, cx) > pace(c, cy) ? cx : cy;
    /* Of two that are about as fast the one with the newer hub goes on: where all that comes
     * follows both, it is the one that can. */
    if (pace(c, cx) / 2 <= pace(c, cy) && pace(c, cy) / 2 <= pace(c, cx))
        slow = x->up < y->up ? cx : cy;
    slow->exit = slow == cx ? x->up : y->up;
    slow->via = e;
    slow->tip = 0;
    slow->due = UINT32_MAX;
}

/* ---- Walks ------------------------------------------------------------------------------- */

static uint32_t *stacked(const struct czi_causal *c, uint32_t i)
{
    return (uint32_t *)(void *)c->walk.stack.chunk[i >> CZI_PILE_SHIFT] +
           (i & ((1u << CZI_PILE_SHIFT) - 1));
}

static uint32_t credit_of(uint32_t preds)
{
    return CREDIT_EACH * (preds + 1);
}

bool czi_causal_walk_room(struct czi_causal *c, uint32_t preds)
{
    return czi_pile_grow(&c->walk.stack, CREDIT_MIN + credit_of(preds) + credit_of(2),
                         CZI_PILE_SHIFT, sizeof(uint32_t) << CZI_PILE_SHIFT);
}

uint32_t czi_causal_walk_left(const struct czi_causal *c)
{
    uint32_t left = (c->walk.stack.chunk_count << CZI_PILE_SHIFT) - c->walk.stack.count;

    return (left - CREDIT_MIN) / credit_of(2);
}

/* Keeps `more` places of the ring free. */
static void spill(struct czi_causal *c, uint32_t more)
{
    struct czi_walk *w = &c->walk;

    while (w->tail - w->head + more > CZI_WALK_RING)
        *stacked(c, w->stack.count++) = w->ring[--w->tail % CZI_WALK_RING];
}

/* Whether something is in the ring, after a refill or the begin of the next hub's walk. */
static bool refill(struct czi_causal *c)
{
    struct czi_walk *w = &c->walk;

    while (w->stack.count && w->tail - w->head < CZI_WALK_RING / 2) {
        uint32_t e = *stacked(c, --w->stack.count);

        __builtin_prefetch(czi_causal_node(c, e));
        w->ring[w->tail++ % CZI_WALK_RING] = e;
    }
    if (w->head != w->tail)
        return true;
    w->hub += w->begun;
    w->begun = w->hub < c->hubs.count;
    if (w->begun)
        w->ring[w->tail++ % CZI_WALK_RING] = czi_causal_hub(c, w->hub)->event;
    return w->begun;
}

static void prefetch_preds(const struct czi_causal *c, uint32_t e)
{
    const struct czi_node *n = czi_causal_node(c, e);

    if (n->pred[0] != CZI_NONE)
        __builtin_prefetch(czi_causal_down(c, n->pred[0]), 1);
    if (!(n->pred[1] & CZI_MORE))
        __builtin_prefetch(czi_causal_down(c, n->pred[1]), 1);
}

/* Those in the ring that have at most two predecessors, while there is credit, up to the first
 * that has more. Without a branch on whether a predecessor is new, which is anyone's guess. */
static void look_at_few(struct czi_causal *c)
{
    struct czi_walk *w = &c->walk;
    uint32_t head = w->head, tail = w->tail, hub = w->hub, credit = w->credit;

    for (; credit >= 2 && head != tail && tail - head <= CZI_WALK_RING - 2; credit -= 2) {
        uint32_t event = w->ring[head % CZI_WALK_RING];
        const struct czi_node *n = czi_causal_node(c, event);

        if (CZI_UNLIKELY(n->pred[1] & CZI_MORE))
            break;
        if (tail - head > WALK_AHEAD)
            prefetch_preds(c, w->ring[(head + WALK_AHEAD) % CZI_WALK_RING]);
        head++;
        for (unsigned i = 0; i < 2; i++) {
            uint32_t pred = n->pred[i], *down = czi_causal_down(c, pred), known = *down;
            bool is_new = known == CZI_NONE;

            *down = is_new ? hub : known;
            w->ring[tail % CZI_WALK_RING] = pred;
            tail += is_new;
            __builtin_prefetch(czi_causal_node(c, is_new ? pred : event));
        }
    }
    w->head = head;
    w->tail = tail;
    w->credit = credit;
}

/* The first in the ring, while there is credit. */
static void look_at_many(struct czi_causal *c)
{
    struct czi_walk *w = &c->walk;
    const struct czi_node *n = czi_causal_node(c, w->ring[w->head % CZI_WALK_RING]);
    uint32_t count = czi_causal_pred_count(c, n);

    for (; w->at < count && w->credit; w->at++, w->credit--) {
        uint32_t pred = czi_causal_pred(c, n, w->at), *down = czi_causal_down(c, pred);

        if (*down != CZI_NONE)
            continue;
        *down = w->hub;
        spill(c, 1);
        w->ring[w->tail++ % CZI_WALK_RING] = pred;
    }
    if (w->at < count)
        return;
    w->at = 0;
    w->head++;
    w->credit -= w->credit != 0; /* those without any are not for nothing */
}

void czi_causal_walk(struct czi_causal *c, uint32_t preds)
{
    struct czi_walk *w = &c->walk;

    w->credit += credit_of(preds);
    if (CZI_LIKELY(w->credit < CREDIT_MIN))
        return;
    while (w->credit >= 2 && refill(c)) {
        spill(c, 2);
        look_at_few(c);
        if (w->credit >= 2 && w->head != w->tail && w->tail - w->head <= CZI_WALK_RING - 2)
            look_at_many(c);
    }
    w->credit = 0;
}
