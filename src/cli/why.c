/* why.c - `causality why`: options, the walk, and JSON; see why.h. */
#include "cli/why.h"

#include "base/error.h"
#include "effect/effect.h"

#include <inttypes.h>

/* Lines on a terminal when nothing is said. */
#define TERMINAL_LINES 1000

/* ---- The walk --------------------------------------------------------------------------- */

int czi_why_stop(struct czi_why *w)
{
    w->stopped = true;
    return CZ_CANCELLED;
}

static uint32_t *depth_of(const struct czi_why *w, bool is_fact, uint64_t number)
{
    return &(is_fact ? w->fact_depths : w->effect_depths)[number];
}

/* Whether the event is not too deep; then its causes are reached one deeper. An event comes
 * after all that follow it, so its depth is known. */
static bool is_within(struct czi_why *w, const cz_event *e)
{
    uint32_t own;

    if (w->depth == UINT64_MAX)
        return true;
    own = *depth_of(w, e->is_fact, e->number);
    if (!own)
        return false;
    w->reached--;
    for (size_t i = 0; i < e->cause_count && own <= w->depth; i++) {
        uint32_t *d = depth_of(w, e->causes[i].is_fact, e->causes[i].number);

        w->reached += !*d;
        if (!*d || *d > own + 1)
            *d = own + 1;
    }
    return true;
}

static int on_event(void *arg, const cz_event *e)
{
    struct czi_why *w = arg;
    int rc;

    if (w->depth != UINT64_MAX && !w->told)
        w->reached = *depth_of(w, e->is_fact, e->number) = 1;
    if (!is_within(w, e))
        return w->reached ? CZ_OK : czi_why_stop(w);
    if (w->told == w->max) {
        w->cut = true;
        return czi_why_stop(w);
    }
    w->told++;
    rc = w->tell(w, e);
    if (ferror(stdout))
        return CZ_IO;
    return rc || w->depth == UINT64_MAX || w->reached ? rc : czi_why_stop(w);
}

static int make_depths(struct czi_why *w)
{
    cz_stats stats;
    int rc = cz_stats_get(w->cli->engine, &stats, &w->cli->err);

    if (rc)
        return rc;
    w->effect_depths = czi_alloc_zero(stats.positions + 1, sizeof *w->effect_depths);
    w->fact_depths = czi_alloc_zero(stats.facts + 1, sizeof *w->fact_depths);
    if (!w->effect_depths || !w->fact_depths)
        return czi_nomem(&w->cli->err, "depths");
    return CZ_OK;
}

int czi_why_walk(struct czi_why *w, const cz_id *id, czi_why_fn tell, void *arg)
{
    int rc = w->depth == UINT64_MAX ? CZ_OK : make_depths(w);

    w->tell = tell;
    w->arg = arg;
    if (!rc)
        rc = cz_causes(w->cli->engine, id, on_event, w, &w->cli->err);
    return w->stopped ? CZ_OK : rc;
}

/* ---- Words ------------------------------------------------------------------------------ */

void czi_why_link(const struct czi_cli *cli, FILE *out, const cz_cause *cause)
{
    static const char *const words[] = {
        [CZ_LINK_WRITE] = "writes ", [CZ_LINK_READ] = "reads ", [CZ_LINK_FACT] = "cites",
        [CZ_LINK_AFTER] = "follows", [CZ_LINK_TASK] = "task",   [CZ_LINK_BLOCK] = "rests on"};

    (void)fputs(words[cause->link], out);
    if (cause->link == CZ_LINK_WRITE || cause->link == CZ_LINK_READ)
        czi_print_name(cli, out, &cause->resource);
}

void czi_why_marks(const struct czi_why *w, FILE *out, const cz_event *e)
{
    if (e->is_fact) {
        if (e->fact->held || !e->fact->stands)
            (void)fputs(e->fact->held ? "[held] " : "[retracted] ", out);
        return;
    }
    if (e->receipt->reason)
        (void)fprintf(out, "[rejected: %s] ", cz_reason_name((int)e->receipt->reason));
    if (czi_disputed_has(&w->disputed, e->number))
        (void)fputs("[disputed] ", out);
}

void czi_why_what(const struct czi_why *w, FILE *out, const cz_event *e)
{
    if (e->is_fact)
        czi_print_claim(out, e->fact);
    else
        czi_print_what(w->cli, out, e->receipt->effect_bytes, e->receipt->effect_len);
}

/* ---- JSON ------------------------------------------------------------------------------- */

