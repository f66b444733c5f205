/* waits.c - see waits.h. Groups that wait for each other are the strongly connected components
 * of the graph of parties (Tarjan: Depth-first search and linear graph algorithms, 1972).
 */
#include "cli/waits.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

#define NONE UINT32_MAX

/* ---- Filling ---------------------------------------------------------------------------- */

static int take_edge(void *arg, const cz_wait_edge *e)
{
    struct czi_waits *w = arg;
    struct czi_wait_resource r = {.id = e->resource, .first = w->line_count}, *last = NULL;
    struct czi_wait_line line = {.party = e->party,
                                 .place = e->holds ? 0 : e->place,
                                 .mode = (uint8_t)e->mode};

    if (w->resource_count)
        last = (void *)(w->resource_bytes.data + (w->resource_count - 1) * sizeof r);
    if (!last || memcmp(&last->id, &r.id, sizeof r.id) != 0 ||
        !last->label[0] != !e->label[0]) {
        (void)snprintf(r.label, sizeof r.label, "%s", e->label);
        r.count = 1;
        czi_buf_put(&w->resource_bytes, &r, sizeof r);
        w->resource_count++;
    } else {
        last->count++;
    }
    line.resource = w->resource_count - 1;
    czi_buf_put(&w->line_bytes, &line, sizeof line);
    w->line_count++;
    return w->line_bytes.failed || w->resource_bytes.failed ? CZ_NOMEM : CZ_OK;
}

static int take_cycle(void *arg, const cz_cycle *c)
{
    struct czi_waits *w = arg;
    struct czi_wait_refusal r = {.number = c->number,
                                 .first = (uint32_t)(w->step_bytes.len / sizeof *c->steps),
                                 .count = (uint32_t)c->count};

    czi_buf_put(&w->step_bytes, c->steps, c->count * sizeof *c->steps);
    czi_buf_put(&w->refusal_bytes, &r, sizeof r);
    w->refusal_count++;
    return w->step_bytes.failed || w->refusal_bytes.failed ? CZ_NOMEM : CZ_OK;
}

cz_wait_graph_visitor czi_waits_visitor(struct czi_waits *w)
{
    return (cz_wait_graph_visitor){take_edge, take_cycle, w};
}

void czi_waits_done(struct czi_waits *w)
{
    czi_buf_done(&w->line_bytes);
    czi_buf_done(&w->resource_bytes);
    czi_buf_done(&w->step_bytes);
    czi_buf_done(&w->refusal_bytes);
    czi_buf_done(&w->path_bytes);
    czi_buf_done(&w->cycle_bytes);
    czi_free(w->parties);
    *w = (struct czi_waits){0};
}

/* ---- Parties ---------------------------------------------------------------------------- */

static int by_party(const void *a, const void *b)
{
    const cz_party *x = *(const cz_party *const *)a, *y = *(const cz_party *const *)b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->id == y->id ? 0 : x->id < y->id ? -1 : 1;
}

/* Sorts the parties of all lines; equal ones become one node. */
static int number_parties(struct czi_waits *w, cz_error *err)
{
    uint32_t n = 0;

    w->parties = czi_alloc(w->line_count * sizeof *w->parties);
    if (!w->parties)
        return czi_nomem(err, "the parties of a wait graph");
    for (uint32_t i = 0; i < w->line_count; i++)
        w->parties[i] = &w->lines[i].party;
    if (w->line_count)
        qsort(w->parties, w->line_count, sizeof *w->parties, by_party);
    for (uint32_t i = 0; i < w->line_count; i++) {
        /* The party is the line's first member. */
        struct czi_wait_line *line = (struct czi_wait_line *)(uintptr_t)w->parties[i];

        if (!n || by_party(&w->parties[n - 1], &w->parties[i]) != 0)
            w->parties[n++] = &line->party;
        line->node = n - 1;
    }
    w->party_count = n;
    return CZ_OK;
}
_Static_assert(offsetof(struct czi_wait_line, party) == 0, "a party's address is its line's");

/* ---- Arcs ------------------------------------------------------------------------------- */

