/* history_check.c - whether a history could have happened one by one; see history.h.
 *
 * Accesses are sorted by resource. For each resource the committed writes are put into an array
 * by version, which finds gaps and duplicates, and each read is looked up there, which finds
 * reads of what never was and gives the edges. The order of time is a chain of one node for
 * each end: transaction -> its end -> next end ..., and the last end before a start -> that
 * transaction; 3 edges a transaction instead of n. One depth-first search over all edges
 * decides. Only a history with a cycle pays for more: searches over fewer kinds of edges say
 * which anomaly it is, and breadth-first searches along the cycle shorten it.
 */
#include "history.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* ---- What a check works on -------------------------------------------------------------- */

enum edge_kind { EDGE_WW, EDGE_WR, EDGE_RW, EDGE_TIME };

/* An access in the order of resources; of one resource initial first, then by transaction. */
struct entry {
    uint64_t resource;
    const struct history_access *access;
    uint32_t order; /* by transaction, then as it came */
    uint32_t tx;    /* NONE: initial */
    bool own;       /* a read of what its transaction wrote, or a write that it overwrote */
};

struct edge {
    uint32_t from, to;
    uint32_t entry; /* the access of `from`; none of EDGE_TIME */
    enum edge_kind kind;
};

struct end {
    uint64_t at;
    uint32_t tx;
};

/* Nodes of the graph: transactions, then ends in the order of time. */
struct check {
    const struct history_tx **txs;
    struct entry *entries;
    uint32_t *writers; /* of one resource: entries of its committed writes, by version */
    struct edge *edges;
    struct end *ends;
    uint32_t tx_count, entry_count, edge_count, node_count;
    uint32_t *first, *out; /* edges that leave node n: out[first[n]] .. out[first[n + 1] - 1] */
    enum history_fault fault;
    char *why;
    size_t why_size, why_used;
};

static const char *const fault_names[HISTORY_FAULTS] = {
    [HISTORY_FINE] = "fine",
    [HISTORY_MALFORMED] = "malformed record",
    [HISTORY_DUPLICATE] = "version written twice",
    [HISTORY_GAP] = "version missing",
    [HISTORY_UNWRITTEN] = "read of a version that was not written",
    [HISTORY_ABORTED] = "G1a, aborted read",
    [HISTORY_INTERMEDIATE] = "G1b, intermediate read",
    [HISTORY_VALUE] = "wrong value",
    [HISTORY_OWN] = "own write not seen",
    [HISTORY_G0] = "G0, writes in a cycle",
    [HISTORY_G1C] = "G1c, circular information flow",
    [HISTORY_G_SINGLE] = "G-single, one anti-dependency in a cycle",
    [HISTORY_G2] = "G2, anti-dependencies in a cycle",
    [HISTORY_NOT_STRICT] = "serializable, but not in the order of time",
};

const char *history_fault_name(enum history_fault fault)
{
    return fault_names[fault];
}

static __attribute__((format(printf, 2, 3))) void tell(struct check *c, const char *format, ...)
{
    va_list args;
    int n;

    if (c->why_used + 1 >= c->why_size)
        return;
    va_start(args, format);
    n = vsnprintf(c->why + c->why_used, c->why_size - c->why_used, format, args);
    va_end(args);
    if (n > 0)
        c->why_used += (size_t)n;
}

static void tell_tx(struct check *c, uint32_t tx)
{
    const struct history_tx *t = c->txs[tx];

    tell(c, "T%" PRIu64 "%s", t->id,
         t->outcome == HISTORY_WAS_COMMITTED ? ""
         : t->outcome == HISTORY_WAS_ABORTED ? " (aborted)"
                                             : " (unfinished)");
}

static void refuse(struct check *c, enum history_fault fault)
{
    c->fault = fault;
    tell(c, "%s: ", fault_names[fault]);
}

/* "T3 read r7 v2 = 40" */
static void tell_access(struct check *c, const struct entry *e)
{
    const struct history_access *a = e->access;

    tell_tx(c, e->tx);
    tell(c, " %s r%" PRIu64 " v%" PRIu64 " = %" PRIu64, a->write ? "wrote" : "read",
         a->resource, a->version, a->value);
}

static bool committed(const struct check *c, uint32_t tx)
{
    return c->txs[tx]->outcome == HISTORY_WAS_COMMITTED;
}

