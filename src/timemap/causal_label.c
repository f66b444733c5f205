/* causal_label.c - the labels of the causal index: hubs, walks, anchors and groups.
 *
 * Layer: timemap. See causal_index.h. A chain of hubs is a path that runs where events are
 * dense: whichever event first follows its tip directly becomes the next hub. What reaches the
 * chain at or before the place where something else left it is before that; so two numbers an
 * event decide nearly all pairs that are far apart. Walks give each event its down once, over
 * all hubs, so they cost one look at every link.
 */
#include "timemap/causal_index.h"

#define EPOCH_EVENTS 65536u
#define EPOCH_GAIN_MIN 16u
#define GENERATIONS_LOOKED_AT 32u

/* ---- What labels say --------------------------------------------------------------------- */

/* Whether hub x is known to reach hub y, x <= y. */
static bool hub_reaches(const struct czi_causal *c, uint32_t x, uint32_t y)
{
    uint32_t i = c->generations.count;

    for (unsigned looked = 0; looked < GENERATIONS_LOOKED_AT && i-- > 0; looked++) {
        const struct czi_generation *g = czi_causal_generation(c, i);

        if (y < g->start)
            continue;
        if (x >= g->start)
            return true;
        y = g->link;
        if (y < x)
            return false;
    }
    return false;
}

enum czi_causal_answer czi_causal_decide(const struct czi_causal *c, const struct czi_node *x,
                                         const struct czi_node *y)
{
    if (x->level >= y->level || x->up > y->up)
        return CZI_CAUSAL_NO;
    if (x->down == CZI_NONE)
        return y->down < c->walk.hub ? CZI_CAUSAL_NO : CZI_CAUSAL_OPEN;
    if (x->down > y->down)
        return CZI_CAUSAL_NO;
    return x->down <= y->up && hub_reaches(c, x->down, y->up) ? CZI_CAUSAL_YES
                                                              : CZI_CAUSAL_OPEN;
}

uint32_t czi_causal_group_of(const struct czi_causal *c, uint32_t anchor)
{
    uint32_t *at = czi_causal_group(c, anchor);

    while (*at != anchor) {
        uint32_t up = *czi_causal_group(c, *at);

        *at = up; /* halves the path */
        anchor = up;
        at = czi_causal_group(c, anchor);
    }
    return anchor;
}

/* ---- The chain --------------------------------------------------------------------------- */

static void add_hub(struct czi_causal *c, uint32_t e)
{
    struct czi_node *n = czi_causal_node(c, e);
    uint32_t hub = c->hubs.count + 1;

    if (c->fresh) {
        *czi_causal_generation(c, c->generations.count++) = (struct czi_generation){hub, n->up};
        c->fresh = false;
    }
    *czi_causal_hub(c, c->hubs.count++) = e;
    n->up = n->down = hub;
    c->tip = e;
    c->tip_gain++;
}

/* Every so many events the faster of the two goes on as the chain, and a new rival starts. */
static void end_epoch(struct czi_causal *c, uint32_t e)
{
    if (CZI_MAX(c->tip_gain, c->rival_gain) < EPOCH_GAIN_MIN)
        return;
    if (c->rival != CZI_NONE && c->rival_gain / 2 > c->tip_gain) {
        c->tip = c->rival;
        c->fresh = true;
    }
    c->rival = e;
    c->tip_gain = c->rival_gain = c->epoch = 0;
}

void czi_causal_extend(struct czi_causal *c, uint32_t e, const uint32_t *preds, uint32_t count)
{
    bool extends = e == 0, rivals = false;

    for (uint32_t i = 0; i < count; i++) {
        extends |= preds[i] == c->tip;
        rivals |= preds[i] == c->rival;
    }
    if (CZI_UNLIKELY(extends))
        add_hub(c, e);
    if (CZI_UNLIKELY(rivals)) {
        c->rival = extends ? CZI_NONE : e; /* one path from here on */
        c->rival_gain++;
    }
    if (CZI_UNLIKELY(++c->epoch >= EPOCH_EVENTS))
        end_epoch(c, e);
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
    w->begun = w->hub <= c->hubs.count;
    if (w->begun)
        push(c, *czi_causal_hub(c, w->hub - 1));
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
