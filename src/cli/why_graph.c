/* why_graph.c - see why_graph.h; and the form for Graphviz. */
#include "cli/why_graph.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "effect/effect.h"

#include <inttypes.h>

/* ---- Hosts ------------------------------------------------------------------------------ */

/* White space that JavaScript's \s knows beyond ASCII begins with one of these. */
static bool is_space_lead(const uint8_t *p, size_t left)
{
    static const uint8_t leads[][2] = {{0xc2, 0xa0}, {0xe1, 0x9a}, {0xe2, 0x80},
                                       {0xe2, 0x81}, {0xe3, 0x80}, {0xef, 0xbb}};

    for (size_t i = 0; i < CZI_COUNTOF(leads) && left > 1; i++)
        if (memcmp(p, leads[i], 2) == 0)
            return true;
    return false;
}

/* As one word without quotes, backslashes and braces. */
static void put_word(struct czi_buf *b, const char *text)
{
    size_t len = strlen(text);
    bool within = false; /* a character that is told by its bytes */

    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];

        within =
            (within && (c & 0xc0) == 0x80) || is_space_lead((const uint8_t *)text + i, len - i);
        if (within || c <= 0x20 || c == 0x7f || strchr("%\"\\{}", c))
            czi_buf_printf(b, "%%%02x", c);
        else
            czi_buf_put_byte(b, c);
    }
}

/* The label of a resource if that names no other host too, else its id. */
static void put_resource_host(const struct czi_cli *cli, struct czi_buf *b, const cz_id *id)
{
    static const char *const taken[] = {"domain:", "task:", "effect:"};
    const char *label = czi_cli_label(cli, id);
    char text[CZ_ID_TEXT_SIZE];
    cz_id by_label;
    bool plain = label && czi_name_id(label, strlen(label), &by_label, NULL) == CZ_OK &&
                 memcmp(&by_label, id, sizeof *id) == 0;

    for (size_t i = 0; i < CZI_COUNTOF(taken) && plain; i++)
        plain = strncmp(label, taken[i], strlen(taken[i])) != 0;
    cz_id_print(id, text);
    put_word(b, plain ? label : text);
}

/* Every event lies on one line, whose events follow each other: those of a task, the writes of
 * a resource, the items of a domain's log. A rejected effect, and one that only reads, has a
 * line of its own. */
static void put_host(const struct czi_cli *cli, struct czi_buf *b, const cz_event *e)
{
    const cz_receipt *r = e->receipt;
    struct czi_effect_view v;
    const uint8_t *program;
    uint32_t task;
    cz_id id;
    char text[CZ_ID_TEXT_SIZE];

    if (e->is_fact) {
        czi_buf_printf(b, "domain:");
        put_word(b, e->fact->domain);
        return;
    }
    CZI_CHECK(czi_effect_view(r->effect_bytes, r->effect_len, &v, NULL) == CZ_OK);
    program = czi_effect_program(r->effect_bytes, r->effect_len, &v, &task);
    if (program) {
        memcpy(&id, program, sizeof id);
        cz_id_print(&id, text);
        czi_buf_printf(b, "task:%s/%" PRIu32, text, task);
        return;
    }
    for (size_t i = 0; i < r->post_count; i++)
        if (r->posts[i].mode == CZ_WRITE) {
            put_resource_host(cli, b, &r->posts[i].resource);
            return;
        }
    czi_buf_printf(b, "effect:%" PRIu64, e->number);
}

/* The number of the host whose name is behind `at` in texts, which is dropped if it is known.
 */
static uint32_t host_number(struct czi_why_graph *g, size_t at)
{
    cz_id id = {{0}};
    uint32_t n;

    if (g->texts.failed)
        return CZI_ID_NONE;
    czi_blake3(g->texts.data + at, g->texts.len - at, id.bytes);
    n = czi_id_table_find(&g->host_ids, &id);
    if (n != CZI_ID_NONE) {
        g->texts.len = at;
        return n;
    }
    czi_buf_put_byte(&g->texts, 0);
    czi_buf_put(&g->hosts, &at, sizeof at);
    return czi_id_table_insert(&g->host_ids, &id);
}

const char *czi_why_host(const struct czi_why_graph *g, uint32_t host)
{
    size_t at;

    memcpy(&at, g->hosts.data + host * sizeof at, sizeof at);
    return czi_why_text(g, at);
}

/* ---- Loading ---------------------------------------------------------------------------- */

