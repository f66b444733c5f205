/* placement.c - `causality placement`: which resources lie together, and which should. */
#include "cli/cli.h"

#include "base/limits.h"

#include <inttypes.h>

static int print_one(void *arg, uint32_t group, const cz_id *id, uint64_t uses)
{
    struct czi_cli *cli = arg;

    if (cli->json) {
        struct czi_json j = {.out = stdout};

        czi_json_open(&j, NULL, '{');
        czi_json_number(&j, "group", group);
        czi_json_string(&j, "resource", czi_cli_label(cli, id));
        czi_json_id(&j, "id", id);
        czi_json_u64(&j, "uses", uses);
        czi_json_close(&j, '}');
    } else {
        printf("%-7" PRIu32 " %-9" PRIu64 " ", group, uses);
        czi_print_name(cli, stdout, id);
    }
    printf("\n");
    return CZ_OK;
}

static void print_report(const struct czi_cli *cli, const cz_placement_report *r)
{
    struct czi_json j = {.out = stdout};

    if (!cli->json) {
        printf("%" PRIu32 " groups with %" PRIu64 " of %" PRIu64 " resources; of %" PRIu64
               " pairs that an effect used, %" PRIu64 " (%.1f %%) lie together\n",
               r->groups, r->grouped, r->resources, r->pairs, r->together,
               r->pairs ? 100.0 * (double)r->together / (double)r->pairs : 0.0);
        return;
    }
    czi_json_open(&j, NULL, '{');
    czi_json_u64(&j, "effects", r->effects);
    czi_json_u64(&j, "resources", r->resources);
    czi_json_u64(&j, "grouped", r->grouped);
    czi_json_number(&j, "groups", r->groups);
    czi_json_u64(&j, "pairs", r->pairs);
    czi_json_u64(&j, "together", r->together);
    czi_json_close(&j, '}');
    printf("\n");
}

/* False: said what is wrong. */
static bool group_max_of(const struct czi_cli *cli, uint32_t *ret)
{
    uint64_t n = 0;

    if (!czi_cli_number(cli, "group-max", 1, CZI_PLACEMENT_RESOURCES_MAX, &n))
        return false;
    *ret = (uint32_t)n;
    return true;
}

/* Labels are the store's. */
static int print_all(struct czi_cli *cli, bool suggest)
{
    cz_placement_report r;
    uint32_t group_max;
    int rc;

    if (!group_max_of(cli, &group_max))
        return CZI_EXIT_USAGE;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    if (!cli->json)
        printf("%-7s %-9s %s\n", "GROUP", "USES", "RESOURCE");
    rc = suggest ? cz_placement_suggest(cli->dir, group_max, print_one, cli, &r, &cli->err)
                 : cz_placement_show(cli->dir, print_one, cli, &r, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    print_report(cli, &r);
    return CZI_EXIT_OK;
}

static int placement_show(struct czi_cli *cli, int argc, char **argv)
{
    if (argc)
        cli->dir = argv[0];
    return print_all(cli, false);
}

static int placement_suggest(struct czi_cli *cli, int argc, char **argv)
{
    if (argc)
        cli->dir = argv[0];
    return print_all(cli, true);
}

static int placement_apply(struct czi_cli *cli, int argc, char **argv)
{
    static const cz_options writing = {.ordered = true};
    cz_placement_report r;
    uint32_t group_max;
    int rc;

    if (argc)
        cli->dir = argv[0];
    if (!group_max_of(cli, &group_max))
        return CZI_EXIT_USAGE;
    rc = cz_placement_apply(cli->dir, group_max, &r, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    /* Opening executes the journal again and closing writes the index, by these groups. */
    if (!czi_cli_open(cli, &writing, &rc))
        return rc;
    print_report(cli, &r);
    return CZI_EXIT_OK;
}

int czi_cli_placement(struct czi_cli *cli, int argc, char **argv)
{
    static const struct czi_action actions[] = {
        {"show", "[DIR]", 0, 1, NULL, placement_show},
        {"suggest", "[DIR]", 0, 1, " group-max ", placement_suggest},
        {"apply", "[DIR]", 0, 1, " group-max ", placement_apply},
        {0},
    };

    return czi_cli_act(cli, actions, argc, argv);
}
