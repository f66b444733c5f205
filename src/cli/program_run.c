/* program_run.c - running programs of shared objects, with facts as they are given. */
#include "base/error.h"
#include "cli/fact_add.h"
#include "cli/program.h"
#include "cli/program_guest.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdlib.h>

/* ---- Modules ---------------------------------------------------------------------------- */

int czi_module_load(const char *path, struct czi_module *ret, cz_error *err)
{
    const cz_program_def *(*programs)(void) = NULL;
    char here[4096];
    void *module, *found;

    /* Of other machines dlopen says that they are not there. */
    if (czi_guest_is_file(path))
        return czi_fail(err, CZ_INVALID,
                        "%s is a guest and no module: its code is taken from the store", path);
    /* dlopen searches elsewhere for what has no slash. */
    if (snprintf(here, sizeof here, "%s%s", strchr(path, '/') ? "" : "./", path) >=
        (int)sizeof here)
        return czi_fail(err, CZ_LIMIT, "%s: the name is too long", path);
    module = dlopen(here, RTLD_NOW | RTLD_LOCAL);
    if (!module)
        return czi_fail(err, CZ_NOT_FOUND, "module: %s", dlerror());
    found = dlsym(module, "cz_module_programs");
    if (!found)
        return czi_fail(err, CZ_INVALID,
                        "%s: it has no programs: CZ_MODULE of causality.h exports them", path);
    memcpy(&programs, &found, sizeof programs);
    ret->programs = programs();
    for (ret->count = 0; ret->programs[ret->count].name; ret->count++)
        continue;
    return CZ_OK;
}

/* The newest of a name; NULL: there is none. */
static const cz_program_def *def_of(const struct czi_module *m, const char *name)
{
    const cz_program_def *best = NULL;

    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->programs[i].name, name) == 0 &&
            (!best || m->programs[i].version > best->version))
            best = &m->programs[i];
    return best;
}

static void say_programs(const struct czi_module *m)
{
    for (size_t i = 0; i < m->count; i++)
        czi_cli_say("  %s %u  %s", m->programs[i].name, m->programs[i].version,
                    m->programs[i].summary ? m->programs[i].summary : "");
}

/* ---- Hosts ------------------------------------------------------------------------------ */

struct running {
    struct czi_cli *cli;
    struct czi_module module;
    struct czi_guest_given guest; /* instead of a module */
    uint8_t room[32];
    const uint8_t *secret;
    cz_host *host;
    uint64_t wait_ms;
    struct czi_buf unfinished; /* of cz_id */
};

static cz_program_spec spec_of(const struct czi_cli *cli, int argc, char **argv)
{
    const char *label = czi_cli_option(cli, "label");
    cz_program_spec spec = {.name = argv[0], .label = label ? label : "main"};

    if (argc > 1) {
        spec.args = argv[1];
        spec.args_len = strlen(argv[1]);
    }
    return spec;
}

static bool is_given(const struct running *r, const char *name)
{
    return r->guest.is_guest ? strcmp(r->guest.name, name) == 0
                             : def_of(&r->module, name) != NULL;
}

/* What this store has of the module's programs and has not ended; some end soon after. */
static int on_unfinished(void *arg, const cz_program_report *report)
{
    struct running *r = arg;

    if (report->state != CZ_PROGRAM_RUNNING || !is_given(r, report->name))
        return CZ_OK;
    czi_buf_put(&r->unfinished, &report->id, sizeof report->id);
    return r->unfinished.failed ? CZ_NOMEM : CZ_OK;
}

static int open_host(struct running *r, const char *module, int *ret_exit)
{
    cz_options writing = {.threads = 0};
    cz_host_options options = {0};
    int rc = czi_cli_seed(czi_cli_option(r->cli, "key"), r->room, &r->secret, &r->cli->err);

    if (!rc && module)
        rc = czi_guest_look(r->cli, module, &r->guest);
    if (!rc && module && !r->guest.is_guest)
        rc = czi_module_load(module, &r->module, &r->cli->err);
    if (rc) {
        *ret_exit = czi_cli_fail(rc, &r->cli->err);
        return rc;
    }
    if (!r->cli->engine && !czi_cli_open(r->cli, &writing, ret_exit))
        return CZ_IO;
    options.programs = r->module.programs;
    options.count = r->module.count;
    options.secret = r->secret;
    if (r->guest.is_guest)
        rc = czi_guest_find(r->cli, &r->guest);
    if (!rc)
        rc = cz_program_list(r->cli->engine, on_unfinished, r, &r->cli->err);
    if (!rc)
        rc = cz_host_new(r->cli->engine, &options, &r->host, &r->cli->err);
    if (rc)
        *ret_exit = czi_cli_fail(rc, &r->cli->err);
    return rc;
}

