/* vm.c - `causality vm`: runs a guest alone, without a store.
 *
 * Layer: cli. Thread: main. The guest's output is the command's standard output and its exit
 * code the command's, so that both look as if it were a program of this machine; everything
 * else that there is to say goes to standard error.
 */
#include "base/error.h"
#include "base/limits.h"
#include "cli/cli.h"
#include "cli/code.h"
#include "platform/platform.h"

#include <inttypes.h>

struct run {
    struct czi_cli *cli;
    const char *file;
    struct czi_buf elf, input;
    struct czi_image image;
    cz_vm_options options;
    cz_vm_report report;
    uint64_t time_ns;
};

static const char *const statuses[] = {
    [CZ_GUEST_EXITED] = "exited",
    [CZ_GUEST_TRAPPED] = "trapped",
    [CZ_GUEST_NO_GAS] = "out of gas",
};

/* ---- How it ended ------------------------------------------------------------------------ */

/* "0x1000c <main+0x8>: lw a0,0(a1)" */
static void describe_place(const struct run *r, char *out, size_t size)
{
    uint64_t pc = r->report.run.pc;
    char text[CZI_DISASM_MAX], name[CZI_CODE_NAME_SIZE];

    czi_code_name(&r->image, pc, name);
    if (!czi_disasm(&r->image, pc, text))
        (void)snprintf(out, size, "0x%" PRIx64 "%s", pc, name);
    else
        (void)snprintf(out, size, "0x%" PRIx64 "%s, \"%s\"", pc, name, text);
}

static int say_end(const struct run *r)
{
    const cz_guest_run *run = &r->report.run;
    char place[CZI_DISASM_MAX + CZI_CODE_NAME_SIZE + 32];

    if (run->status == CZ_GUEST_EXITED)
        return (int)(run->code & 255);
    describe_place(r, place, sizeof place);
    if (run->status == CZ_GUEST_NO_GAS) {
        czi_cli_say("%s: out of gas at %s: it used all %" PRIu64 "; --gas N gives more",
                    r->file, place, run->gas);
        return CZI_EXIT_GAS;
    }
    czi_cli_say("%s: trapped at %s: %s", r->file, place,
                r->report.detail[0] ? r->report.detail : cz_guest_trap_text(run->trap));
    return CZI_EXIT_TRAP;
}

/* ---- What it said ------------------------------------------------------------------------ */

/* The next of its messages; false at their end. */
static bool next_message(struct czi_cursor *c, struct czi_slice *ret)
{
    uint64_t len;

    if (!czi_cursor_left(c))
        return false;
    len = czi_cursor_varint(c);
    CZI_CHECK(!c->failed && len <= czi_cursor_left(c)); /* our own encoding */
    *ret = (struct czi_slice){czi_cursor_take(c, (size_t)len), (size_t)len};
    return true;
}

static int put_output(const struct run *r)
{
    const cz_guest_run *run = &r->report.run;
    struct czi_cursor c = czi_cursor(run->messages, run->messages_len);
    struct czi_slice message;

    if (run->output_len && fwrite(run->output, 1, run->output_len, stdout) != run->output_len)
        return CZI_EXIT_IO; /* the frame says why */
    (void)fflush(stdout);
    while (next_message(&c, &message)) {
        (void)fputs("log: ", stderr);
        (void)czi_print_text(stderr, (const char *)message.data, message.len);
        (void)fputs("\n", stderr);
    }
    return CZI_EXIT_OK;
}

static double mips(const struct run *r)
{
    return r->time_ns ? (double)r->report.instructions * 1000.0 / (double)r->time_ns : 0.0;
}

static void put_stats(const struct run *r)
{
    const cz_vm_report *report = &r->report;

    (void)fprintf(stderr, "%-14s %s, %" PRIu64 "\n", "status", statuses[report->run.status],
                  report->run.code);
    (void)fprintf(stderr, "%-14s %" PRIu64 "\n", "instructions", report->instructions);
    (void)fprintf(stderr, "%-14s %" PRIu64 "\n", "gas", report->run.gas);
    (void)fprintf(stderr, "%-14s %" PRIu64 "\n", "pages written", report->pages_written);
    (void)fprintf(stderr, "%-14s %s\n", "provable", report->provable ? "yes" : "no");
    (void)fprintf(stderr, "%-14s %.6f s, %.0f million instructions a second\n", "time",
                  (double)r->time_ns / 1e9, mips(r));
}