static void json_causes(const struct czi_cli *cli, struct czi_json *j, const cz_event *e)
{
    czi_json_open(j, "causes", '[');
    for (size_t i = 0; i < e->cause_count; i++) {
        const cz_cause *c = &e->causes[i];

        czi_json_open(j, NULL, '{');
        czi_json_string(j, "link", cz_link_name((int)c->link));
        if (c->link == CZ_LINK_WRITE || c->link == CZ_LINK_READ) {
            czi_json_string(j, "resource", czi_cli_label(cli, &c->resource));
            czi_json_id(j, "id", &c->resource);
        }
        czi_json_u64(j, c->is_fact ? "fact" : "position", c->number);
        czi_json_close(j, '}');
    }
    czi_json_close(j, ']');
}

static void json_clock(struct czi_json *j, const cz_receipt *r)
{
    if (!r->clock) {
        czi_json_string(j, "clock", NULL);
        return;
    }
    czi_json_open(j, "clock", '{');
    for (size_t i = 0; i < r->clock_count; i++) {
        char task[16];

        (void)snprintf(task, sizeof task, "%" PRIu32, r->clock[i].task);
        czi_json_u64(j, task, r->clock[i].count);
    }
    czi_json_close(j, '}');
}

static int tell_json(struct czi_why *w, const cz_event *e)
{
    struct czi_json j = {.out = stdout};

    czi_json_open(&j, NULL, '{');
    czi_json_string(&j, "event", e->is_fact ? "fact" : "effect");
    czi_json_id(&j, "id", &e->id);
    czi_json_u64(&j, e->is_fact ? "number" : "position", e->number);
    if (e->is_fact) {
        czi_json_string(&j, "domain", e->fact->domain);
        czi_json_string(&j, "type", e->fact->type);
        czi_json_string(&j, "kind",
                        e->fact->kind ? cz_fact_kind_name((int)e->fact->kind) : NULL);
        czi_json_u64(&j, "height", e->fact->height);
        czi_json_bool(&j, "stands", e->fact->stands);
    } else {
        czi_json_u64(&j, "lamport", e->receipt->lamport);
        czi_json_string(&j, "reason",
                        e->receipt->reason ? cz_reason_name((int)e->receipt->reason) : NULL);
        czi_json_bool(&j, "disputed", czi_disputed_has(&w->disputed, e->number));
        json_clock(&j, e->receipt);
        czi_print_ops_json(w->cli, &j, "ops", e->receipt->effect_bytes, e->receipt->effect_len);
    }
    json_causes(w->cli, &j, e);
    czi_json_close(&j, '}');
    (void)putc_unlocked('\n', stdout);
    return CZ_OK;
}

/* ---- The verb --------------------------------------------------------------------------- */

static int why(struct czi_why *w, const char *text)
{
    struct czi_cli *cli = w->cli;
    enum czi_found what;
    cz_id id;
    int rc = czi_cli_find(cli, text, CZI_FOUND_EFFECT | CZI_FOUND_FACT, &what, &id);

    if (!rc)
        rc = czi_disputed_load(cli, &w->disputed);
    if (rc)
        return rc;
    if (czi_cli_option(cli, "dot"))
        return czi_why_dot(w, &id);
    if (czi_cli_option(cli, "shiviz"))
        return czi_why_shiviz(w, &id);
    if (!cli->json)
        return czi_why_tree(w, &id);
    return czi_why_walk(w, &id, tell_json, NULL);
}

int czi_cli_why(struct czi_cli *cli, int argc, char **argv)
{
    struct czi_why w = {.cli = cli, .max = UINT64_MAX, .depth = UINT64_MAX};
    bool dot = czi_cli_option(cli, "dot"), shiviz = czi_cli_option(cli, "shiviz");
    int rc;

    (void)argc;
    if (cli->json + dot + shiviz > 1)
        return czi_cli_usage(cli, "only one of --json, --dot and --shiviz");
    if (cli->out_terminal && !cli->json && !dot && !shiviz)
        w.max = TERMINAL_LINES;
    if (!czi_cli_number(cli, "max", 1, UINT64_MAX, &w.max) ||
        !czi_cli_number(cli, "depth", 0, UINT32_MAX - 2, &w.depth))
        return CZI_EXIT_USAGE;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = why(&w, argv[0]);
    czi_buf_done(&w.disputed.positions);
    czi_free(w.effect_depths);
    czi_free(w.fact_depths);
    if (rc == CZ_IO && ferror(stdout))
        return CZI_EXIT_IO;
    if (w.cut && (cli->json || dot || shiviz))
        czi_cli_say("there is more: the first %" PRIu64 " events are shown (--max)", w.told);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}
