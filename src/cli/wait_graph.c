/* wait_graph.c - `causality wait-graph`: who holds and who waits in the process that has the
 * store open for writing, as a table, as JSON or for Graphviz.
 *
 * Layer: cli. Thread: main. The process is asked (engine/control.h); nothing is opened here.
 */
#include "cli/cli.h"
#include "cli/waits.h"

#include <inttypes.h>

static const char *const kinds[] = {[CZ_PARTY_THREAD] = "thread",
                                    [CZ_PARTY_TASK] = "task",
                                    [CZ_PARTY_CONTEXT] = "context",
                                    [CZ_PARTY_EFFECT] = "effect"};
static const char *const modes[] = {[CZ_READ] = "read", [CZ_WRITE] = "write"};

/* An id is cut to as much as names it among any that are there at once. */
#define ID_SHOWN 16

/* ---- Names ------------------------------------------------------------------------------ */

/* One line of text for a terminal: as czi_print_text. */
static void put_text(struct czi_buf *b, const char *text)
{
    for (; *text; text++)
        if ((uint8_t)*text < 0x20 || *text == 0x7f)
            czi_buf_printf(b, "\\x%02x", (unsigned)*text);
        else
            czi_buf_put_byte(b, (uint8_t)*text);
}

/* "thread 3 payer"; an effect's name is its id. */
static void put_party(struct czi_buf *b, const cz_party *p)
{
    int shown = p->kind == CZ_PARTY_EFFECT ? ID_SHOWN : CZ_PARTY_NAME_SIZE;
    char name[CZ_PARTY_NAME_SIZE];

    (void)snprintf(name, sizeof name, "%.*s", shown, p->name);
    czi_buf_printf(b, "%s %" PRIu64 "%s", kinds[p->kind], p->id, name[0] ? " " : "");
    put_text(b, name);
}

static void put_resource(struct czi_buf *b, const cz_id *id, const char *label)
{
    char text[CZ_ID_TEXT_SIZE];

    if (label[0]) {
        put_text(b, label);
        return;
    }
    cz_id_print(id, text);
    czi_buf_printf(b, "%.*s", ID_SHOWN, text);
}

static const struct czi_wait_resource *resource_of(const struct czi_waits *w,
                                                   const struct czi_wait_line *line)
{
    return &w->resources[line->resource];
}

/* ---- The table -------------------------------------------------------------------------- */

enum { RESOURCE, PARTY, MODE, PLACE, COLUMNS };

static const char *const titles[COLUMNS] = {"RESOURCE", "PARTY", "MODE", "PLACE"};

/* The cells of a line, ended by zeroes, behind each other. */
static void put_cells(struct czi_buf *b, const struct czi_waits *w,
                      const struct czi_wait_line *line)
{
    const struct czi_wait_resource *r = resource_of(w, line);

    b->len = 0;
    put_resource(b, &r->id, r->label);
    czi_buf_put_byte(b, 0);
    put_party(b, &line->party);
    czi_buf_put_byte(b, 0);
    czi_buf_put(b, modes[line->mode], strlen(modes[line->mode]) + 1);
    if (line->place)
        czi_buf_printf(b, "waits %" PRIu64, line->place);
    else
        czi_buf_put(b, "holds", 5);
    czi_buf_put_byte(b, 0);
}

static void print_cells(const char *cells, const size_t width[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++, cells += strlen(cells) + 1) {
        int gap = (int)(width[c] - czi_text_width(cells, strlen(cells)));

        if (c == COLUMNS - 1)
            printf("%s\n", cells);
        else
            printf("%s%*s", cells, gap + 2, "");
    }
}

static void print_table(const struct czi_cli *cli, const struct czi_waits *w, struct czi_buf *b)
{
    size_t width[COLUMNS];

    for (int c = 0; c < COLUMNS; c++)
        width[c] = strlen(titles[c]);
    for (uint32_t i = 0; i < w->line_count && !b->failed; i++) {
        const char *cell;

        put_cells(b, w, &w->lines[i]);
        cell = (const char *)b->data;
        for (int c = 0; c < COLUMNS && !b->failed; c++, cell += strlen(cell) + 1)
            width[c] = CZI_MAX(width[c], czi_text_width(cell, strlen(cell)));
    }
    b->len = 0;
    for (int c = 0; c < COLUMNS; c++)
        czi_buf_put(b, titles[c], strlen(titles[c]) + 1);
    for (uint32_t i = 0; i <= w->line_count && !b->failed; i++) {
        if (i == 0)
            (void)fputs(czi_bold(cli), stdout);
        print_cells((const char *)b->data, width);
        if (i == 0)
            (void)fputs(czi_plain(cli), stdout);
        if (i < w->line_count)
            put_cells(b, w, &w->lines[i]);
    }
}