static void put_json(const struct run *r, bool stats)
{
    const cz_guest_run *run = &r->report.run;
    struct czi_json j = {.out = stdout};
    struct czi_cursor c = czi_cursor(run->messages, run->messages_len);
    struct czi_slice message;
    bool trapped = run->status == CZ_GUEST_TRAPPED;
    char pc[24], text[CZI_DISASM_MAX], name[CZI_CODE_NAME_SIZE];

    czi_code_name(&r->image, run->pc, name);
    (void)snprintf(pc, sizeof pc, "0x%" PRIx64, run->pc);
    czi_json_open(&j, NULL, '{');
    czi_json_string(&j, "status", statuses[run->status]);
    czi_json_u64(&j, "code", run->code);
    czi_json_string(&j, "trap", trapped ? cz_guest_trap_text(run->trap) : NULL);
    czi_json_string(&j, "detail", r->report.detail[0] ? r->report.detail : NULL);
    czi_json_string(&j, "pc", pc);
    /* Without the brackets. */
    if (name[0])
        czi_json_text(&j, "symbol",
                      (struct czi_slice){(const uint8_t *)name + 2, strlen(name) - 3});
    else
        czi_json_string(&j, "symbol", NULL);
    czi_json_string(&j, "instruction", czi_disasm(&r->image, run->pc, text) ? text : NULL);
    czi_json_u64(&j, "gas", run->gas);
    czi_json_u64(&j, "instructions", r->report.instructions);
    czi_json_u64(&j, "pages_written", r->report.pages_written);
    czi_json_bool(&j, "provable", r->report.provable);
    czi_json_base64(&j, "output", run->output, run->output_len);
    czi_json_open(&j, "messages", '[');
    while (next_message(&c, &message))
        czi_json_base64(&j, NULL, message.data, message.len);
    czi_json_close(&j, ']');
    if (stats)
        czi_json_u64(&j, "time_ns", r->time_ns);
    czi_json_close(&j, '}');
    printf("\n");
}

/* ---- Running ----------------------------------------------------------------------------- */

static int load(struct run *r)
{
    const char *input = czi_cli_option(r->cli, "input");
    cz_error *err = &r->cli->err;
    int rc = czi_cli_load(r->file, CZI_ELF_SIZE_MAX, "CZI_ELF_SIZE_MAX", &r->elf, err);

    if (!rc && input)
        rc = czi_cli_load(input, CZ_GUEST_INPUT_MAX, "CZ_GUEST_INPUT_MAX", &r->input, err);
    if (rc)
        return rc;
    rc = czi_elf_read(r->elf.data, r->elf.len, &r->image, err);
    if (rc)
        return czi_wrap(err, rc, "%s", r->file);
    r->options.input = r->input.data;
    r->options.input_len = r->input.len;
    return CZ_OK;
}

static int run(struct run *r)
{
    bool stats = czi_cli_option(r->cli, "stats") != NULL;
    uint64_t start;
    int rc = load(r), exit_code;

    start = czi_clock_ns();
    if (!rc) {
        rc = cz_vm_run(r->elf.data, r->elf.len, &r->options, &r->report, &r->cli->err);
        rc = rc ? czi_wrap(&r->cli->err, rc, "%s", r->file) : CZ_OK;
    }
    if (rc)
        return czi_cli_fail(rc, &r->cli->err);
    r->time_ns = czi_clock_ns() - start;
    if (r->cli->json)
        put_json(r, stats);
    else if (put_output(r))
        return CZI_EXIT_IO;
    exit_code = say_end(r);
    if (stats && !r->cli->json)
        put_stats(r);
    return exit_code;
}

static int vm_run(struct czi_cli *cli, int argc, char **argv)
{
    const char *input = czi_cli_option(cli, "input");
    struct run r = {.cli = cli, .file = argv[0], .options = {.gas = UINT64_MAX}};
    int exit_code;

    (void)argc;
    if (!czi_cli_number(cli, "gas", 1, UINT64_MAX, &r.options.gas))
        return CZI_EXIT_USAGE;
    if (input && strcmp(input, "-") == 0 && strcmp(r.file, "-") == 0)
        return czi_cli_usage(cli, "standard input can be the file or the input, not both");
    r.options.stepwise = czi_cli_option(cli, "stepwise") != NULL;
    exit_code = run(&r);
    cz_vm_report_done(&r.report);
    czi_buf_done(&r.elf);
    czi_buf_done(&r.input);
    return exit_code;
}

int czi_cli_vm(struct czi_cli *cli, int argc, char **argv)
{
    static const struct czi_action actions[] = {
        {"run", "FILE", 1, 1, " gas input stats stepwise ", vm_run},
        {0},
    };

    return czi_cli_act(cli, actions, argc, argv);
}
