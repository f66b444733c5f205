/* causal_search.c - happened-before where the labels leave it open.
 *
 * Layer: timemap. See causal_index.h. Forward from a and backward from b, where every event
 * that is reached is tested by its labels first. A path has a link that crosses the middle, so
 * either side goes to the middle only and has to see all there only when there is no path; it
 * takes those nearest to the middle first, since where there is a path there are mostly many.
 * It is the turn of who has visited less. Who is done sooner goes on in the other's part.
 *
 * A search that visits too much is given up, for a sweep from b downwards over a bit an event:
 * each event between them at most once, in the order of memory.
 */
#include "timemap/causal_index.h"

#include <string.h>

#define SLABS 32u
#define FIRST_BITS 8u
#define EVEN 32u /* sides whose numbers of visits differ by no more go on together */
#define TURN 8u  /* events of a side in a row */
#define LINKS_AT_ONCE 16u

enum side { FROM_A, FROM_B };

/* Visited events of a side that were not followed yet, by the slab that their number is in. */
struct front {
    uint32_t head[SLABS];
    uint32_t full; /* a bit a slab that is not empty */
    uint32_t visited;
};

struct search {
    struct czi_causal *c;
    struct czi_search *s;
    const struct czi_node *na, *nb;
    uint32_t a, b, shift;
    uint32_t cut; /* slabs below are searched forward, the others backward */
    struct front front[2];
    bool families; /* a and b are of two */
    uint32_t run_a, down_a, down_b;
    struct czi_hub hub_a; /* that down_a is */
    bool reads_down[2];   /* down of what a side visits can say something */
    bool found;
};

bool czi_causal_search_init(struct czi_search *s)
{
    s->visit = czi_alloc(CZI_VISITS_MAX * sizeof *s->visit);
    s->slot = czi_alloc_zero(2 * (size_t)CZI_VISITS_MAX, sizeof *s->slot);
    return s->visit && s->slot;
}

void czi_causal_search_done(struct czi_search *s)
{
    czi_free(s->visit);
    czi_free(s->slot);
}

size_t czi_causal_search_bytes(const struct czi_search *s)
{
    (void)s;
    return CZI_VISITS_MAX * (sizeof *s->visit + 2 * sizeof *s->slot);
}

/* ---- Visited events ---------------------------------------------------------------------- */

static void next_tag(struct czi_search *s)
{
    s->tag += 2;
    if (s->tag != 0)
        return;
    memset(s->slot, 0, 2 * (size_t)CZI_VISITS_MAX * sizeof *s->slot);
    s->tag = 2;
}

static struct czi_slot *find_slot(struct czi_search *s, uint32_t event)
{
    uint32_t i = (event * 2654435769u) >> (32 - s->bits);

    while ((s->slot[i].tag & ~1u) == s->tag && s->slot[i].event != event)
        i = (i + 1) & ((1u << s->bits) - 1);
    return &s->slot[i];
}

static void widen(struct czi_search *s)
{
    s->bits++;
    next_tag(s);
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t event = s->visit[i].event & ~CZI_MORE;

        *find_slot(s, event) =
            (struct czi_slot){event, s->tag | (s->visit[i].event & CZI_MORE ? 1 : 0)};
    }
}

/* A bit each slab that is the side's to search. */
static uint32_t part(const struct search *q, enum side side)
{
    uint32_t below = (uint32_t)(((uint64_t)1 << q->cut) - 1);

    return side == FROM_A ? below : ~below;
}

static void fetch(const struct search *q, enum side side, uint32_t event)
{
    __builtin_prefetch(czi_causal_node(q->c, event));
    if (q->reads_down[side])
        __builtin_prefetch(czi_causal_down(q->c, event));
}

static void put(struct search *q, enum side side, uint32_t i)
{
    struct front *f = &q->front[side];
    struct czi_visit *v = &q->s->visit[i];
    uint32_t slab = ((v->event & ~CZI_MORE) - q->a) >> q->shift;

    if (part(q, side) >> slab & 1) /* else it is the other side's to follow, for now */
        fetch(q, side, v->event & ~CZI_MORE);
    v->next = f->full >> slab & 1 ? f->head[slab] : CZI_NONE;
    f->head[slab] = i;
    f->full |= 1u << slab;
}

