/* disputed.c - `causality disputed`: applied effects that rest on what was retracted. */
#include "cli/cli.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>

static int on_position(void *arg, const cz_dispute *d)
{
    struct czi_disputed *all = arg;

    czi_buf_put(&all->positions, &d->position, sizeof d->position);
    return all->positions.failed ? CZ_NOMEM : CZ_OK;
}

int czi_disputed_load(struct czi_cli *cli, struct czi_disputed *ret)
{
    return cz_disputed(cli->engine, on_position, ret, &cli->err);
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

bool czi_disputed_has(const struct czi_disputed *d, uint64_t position)
{
    return d->positions.len &&
           bsearch(&position, d->positions.data, d->positions.len / sizeof position,
                   sizeof position, compare);
}

/* ---- The verb --------------------------------------------------------------------------- */

static int on_dispute(void *arg, const cz_dispute *d)
{
    const struct czi_cli *cli = arg;
    struct czi_json j = {.out = stdout};
    char effect[CZ_ID_TEXT_SIZE], fact[CZ_ID_TEXT_SIZE];

    if (cli->json) {
        czi_json_open(&j, NULL, '{');
        czi_json_id(&j, "effect", &d->effect);
        czi_json_u64(&j, "position", d->position);
        czi_json_id(&j, "fact", &d->fact);
        czi_json_bool(&j, "direct", d->direct);
        czi_json_close(&j, '}');
        (void)putc_unlocked('\n', stdout);
    } else {
        cz_id_print(&d->effect, effect);
        cz_id_print(&d->fact, fact);
        printf("%10" PRIu64 "  %s  %-8s  %s\n", d->position, effect,
               d->direct ? "cites" : "follows", fact);
    }
    return ferror(stdout) ? CZ_IO : CZ_OK;
}

int czi_cli_disputed(struct czi_cli *cli, int argc, char **argv)
{
    int rc;

    (void)argc;
    (void)argv;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    if (!cli->json)
        printf("%s%10s  %-59s  %-8s  %s%s\n", czi_bold(cli), "POSITION", "EFFECT", "HOW",
               "RETRACTED FACT", czi_plain(cli));
    rc = cz_disputed(cli->engine, on_dispute, cli, &cli->err);
    if (rc == CZ_IO && ferror(stdout))
        return CZI_EXIT_IO;
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}