static void put_arc(struct czi_buf *arcs, uint32_t from, uint32_t to)
{
    struct czi_wait_arc a = {from, to};

    czi_buf_put(arcs, &a, sizeof a);
}

/* What one resource's waiters wait for: the writer ahead, or without one the holders; and a
 * writer also for the readers behind that writer. Who writes holds alone. */
static void find_arcs(const struct czi_waits *w, const struct czi_wait_resource *r,
                      struct czi_buf *arcs)
{
    uint32_t end = r->first + r->count, queue = r->first, ahead = NONE;

    while (queue < end && !w->lines[queue].place)
        queue++;
    for (uint32_t i = queue; i < end; i++) {
        bool writes = w->lines[i].mode == CZ_WRITE;

        if (ahead != NONE)
            put_arc(arcs, i, ahead);
        else if (writes)
            for (uint32_t h = r->first; h < queue; h++)
                put_arc(arcs, i, h);
        else if (queue > r->first && w->lines[r->first].mode == CZ_WRITE)
            put_arc(arcs, i, r->first);
        if (!writes)
            continue;
        for (uint32_t k = ahead == NONE ? queue : ahead + 1; k < i; k++)
            put_arc(arcs, i, k);
        ahead = i;
    }
}

/* ---- Groups ----------------------------------------------------------------------------- */

/* Memory of the search: by node, but for `out` (by arc). */
struct search {
    struct czi_waits *w;
    const struct czi_wait_arc *arcs;
    uint32_t arc_count;
    uint32_t *first; /* of a node's arcs in `out`; one more at the end */
    uint32_t *out;   /* arcs, by the node that they leave */
    uint32_t *seen;  /* order of discovery + 1; 0: not yet */
    uint32_t *low;
    uint32_t *group; /* NONE: not known yet */
    uint32_t *next;  /* the arc to look at next, while on the path */
    uint32_t *stack, *trail;
    uint32_t *size;   /* of each group */
    uint32_t *parent; /* arc by which the breadth-first search came */
    uint32_t groups;
};

static uint32_t from_of(const struct search *s, uint32_t arc)
{
    return s->w->lines[s->arcs[arc].from].node;
}

static uint32_t to_of(const struct search *s, uint32_t arc)
{
    return s->w->lines[s->arcs[arc].to].node;
}

/* One block for all arrays. */
static uint32_t *make_search(struct search *s)
{
    size_t n = (size_t)s->w->party_count + 1;
    uint32_t *all = czi_alloc_zero(9 * n + s->arc_count, sizeof *all), *at = all;
    uint32_t **const arrays[] = {&s->first, &s->seen,  &s->low,  &s->group, &s->next,
                                 &s->stack, &s->trail, &s->size, &s->parent};

    if (!all)
        return NULL;
    for (size_t i = 0; i < CZI_COUNTOF(arrays); i++, at += n)
        *arrays[i] = at;
    s->out = at;
    for (size_t i = 0; i < n; i++)
        s->group[i] = s->parent[i] = NONE;
    for (uint32_t i = 0; i < s->arc_count; i++)
        s->first[from_of(s, i) + 1]++;
    for (size_t i = 1; i < n; i++)
        s->first[i] += s->first[i - 1];
    memcpy(s->next, s->first, n * sizeof *s->next);
    for (uint32_t i = 0; i < s->arc_count; i++)
        s->out[s->next[from_of(s, i)]++] = i;
    memcpy(s->next, s->first, n * sizeof *s->next);
    return all;
}

/* Tarjan's search from one node; the recursion is in `trail`. */
static void find_groups_from(struct search *s, uint32_t root, uint32_t *counter,
                             uint32_t *stacked)
{
    uint32_t depth = 0, v = root;

    s->trail[depth++] = v;
    while (depth) {
        v = s->trail[depth - 1];
        if (!s->seen[v]) {
            s->seen[v] = s->low[v] = ++*counter;
            s->stack[(*stacked)++] = v;
        }
        if (s->next[v] < s->first[v + 1]) {
            uint32_t u = to_of(s, s->out[s->next[v]++]);

            if (!s->seen[u])
                s->trail[depth++] = u;
            else if (s->group[u] == NONE)
                s->low[v] = CZI_MIN(s->low[v], s->seen[u]);
            continue;
        }
        depth--;
        if (depth)
            s->low[s->trail[depth - 1]] = CZI_MIN(s->low[s->trail[depth - 1]], s->low[v]);
        if (s->low[v] != s->seen[v])
            continue;
        for (bool more = true; more; more = s->stack[*stacked] != v) {
            s->group[s->stack[--*stacked]] = s->groups;
            s->size[s->groups]++;
        }
        s->groups++;
    }
}