static int collect(struct czi_why *w, const cz_event *e)
{
    struct czi_why_graph *g = w->arg;
    struct czi_why_node n = {.number = e->number,
                             .is_fact = e->is_fact,
                             .first = (uint32_t)(g->causes.len / sizeof(cz_cause)),
                             .count = (uint32_t)e->cause_count};
    size_t at = g->texts.len;

    n.is_marked = e->is_fact ? !e->fact->stands
                             : e->receipt->reason || czi_disputed_has(&w->disputed, e->number);
    put_host(w->cli, &g->texts, e);
    n.host = host_number(g, at);
    n.text = g->texts.len;
    (void)fprintf(g->out, "%s%" PRIu64 " ", e->is_fact ? "fact " : "", e->number);
    czi_why_marks(w, g->out, e);
    czi_why_what(w, g->out, e);
    (void)fflush(g->out);
    czi_buf_put_byte(&g->texts, 0);
    czi_buf_put(&g->causes, e->causes, e->cause_count * sizeof *e->causes);
    czi_buf_put(&g->nodes, &n, sizeof n);
    g->effects += !e->is_fact;
    if (n.host == CZI_ID_NONE || g->texts.failed || g->causes.failed || g->nodes.failed ||
        g->hosts.failed || g->causes.len / sizeof(cz_cause) > UINT32_MAX)
        return czi_nomem(&w->cli->err, "so many events: --max or --depth takes fewer");
    return CZ_OK;
}

int czi_why_graph_load(struct czi_why_graph *g, struct czi_why *w, const cz_id *id)
{
    g->out = czi_buf_stream(&g->texts);
    if (!g->out)
        return czi_nomem(&w->cli->err, "a graph");
    return czi_why_walk(w, id, collect, g);
}

void czi_why_graph_done(struct czi_why_graph *g)
{
    if (g->out)
        (void)fclose(g->out);
    czi_buf_done(&g->nodes);
    czi_buf_done(&g->causes);
    czi_buf_done(&g->texts);
    czi_buf_done(&g->hosts);
    czi_id_table_done(&g->host_ids);
}

uint32_t czi_why_find(const struct czi_why_graph *g, const cz_cause *cause)
{
    uint32_t low = cause->is_fact ? g->effects : 0;
    uint32_t end = cause->is_fact ? czi_why_nodes(g) : g->effects, high = end;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (czi_why_node(g, mid)->number > cause->number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < end && czi_why_node(g, low)->number == cause->number ? low : UINT32_MAX;
}

/* ---- Graphviz --------------------------------------------------------------------------- */

/* In the DOT language only the quote and the backslash are special. */
static void dot_string(const char *text)
{
    (void)putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            (void)putchar('\\');
        (void)putchar(*text);
    }
    (void)putchar('"');
}

static void dot_node(const struct czi_why_node *n)
{
    printf("%c%" PRIu64, n->is_fact ? 'f' : 'e', n->number);
}

/* One arrow for all links between two events. */
static void dot_edges(const struct czi_why *w, const struct czi_why_graph *g, uint32_t i,
                      struct czi_buf *label, FILE *out)
{
    const struct czi_why_node *n = czi_why_node(g, i);

    for (uint32_t k = 0; k < n->count; k++) {
        const cz_cause *c = czi_why_cause(g, n->first + k);
        uint32_t from = czi_why_find(g, c), m = 0;

        while (m < k && (czi_why_cause(g, n->first + m)->number != c->number ||
                         czi_why_cause(g, n->first + m)->is_fact != c->is_fact))
            m++;
        if (from == UINT32_MAX || m < k)
            continue;
        label->len = 0;
        for (; m < n->count; m++) {
            const cz_cause *other = czi_why_cause(g, n->first + m);

            if (other->number != c->number || other->is_fact != c->is_fact)
                continue;
            (void)fputs(m > k ? ", " : "", out);
            czi_why_link(w->cli, out, other);
        }
        (void)fflush(out);
        czi_buf_put_byte(label, 0);
        printf("  ");
        dot_node(czi_why_node(g, from));
        printf(" -> ");
        dot_node(n);
        printf(" [label=");
        dot_string(label->failed ? "" : (const char *)label->data);
        printf("];\n");
    }
}

static int print_dot(const struct czi_why *w, const struct czi_why_graph *g)
{
    CZI_AUTOBUF label = {0};
    FILE *out = czi_buf_stream(&label);

    if (!out)
        return czi_nomem(&w->cli->err, "a label");
    printf("digraph why {\n  node [shape=box];\n");
    for (uint32_t i = 0; i < czi_why_nodes(g); i++) {
        const struct czi_why_node *n = czi_why_node(g, i);

        printf("  ");
        dot_node(n);
        printf(" [label=");
        dot_string(czi_why_text(g, n->text));
        printf("%s%s];\n", n->is_fact ? ", shape=ellipse" : "",
               n->is_marked ? ", color=red, fontcolor=red" : "");
    }
    for (uint32_t i = 0; i < czi_why_nodes(g); i++)
        dot_edges(w, g, i, &label, out);
    printf("}\n");
    (void)fclose(out);
    return CZ_OK;
}

int czi_why_dot(struct czi_why *w, const cz_id *id)
{
    struct czi_why_graph g = {0};
    int rc = czi_why_graph_load(&g, w, id);

    if (!rc)
        rc = print_dot(w, &g);
    czi_why_graph_done(&g);
    return rc;
}
