/* import.c - `causality import ethereum`: verified blocks in, as facts and moves.
 *
 * Layer: cli. All files are read before anything is verified, and all is verified before
 * anything is recorded.
 */
#include "cli/cli.h"

#include "base/error.h"
#include "base/limits.h"

#include <inttypes.h>

struct import {
    struct czi_cli *cli;
    struct czi_progress progress;
    cz_import_source *sources;
    struct czi_buf *texts;
    size_t count;
};

static int load_all(struct import *m, char **paths)
{
    cz_error *err = &m->cli->err;
    int rc = CZ_OK;

    m->sources = czi_alloc_zero(m->count, sizeof *m->sources);
    m->texts = czi_alloc_zero(m->count, sizeof *m->texts);
    if (!m->sources || !m->texts)
        return czi_nomem(err, "the files");
    for (size_t i = 0; i < m->count && !rc; i++) {
        const char *name = strcmp(paths[i], "-") == 0 ? "standard input" : paths[i];

        rc =
            czi_cli_load(paths[i], CZI_BLOCK_FILE_MAX, "CZI_BLOCK_FILE_MAX", &m->texts[i], err);
        m->sources[i] =
            (cz_import_source){name, (const char *)m->texts[i].data, m->texts[i].len};
    }
    return rc;
}

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    struct import *m = arg;

    czi_progress_show(m->cli, &m->progress, "verify", done, total);
}

/* name, field, text */
#define COUNTS(X)                                                                              \
    X("blocks", blocks, "verified")                                                            \
    X("transactions", transactions, "in them")                                                 \
    X("facts", facts, "of headers and transfers")                                              \
    X("native", native, "transfers of the chain's own coin")                                   \
    X("erc20", erc20, "transfers of tokens, as submitted")                                     \
    X("too_large", too_large, "recorded as facts, more than a position holds")                 \
    X("refused", refused, "facts, by the rules of the store's domain")                         \
    X("applied", applied, "moves")                                                             \
    X("duplicates", duplicates, "moves that were there already")                               \
    X("rejected", rejected, "moves")

static void print_report(const struct czi_cli *cli, const cz_import_report *r)
{
    struct czi_json j = {.out = stdout};

    if (!cli->json) {
#define PRINT(name, field, text) printf("%-13s %10" PRIu64 "  %s\n", name, r->field, text);
        COUNTS(PRINT)
#undef PRINT
        return;
    }
    czi_json_open(&j, NULL, '{');
#define PRINT(name, field, text) czi_json_u64(&j, name, r->field);
    COUNTS(PRINT)
#undef PRINT
    czi_json_close(&j, '}');
    printf("\n");
}

static int import(struct import *m, const cz_import_options *options, char **paths)
{
    cz_options writing = {.ordered = true, .threads = options->threads};
    cz_import_report report = {0};
    int exit_code, rc = load_all(m, paths);

    if (rc)
        return czi_cli_fail(rc, &m->cli->err);
    if (!czi_cli_open(m->cli, &writing, &exit_code))
        return exit_code;
    rc = cz_import_ethereum(m->cli->engine, m->sources, m->count, options, &report,
                            &m->cli->err);
    czi_progress_clear(&m->progress);
    if (!rc || report.refused)
        print_report(m->cli, &report);
    if (rc)
        return czi_cli_fail(rc, &m->cli->err);
    return report.rejected ? CZI_EXIT_NO : CZI_EXIT_OK;
}

int czi_cli_import(struct czi_cli *cli, int argc, char **argv)
{
    struct import m = {.cli = cli, .count = (size_t)argc - 1};
    cz_import_options options = {.progress = on_progress, .progress_arg = &m};
    const char *trust = czi_cli_option(cli, "trust");
    uint64_t threads = 0;
    uint8_t hash[32];
    int exit_code;

    if (strcmp(argv[0], "ethereum") != 0)
        return czi_cli_usage(cli, "there is no domain \"%s\"; there is: ethereum", argv[0]);
    if (!czi_cli_number(cli, "threads", 1, CZI_THREADS_MAX, &threads))
        return CZI_EXIT_USAGE;
    options.threads = (unsigned)threads;
    if (trust) {
        const char *digits = strncmp(trust, "0x", 2) == 0 ? trust + 2 : trust;

        if (!czi_unhex(hash, sizeof hash, digits, strlen(digits)))
            return czi_cli_usage(cli, "--trust: \"%s\" is not a block hash: 64 hex digits",
                                 trust);
        options.trust = hash;
    }
    exit_code = import(&m, &options, argv + 1);
    for (size_t i = 0; m.texts && i < m.count; i++)
        czi_buf_done(&m.texts[i]);
    czi_free(m.texts);
    czi_free(m.sources);
    return exit_code;
}