/* False: the search is over, found or too large. */
static bool visit(struct search *q, enum side side, uint32_t event)
{
    struct czi_search *s = q->s;
    struct czi_slot *slot = find_slot(s, event);

    if ((slot->tag & ~1u) == s->tag) {
        q->found = (slot->tag & 1) != (uint32_t)side;
        return !q->found;
    }
    if (s->count == CZI_VISITS_MAX)
        return false;
    *slot = (struct czi_slot){event, s->tag | (uint32_t)side};
    s->visit[s->count] =
        (struct czi_visit){event | (side == FROM_B ? CZI_MORE : 0), CZI_NONE, 0};
    put(q, side, s->count++);
    q->front[side].visited++;
    if (s->count > 1u << (s->bits - 1))
        widen(s);
    return true;
}

/* ---- Following links --------------------------------------------------------------------- */

/* What becomes of an event whose links are followed. */
enum follow { DONE, AGAIN, OVER };

static enum follow follow_units(struct search *q, struct czi_visit *v, uint32_t last)
{
    for (unsigned k = 0; k < LINKS_AT_ONCE / 4; k++) {
        uint32_t unit = v->at - 1;
        const struct czi_unit *u = czi_causal_unit(q->c, unit);

        for (unsigned i = 0; i < 3 && u->word[i] != CZI_NONE; i++) {
            q->c->steps++;
            if (u->word[i] > q->b)
                return DONE;
            if (!visit(q, FROM_A, u->word[i]))
                return OVER;
        }
        if (unit == last)
            return DONE;
        v->at = u->word[3] + 1;
    }
    return AGAIN;
}

static enum follow follow_succ(struct search *q, struct czi_visit *v, const struct czi_node *n)
{
    if (v->at != 0)
        return follow_units(q, v, n->succ[1] ^ CZI_MORE);
    q->c->steps++;
    if (n->succ[0] > q->b) /* none is above all */
        return DONE;
    if (!visit(q, FROM_A, n->succ[0]))
        return OVER;
    if (n->succ[1] == CZI_NONE)
        return DONE;
    if (n->succ[1] & CZI_MORE) {
        v->at = czi_causal_unit(q->c, n->succ[1] ^ CZI_MORE)->word[3] + 1;
        return AGAIN;
    }
    q->c->steps++;
    if (n->succ[1] > q->b)
        return DONE;
    return visit(q, FROM_A, n->succ[1]) ? DONE : OVER;
}

/* Backward at one step to the run's start: nothing else leads into a run, so forward comes
 * there too, or began behind it. */
static enum follow follow_run(struct search *q, uint32_t event, uint32_t start)
{
    q->c->steps++;
    q->found = start == q->run_a && q->a < event;
    if (q->found)
        return OVER;
    return start < q->a || visit(q, FROM_B, start) ? DONE : OVER;
}

/* From the highest on. */
static enum follow follow_pred(struct search *q, struct czi_visit *v, const struct czi_node *n)
{
    uint32_t count = czi_causal_pred_count(q->c, n), event = v->event & ~CZI_MORE,
             start = czi_causal_run(event, n);

    if (start != event)
        return follow_run(q, event, start);
    for (unsigned k = 0; k < LINKS_AT_ONCE; k++) {
        uint32_t pred;

        if (v->at == count)
            return DONE;
        q->c->steps++;
        pred = czi_causal_pred(q->c, n, count - ++v->at);
        if (pred < q->a)
            return DONE;
        if (!visit(q, FROM_B, pred))
            return OVER;
    }
    return AGAIN;
}

/* What the labels of an event between a and b say: those in memory far from its node are read
 * only where they can say something, and hubs are on the way to each other if on one chain. */
