/* sim.c - `causality sim`: a simulated chain told by its arguments; prints what `fact add`
 * reads.
 *
 * Layer: cli. Thread: main. The same arguments print the same bytes, so runs with growing lists
 * of steps are one chain that goes on.
 */
#include "causality/sim.h"
#include "cli/cli.h"

#include "base/error.h"
#include "base/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* A block that was dropped, as it is recorded where it was seen. */
struct dropped {
    uint64_t height;
    cz_id id;
};

struct sim {
    struct czi_cli *cli;
    cz_sim_chain *chain;
    const uint8_t *seed;    /* the observer's */
    struct czi_buf dropped; /* of struct dropped; the newest last */
    bool printed;
};

/* What a step was given; missing parts are empty. */
struct step {
    char *parts[3];
    bool has_number;
    uint64_t number; /* the last part, where it is one */
};

/* ---- Lines ------------------------------------------------------------------------------ */

static int print_fact(void *arg, const cz_sim_fact *f, cz_error *err)
{
    struct czi_json j = {.out = stdout};

    (void)arg;
    (void)err;
    czi_json_open(&j, NULL, '{');
    czi_json_base64(&j, "fact", f->bytes, f->len);
    czi_json_id(&j, "id", &f->id);
    czi_json_string(&j, "kind", cz_fact_kind_name((int)f->kind));
    czi_json_u64(&j, "height", f->height);
    if (f->event)
        czi_json_u64(&j, "event", f->event);
    if (f->kind == CZ_FACT_BLOCK)
        czi_json_bool(&j, "final", f->is_final);
    czi_json_close(&j, '}');
    (void)putc_unlocked('\n', stdout);
    return ferror(stdout) ? CZ_IO : CZ_OK;
}

static int print_facts(struct sim *s, uint64_t from)
{
    s->printed = true;
    return cz_sim_facts(s->chain, from, s->seed, print_fact, NULL, &s->cli->err);
}

static int do_facts(struct sim *s, const struct step *step)
{
    return print_facts(s, step->has_number ? step->number : 1);
}

static int do_domain(struct sim *s, const struct step *step)
{
    struct czi_json j = {.out = stdout};
    cz_domain_spec spec;
    uint8_t key[32];

    (void)step;
    s->printed = true;
    cz_sim_domain(s->chain, &spec);
    czi_json_open(&j, NULL, '{');
    czi_json_open(&j, "domain", '{');
    czi_json_string(&j, "name", spec.name);
    czi_json_string(&j, "adapter", spec.adapter);
    czi_json_hex(&j, "parameters", spec.parameters, spec.parameters_len);
    if (s->seed) {
        cz_public_key(s->seed, key);
        czi_json_open(&j, "observers", '[');
        czi_json_hex(&j, NULL, key, sizeof key);
        czi_json_close(&j, ']');
    }
    czi_json_close(&j, '}');
    czi_json_close(&j, '}');
    printf("\n");
    return CZ_OK;
}

static int do_retract(struct sim *s, const struct step *step)
{
    const struct dropped *all = (const struct dropped *)(const void *)s->dropped.data;
    size_t i = s->dropped.len / sizeof *all;
    struct czi_json j = {.out = stdout};
    const uint8_t *header;
    char note[48];
    size_t len;
    int rc;

    while (i && all[i - 1].height != step->number)
        i--;
    if (!i)
        return czi_fail(&s->cli->err, CZ_NOT_FOUND,
                        "no block at height %" PRIu64 " was dropped by a reorg", step->number);
    rc = cz_sim_header(s->chain, step->number, &header, &len, &s->cli->err);
    if (rc)
        return rc;
    s->printed = true;
    (void)snprintf(note, sizeof note, "replaced at height %" PRIu64, step->number);
    czi_json_open(&j, NULL, '{');
    czi_json_id(&j, "retract", &all[i - 1].id);
    czi_json_base64(&j, "evidence", header, len);
    czi_json_string(&j, "note", note);
    czi_json_close(&j, '}');
    printf("\n");
    return CZ_OK;
}

