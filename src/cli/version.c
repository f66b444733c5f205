/* version.c - `causality version`: the library's, which is the command's. */
#include "cli/cli.h"

int czi_cli_version(struct czi_cli *cli, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (cli->json)
        czi_json_line("version", cz_version());
    else
        printf("causality %s\n", cz_version());
    return CZI_EXIT_OK;
}
