/* why.h - the causal past of an event, as a tree, JSON, Graphviz or ShiViz.
 *
 * Layer: cli. Thread: main. Events come from cz_causes, newest effect first, and are told one
 * by one as they come, or collected where the form needs all of them.
 */
#ifndef CZI_WHY_H
#define CZI_WHY_H

#include "cli/cli.h"

struct czi_why;
/* Tells one event. */
typedef int (*czi_why_fn)(struct czi_why *w, const cz_event *e);

struct czi_why {
    struct czi_cli *cli;
    uint64_t max;   /* events that are told */
    uint64_t depth; /* links from the event at most; UINT64_MAX: any */
    struct czi_disputed disputed;
    uint64_t told;
    bool cut;     /* there is more than was told */
    bool stopped; /* nothing more is wanted: what the walk returns is no error */
    /* With a depth: of each effect and fact by its number, + 1; 0: not reached yet. */
    uint32_t *effect_depths, *fact_depths;
    uint64_t reached; /* and not told yet */
    czi_why_fn tell;
    void *arg; /* tell's */
};

/* Ends the walk. */
int czi_why_stop(struct czi_why *w);
/* Calls tell with each event, as far as max and depth go. */
CZI_MUST_USE int czi_why_walk(struct czi_why *w, const cz_id *id, czi_why_fn tell, void *arg);

/* "writes a", "cites". */
void czi_why_link(const struct czi_cli *cli, FILE *out, const cz_cause *cause);
/* "[disputed] " and the like, or nothing. */
void czi_why_marks(const struct czi_why *w, FILE *out, const cz_event *e);
/* What happened, in one line. */
void czi_why_what(const struct czi_why *w, FILE *out, const cz_event *e);

/* The forms. */
CZI_MUST_USE int czi_why_tree(struct czi_why *w, const cz_id *id);
CZI_MUST_USE int czi_why_dot(struct czi_why *w, const cz_id *id);
CZI_MUST_USE int czi_why_shiviz(struct czi_why *w, const cz_id *id);

#endif