/* ---- Cycles as text --------------------------------------------------------------------- */

static void print_live(const struct czi_waits *w, const struct czi_wait_cycle *c,
                       struct czi_buf *b)
{
    printf("\ncycle: %" PRIu32 " wait for each other\n", c->parties);
    for (uint32_t i = 0; i < c->count && !b->failed; i++) {
        const struct czi_wait_line *from = &w->lines[w->path[c->first + i].from],
                                   *to = &w->lines[w->path[c->first + i].to];
        const struct czi_wait_resource *r = resource_of(w, from);

        b->len = 0;
        put_party(b, &from->party);
        czi_buf_printf(b, " waits to %s ", modes[from->mode]);
        put_resource(b, &r->id, r->label);
        czi_buf_printf(b, to->place ? ", after " : ", held by ");
        put_party(b, &to->party);
        czi_buf_put_byte(b, 0);
        if (!b->failed)
            printf("  %s\n", (const char *)b->data);
    }
}

static void print_refused(const struct czi_waits *w, const struct czi_wait_refusal *f,
                          struct czi_buf *b)
{
    printf("\nrefused %" PRIu64 "%s\n", f->number, f->count ? "" : ": not kept");
    for (uint32_t i = 0; i < f->count && !b->failed; i++) {
        const cz_cycle_step *step = &w->steps[f->first + i],
                            *next = &w->steps[f->first + (i + 1) % f->count];

        b->len = 0;
        put_party(b, &step->party);
        if (step->awaits_effect) {
            czi_buf_printf(b, " waited for ");
        } else {
            czi_buf_printf(b, " waited to %s ", modes[step->mode]);
            put_resource(b, &step->resource, step->label);
            czi_buf_printf(b, ", after ");
        }
        put_party(b, &next->party);
        czi_buf_put_byte(b, 0);
        if (!b->failed)
            printf("  %s\n", (const char *)b->data);
    }
}

static void print_text(const struct czi_cli *cli, const struct czi_waits *w, struct czi_buf *b)
{
    if (w->line_count)
        print_table(cli, w, b);
    else
        printf("nobody holds or waits\n");
    for (uint32_t i = 0; i < w->cycle_count; i++)
        print_live(w, &w->cycles[i], b);
    for (uint32_t i = 0; i < w->refusal_count; i++)
        print_refused(w, &w->refusals[i], b);
}

/* ---- JSON ------------------------------------------------------------------------------- */

static void json_resource(struct czi_json *j, const cz_id *id, const char *label)
{
    czi_json_string(j, "resource", label[0] ? label : NULL);
    czi_json_id(j, "id", id);
}

static void json_party(struct czi_json *j, const cz_party *p)
{
    czi_json_string(j, "party", kinds[p->kind]);
    czi_json_u64(j, "number", p->id);
    czi_json_string(j, "name", p->name);
}

static void json_lines(struct czi_json *j, const struct czi_waits *w,
                       const struct czi_wait_resource *r, bool holders)
{
    czi_json_open(j, holders ? "holders" : "waiters", '[');
    for (uint32_t i = r->first; i < r->first + r->count; i++) {
        const struct czi_wait_line *line = &w->lines[i];

        if (!line->place != holders)
            continue;
        czi_json_open(j, NULL, '{');
        json_party(j, &line->party);
        czi_json_string(j, "mode", modes[line->mode]);
        if (!holders)
            czi_json_u64(j, "place", line->place);
        czi_json_bool(j, "in_cycle", line->on_cycle);
        czi_json_close(j, '}');
    }
    czi_json_close(j, ']');
}

