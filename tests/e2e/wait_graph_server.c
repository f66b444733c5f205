/* wait_graph_server.c - a process that answers `causality wait-graph` with a graph of its
 * tester's: test_wait_graph.py writes it to standard input, and closes that to end.
 *
 *     wait_graph_server DIR
 *
 * A line is words, separated by tabs; names and labels may be empty:
 *     edge   ID-BYTE LABEL KIND NUMBER NAME MODE PLACE      place 0: holds
 *     cycle  NUMBER
 *     step   ID-BYTE LABEL KIND NUMBER NAME MODE AWAITS     of the newest cycle
 *     go     the graph is complete: listens, and prints a line
 */
#include "engine/control.h"
#include "test.h"

#define ROWS_MAX 4096
#define STEPS_MAX 64

struct row {
    bool is_cycle;
    cz_wait_edge edge;
    char label[CZ_LABEL_SIZE_MAX + 1];
    cz_cycle cycle;
    cz_cycle_step steps[STEPS_MAX];
};

static struct row *rows[ROWS_MAX];
static size_t count;

static int tell(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    int rc = CZ_OK;

    (void)g;
    (void)err;
    for (size_t i = 0; i < count && !rc; i++)
        rc = rows[i]->is_cycle ? v->cycle(v->arg, &rows[i]->cycle)
                               : v->edge(v->arg, &rows[i]->edge);
    return rc;
}

static uint64_t number(char **line)
{
    return strtoull(strsep(line, "\t"), NULL, 10);
}

/* The words that edges and steps share, but for the last. */
static void read_common(char *line, cz_id *id, char *label, cz_party *p, enum cz_access *mode,
                        uint64_t *last)
{
    memset(id, (int)number(&line), sizeof *id);
    (void)snprintf(label, CZ_LABEL_SIZE_MAX + 1, "%s", strsep(&line, "\t"));
    p->kind = (enum cz_party_kind)number(&line);
    p->id = number(&line);
    (void)snprintf(p->name, sizeof p->name, "%s", strsep(&line, "\t"));
    *mode = (enum cz_access)number(&line);
    *last = number(&line);
}

static struct row *new_row(void)
{
    CZI_CHECK(count < ROWS_MAX);
    rows[count] = calloc(1, sizeof **rows);
    CZI_CHECK(rows[count]);
    return rows[count++];
}

static void read_line(char *line)
{
    const char *what = strsep(&line, "\t");
    struct row *r;

    if (strcmp(what, "edge") == 0) {
        r = new_row();
        read_common(line, &r->edge.resource, r->label, &r->edge.party, &r->edge.mode,
                    &r->edge.place);
        r->edge.label = r->label;
        r->edge.holds = !r->edge.place;
    } else if (strcmp(what, "cycle") == 0) {
        r = new_row();
        r->is_cycle = true;
        r->cycle = (cz_cycle){r->steps, 0, number(&line)};
    } else {
        cz_cycle_step *s;
        uint64_t awaits;

        CZI_CHECK(strcmp(what, "step") == 0 && count);
        r = rows[count - 1];
        CZI_CHECK(r->is_cycle && r->cycle.count < STEPS_MAX);
        s = &r->steps[r->cycle.count++];
        read_common(line, &s->resource, s->label, &s->party, &s->mode, &awaits);
        s->awaits_effect = awaits;
    }
}

int main(int argc, char **argv)
{
    struct czi_control *control = NULL;
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    cz_error err = {0};

    CZI_CHECK(argc == 2);
    while ((n = getline(&line, &room, stdin)) > 0) {
        line[n - 1] = 0;
        if (strcmp(line, "go") != 0) {
            read_line(line);
            continue;
        }
        if (czi_control_start(NULL, argv[1], tell, &control, &err)) {
            (void)fprintf(stderr, "%s\n", err.detail);
            return 1;
        }
        printf("listening\n");
        (void)fflush(stdout);
    }
    czi_control_stop(control);
    free(line);
    while (count)
        free(rows[--count]);
    return 0;
}