static bool same_group(const struct search *s, uint32_t arc)
{
    return s->group[from_of(s, arc)] == s->group[to_of(s, arc)];
}

/* The shortest cycle through a node, breadth first within its group, into the path. None, when
 * the group is the node alone and it does not wait for itself. */
static void find_cycle(struct search *s, uint32_t start)
{
    uint32_t head = 0, tail = 0, closing = NONE;
    struct czi_waits *w = s->w;
    struct czi_wait_cycle c = {.first =
                                   (uint32_t)(w->path_bytes.len / sizeof(struct czi_wait_arc)),
                               .parties = s->size[s->group[start]]};

    s->stack[tail++] = start;
    while (head < tail && closing == NONE) {
        uint32_t v = s->stack[head++];

        for (uint32_t i = s->first[v]; i < s->first[v + 1] && closing == NONE; i++) {
            uint32_t u = to_of(s, s->out[i]);

            if (u == start) {
                closing = s->out[i];
            } else if (same_group(s, s->out[i]) && s->parent[u] == NONE) {
                s->parent[u] = s->out[i];
                s->stack[tail++] = u;
            }
        }
    }
    if (closing == NONE)
        return;
    /* The path leads back to the start; told from the start on. */
    for (uint32_t arc = closing;; arc = s->parent[from_of(s, arc)]) {
        s->trail[c.count++] = arc;
        if (from_of(s, arc) == start)
            break;
    }
    for (uint32_t i = c.count; i-- > 0;)
        czi_buf_put(&w->path_bytes, &s->arcs[s->trail[i]], sizeof *s->arcs);
    czi_buf_put(&w->cycle_bytes, &c, sizeof c);
    w->cycle_count++;
}

static void find_cycles(struct search *s)
{
    uint32_t counter = 0, stacked = 0, n = s->w->party_count;

    for (uint32_t v = 0; v < n; v++)
        if (!s->seen[v])
            find_groups_from(s, v, &counter, &stacked);
    /* One a group: from its lowest node, since nodes come in order. */
    memset(s->seen, 0, n * sizeof *s->seen);
    for (uint32_t v = 0; v < n; v++)
        if (!s->seen[s->group[v]]) {
            s->seen[s->group[v]] = 1;
            find_cycle(s, v);
        }
    for (uint32_t i = 0; i < s->arc_count; i++)
        if (same_group(s, i))
            s->w->lines[s->arcs[i].from].on_cycle = s->w->lines[s->arcs[i].to].on_cycle = true;
}

int czi_waits_solve(struct czi_waits *w, cz_error *err)
{
    CZI_AUTOBUF arcs = {0};
    CZI_AUTOFREE uint32_t *memory = NULL;
    struct search s = {.w = w};
    int rc;

    w->lines = (void *)w->line_bytes.data;
    w->resources = (void *)w->resource_bytes.data;
    w->steps = (void *)w->step_bytes.data;
    w->refusals = (void *)w->refusal_bytes.data;
    rc = number_parties(w, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < w->resource_count; i++)
        find_arcs(w, &w->resources[i], &arcs);
    s.arcs = (void *)arcs.data;
    s.arc_count = (uint32_t)(arcs.len / sizeof *s.arcs);
    memory = make_search(&s);
    if (arcs.failed || !memory)
        return czi_nomem(err, "the cycles of a wait graph");
    find_cycles(&s);
    w->path = (void *)w->path_bytes.data;
    w->cycles = (void *)w->cycle_bytes.data;
    if (w->path_bytes.failed || w->cycle_bytes.failed)
        return czi_nomem(err, "the cycles of a wait graph");
    return CZ_OK;
}