static void json_live(struct czi_json *j, const struct czi_waits *w,
                      const struct czi_wait_cycle *c)
{
    czi_json_string(j, "cycle", "live");
    czi_json_u64(j, "parties", c->parties);
    czi_json_open(j, "steps", '[');
    for (uint32_t i = 0; i < c->count; i++) {
        const struct czi_wait_line *from = &w->lines[w->path[c->first + i].from],
                                   *to = &w->lines[w->path[c->first + i].to];
        const struct czi_wait_resource *r = resource_of(w, from);

        czi_json_open(j, NULL, '{');
        json_party(j, &from->party);
        json_resource(j, &r->id, r->label);
        czi_json_string(j, "mode", modes[from->mode]);
        czi_json_string(j, "next", to->place ? "ahead" : "holds");
        czi_json_close(j, '}');
    }
    czi_json_close(j, ']');
}

static void json_refused(struct czi_json *j, const struct czi_waits *w,
                         const struct czi_wait_refusal *f)
{
    czi_json_string(j, "cycle", "refused");
    czi_json_u64(j, "number", f->number);
    czi_json_open(j, "steps", '[');
    for (uint32_t i = 0; i < f->count; i++) {
        const cz_cycle_step *step = &w->steps[f->first + i];

        czi_json_open(j, NULL, '{');
        json_party(j, &step->party);
        json_resource(j, &step->resource, step->label);
        czi_json_string(j, "mode", modes[step->mode]);
        czi_json_string(j, "next", step->awaits_effect ? "awaited" : "ahead");
        czi_json_close(j, '}');
    }
    czi_json_close(j, ']');
}

static void print_json(const struct czi_waits *w)
{
    for (uint32_t i = 0; i < w->resource_count + w->cycle_count + w->refusal_count; i++) {
        struct czi_json j = {.out = stdout};
        uint32_t cycle = i - w->resource_count, refusal = cycle - w->cycle_count;

        czi_json_open(&j, NULL, '{');
        if (i < w->resource_count) {
            json_resource(&j, &w->resources[i].id, w->resources[i].label);
            json_lines(&j, w, &w->resources[i], true);
            json_lines(&j, w, &w->resources[i], false);
        } else if (cycle < w->cycle_count) {
            json_live(&j, w, &w->cycles[cycle]);
        } else {
            json_refused(&j, w, &w->refusals[refusal]);
        }
        czi_json_close(&j, '}');
        printf("\n");
    }
}

/* ---- Graphviz --------------------------------------------------------------------------- */

#define RED ", color=red, fontcolor=red"

/* b as a quoted string of the DOT language, where only the quote and the backslash are special.
 */
static void dot_string(const struct czi_buf *b)
{
    (void)putchar('"');
    for (size_t i = 0; i < b->len; i++) {
        if (b->data[i] == '"' || b->data[i] == '\\')
            (void)putchar('\\');
        (void)putchar(b->data[i]);
    }
    (void)putchar('"');
}

static void dot_party(struct czi_buf *b, const cz_party *p)
{
    b->len = 0;
    put_party(b, p);
    dot_string(b);
}

static void dot_resource(struct czi_buf *b, const cz_id *id, const char *label)
{
    b->len = 0;
    put_resource(b, id, label);
    dot_string(b);
}

static void dot_nodes(const struct czi_waits *w, struct czi_buf *b)
{
    for (uint32_t i = 0; i < w->resource_count; i++) {
        const struct czi_wait_resource *r = &w->resources[i];
        bool red = false;

        for (uint32_t k = r->first; k < r->first + r->count; k++)
            red |= w->lines[k].on_cycle;
        printf("  r%" PRIu32 " [shape=box, label=", i);
        dot_resource(b, &r->id, r->label);
        printf("%s];\n", red ? RED : "");
    }
}

/* Every line knows its party's node; the red ones come from any of its lines. */
static int dot_parties(const struct czi_waits *w, struct czi_buf *b)
{
    CZI_AUTOFREE bool *red = czi_alloc_zero(w->party_count, sizeof *red);

    if (!red)
        return CZ_NOMEM;
    for (uint32_t i = 0; i < w->line_count; i++)
        red[w->lines[i].node] |= w->lines[i].on_cycle;
    for (uint32_t i = 0; i < w->party_count; i++) {
        printf("  p%" PRIu32 " [shape=ellipse, label=", i);
        dot_party(b, w->parties[i]);
        printf("%s];\n", red[i] ? RED : "");
    }
    return CZ_OK;
}

