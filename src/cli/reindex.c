/* reindex.c - `causality reindex`: throws the derived index away and makes it again. */
#include "cli/cli.h"

int czi_cli_reindex(struct czi_cli *cli, int argc, char **argv)
{
    static const cz_options writing = {.ordered = true};
    cz_stats stats;
    char effects[CZ_QUANTITY_TEXT_SIZE];
    int rc = cz_reindex(cli->dir, &cli->err);

    (void)argc;
    (void)argv;
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    /* Opening executes the journal again and closing writes the index. */
    if (!czi_cli_open(cli, &writing, &rc))
        return rc;
    rc = cz_stats_get(cli->engine, &stats, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    cz_quantity_print((cz_quantity)stats.positions, effects);
    if (cli->json)
        czi_json_line("effects", effects);
    else
        printf("the index is made again, of %s effects\n", effects);
    return CZI_EXIT_OK;
}
