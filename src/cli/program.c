/* program.c - `causality program`: what programs there are, and what they did. */
#include "cli/program.h"

#include "cli/program_guest.h"

#include "base/error.h"
#include "cli/code.h"

#include <inttypes.h>
#include <stdlib.h>

/* So much of an id is unique in practice and still leaves room on the line. */
#define ID_SHOWN 20

/* ---- Finding one ------------------------------------------------------------------------ */

struct search {
    const char *text;
    cz_id found;
    unsigned count;
};

/* By its label, or the text of its id, or how that begins. */
static int on_candidate(void *arg, const cz_program_report *r)
{
    struct search *s = arg;
    char id[CZ_ID_TEXT_SIZE];

    cz_id_print(&r->id, id);
    if (strcmp(r->label, s->text) != 0 && strncmp(id, s->text, strlen(s->text)) != 0)
        return CZ_OK;
    s->found = r->id;
    s->count++;
    return CZ_OK;
}

static int on_ambiguous(void *arg, const cz_program_report *r)
{
    const struct search *s = arg;
    struct search one = {.text = s->text};
    char id[CZ_ID_TEXT_SIZE];

    if (on_candidate(&one, r) || !one.count)
        return CZ_OK;
    cz_id_print(&r->id, id);
    czi_cli_say("  %s  %s  %s", id, r->name, r->label);
    return CZ_OK;
}

int czi_program_find_one(struct czi_cli *cli, const char *text, cz_id *ret)
{
    struct search s = {.text = text};
    int rc = cz_program_list(cli->engine, on_candidate, &s, &cli->err);

    if (!rc && s.count == 0)
        rc = czi_fail(&cli->err, CZ_NOT_FOUND,
                      "no program has the label or id '%s': causality program list", text);
    if (!rc && s.count > 1) {
        czi_cli_say("'%s' names several programs:", text);
        rc = cz_program_list(cli->engine, on_ambiguous, &s, &cli->err);
        rc = rc ? rc : czi_fail(&cli->err, CZ_CONFLICT, "'%s': take more of the id", text);
    }
    if (!rc)
        *ret = s.found;
    return rc;
}

/* ---- Reports ---------------------------------------------------------------------------- */

static void json_report(const cz_program_report *r)
{
    struct czi_json j = {.out = stdout};

    czi_json_open(&j, NULL, '{');
    czi_json_id(&j, "program", &r->id);
    czi_json_string(&j, "name", r->name);
    czi_json_number(&j, "version", r->version);
    czi_json_string(&j, "label", r->label);
    czi_json_string(&j, "state", cz_program_state_name((int)r->state));
    if (r->state != CZ_PROGRAM_RUNNING) {
        czi_json_string(&j, "code", cz_code_name(r->code));
        czi_json_string(&j, "detail", r->detail);
        czi_json_u64(&j, "value", r->value);
    }
    czi_json_u64(&j, "entries", r->entries);
    czi_json_u64(&j, "first", r->first);
    czi_json_u64(&j, "last", r->last);
    czi_json_id(&j, "head", &r->head);
    czi_json_close(&j, '}');
    printf("\n");
}

void czi_program_print(const struct czi_cli *cli, const cz_program_report *r)
{
    char id[CZ_ID_TEXT_SIZE];

    if (cli->json) {
        json_report(r);
        return;
    }
    cz_id_print(&r->id, id);
    printf("%-9s%s%s%s\n%-9s%s %" PRIu32 "\n%-9s", "program", czi_bold(cli), id, czi_plain(cli),
           "code", r->name, r->version, "label");
    (void)czi_print_text(stdout, r->label, strlen(r->label));
    printf("\n%-9s%s", "state", cz_program_state_name((int)r->state));
    if (r->state == CZ_PROGRAM_COMPLETED)
        printf(", value %" PRIu64, r->value);
    if (r->detail[0]) {
        printf(": ");
        (void)czi_print_text(stdout, r->detail, strlen(r->detail));
    }
    cz_id_print(&r->head, id);
    printf("\n%-9s%" PRIu64 ", at positions %" PRIu64 " to %" PRIu64 "\n%-9s%s\n", "entries",
           r->entries, r->first, r->last, "head", id);
}

int czi_program_failed(const struct czi_cli *cli, int rc, const cz_error *err)
{
    int exit_code = czi_cli_fail(rc, err);

    if (rc == CZ_DIFFERS)
        czi_cli_say("  it fits its log with the module%s that it was begun with",
                    czi_cli_option(cli, "key") ? " and the key"
                                               : " (and --key, if it had one)");
    return exit_code;
}

