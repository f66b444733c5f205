/* why_graph.h - a causal past as a whole: events, their links, and on which line of events
 * ("host") each one lies.
 *
 * Layer: cli. Thread: main.
 */
#ifndef CZI_WHY_GRAPH_H
#define CZI_WHY_GRAPH_H

#include "base/id_table.h"
#include "cli/why.h"

struct czi_why_node {
    uint64_t number;       /* position of an effect, number of a fact */
    size_t text;           /* in texts, zero-terminated */
    uint32_t first, count; /* in causes */
    uint32_t host;
    bool is_fact, is_marked; /* disputed, rejected, retracted or held */
};

/* Nodes come as they are walked: effects descending, then facts descending. */
struct czi_why_graph {
    struct czi_buf nodes;  /* of struct czi_why_node */
    struct czi_buf causes; /* of cz_cause */
    struct czi_buf texts;
    struct czi_buf hosts; /* of size_t, where in texts */
    struct czi_id_table host_ids;
    FILE *out;        /* into texts */
    uint32_t effects; /* how many of the nodes are */
};

/* All zero before. */
CZI_MUST_USE int czi_why_graph_load(struct czi_why_graph *g, struct czi_why *w,
                                    const cz_id *id);
void czi_why_graph_done(struct czi_why_graph *g);

static inline uint32_t czi_why_nodes(const struct czi_why_graph *g)
{
    return (uint32_t)(g->nodes.len / sizeof(struct czi_why_node));
}
static inline const struct czi_why_node *czi_why_node(const struct czi_why_graph *g, uint32_t i)
{
    return (const struct czi_why_node *)(const void *)g->nodes.data + i;
}
static inline const cz_cause *czi_why_cause(const struct czi_why_graph *g, uint32_t i)
{
    return (const cz_cause *)(const void *)g->causes.data + i;
}
static inline const char *czi_why_text(const struct czi_why_graph *g, size_t at)
{
    return (const char *)g->texts.data + at;
}
const char *czi_why_host(const struct czi_why_graph *g, uint32_t host);
/* The node of a cause; UINT32_MAX when it is not among them. */
uint32_t czi_why_find(const struct czi_why_graph *g, const cz_cause *cause);

#endif