static enum czi_causal_answer reaches_b(const struct search *q, uint32_t event,
                                        const struct czi_node *n)
{
    const struct czi_hub *hub;
    uint32_t down;

    if (n->level >= q->nb->level || n->up > q->nb->up ||
        (q->families && czi_causal_apart(event, n, q->nb)))
        return CZI_CAUSAL_NO;
    if (!q->reads_down[FROM_A])
        return CZI_CAUSAL_OPEN;
    down = *czi_causal_down(q->c, event);
    if (CZI_MIN(down, q->c->walk.hub) > q->down_b)
        return CZI_CAUSAL_NO;
    if (down > q->nb->up || down == q->down_a) /* a's is known not to */
        return CZI_CAUSAL_OPEN;
    hub = czi_causal_hub(q->c, down);
    return hub->chain == q->nb->family && q->nb->up < hub->killed ? CZI_CAUSAL_YES
                                                                  : CZI_CAUSAL_OPEN;
}

static enum czi_causal_answer reached_by_a(const struct search *q, uint32_t event,
                                           const struct czi_node *n)
{
    if (q->na->level >= n->level || q->na->up > n->up ||
        (q->families && czi_causal_apart(q->a, q->na, n)))
        return CZI_CAUSAL_NO;
    if (q->down_a <= n->up && n->family == q->hub_a.chain && n->up < q->hub_a.killed)
        return CZI_CAUSAL_YES;
    return q->reads_down[FROM_B] &&
                   CZI_MIN(q->down_a, q->c->walk.hub) > *czi_causal_down(q->c, event)
               ? CZI_CAUSAL_NO
               : CZI_CAUSAL_OPEN;
}

static enum follow follow(struct search *q, enum side side, struct czi_visit *v)
{
    uint32_t event = v->event & ~CZI_MORE;
    const struct czi_node *n = czi_causal_node(q->c, event);

    if (q->c->steps + LINKS_AT_ONCE > CZI_CAUSAL_SEARCH_STEPS)
        return OVER;
    if (v->at == 0 && n != q->na && n != q->nb) {
        enum czi_causal_answer known =
            side == FROM_A ? reaches_b(q, event, n) : reached_by_a(q, event, n);

        if (known == CZI_CAUSAL_NO)
            return DONE;
        q->found = known == CZI_CAUSAL_YES;
        if (q->found)
            return OVER;
    }
    return side == FROM_A ? follow_succ(q, v, n) : follow_pred(q, v, n);
}

/* ---- The search -------------------------------------------------------------------------- */

/* The visit that is nearest to the cut; NULL: the side's part is searched. */
static struct czi_visit *nearest(struct search *q, enum side side)
{
    struct front *f = &q->front[side];
    uint32_t mine = f->full & part(q, side), slab;
    struct czi_visit *v;

    if (!mine)
        return NULL;
    slab = (uint32_t)(side == FROM_A ? 31 - __builtin_clz(mine) : __builtin_ctz(mine));
    v = &q->s->visit[f->head[slab]];
    f->head[slab] = v->next;
    if (v->next == CZI_NONE)
        f->full &= ~(1u << slab);
    return v;
}

/* Follows some of one side or both, which are all chosen before the first is followed: their
 * nodes come from memory together. False: the search is over, found or too large. */
static bool turn(struct search *q, bool of[2])
{
    struct czi_visit *v[2 * TURN];
    unsigned n[2] = {0, 0};

    for (unsigned side = 0; side < 2; side++)
        while (of[side] && n[side] < TURN &&
               (v[side * TURN + n[side]] = nearest(q, (enum side)side)) != NULL)
            n[side]++;
    for (unsigned side = 0; side < 2; side++)
        for (unsigned i = 0; i < n[side]; i++) {
            struct czi_visit *at = v[side * TURN + i];
            enum follow what = follow(q, (enum side)side, at);

            if (what == OVER)
                return false;
            if (what == AGAIN)
                put(q, (enum side)side, (uint32_t)(at - q->s->visit));
        }
    return true;
}

static void begin(struct search *q)
{
    q->s->bits = FIRST_BITS;
    q->s->count = 0;
    next_tag(q->s);
    while (q->shift < 31 && (q->b - q->a) >> q->shift >= SLABS)
        q->shift++;
    q->cut = ((q->b - q->a) >> q->shift) / 2 + 1;
    q->run_a = czi_causal_run(q->a, q->na);
    q->families = q->na->family != q->nb->family;
    q->down_a = *czi_causal_down(q->c, q->a);
    q->down_b = *czi_causal_down(q->c, q->b);
    if (q->down_a != CZI_NONE)
        q->hub_a = *czi_causal_hub(q->c, q->down_a);
    q->reads_down[FROM_A] = q->down_b != CZI_NONE || (q->nb->up && q->down_a <= q->nb->up) ||
                            (q->nb->up && q->down_a == CZI_NONE);
    q->reads_down[FROM_B] = CZI_MIN(q->down_a, q->c->walk.hub) > 1;
    (void)visit(q, FROM_A, q->a);
    (void)visit(q, FROM_B, q->b);
}

