/* before.c - `causality before`: whether one event happened before another. */
#include "cli/cli.h"

#include "base/error.h"

static const char *const answers[] = {
    [CZ_SAME] = "same", [CZ_BEFORE] = "yes", [CZ_AFTER] = "no", [CZ_CONCURRENT] = "concurrent"};

int czi_cli_before(struct czi_cli *cli, int argc, char **argv)
{
    struct czi_json j = {.out = stdout};
    enum cz_order order = CZ_SAME;
    enum czi_found what;
    cz_id ids[2];
    int rc;

    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    for (int i = 0; i < argc && !rc; i++)
        rc = czi_cli_find(cli, argv[i], CZI_FOUND_EFFECT | CZI_FOUND_FACT, &what, &ids[i]);
    if (!rc)
        rc = cz_causal_order(cli->engine, &ids[0], &ids[1], &order, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    if (cli->json) {
        czi_json_open(&j, NULL, '{');
        czi_json_id(&j, "a", &ids[0]);
        czi_json_id(&j, "b", &ids[1]);
        czi_json_string(&j, "before", answers[order]);
        czi_json_string(&j, "order", cz_order_name((int)order));
        czi_json_close(&j, '}');
        printf("\n");
    } else {
        printf("%s\n", answers[order]);
    }
    return order == CZ_BEFORE ? CZI_EXIT_OK : CZI_EXIT_NO;
}