static int on_listed(void *arg, const cz_program_report *r)
{
    const struct czi_cli *cli = arg;
    char id[CZ_ID_TEXT_SIZE];

    if (cli->json) {
        json_report(r);
        return ferror(stdout) ? CZ_IO : CZ_OK;
    }
    cz_id_print(&r->id, id);
    printf("%.*s  %-9s  %7" PRIu64 "  %-20.20s  ", ID_SHOWN, id,
           cz_program_state_name((int)r->state), r->entries, r->name);
    (void)czi_print_text(stdout, r->label, strlen(r->label));
    printf("\n");
    return ferror(stdout) ? CZ_IO : CZ_OK;
}

static int program_list(struct czi_cli *cli, int argc, char **argv)
{
    int rc;

    (void)argc;
    (void)argv;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    if (!cli->json)
        printf("%s%-*s  %-9s  %7s  %-20s  %s%s\n", czi_bold(cli), ID_SHOWN, "PROGRAM", "STATE",
               "ENTRIES", "CODE", "LABEL", czi_plain(cli));
    rc = cz_program_list(cli->engine, on_listed, cli, &cli->err);
    if (rc == CZ_IO && ferror(stdout))
        return CZI_EXIT_IO;
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

static int program_show(struct czi_cli *cli, int argc, char **argv)
{
    cz_program_report r;
    cz_id id;
    int rc;

    (void)argc;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = czi_program_find_one(cli, argv[0], &id);
    if (!rc)
        rc = cz_program_get(cli->engine, NULL, &id, &r, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    czi_program_print(cli, &r);
    return CZI_EXIT_OK;
}

/* ---- The log ---------------------------------------------------------------------------- */

/* What an entry does, where it does more than to tell. */
static void text_entry(const struct czi_cli *cli, const cz_program_entry *e)
{
    const cz_receipt *r = e->receipt;
    const char *line = e->text ? e->text : "";

    printf("%s%6" PRIu64 "%s  at %-9" PRIu64 " %s  ", czi_bold(cli), e->number, czi_plain(cli),
           r->position, cz_reason_name((int)r->reason));
    czi_print_what(cli, stdout, r->effect_bytes, r->effect_len);
    printf("\n");
    while (*line) {
        size_t len = strcspn(line, "\n");

        printf("        ");
        (void)czi_print_text(stdout, line, len);
        printf("\n");
        line += len + (line[len] == '\n');
    }
}

static int on_entry(void *arg, const cz_program_entry *e)
{
    const struct czi_cli *cli = arg;
    struct czi_json j = {.out = stdout};

    if (!cli->json) {
        text_entry(cli, e);
        return ferror(stdout) ? CZ_IO : CZ_OK;
    }
    czi_json_open(&j, NULL, '{');
    czi_json_u64(&j, "number", e->number);
    czi_json_u64(&j, "position", e->receipt->position);
    czi_json_id(&j, "effect", &e->receipt->effect);
    czi_json_id(&j, "receipt", &e->receipt->id);
    czi_json_id(&j, "node", &e->node);
    czi_json_string(&j, "outcome", cz_reason_name((int)e->receipt->reason));
    czi_json_string(&j, "text", e->text);
    czi_json_hex(&j, "note", e->note, e->note_len);
    czi_json_close(&j, '}');
    printf("\n");
    return ferror(stdout) ? CZ_IO : CZ_OK;
}

static int program_log(struct czi_cli *cli, int argc, char **argv)
{
    cz_id id;
    int rc;

    (void)argc;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = czi_program_find_one(cli, argv[0], &id);
    if (!rc)
        rc = cz_program_log(cli->engine, &id, on_entry, cli, &cli->err);
    if (rc == CZ_IO && ferror(stdout))
        return CZI_EXIT_IO;
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

int czi_cli_program(struct czi_cli *cli, int argc, char **argv)
{
    static const struct czi_action actions[] = {
        {"list", "", 0, 0, NULL, program_list},
        {"show", "PROGRAM", 1, 1, NULL, program_show},
        {"log", "PROGRAM", 1, 1, NULL, program_log},
        {"id", "NAME|FILE|CODE [ARGUMENTS]", 1, 2, " label key input ", czi_program_id},
        {"run", "MODULE [NAME [ARGUMENTS]] | FILE|CODE [ARGUMENTS]", 1, 3,
         " label key facts sign wait input ", czi_program_run},
        {"deploy", "FILE", 1, 1, NULL, czi_program_deploy},
        {"cancel", "PROGRAM [MODULE]", 1, 2, " key ", czi_program_cancel},
        {"inspect", "FILE|CODE", 1, 1, NULL, czi_program_inspect},
        {"disasm", "FILE|CODE", 1, 1, NULL, czi_program_disasm},
        {0},
    };

    return czi_cli_act(cli, actions, argc, argv);
}