/* ---- One resource ----------------------------------------------------------------------- */

/* The entries of one resource and what follows from its writes. */
struct resource {
    uint32_t begin, end; /* entries, without the initial one */
    uint64_t resource;
    uint64_t version, value; /* initial */
    uint32_t writes;         /* that were committed: versions version + 1 .. + writes */
};

static void add_edge(struct check *c, uint32_t from, uint32_t to, enum edge_kind kind,
                     uint32_t entry)
{
    if (from != to)
        c->edges[c->edge_count++] = (struct edge){from, to, entry, kind};
}

/* What each transaction sees of its own writes: the last one, and its next one is later. */
static bool check_own(struct check *c, const struct resource *r)
{
    struct entry *written = NULL;

    for (uint32_t i = r->begin; i < r->end; i++) {
        struct entry *e = &c->entries[i];
        bool fine;

        if (!written || written->tx != e->tx) {
            written = e->access->write ? e : NULL;
            continue;
        }
        if (e->access->write) {
            fine = e->access->version > written->access->version;
            written->own = true;
        } else {
            fine = e->access->version == written->access->version &&
                   e->access->value == written->access->value;
            e->own = true;
        }
        if (!fine) {
            refuse(c, HISTORY_OWN);
            tell_access(c, written);
            tell(c, ", then ");
            tell_access(c, e);
            return false;
        }
        if (e->access->write)
            written = e;
    }
    return true;
}

/* Where a version stands in c->writers; NONE: nowhere. */
static uint32_t place(const struct resource *r, uint64_t version)
{
    if (version <= r->version || version - r->version > r->writes)
        return NONE;
    return (uint32_t)(version - r->version - 1);
}

/* A write lies behind the last version, so one before it must be missing. */
static void tell_gap(struct check *c, const struct resource *r, uint32_t beyond)
{
    uint32_t missing = 0;

    while (c->writers[missing] != NONE)
        missing++;
    refuse(c, HISTORY_GAP);
    tell(c, "r%" PRIu64 " v%" PRIu64 " was never committed, but ", r->resource,
         r->version + 1 + missing);
    tell_access(c, &c->entries[beyond]);
}

/* Committed versions are consecutive; fills c->writers. */
static bool check_writes(struct check *c, struct resource *r)
{
    uint32_t beyond = NONE;

    r->writes = 0;
    for (uint32_t i = r->begin; i < r->end; i++) {
        const struct entry *e = &c->entries[i];

        if (e->access->write && committed(c, e->tx))
            c->writers[r->writes++] = NONE;
    }
    for (uint32_t i = r->begin; i < r->end; i++) {
        const struct entry *e = &c->entries[i];
        uint32_t at = place(r, e->access->version);

        if (!e->access->write || !committed(c, e->tx))
            continue;
        if (at == NONE && e->access->version > r->version) {
            beyond = i;
        } else if (at == NONE) {
            refuse(c, HISTORY_DUPLICATE);
            tell_access(c, e);
            tell(c, ", but v%" PRIu64 " stood there before", r->version);
            return false;
        } else if (c->writers[at] != NONE) {
            refuse(c, HISTORY_DUPLICATE);
            tell_access(c, &c->entries[c->writers[at]]);
            tell(c, ", and ");
            tell_access(c, e);
            return false;
        } else {
            c->writers[at] = i;
        }
    }
    if (beyond != NONE)
        tell_gap(c, r, beyond);
    return beyond == NONE;
}

/* A write of this that was never committed, by another than the reader. */
static const struct entry *uncommitted(const struct check *c, const struct resource *r,
                                       const struct entry *read, bool same_value)
{
    for (uint32_t i = r->begin; i < r->end; i++) {
        const struct entry *e = &c->entries[i];

        if (e->access->write && !committed(c, e->tx) && e->tx != read->tx &&
            e->access->version == read->access->version &&
            (!same_value || e->access->value == read->access->value))
            return e;
    }
    return NULL;
}

/* A read of a version that is not there, or with a value that is not its. */
static bool refuse_read(struct check *c, const struct resource *r, const struct entry *read,
                        const struct entry *writer, bool known)
{
    const struct entry *dirty = uncommitted(c, r, read, known);

    refuse(c, dirty ? HISTORY_ABORTED : known ? HISTORY_VALUE : HISTORY_UNWRITTEN);
    tell_access(c, read);
    if (dirty) {
        tell(c, ", and ");
        tell_access(c, dirty);
    } else if (writer) {
        tell(c, ", but ");
        tell_access(c, writer);
    } else if (known) {
        tell(c, ", but %" PRIu64 " stood there before", r->value);
    }
    return false;
}