/* ---- What the chain does ----------------------------------------------------------------- */

static int do_mine(struct sim *s, const struct step *step)
{
    return cz_sim_mine(s->chain, step->has_number ? step->number : 1, &s->cli->err);
}

static int do_deposit(struct sim *s, const struct step *step)
{
    uint64_t event;

    return cz_sim_deposit(s->chain, step->parts[0], step->parts[1], step->number, &event,
                          &s->cli->err);
}

static int do_withdrawal(struct sim *s, const struct step *step)
{
    uint64_t event;

    return cz_sim_withdrawal(s->chain, step->parts[0], step->parts[1], step->number, &event,
                             &s->cli->err);
}

static int do_balance(struct sim *s, const struct step *step)
{
    return cz_sim_balance(s->chain, step->parts[0], step->parts[1], step->number, &s->cli->err);
}

static int do_price(struct sim *s, const struct step *step)
{
    return cz_sim_price(s->chain, step->parts[0], step->number, &s->cli->err);
}

static int do_register(struct sim *s, const struct step *step)
{
    return cz_sim_register(s->chain, step->parts[0], step->parts[1], strlen(step->parts[1]),
                           &s->cli->err);
}

static int do_custom(struct sim *s, const struct step *step)
{
    uint64_t event;

    return cz_sim_custom(s->chain, step->parts[0], strlen(step->parts[0]), &event,
                         &s->cli->err);
}

static int do_transaction(struct sim *s, const struct step *step)
{
    uint64_t event;

    return cz_sim_transaction(s->chain, step->parts[0], strlen(step->parts[0]), &event,
                              &s->cli->err);
}

static int do_interval(struct sim *s, const struct step *step)
{
    cz_sim_interval(s->chain, step->number);
    return CZ_OK;
}

static int do_price_age(struct sim *s, const struct step *step)
{
    cz_sim_price_age(s->chain, step->number);
    return CZ_OK;
}

static int do_finalize(struct sim *s, const struct step *step)
{
    return cz_sim_finalize(s->chain, step->number, &s->cli->err);
}

struct seen_block {
    cz_id id;
    bool has;
};

/* The first one is the block as seen. */
static int keep_first(void *arg, const cz_sim_fact *f, cz_error *err)
{
    struct seen_block *b = arg;

    (void)err;
    if (!b->has)
        *b = (struct seen_block){f->id, true};
    return CZ_OK;
}

static int reorg(struct sim *s, uint64_t depth, bool reinclude)
{
    uint64_t height = cz_sim_height(s->chain);
    int rc = CZ_OK;

    for (uint64_t h = height - CZI_MIN(depth, height) + 1; h <= height && !rc; h++) {
        struct seen_block b = {0};
        struct dropped d = {.height = h};
        char text[24];

        (void)snprintf(text, sizeof text, "%" PRIu64, h);
        rc = cz_sim_fact_of(s->chain, CZ_FACT_BLOCK, text, s->seed, keep_first, &b,
                            &s->cli->err);
        d.id = b.id;
        czi_buf_put(&s->dropped, &d, sizeof d);
    }
    if (!rc && s->dropped.failed)
        rc = czi_nomem(&s->cli->err, "dropped blocks");
    return rc ? rc : cz_sim_reorg(s->chain, depth, reinclude, &s->cli->err);
}

static int do_reorg(struct sim *s, const struct step *step)
{
    return reorg(s, step->number, true);
}

static int do_reorg_drop(struct sim *s, const struct step *step)
{
    return reorg(s, step->number, false);
}

/* ---- Steps ------------------------------------------------------------------------------ */