static int close_host(struct running *r, int exit_code)
{
    cz_error err = {0};
    int rc = cz_host_close(r->host, &err);

    r->host = NULL;
    czi_guest_given_done(&r->guest);
    czi_buf_done(&r->unfinished);
    return rc && exit_code <= CZI_EXIT_NO ? czi_cli_fail(rc, &err) : exit_code;
}

/* ---- Its id and key --------------------------------------------------------------------- */

/* A guest is given by its file, which need not be deployed yet, or by its code's id. */
static int id_of(struct czi_cli *cli, int argc, char **argv, cz_id *ret)
{
    struct czi_guest_given guest = {0};
    cz_program_spec spec = spec_of(cli, argc, argv);
    bool is_file = czi_guest_is_file(argv[0]);
    cz_id code;
    int rc = CZ_OK;

    if (strncmp(argv[0], "code:", 5) == 0)
        return czi_fail(&cli->err, CZ_INVALID, "%s is a label: give the code's id, or its file",
                        argv[0]);
    if (is_file || czi_cli_option(cli, "input"))
        rc = czi_guest_look(cli, argv[0], &guest);
    if (!rc && is_file)
        rc = cz_code_id(guest.elf.data, guest.elf.len, &code, &cli->err);
    if (!rc && is_file)
        cz_id_print(&code, guest.name);
    if (!rc && guest.is_guest)
        spec = czi_guest_spec(cli, &guest, argc - 1, argv + 1);
    if (!rc && guest.is_guest && !is_file)
        spec.name = argv[0];
    if (!rc)
        rc = cz_program_id(&spec, ret, &cli->err);
    czi_guest_given_done(&guest);
    return rc;
}

