/* replay.c - `causality replay`: everything executed again from the journal, and compared; or
 * one program's code run again on its log.
 */
#include "cli/inspect.h"
#include "cli/program.h"
#include "cli/program_guest.h"

#include <inttypes.h>

static int replay_all(struct czi_cli *cli)
{
    struct czi_json j = {.out = stdout};
    struct czi_inspection c;
    cz_journal_report report;
    int rc;

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

/* The store is closed meanwhile: the code sees the log alone. */
static int find_program(struct czi_cli *cli, const char *text, const char *path, cz_id *ret)
{
    cz_program_report report;
    int exit_code, rc;

    if (!czi_cli_open(cli, NULL, &exit_code))
        return exit_code;
    rc = czi_program_find_one(cli, text, ret);
    if (!rc)
        rc = cz_program_get(cli->engine, NULL, ret, &report, &cli->err);
    if (!rc && !path && !czi_guest_is(&report))
        return czi_cli_usage(cli, "it is no guest: give the module with its code");
    exit_code = rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
    return czi_cli_close(cli, exit_code);
}

static int replay_program(struct czi_cli *cli, const char *text, const char *path)
{
    cz_host_options options = {0};
    struct czi_module module = {0};
    cz_program_replay_report r;
    uint8_t room[32];
    cz_id id;
    int rc = find_program(cli, text, path, &id);

    if (rc)
        return rc;
    rc = czi_cli_seed(czi_cli_option(cli, "key"), room, &options.secret, &cli->err);
    if (!rc && path)
        rc = czi_module_load(path, &module, &cli->err);
    options.programs = module.programs;
    options.count = module.count;
    if (!rc)
        rc = cz_program_replay(cli->dir, &id, &options, &r, &cli->err);
    if (rc)
        return czi_program_failed(cli, rc, &cli->err);
    czi_program_print(cli, &r.program);
    if (!cli->json)
        printf("%-9s%" PRIu64 "\n%-9s%" PRIu64 " entries to the byte, %" PRIu64 " of effects\n"
               "replay: equal\n",
               "inputs", r.inputs, "made", r.entries, r.effects);
    return CZI_EXIT_OK;
}

int czi_cli_replay(struct czi_cli *cli, int argc, char **argv)
{
    const char *program = czi_cli_option(cli, "program");

    if (!program && argc)
        return czi_cli_usage(cli, "a module goes with --program");
    return program ? replay_program(cli, program, argc ? argv[0] : NULL) : replay_all(cli);
}
