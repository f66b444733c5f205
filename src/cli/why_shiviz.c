/* why_shiviz.c - the causal past as a log for ShiViz, two lines an event:
 *
 *     what happened
 *     host {"host":1,"other":2}
 *
 * Layer: cli. Thread: main. That is what ShiViz's own regular expression takes,
 * (?<event>.*)\n(?<host>\S*) (?<clock>{.*}). Clocks are made over what is shown: an event's is
 * the maximum of its causes' and of the event before it on its host, and one more there.
 */
#include "cli/why_graph.h"

#include "base/error.h"

#include <inttypes.h>

/* Of all clocks together; beyond that nobody looks at the picture. */
#define CLOCK_BYTES_MAX ((size_t)1 << 30)

struct part {
    uint32_t host, count;
};

/* An event's clock within all parts. */
struct span {
    size_t first;
    uint32_t count;
};

struct clocks {
    struct czi_buf parts; /* of struct part */
    struct span *spans;   /* by node */
    uint32_t *last;       /* node + 1 by host; 0: none yet */
    uint32_t *largest;    /* by host; zero between events */
    uint32_t *touched;    /* hosts of which it is not */
    uint32_t touched_count;
};

static void merge(struct clocks *c, uint32_t node)
{
    const struct part *p = (const struct part *)(const void *)c->parts.data;
    struct span s = c->spans[node];

    CZI_CHECK(p || !s.count);
    for (uint32_t i = 0; i < s.count; i++) {
        struct part part = p[s.first + i];

        if (!c->largest[part.host])
            c->touched[c->touched_count++] = part.host;
        c->largest[part.host] = CZI_MAX(c->largest[part.host], part.count);
    }
}

static int make_clock(const struct czi_why *w, const struct czi_why_graph *g, struct clocks *c,
                      uint32_t node)
{
    const struct czi_why_node *n = czi_why_node(g, node);
    struct span *s = &c->spans[node];

    c->touched_count = 0;
    if (c->last[n->host])
        merge(c, c->last[n->host] - 1);
    for (uint32_t i = 0; i < n->count; i++) {
        uint32_t cause = czi_why_find(g, czi_why_cause(g, n->first + i));

        if (cause != UINT32_MAX)
            merge(c, cause);
    }
    if (!c->largest[n->host])
        c->touched[c->touched_count++] = n->host;
    c->largest[n->host]++;
    *s = (struct span){c->parts.len / sizeof(struct part), c->touched_count};
    for (uint32_t i = 0; i < c->touched_count; i++) {
        struct part part = {c->touched[i], c->largest[c->touched[i]]};

        czi_buf_put(&c->parts, &part, sizeof part);
        c->largest[part.host] = 0;
    }
    c->last[n->host] = node + 1;
    if (c->parts.failed)
        return czi_nomem(&w->cli->err, "clocks");
    if (c->parts.len > CLOCK_BYTES_MAX)
        return czi_fail(&w->cli->err, CZ_LIMIT,
                        "the clocks of so many events take more than a gigabyte: --max or "
                        "--depth takes fewer events");
    return CZ_OK;
}

/* JavaScript takes U+2028 and U+2029 for ends of a line. */
static void print_what(const char *text)
{
    for (; *text; text++) {
        if (strncmp(text, "\xe2\x80\xa8", 3) == 0 || strncmp(text, "\xe2\x80\xa9", 3) == 0) {
            (void)putchar(' ');
            text += 2;
        } else {
            (void)putchar(*text);
        }
    }
    (void)putchar('\n');
}

static void print_event(const struct czi_why_graph *g, const struct clocks *c, uint32_t node)
{
    const struct czi_why_node *n = czi_why_node(g, node);
    const struct part *p = (const struct part *)(const void *)c->parts.data;
    struct czi_json j = {.out = stdout};

    print_what(czi_why_text(g, n->text));
    printf("%s ", czi_why_host(g, n->host));
    czi_json_open(&j, NULL, '{');
    for (uint32_t i = 0; i < c->spans[node].count; i++) {
        struct part part = p[c->spans[node].first + i];

        czi_json_number(&j, czi_why_host(g, part.host), part.count);
    }
    czi_json_close(&j, '}');
    printf("\n");
}

static int print(const struct czi_why *w, const struct czi_why_graph *g)
{
    uint32_t nodes = czi_why_nodes(g), hosts = g->host_ids.count;
    CZI_AUTOFREE struct span *spans = czi_alloc_zero(nodes, sizeof *spans);
    CZI_AUTOFREE uint32_t *of_hosts = czi_alloc_zero((size_t)hosts * 3, sizeof *of_hosts);
    struct clocks c = {.spans = spans, .last = of_hosts};
    int rc = CZ_OK;

    if (!spans || !of_hosts)
        return czi_nomem(&w->cli->err, "clocks");
    c.largest = of_hosts + hosts;
    c.touched = of_hosts + 2 * (size_t)hosts;
    /* They came from the newest on, and facts rest on no effect. */
    for (uint32_t i = nodes; i-- > 0 && !rc;)
        rc = make_clock(w, g, &c, i);
    for (uint32_t i = nodes; i-- > 0 && !rc;)
        print_event(g, &c, i);
    czi_buf_done(&c.parts);
    return rc;
}

int czi_why_shiviz(struct czi_why *w, const cz_id *id)
{
    struct czi_why_graph g = {0};
    int rc = czi_why_graph_load(&g, w, id);

    if (!rc)
        rc = print(w, &g);
    czi_why_graph_done(&g);
    return rc;
}