int czi_program_id(struct czi_cli *cli, int argc, char **argv)
{
    char id_text[CZ_ID_TEXT_SIZE], key_text[65] = "";
    uint8_t room[32], key[32];
    const uint8_t *secret = NULL;
    cz_id id;
    int rc = id_of(cli, argc, argv, &id);

    if (!rc)
        rc = czi_cli_seed(czi_cli_option(cli, "key"), room, &secret, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    cz_id_print(&id, id_text);
    if (secret) {
        cz_key_of_program(secret, &id, key);
        czi_hex(key_text, key, sizeof key);
    }
    if (cli->json)
        czi_json_line("program", id_text, "key", key_text);
    else
        printf("%-9s%s\n%-9s%s\n", "program", id_text, "key",
               secret ? key_text : "none: --key FILE gives the host's secret");
    return CZI_EXIT_OK;
}

/* ---- Running ---------------------------------------------------------------------------- */

/* Waits for one, and says what became of it. */
static int wait_for(struct running *r, const cz_id *id)
{
    cz_program_report report = {0};
    cz_error err = {0};
    int rc = cz_program_wait(r->host, id, r->wait_ms, &report, &err);

    if (rc == CZ_TIMEOUT) {
        rc = cz_program_get(r->cli->engine, r->host, id, &report, &err);
        if (rc)
            return czi_cli_fail(rc, &err);
        czi_program_print(r->cli, &report);
        return CZI_EXIT_BUSY;
    }
    if (rc)
        return czi_program_failed(r->cli, rc, &err);
    czi_program_print(r->cli, &report);
    return report.state == CZ_PROGRAM_COMPLETED ? CZI_EXIT_OK : CZI_EXIT_NO;
}

/* The one that is named, instead of all that are unfinished. */
static int start(struct running *r, const cz_program_spec *spec)
{
    cz_id id;
    int rc = cz_program_start(r->host, spec, &id, &r->cli->err);

    r->unfinished.len = 0;
    if (!rc)
        czi_buf_put(&r->unfinished, &id, sizeof id);
    if (!rc && r->unfinished.failed)
        rc = czi_nomem(&r->cli->err, "the program");
    return rc ? czi_cli_fail(rc, &r->cli->err) : CZI_EXIT_OK;
}

static int start_one(struct running *r, int argc, char **argv)
{
    cz_program_spec spec;

    if (r->guest.is_guest) {
        spec = czi_guest_spec(r->cli, &r->guest, argc, argv);
        return spec.args_len || czi_cli_option(r->cli, "label") || !r->unfinished.len
                   ? start(r, &spec)
                   : CZI_EXIT_OK;
    }
    if (!argc)
        return CZI_EXIT_OK;
    spec = spec_of(r->cli, argc, argv);
    if (!def_of(&r->module, argv[0])) {
        czi_cli_say("the module has no program '%s'; it has", argv[0]);
        say_programs(&r->module);
        return CZI_EXIT_NOT_FOUND;
    }
    return start(r, &spec);
}

/* The facts are given while the programs run. */
static int run(struct running *r, int argc, char **argv)
{
    const char *files[CZI_CLI_MANY_MAX];
    char *paths[CZI_CLI_MANY_MAX];
    unsigned count = czi_cli_many(r->cli, "facts", files);
    int worst = start_one(r, argc, argv);

    for (unsigned i = 0; i < count; i++)
        memcpy(&paths[i], &files[i], sizeof paths[i]);
    if (!worst && count)
        worst = czi_fact_add_run(r->cli, (int)count, paths);
    for (size_t i = 0; i < r->unfinished.len / sizeof(cz_id) && worst <= CZI_EXIT_NO; i++) {
        cz_id id;
        int exit_code;

        memcpy(&id, r->unfinished.data + i * sizeof id, sizeof id);
        exit_code = wait_for(r, &id);
        worst = CZI_MAX(worst, exit_code);
    }
    return worst;
}

int czi_program_run(struct czi_cli *cli, int argc, char **argv)
{
    struct running r = {.cli = cli, .wait_ms = CZ_FOREVER};
    int exit_code = CZI_EXIT_OK;

    if (!czi_cli_number(cli, "wait", 0, UINT32_MAX, &r.wait_ms))
        return CZI_EXIT_USAGE;
    if (open_host(&r, argv[0], &exit_code)) {
        czi_guest_given_done(&r.guest);
        return exit_code;
    }
    if (r.guest.is_guest && argc > 2)
        return close_host(&r, czi_cli_usage(cli, "a guest has arguments alone, and no name"));
    return close_host(&r, run(&r, argc - 1, argv + 1));
}

/* ---- Cancelling ------------------------------------------------------------------------- */

static int ask_other(struct czi_cli *cli, const cz_id *id, bool *ret_other)
{
    int rc = cz_program_cancel_of(cli->dir, id, &cli->err);

    *ret_other = rc != CZ_NOT_FOUND;
    if (rc)
        return *ret_other ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
    if (!cli->json)
        printf("the process that runs it was asked to cancel it\n");
    return CZI_EXIT_OK;
}

int czi_program_cancel(struct czi_cli *cli, int argc, char **argv)
{
    struct running r = {.cli = cli, .wait_ms = CZ_FOREVER};
    cz_program_report report;
    bool other;
    cz_id id;
    int rc, exit_code;

    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = czi_program_find_one(cli, argv[0], &id);
    if (!rc)
        rc = cz_program_get(cli->engine, NULL, &id, &report, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    exit_code = czi_cli_close(cli, CZI_EXIT_OK);
    if (exit_code)
        return exit_code;
    if (report.state != CZ_PROGRAM_RUNNING)
        return czi_cli_fail(czi_fail(&cli->err, CZ_NOT_FOUND,
                                     "%s is over: causality program show tells how it ended",
                                     argv[0]),
                            &cli->err);
    exit_code = ask_other(cli, &id, &other);
    if (other || exit_code)
        return exit_code;
    if (argc < 2 && !czi_guest_is(&report))
        return czi_cli_usage(cli, "no process runs it: give its module, to go on with it and "
                                  "cancel it");
    if (open_host(&r, argc < 2 ? NULL : argv[1], &exit_code)) {
        czi_guest_given_done(&r.guest);
        return exit_code;
    }
    rc = cz_program_cancel(r.host, &id, &cli->err);
    exit_code = rc ? czi_cli_fail(rc, &cli->err) : wait_for(&r, &id);
    return close_host(&r, exit_code == CZI_EXIT_NO ? CZI_EXIT_OK : exit_code);
}