static enum czi_causal_answer search(struct search *q)
{
    const struct front *fa = &q->front[FROM_A], *fb = &q->front[FROM_B];

    begin(q);
    while (fa->full && fb->full) {
        bool left[2] = {fa->full & part(q, FROM_A), fb->full & part(q, FROM_B)}, of[2];

        of[FROM_A] = fa->visited <= fb->visited + EVEN;
        of[FROM_B] = fb->visited <= fa->visited + EVEN;
        if ((of[FROM_A] && left[FROM_A]) || (of[FROM_B] && left[FROM_B])) {
            if (!turn(q, of))
                return q->found ? CZI_CAUSAL_YES : CZI_CAUSAL_OPEN;
        } else if (!left[FROM_A] && !left[FROM_B]) {
            return CZI_CAUSAL_NO;
        } else {
            q->cut += left[FROM_B] ? 1 : UINT32_MAX;
        }
    }
    return CZI_CAUSAL_NO;
}

/* ---- The sweep --------------------------------------------------------------------------- */

static uint64_t *mark_word(const struct czi_causal *c, uint32_t event)
{
    return &czi_causal_block(c, event)->mark[event % CZI_BLOCK / 64];
}

static void mark(const struct search *q, uint32_t event)
{
    *mark_word(q->c, event) |= (uint64_t)1 << event % 64;
    q->c->steps++;
}

/* Marks the predecessors of an event that are not below a; of a run, the start. */
static void mark_preds(const struct search *q, uint32_t event, const struct czi_node *n)
{
    uint32_t start = czi_causal_run(event, n), pred;

    if (start != event) {
        if (start >= q->a)
            mark(q, start);
        return;
    }
    for (uint32_t i = czi_causal_pred_count(q->c, n); i-- > 0;) {
        pred = czi_causal_pred(q->c, n, i);
        if (pred < q->a)
            break;
        mark(q, pred);
    }
}

static bool sweep(const struct search *q)
{
    uint32_t word = q->b / 64, last = q->a / 64;
    bool found = false;

    mark_preds(q, q->b, q->nb);
    for (;; word--) {
        uint64_t *at = mark_word(q->c, word * 64);

        q->c->steps++;
        while (*at && !found) {
            uint32_t event = word * 64 + 63 - (uint32_t)__builtin_clzll(*at);
            const struct czi_node *n = czi_causal_node(q->c, event);
            enum czi_causal_answer known;

            *at &= ~((uint64_t)1 << event % 64);
            known = czi_causal_run(event, n) == q->run_a ? CZI_CAUSAL_YES
                                                         : reached_by_a(q, event, n);
            found = known == CZI_CAUSAL_YES;
            if (known == CZI_CAUSAL_OPEN)
                mark_preds(q, event, n);
        }
        *at = 0;
        if (word == last)
            return found;
    }
}

bool czi_causal_before(struct czi_causal *c, uint32_t a, uint32_t b)
{
    struct search q = {.c = c, .s = &c->search, .a = a, .b = b};
    enum czi_causal_answer known;

    CZI_CHECK(a < c->count && b < c->count);
    c->steps = 0;
    if (a >= b)
        return false;
    q.na = czi_causal_node(c, a);
    q.nb = czi_causal_node(c, b);
    known = czi_causal_decide(c, a, b);
    if (known == CZI_CAUSAL_OPEN && czi_causal_apart(a, q.na, q.nb))
        known = CZI_CAUSAL_NO;
    if (known == CZI_CAUSAL_OPEN)
        known = search(&q);
    return known == CZI_CAUSAL_OPEN ? sweep(&q) : known == CZI_CAUSAL_YES;
}

uint64_t czi_causal_steps(const struct czi_causal *c)
{
    return c->steps;
}