/* parts: how many; the last one is a number where `number` is set. */
static const struct {
    const char *name, *argument;
    uint8_t parts;
    bool number, optional;
    int (*run)(struct sim *s, const struct step *step);
} steps[] = {
    {"mine", "N", 1, true, true, do_mine},
    {"deposit", "ACCOUNT:ASSET:AMOUNT", 3, true, false, do_deposit},
    {"withdrawal", "ACCOUNT:ASSET:AMOUNT", 3, true, false, do_withdrawal},
    {"balance", "ACCOUNT:ASSET:AMOUNT", 3, true, false, do_balance},
    {"price", "PAIR:VALUE", 2, true, false, do_price},
    {"price-age", "N", 1, true, false, do_price_age},
    {"register", "NAME:TEXT", 2, false, false, do_register},
    {"transaction", "TEXT", 1, false, false, do_transaction},
    {"custom", "TEXT", 1, false, false, do_custom},
    {"interval", "N", 1, true, false, do_interval},
    {"finalize", "HEIGHT", 1, true, false, do_finalize},
    {"reorg", "DEPTH", 1, true, false, do_reorg},
    {"reorg-drop", "DEPTH", 1, true, false, do_reorg_drop},
    {"domain", NULL, 0, false, true, do_domain},
    {"facts", "FROM", 1, true, true, do_facts},
    {"retract", "HEIGHT", 1, true, false, do_retract},
};

static bool read_number(const char *text, uint64_t *ret)
{
    unsigned long long v;
    char *end;

    errno = 0;
    v = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno)
        return false;
    *ret = v;
    return true;
}

/* Cuts text at colons from behind, or where all parts are text, at the first one. */
static bool cut(char *text, size_t parts, bool number, struct step *ret)
{
    for (size_t i = parts; i-- > 1;) {
        char *colon = number ? strrchr(text, ':') : strchr(text, ':');

        if (!colon)
            return false;
        *colon = 0;
        ret->parts[i] = colon + 1;
    }
    ret->parts[0] = text;
    ret->has_number = number;
    return !number || read_number(ret->parts[parts - 1], &ret->number);
}

static int unknown_step(const struct czi_cli *cli, const char *text)
{
    char all[256] = "";
    size_t len = 0;

    for (size_t i = 0; i < CZI_COUNTOF(steps); i++)
        len +=
            (size_t)snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", steps[i].name);
    return czi_cli_usage(cli, "step \"%s\" is none of %s", text, all);
}

/* Returns an exit code; text is cut into pieces. */
static int run_step(struct sim *s, char *text)
{
    char *argument = strchr(text, '=');
    struct step step = {.parts = {"", "", ""}};
    size_t i = 0;
    int rc;

    if (argument)
        *argument++ = 0;
    while (i < CZI_COUNTOF(steps) && strcmp(steps[i].name, text) != 0)
        i++;
    if (i == CZI_COUNTOF(steps))
        return unknown_step(s->cli, text);
    if (argument && !steps[i].parts)
        return czi_cli_usage(s->cli, "step \"%s\" takes no argument", text);
    if ((!argument && !steps[i].optional) ||
        (argument && !cut(argument, steps[i].parts, steps[i].number, &step)))
        return czi_cli_usage(s->cli, "a step is %s=%s", text, steps[i].argument);
    rc = steps[i].run(s, &step);
    return rc ? czi_cli_fail(czi_wrap(&s->cli->err, rc, "%s", text), &s->cli->err)
              : CZI_EXIT_OK;
}

int czi_cli_sim(struct czi_cli *cli, int argc, char **argv)
{
    struct sim s = {.cli = cli};
    uint64_t number = 0;
    uint8_t seed[32];
    int rc, exit_code = CZI_EXIT_OK;

    if (!czi_cli_number(cli, "seed", 0, UINT64_MAX, &number))
        return CZI_EXIT_USAGE;
    rc = czi_cli_seed(czi_cli_option(cli, "sign"), seed, &s.seed, &cli->err);
    if (!rc)
        rc = cz_sim_new(argv[0], number, &s.chain, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    for (int i = 1; i < argc && !exit_code; i++)
        exit_code = run_step(&s, argv[i]);
    if (!exit_code && !s.printed) {
        (void)do_domain(&s, NULL);
        rc = print_facts(&s, 1);
        if (rc)
            exit_code = czi_cli_fail(rc, &cli->err);
    }
    cz_sim_free(s.chain);
    czi_buf_done(&s.dropped);
    return exit_code;
}