/* A read of what others wrote; its edges. */
static bool check_read(struct check *c, const struct resource *r, uint32_t i)
{
    const struct entry *read = &c->entries[i], *writer = NULL;
    uint64_t version = read->access->version;
    uint32_t at = place(r, version);

    if (at == NONE && version != r->version)
        return refuse_read(c, r, read, NULL, false);
    if (at != NONE)
        writer = &c->entries[c->writers[at]];
    if (read->access->value != (writer ? writer->access->value : r->value))
        return refuse_read(c, r, read, writer, true);
    if (writer && (writer->tx == read->tx || writer->own)) {
        refuse(c, writer->tx == read->tx ? HISTORY_UNWRITTEN : HISTORY_INTERMEDIATE);
        tell_access(c, read);
        tell(c, writer->tx == read->tx ? ", which it wrote only later" : ", but ");
        if (writer->tx != read->tx) {
            tell_access(c, writer);
            tell(c, " and then a later version");
        }
        return false;
    }
    if (writer)
        add_edge(c, writer->tx, read->tx, EDGE_WR, c->writers[at]);
    at = writer ? at + 1 : 0;
    if (at < r->writes)
        add_edge(c, read->tx, c->entries[c->writers[at]].tx, EDGE_RW, i);
    return true;
}

static bool check_resource(struct check *c, struct resource *r)
{
    if (!check_own(c, r) || !check_writes(c, r))
        return false;
    for (uint32_t i = 1; i < r->writes; i++)
        add_edge(c, c->entries[c->writers[i - 1]].tx, c->entries[c->writers[i]].tx, EDGE_WW,
                 c->writers[i - 1]);
    for (uint32_t i = r->begin; i < r->end; i++) {
        if (c->entries[i].access->write || c->entries[i].own)
            continue;
        if (!check_read(c, r, i))
            return false;
    }
    return true;
}

static bool check_resources(struct check *c)
{
    uint32_t i = 0;

    while (i < c->entry_count) {
        struct resource r = {.begin = i, .end = i, .resource = c->entries[i].resource};
        const struct entry *e = &c->entries[i];

        if (e->tx == NONE) {
            r.version = e->access->version;
            r.value = e->access->value;
            r.begin++;
        }
        while (r.end < c->entry_count && c->entries[r.end].resource == r.resource)
            r.end++;
        i = r.end;
        if (r.begin < r.end && c->entries[r.begin].tx == NONE) {
            refuse(c, HISTORY_MALFORMED);
            tell(c, "r%" PRIu64 " has two initial versions", r.resource);
            return false;
        }
        if (!check_resource(c, &r))
            return false;
    }
    return true;
}

/* ---- The graph -------------------------------------------------------------------------- */

static int by_end(const void *a, const void *b)
{
    const struct end *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->tx > y->tx) - (x->tx < y->tx);
}

