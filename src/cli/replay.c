/* replay.c - `causality replay`: everything executed again from the journal, and compared. */
#include "cli/inspect.h"

int czi_cli_replay(struct czi_cli *cli, int argc, char **argv)
{
    struct czi_json j = {.out = stdout};
    struct czi_inspection c;
    cz_journal_report report;
    int rc;

    (void)argc;
    (void)argv;
    if (!czi_inspect_begin(&c, cli))
        return CZI_EXIT_USAGE;
    rc = cz_replay(cli->dir, &c.options, &report, &cli->err);
    if (rc)
        return czi_inspect_failed(&c, rc);
    czi_progress_clear(&c.progress);
    if (cli->json) {
        czi_json_open(&j, NULL, '{');
        czi_json_string(&j, "replay", "equal");
        czi_inspect_json(&j, &report);
        czi_json_close(&j, '}');
        printf("\n");
        return CZI_EXIT_OK;
    }
    czi_inspect_print(&report);
    printf("replay: equal\n");
    return CZI_EXIT_OK;
}
