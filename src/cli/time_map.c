/* time_map.c - `causality time-map`: what is known of every domain, now or as an effect saw it.
 */
#include "cli/cli.h"

#include "base/error.h"

#include <inttypes.h>

static bool is_zero(const cz_id *id)
{
    static const cz_id none;

    return memcmp(id, &none, sizeof none) == 0;
}

static void json_map(const cz_time_map *map)
{
    struct czi_json j = {.out = stdout};
    cz_id id = cz_time_map_id(map);

    czi_json_open(&j, NULL, '{');
    if (is_zero(&id))
        czi_json_string(&j, "snapshot", NULL);
    else
        czi_json_id(&j, "snapshot", &id);
    czi_json_u64(&j, "lamport", cz_time_map_lamport(map));
    czi_json_open(&j, "domains", '[');
    for (size_t i = 0; i < cz_time_map_count(map); i++) {
        cz_domain_time t = cz_time_map_at(map, i);

        czi_json_open(&j, NULL, '{');
        czi_json_string(&j, "domain", t.domain);
        czi_json_u64(&j, "height", t.height);
        czi_json_u64(&j, "time", t.time);
        czi_json_hex(&j, "hash", t.hash, sizeof t.hash);
        czi_json_u64(&j, "safe", t.safe_height);
        czi_json_u64(&j, "final", t.final_height);
        czi_json_close(&j, '}');
    }
    czi_json_close(&j, ']');
    czi_json_close(&j, '}');
    printf("\n");
}

static void text_map(const struct czi_cli *cli, const cz_time_map *map)
{
    cz_id id = cz_time_map_id(map);
    char text[CZ_ID_TEXT_SIZE], hex[65];
    size_t width = strlen("DOMAIN");

    cz_id_print(&id, text);
    printf("snapshot   %s\nlamport    %" PRIu64 "\n",
           is_zero(&id) ? "nothing is known of any domain" : text, cz_time_map_lamport(map));
    for (size_t i = 0; i < cz_time_map_count(map); i++) {
        const char *name = cz_time_map_at(map, i).domain;

        width = CZI_MAX(width, czi_text_width(name, strlen(name)));
    }
    if (cz_time_map_count(map))
        printf("\n%s%-*s  %12s  %14s  %12s  %12s  %s%s\n", czi_bold(cli), (int)width, "DOMAIN",
               "HEIGHT", "TIME", "SAFE", "FINAL", "HASH", czi_plain(cli));
    for (size_t i = 0; i < cz_time_map_count(map); i++) {
        cz_domain_time t = cz_time_map_at(map, i);
        size_t shown = czi_print_text(stdout, t.domain, strlen(t.domain));

        czi_hex(hex, t.hash, sizeof t.hash);
        printf("%*s  %12" PRIu64 "  %14" PRIu64 "  %12" PRIu64 "  %12" PRIu64 "  %s\n",
               (int)(width - CZI_MIN(shown, width)), "", t.height, t.time, t.safe_height,
               t.final_height, hex);
    }
}

int czi_cli_time_map(struct czi_cli *cli, int argc, char **argv)
{
    const char *at = czi_cli_option(cli, "at");
    cz_time_map *map = NULL;
    enum czi_found what;
    cz_id id;
    int rc;

    (void)argc;
    (void)argv;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    if (at)
        rc = czi_cli_find(cli, at, CZI_FOUND_EFFECT, &what, &id);
    if (!rc)
        rc = at ? cz_snapshot_at(cli->engine, &id, &map, &cli->err)
                : cz_snapshot(cli->engine, &map, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    if (cli->json)
        json_map(map);
    else
        text_map(cli, map);
    cz_time_map_free(map);
    return CZI_EXIT_OK;
}
