/* program_guest.c - guests as programs: `causality program deploy`, and what run, cancel and
 * replay need of guests.
 */
#include "cli/program_guest.h"

#include "base/error.h"
#include "base/limits.h"
#include "causality/guest.h"

#include <unistd.h>

/* What the header of an ELF file for RISC-V has at its offset 18. */
#define MACHINE_OFFSET 18u
#define MACHINE_RISCV 243u

bool czi_guest_is(const cz_program_report *r)
{
    cz_id id;

    return cz_id_parse(r->name, &id, NULL) == CZ_OK;
}

bool czi_guest_is_file(const char *path)
{
    uint8_t head[MACHINE_OFFSET + 2] = {0};
    FILE *f = fopen(path, "rb");
    size_t len = f ? fread(head, 1, sizeof head, f) : 0;

    if (f)
        (void)fclose(f);
    return len == sizeof head && memcmp(head, "\177ELF", 4) == 0 &&
           head[MACHINE_OFFSET] == MACHINE_RISCV && head[MACHINE_OFFSET + 1] == 0;
}

int czi_guest_look(struct czi_cli *cli, const char *text, struct czi_guest_given *ret)
{
    const char *input = czi_cli_option(cli, "input");
    int rc = CZ_OK;

    *ret = (struct czi_guest_given){.text = text};
    ret->is_file = access(text, F_OK) == 0;
    ret->is_guest =
        ret->is_file ? czi_guest_is_file(text) : !strchr(text, '/') && !strstr(text, ".so");
    if (ret->is_guest && ret->is_file)
        rc = czi_cli_load(text, CZI_DATA_SIZE_MAX, "DATA_SIZE_MAX", &ret->elf, &cli->err);
    if (!rc && input && !ret->is_guest)
        rc = czi_fail(&cli->err, CZ_INVALID, "--input is for guests; %s is a module", text);
    if (!rc && input)
        rc = czi_cli_load(input, CZ_GUEST_INPUT_MAX, "CZ_GUEST_INPUT_MAX", &ret->input,
                          &cli->err);
    return rc;
}

void czi_guest_given_done(struct czi_guest_given *g)
{
    czi_buf_done(&g->elf);
    czi_buf_done(&g->input);
}

/* The effect follows from the code: whoever deploys it again gets the same one's result. */
static int deploy(struct czi_cli *cli, const struct czi_buf *elf, const cz_id *id)
{
    cz_result result = {0};
    cz_id made;
    CZ_EFFECT(e);
    int rc = e ? CZ_OK : czi_nomem(&cli->err, "an effect");

    if (rc)
        return rc;
    cz_effect_set_origin(e, id);
    cz_effect_set_nonce(e, 1);
    rc = cz_effect_deploy(e, elf->data, elf->len, &made, &cli->err);
    return rc ? rc : cz_perform(cli->engine, e, &result, &cli->err);
}

/* Deploys it, if it is not there. */
static int put(struct czi_cli *cli, const char *path, const struct czi_buf *elf, cz_id *ret,
               bool *ret_new)
{
    cz_resource r;
    int rc = cz_code_id(elf->data, elf->len, ret, &cli->err);

    if (rc)
        return czi_wrap(&cli->err, rc, "%s", path);
    rc = cz_resource_get(cli->engine, ret, &r, &cli->err);
    *ret_new = rc == CZ_NOT_FOUND;
    return *ret_new ? deploy(cli, elf, ret) : rc;
}

int czi_guest_find(struct czi_cli *cli, struct czi_guest_given *g)
{
    cz_id id;
    bool is_new;
    int rc = g->is_file ? put(cli, g->text, &g->elf, &id, &is_new)
                        : czi_cli_find_kind(cli, g->text, CZ_CODE, &id);

    if (!rc)
        cz_id_print(&id, g->name);
    return rc;
}

cz_program_spec czi_guest_spec(struct czi_cli *cli, const struct czi_guest_given *g, int argc,
                               char **argv)
{
    const char *label = czi_cli_option(cli, "label");
    cz_program_spec spec = {.name = g->name, .label = label ? label : "main"};

    if (g->input.len) {
        spec.args = g->input.data;
        spec.args_len = g->input.len;
    } else if (argc) {
        spec.args = argv[0];
        spec.args_len = strlen(argv[0]);
    }
    return spec;
}

int czi_program_deploy(struct czi_cli *cli, int argc, char **argv)
{
    cz_options writing = {.threads = 1};
    struct czi_json j = {.out = stdout};
    CZI_AUTOBUF elf = {0};
    char text[CZ_ID_TEXT_SIZE];
    bool is_new = false;
    int rc = czi_cli_load(argv[0], CZI_DATA_SIZE_MAX, "DATA_SIZE_MAX", &elf, &cli->err);
    int exit_code;
    cz_id id;

    (void)argc;
    if (!rc && !czi_cli_open(cli, &writing, &exit_code))
        return exit_code;
    if (!rc)
        rc = put(cli, argv[0], &elf, &id, &is_new);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    if (cli->json) {
        czi_json_open(&j, NULL, '{');
        czi_json_id(&j, "code", &id);
        czi_json_bool(&j, "new", is_new);
        czi_json_close(&j, '}');
        printf("\n");
        return CZI_EXIT_OK;
    }
    cz_id_print(&id, text);
    printf("%s\n", text);
    return CZI_EXIT_OK;
}
