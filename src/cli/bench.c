/* bench.c - `causality bench transfers`: how fast effects go on this machine. */
#include "base/limits.h"
#include "cli/bench_run.h"
#include "cli/bench_stream.h"
#include "cli/cli.h"
#include "platform/platform.h"

#include <stdlib.h>
#include <string.h>

static const char *const modes[] = {"plan", "log", "durable"};

static bool read_zipf(const struct czi_cli *cli, double *zipf)
{
    const char *text = czi_cli_option(cli, "zipf");
    char *end;

    if (!text)
        return true;
    *zipf = strtod(text, &end);
    if (*text && !*end && *zipf >= 0 && *zipf <= CZ_BENCH_ZIPF_MAX)
        return true;
    (void)czi_cli_usage(cli, "--zipf %s: not a number from 0 to %g", text, CZ_BENCH_ZIPF_MAX);
    return false;
}

static bool read_options(const struct czi_cli *cli, struct czi_bench *b)
{
    uint64_t accounts = 10000, threads = czi_cpu_count(), batch = CZI_BATCH_ENTRIES_DEFAULT,
             reads = 0;
    const char *mode = czi_cli_option(cli, "mode");

    *b = (struct czi_bench){.mode = CZI_BENCH_LOG, .effects = 1000000};
    if (!czi_cli_number(cli, "accounts", 2, 1u << 24, &accounts) ||
        !czi_cli_number(cli, "effects", 1, 1000000000, &b->effects) ||
        !czi_cli_number(cli, "threads", 1, 64, &threads) ||
        !czi_cli_number(cli, "batch", 1, 8192, &batch) ||
        !czi_cli_number(cli, "read-percent", 0, 100, &reads) || !read_zipf(cli, &b->zipf))
        return false;
    for (size_t i = 0; mode && i < CZI_COUNTOF(modes); i++)
        if (strcmp(mode, modes[i]) == 0)
            b->mode = (enum czi_bench_mode)i;
    b->accounts = (uint32_t)accounts;
    b->threads = (unsigned)threads;
    b->batch = (unsigned)batch;
    b->read_percent = (unsigned)reads;
    b->dir = czi_cli_option(cli, "dir");
    b->causal = czi_cli_option(cli, "causal") != NULL;
    return true;
}

/* The peers of scripts/bench print the same members, with plain numbers. */
static void print_json(const struct czi_bench *b, const struct czi_bench_result *r)
{
    printf("{\"mode\":\"%s\",\"accounts\":%u,\"zipf\":%g,\"read_percent\":%u,\"threads\":%u,"
           "\"batch\":%u,\"causal\":%s,\"effects\":%llu,\"seconds\":%.6f,"
           "\"per_second\":%.0f,\"bytes_per_effect\":%.1f,",
           modes[b->mode], b->accounts, b->zipf, b->read_percent, b->threads, b->batch,
           b->causal ? "true" : "false", (unsigned long long)b->effects, r->seconds,
           r->per_second, r->bytes_per_effect);
    if (b->batch == 1)
        printf("\"p50_us\":%.1f,\"p99_us\":%.1f,", r->p50_us, r->p99_us);
    printf("\"rejected\":%llu,\"checksum\":\"%016llx\"}\n", (unsigned long long)r->rejected,
           (unsigned long long)r->checksum);
}

static void print_text(const struct czi_bench *b, const struct czi_bench_result *r)
{
    printf("%llu effects over %u accounts, mode %s: %.3f s, %.3f M/s, %.0f ns each\n",
           (unsigned long long)b->effects, b->accounts, modes[b->mode], r->seconds,
           r->per_second / 1e6, r->per_second > 0 ? 1e9 / r->per_second : 0);
    if (r->bytes_per_effect > 0)
        printf("journal: %.1f bytes an effect\n", r->bytes_per_effect);
    if (b->batch == 1 && r->p50_us > 0)
        printf("one at a time: p50 %.1f us, p99 %.1f us\n", r->p50_us, r->p99_us);
    if (r->rejected)
        printf("rejected: %llu\n", (unsigned long long)r->rejected);
}

int czi_cli_bench(struct czi_cli *cli, int argc, char **argv)
{
    struct czi_bench b;
    struct czi_bench_result r;
    int rc;

    if (argc != 1 || strcmp(argv[0], "transfers") != 0)
        return czi_cli_usage(cli, "there is one benchmark: transfers");
    if (!read_options(cli, &b))
        return CZI_EXIT_USAGE;
    rc = czi_bench_run(&b, &r, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    if (cli->json)
        print_json(&b, &r);
    else
        print_text(&b, &r);
    return CZI_EXIT_OK;
}
