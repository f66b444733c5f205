/* audit.c - `causality audit`: everything on disk against itself, without executing. */
#include "cli/inspect.h"

#include <inttypes.h>

static void print_json(const cz_audit_report *report)
{
    struct czi_json j = {.out = stdout};

    czi_json_open(&j, NULL, '{');
    czi_json_string(&j, "audit", report->journal.unfinished_tail ? "unfinished" : "ok");
    czi_inspect_json(&j, &report->journal);
    czi_json_u64(&j, "signatures", report->signatures);
    czi_json_u64(&j, "proofs", report->proofs);
    czi_json_u64(&j, "unverified", report->unverified);
    czi_json_close(&j, '}');
    printf("\n");
}

int czi_cli_audit(struct czi_cli *cli, int argc, char **argv)
{
    struct czi_inspection c;
    cz_audit_report report;
    int rc;

    (void)argc;
    (void)argv;
    if (!czi_inspect_begin(&c, cli))
        return CZI_EXIT_USAGE;
    rc = cz_audit(cli->dir, &c.options, &report, &cli->err);
    if (rc)
        return czi_inspect_failed(&c, rc);
    czi_progress_clear(&c.progress);
    if (cli->json) {
        print_json(&report);
        return report.journal.unfinished_tail ? CZI_EXIT_NO : CZI_EXIT_OK;
    }
    czi_inspect_print(&report.journal);
    printf("%-14s %" PRIu64 "\n", "signatures", report.signatures);
    printf("%-14s %" PRIu64 "\n", "proofs", report.proofs);
    if (report.unverified)
        printf("%-14s %" PRIu64 " facts of domains that this version cannot verify\n",
               "unverified", report.unverified);
    /* A torn tail and damage to the last append look alike: not everything is proven. */
    if (report.journal.unfinished_tail) {
        printf("audit: ok up to position %" PRIu64 ", not behind it\n",
               report.journal.positions);
        return CZI_EXIT_NO;
    }
    printf("audit: ok\n");
    return CZI_EXIT_OK;
}
