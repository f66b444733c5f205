/* root.c - `causality root`: one hash over every (resource, head) pair. */
#include "cli/cli.h"

int czi_cli_root(struct czi_cli *cli, int argc, char **argv)
{
    uint8_t root[32];
    char hex[65];
    int rc;

    (void)argc;
    (void)argv;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = cz_root(cli->engine, root, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    czi_hex(hex, root, sizeof root);
    if (cli->json)
        czi_json_line("root", hex);
    else
        printf("%s\n", hex);
    return CZI_EXIT_OK;
}
