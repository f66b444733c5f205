/* init.c - `causality init`: an empty store. */
#include "cli/cli.h"

#include "base/error.h"

int czi_cli_init(struct czi_cli *cli, int argc, char **argv)
{
    CZI_AUTOBUF path = {0};
    bool inside = argc && argv[0][0] != '/' && strcmp(cli->dir, ".") != 0;
    int rc;

    if (inside)
        czi_buf_printf(&path, "%s/", cli->dir);
    czi_buf_printf(&path, "%s", argc ? argv[0] : cli->dir);
    czi_buf_put_byte(&path, 0);
    if (path.failed)
        rc = CZ_NOMEM;
    else
        rc = cz_init((const char *)path.data, &cli->err);
    if (rc)
        return czi_cli_fail(czi_wrap(&cli->err, rc, "%s", argc ? argv[0] : cli->dir),
                            &cli->err);
    if (cli->json)
        czi_json_line("store", (const char *)path.data);
    else
        printf("an empty store is in %s\n", (const char *)path.data);
    return CZI_EXIT_OK;
}