static void dot_edges(const struct czi_waits *w)
{
    for (uint32_t i = 0; i < w->line_count; i++) {
        const struct czi_wait_line *line = &w->lines[i];
        const char *red = line->on_cycle ? RED : "", *mode = modes[line->mode];

        if (line->place)
            printf("  p%" PRIu32 " -> r%" PRIu32 " [label=\"waits %" PRIu64 ", %s\", "
                   "style=dashed%s];\n",
                   line->node, line->resource, line->place, mode, red);
        else
            printf("  r%" PRIu32 " -> p%" PRIu32 " [label=\"held, %s\"%s];\n", line->resource,
                   line->node, mode, red);
    }
    /* Who stands behind another one on a cycle waits for no holder; so it is drawn. */
    for (uint32_t i = 0; i < w->path_bytes.len / sizeof *w->path; i++) {
        const struct czi_wait_line *from = &w->lines[w->path[i].from],
                                   *to = &w->lines[w->path[i].to];

        if (to->place)
            printf("  p%" PRIu32 " -> p%" PRIu32 " [label=\"behind\", style=dashed" RED "];\n",
                   from->node, to->node);
    }
}

/* Those are over: each has nodes of its own. */
static void dot_refused(const struct czi_waits *w, const struct czi_wait_refusal *f,
                        struct czi_buf *b)
{
    printf("  subgraph cluster_%" PRIu64 " {\n    label=\"refused %" PRIu64
           "\";\n    color=red;\n    fontcolor=red;\n",
           f->number, f->number);
    for (uint32_t i = 0; i < f->count; i++) {
        const cz_cycle_step *step = &w->steps[f->first + i];
        uint32_t next = (i + 1) % f->count;

        printf("    c%" PRIu64 "p%" PRIu32 " [shape=ellipse, label=", f->number, i);
        dot_party(b, &step->party);
        printf(RED "];\n");
        if (step->awaits_effect) {
            printf("    c%" PRIu64 "p%" PRIu32 " -> c%" PRIu64 "p%" PRIu32
                   " [label=\"awaits\", style=dashed" RED "];\n",
                   f->number, i, f->number, next);
            continue;
        }
        printf("    c%" PRIu64 "r%" PRIu32 " [shape=box, label=", f->number, i);
        dot_resource(b, &step->resource, step->label);
        printf(RED "];\n");
        printf("    c%" PRIu64 "p%" PRIu32 " -> c%" PRIu64 "r%" PRIu32
               " [label=\"waits, %s\", style=dashed" RED "];\n",
               f->number, i, f->number, i, modes[step->mode]);
        printf("    c%" PRIu64 "r%" PRIu32 " -> c%" PRIu64 "p%" PRIu32 " [label=\"\"" RED
               "];\n",
               f->number, i, f->number, next);
    }
    printf("  }\n");
}

static int print_dot(const struct czi_waits *w, struct czi_buf *b)
{
    int rc;

    printf("digraph waits {\n  rankdir=LR;\n");
    dot_nodes(w, b);
    rc = dot_parties(w, b);
    dot_edges(w);
    for (uint32_t i = 0; i < w->refusal_count; i++)
        dot_refused(w, &w->refusals[i], b);
    printf("}\n");
    return rc;
}

/* ---- The verb --------------------------------------------------------------------------- */

static int print(struct czi_cli *cli, const struct czi_waits *w)
{
    CZI_AUTOBUF b = {0};
    int rc = CZ_OK;

    if (cli->json)
        print_json(w);
    else if (czi_cli_option(cli, "dot"))
        rc = print_dot(w, &b);
    else
        print_text(cli, w, &b);
    return b.failed ? CZ_NOMEM : rc;
}

int czi_cli_wait_graph(struct czi_cli *cli, int argc, char **argv)
{
    struct czi_waits w = {0};
    cz_wait_graph_visitor v = czi_waits_visitor(&w);
    int rc, cut = CZ_OK;

    (void)argc;
    (void)argv;
    if (cli->json && czi_cli_option(cli, "dot"))
        return czi_cli_usage(cli, "--dot and --json do not go together");
    rc = cz_wait_graph_of(cli->dir, &v, &cli->err);
    /* What came of a graph that is too large is worth seeing. */
    if (rc == CZ_LIMIT && w.line_count) {
        cut = rc;
        rc = CZ_OK;
    }
    if (!rc) {
        cz_error err = {0};

        rc = czi_waits_solve(&w, &err);
        if (!rc)
            rc = print(cli, &w);
        if (rc)
            cli->err = err;
    }
    czi_waits_done(&w);
    return rc || cut ? czi_cli_fail(rc ? rc : cut, &cli->err) : CZI_EXIT_OK;
}