/* How many ended before this. */
static uint32_t ended_before(const struct check *c, uint64_t start)
{
    uint32_t low = 0, high = c->tx_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (c->ends[middle].at < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool add_time(struct check *c)
{
    for (uint32_t tx = 0; tx < c->tx_count; tx++) {
        const struct history_tx *t = c->txs[tx];

        if (t->end < t->start) {
            refuse(c, HISTORY_MALFORMED);
            tell_tx(c, tx);
            tell(c, " ended at %" PRIu64 " before it started at %" PRIu64, t->end, t->start);
            return false;
        }
        c->ends[tx] = (struct end){t->end, tx};
    }
    qsort(c->ends, c->tx_count, sizeof(*c->ends), by_end);
    for (uint32_t i = 0; i < c->tx_count; i++) {
        add_edge(c, c->ends[i].tx, c->tx_count + i, EDGE_TIME, NONE);
        if (i)
            add_edge(c, c->tx_count + i - 1, c->tx_count + i, EDGE_TIME, NONE);
    }
    for (uint32_t tx = 0; tx < c->tx_count; tx++) {
        uint32_t ended = ended_before(c, c->txs[tx]->start);

        if (ended)
            add_edge(c, c->tx_count + ended - 1, tx, EDGE_TIME, NONE);
    }
    c->node_count = 2 * c->tx_count;
    return true;
}

/* Groups the edges by where they leave. */
static void build_graph(struct check *c)
{
    c->first = history_allocate((size_t)c->node_count + 2, sizeof(*c->first));
    c->out = history_allocate(c->edge_count, sizeof(*c->out));
    for (uint32_t i = 0; i < c->edge_count; i++)
        c->first[c->edges[i].from + 2]++;
    for (uint32_t i = 2; i < c->node_count + 2; i++)
        c->first[i] += c->first[i - 1];
    for (uint32_t i = 0; i < c->edge_count; i++)
        c->out[c->first[c->edges[i].from + 1]++] = i;
}

/* ---- Cycles ----------------------------------------------------------------------------- */

enum colour { UNSEEN, OPEN, CLOSED };

/* Memory of the searches, by node. */
struct search {
    uint32_t *stack, *cursor;
    uint8_t *colour;
    uint32_t loop, loop_end; /* a cycle is stack[loop .. loop_end - 1] */
    uint32_t *came;          /* the edge by which a node was reached */
    uint32_t *cycle;         /* edges of the shortest so far, last one first */
    uint32_t length;
};

/* Depth first; all edges up to this kind. */
static bool find_loop(const struct check *c, enum edge_kind last_kind, struct search *s)
{
    memset(s->colour, UNSEEN, c->node_count);
    memcpy(s->cursor, c->first, c->node_count * sizeof(*s->cursor));
    for (uint32_t root = 0; root < c->node_count; root++) {
        uint32_t depth = 0;

        if (s->colour[root] == CLOSED)
            continue;
        s->stack[depth++] = root;
        s->colour[root] = OPEN;
        while (depth) {
            uint32_t node = s->stack[depth - 1];
            const struct edge *e;

            if (s->cursor[node] == c->first[node + 1]) {
                s->colour[node] = CLOSED;
                depth--;
                continue;
            }
            e = &c->edges[c->out[s->cursor[node]++]];
            if (e->kind > last_kind || s->colour[e->to] == CLOSED)
                continue;
            if (s->colour[e->to] == OPEN) {
                s->loop_end = depth;
                while (s->stack[depth - 1] != e->to)
                    depth--;
                s->loop = depth - 1;
                return true;
            }
            s->stack[depth++] = e->to;
            s->colour[e->to] = OPEN;
        }
    }
    return false;
}

/* A path that leads back to `start`; kept if it is the shortest so far. */
static void keep_cycle(const struct check *c, struct search *s, uint32_t start,
                       uint32_t closing)
{
    uint32_t length = 1;

    for (uint32_t i = closing; c->edges[i].from != start; i = s->came[c->edges[i].from])
        length++;
    if (s->length && length >= s->length)
        return;
    s->length = length;
    for (uint32_t i = 0; i < length; i++) {
        s->cycle[i] = closing;
        closing = s->came[c->edges[closing].from];
    }
}

/* Breadth first from a node that is in a cycle. The queue takes the place of the cursors. */
static void shorten(const struct check *c, enum edge_kind last_kind, uint32_t start,
                    struct search *s)
{
    uint32_t head = 0, tail = 0;

    memset(s->came, 0xff, c->node_count * sizeof(*s->came));
    s->cursor[tail++] = start;
    while (head < tail) {
        uint32_t node = s->cursor[head++];

        for (uint32_t i = c->first[node]; i < c->first[node + 1]; i++) {
            const struct edge *e = &c->edges[c->out[i]];

            if (e->kind > last_kind)
                continue;
            if (e->to == start) {
                keep_cycle(c, s, start, c->out[i]);
                return;
            }
            if (s->came[e->to] != NONE)
                continue;
            s->came[e->to] = c->out[i];
            s->cursor[tail++] = e->to;
        }
    }
}

static void tell_edge(struct check *c, const struct edge *e)
{
    static const char *const first_verb[] = {"wrote", "wrote", "read"};
    static const char *const then[] = {", then ", ", which ", ", before "};

    if (e->kind == EDGE_TIME) {
        if (e->from < c->tx_count) {
            tell_tx(c, e->from);
            tell(c, " ended at %" PRIu64, c->txs[e->from]->end);
        } else if (e->to < c->tx_count) {
            tell(c, ", before ");
            tell_tx(c, e->to);
            tell(c, " started at %" PRIu64, c->txs[e->to]->start);
        }
        return;
    }
    tell_tx(c, e->from);
    tell(c, " %s r%" PRIu64 " v%" PRIu64 "%s", first_verb[e->kind],
         c->entries[e->entry].resource, c->entries[e->entry].access->version, then[e->kind]);
    tell_tx(c, e->to);
    if (e->kind == EDGE_WR)
        tell(c, " read");
    else
        tell(c, " wrote v%" PRIu64, c->entries[e->entry].access->version + 1);
}

/* Names the cycle in s, which lies in edges up to this kind and in no lesser ones. */
static void tell_cycle(struct check *c, enum edge_kind last_kind, const struct search *s)
{
    static const enum history_fault faults[] = {HISTORY_G0, HISTORY_G1C, HISTORY_G2,
                                                HISTORY_NOT_STRICT};
    enum history_fault fault = faults[last_kind];
    unsigned anti = 0;

    for (uint32_t i = 0; i < s->length; i++)
        anti += c->edges[s->cycle[i]].kind == EDGE_RW;
    if (fault == HISTORY_G2 && anti == 1)
        fault = HISTORY_G_SINGLE;
    refuse(c, fault);
    for (uint32_t i = s->length; i-- > 0;) {
        const struct edge *e = &c->edges[s->cycle[i]];

        tell_edge(c, e);
        if (i && e->to < c->tx_count)
            tell(c, "; ");
    }
}

#define SHORTEN_MAX 16

static bool check_cycles(struct check *c)
{
    size_t nodes = c->node_count;
    uint32_t *memory = history_allocate(nodes, 4 * sizeof(*memory));
    struct search s = {
        .stack = memory,
        .cursor = memory + nodes,
        .came = memory + 2 * nodes,
        .cycle = memory + 3 * nodes,
        .colour = history_allocate(nodes, 1),
    };
    bool fine = !find_loop(c, EDGE_TIME, &s);

    if (!fine) {
        enum edge_kind kind = EDGE_WW;
        uint32_t tried = 0;

        while (!find_loop(c, kind, &s))
            kind++;
        for (uint32_t i = s.loop; i < s.loop_end && tried < SHORTEN_MAX; i++) {
            if (s.stack[i] >= c->tx_count)
                continue;
            shorten(c, kind, s.stack[i], &s);
            tried++;
        }
        tell_cycle(c, kind, &s);
    }
    free(s.colour);
    free(memory);
    return fine;
}

/* ---- All of it -------------------------------------------------------------------------- */

static int by_resource(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->resource != y->resource)
        return x->resource < y->resource ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static void add_entry(struct check *c, const struct history_access *a, uint32_t tx)
{
    c->entries[c->entry_count] = (struct entry){a->resource, a, c->entry_count, tx, false};
    c->entry_count++;
}

static void collect(struct check *c, const struct history *h)
{
    for (const struct history_access *a = h->initial; a; a = a->next)
        add_entry(c, a, NONE);
    for (const struct history_tx *tx = h->first; tx; tx = tx->next) {
        for (const struct history_access *a = tx->first; a; a = a->next)
            add_entry(c, a, c->tx_count);
        c->txs[c->tx_count++] = tx;
    }
    qsort(c->entries, c->entry_count, sizeof(*c->entries), by_resource);
}

bool history_check(struct history *h, char *why, size_t size)
{
    struct check c = {.why = why, .why_size = size};

    assert(2 * h->access_count + 3 * h->tx_count < NONE);
    if (size)
        why[0] = '\0';
    c.txs = history_allocate(h->tx_count, sizeof(*c.txs));
    c.ends = history_allocate(h->tx_count, sizeof(*c.ends));
    c.entries = history_allocate(h->access_count, sizeof(*c.entries));
    c.writers = history_allocate(h->access_count, sizeof(*c.writers));
    c.edges = history_allocate(2 * h->access_count + 3 * h->tx_count, sizeof(*c.edges));
    collect(&c, h);
    if (check_resources(&c) && add_time(&c)) {
        build_graph(&c);
        (void)check_cycles(&c);
    }
    free(c.txs);
    free(c.ends);
    free(c.entries);
    free(c.writers);
    free(c.edges);
    free(c.first);
    free(c.out);
    h->fault = c.fault;
    return c.fault == HISTORY_FINE;
}
