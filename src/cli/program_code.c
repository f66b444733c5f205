/* program_code.c - `causality program inspect|disasm`: what a code is made of, and its text. */
#include "base/error.h"
#include "base/limits.h"
#include "cli/code.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

void czi_code_name(const struct czi_image *image, uint64_t address,
                   char out[CZI_CODE_NAME_SIZE])
{
    struct czi_symbol s;
    char name[CZI_CODE_NAME_SIZE - 24] = {0};

    out[0] = 0;
    if (!czi_elf_symbol(image, address, &s))
        return;
    for (size_t i = 0; i < CZI_MIN(s.name.len, sizeof name - 1); i++)
        name[i] = (char)(s.name.data[i] > ' ' && s.name.data[i] < 0x7f ? s.name.data[i] : '?');
    if (address == s.address)
        (void)snprintf(out, CZI_CODE_NAME_SIZE, " <%s>", name);
    else
        (void)snprintf(out, CZI_CODE_NAME_SIZE, " <%s+0x%" PRIx64 ">", name,
                       address - s.address);
}

/* ---- Finding one ------------------------------------------------------------------------- */

static int load_from_store(struct czi_cli *cli, const char *text, struct czi_buf *buf)
{
    cz_resource r;
    cz_id id;
    int rc, exit_code;

    if (!czi_cli_open(cli, NULL, &exit_code))
        return exit_code;
    rc = czi_cli_find_kind(cli, text, CZ_CODE, &id);
    if (!rc)
        rc = cz_resource_get(cli->engine, &id, &r, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    czi_buf_put(buf, r.data, r.data_len);
    if (buf->failed)
        return czi_cli_fail(czi_nomem(&cli->err, "the code"), &cli->err);
    return CZI_EXIT_OK;
}

/* A file, where there is one of that name; otherwise a code of the store. Returns an exit
 * code. */
static int load(struct czi_cli *cli, const char *text, struct czi_buf *buf)
{
    int rc;

    if (strcmp(text, "-") != 0 && access(text, F_OK) != 0 && errno == ENOENT)
        return load_from_store(cli, text, buf);
    rc = czi_cli_load(text, CZI_ELF_SIZE_MAX, "CZI_ELF_SIZE_MAX", buf, &cli->err);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

/* ---- What it is made of ------------------------------------------------------------------ */

static const char *mode_text(const cz_code_segment *s)
{
    if (s->can_write)
        return "rw-";
    return s->can_execute ? "r-x" : "r--";
}

static void line(const char *key, uint64_t v, const char *text)
{
    printf("%-13s %" PRIu64 "%s\n", key, v, text);
}

const char *czi_call_name(uint64_t number, char out[CZI_CALL_NAME_SIZE])
{
    static const struct {
        uint64_t number;
        const char *name;
    } names[] = {
#define CZ_DECLARE(name, number, gas, gas_64, ways) {number, #name},
        CZ_GUEST_CALLS(CZ_DECLARE)
#undef CZ_DECLARE
    };
    size_t skip = strlen("CZ_CALL_"), n = 0;

    for (size_t i = 0; i < CZI_COUNTOF(names); i++) {
        if (names[i].number != number)
            continue;
        for (const char *c = names[i].name + skip; *c && n < CZI_CALL_NAME_SIZE - 1; c++)
            out[n++] = (char)(*c == '_' ? '-' : tolower(*c));
        out[n] = 0;
        return out;
    }
    (void)snprintf(out, CZI_CALL_NAME_SIZE, "%" PRIu64, number);
    return out;
}

/* The part of the input that an access is about. */
static void part_text(const cz_code_access *a, char *out, size_t size)
{
    if (a->from == CZ_TEMPLATE_INPUT_ID)
        (void)snprintf(out, size, "the id in the input at %u", a->offset);
    else if (!a->length)
        out[0] = 0;
    else if (a->length == UINT16_MAX)
        (void)snprintf(out, size, "the input from %u on", a->offset);
    else
        (void)snprintf(out, size, "%u bytes of the input at %u", a->length, a->offset);
}

static const char *const froms[] = {"input-id", "own-label", "own-hex", "fixed-id"};

static void print_access(const cz_code_access *a)
{
    char part[64], id[CZ_ID_TEXT_SIZE];
    cz_id fixed;

    part_text(a, part, sizeof part);
    printf("%-13s %s, %s: ", "access", a->of_text ? "text" : "template",
           a->mode == CZ_WRITE ? "write" : "read");
    if (a->from == CZ_TEMPLATE_FIXED_ID) {
        memcpy(&fixed, a->prefix, sizeof fixed);
        cz_id_print(&fixed, id);
        printf("%s\n", id);
    } else if (a->from == CZ_TEMPLATE_INPUT_ID) {
        printf("%s\n", part);
    } else {
        printf("own resource labelled \"");
        (void)czi_print_text(stdout, (const char *)a->prefix, a->prefix_len);
        printf("\"%s%s%s\n", part[0] ? " and " : "", part,
               a->from == CZ_TEMPLATE_OWN_HEX ? " in hex" : "");
    }
}

static void print_calls(const cz_code_report *r)
{
    char name[CZI_CALL_NAME_SIZE];

    printf("%-13s", "calls");
    for (size_t i = 0; i < r->call_count; i++)
        printf(" %s", czi_call_name(r->calls[i], name));
    if (r->unknown_calls)
        printf(", and %zu whose number is not seen", r->unknown_calls);
    printf("\n%-13s %s\n", "may write",
           r->may_write ? "yes" : "no: undeclared, it opens nothing to write");
    for (size_t i = 0; i < r->access_count; i++)
        print_access(&r->accesses[i]);
}

static void print_calls_json(const cz_code_report *r, struct czi_json *j)
{
    char name[CZI_CALL_NAME_SIZE];

    czi_json_open(j, "calls", '[');
    for (size_t i = 0; i < r->call_count; i++)
        czi_json_string(j, NULL, czi_call_name(r->calls[i], name));
    czi_json_close(j, ']');
    czi_json_u64(j, "unknown_calls", r->unknown_calls);
    czi_json_bool(j, "may_write", r->may_write);
    czi_json_open(j, "accesses", '[');
    for (size_t i = 0; i < r->access_count; i++) {
        const cz_code_access *a = &r->accesses[i];

        czi_json_open(j, NULL, '{');
        czi_json_string(j, "source", a->of_text ? "text" : "template");
        czi_json_string(j, "from", froms[a->from]);
        czi_json_string(j, "mode", a->mode == CZ_WRITE ? "write" : "read");
        czi_json_number(j, "offset", a->offset);
        czi_json_number(j, "length", a->length);
        czi_json_hex(j, "prefix", a->prefix, a->prefix_len);
        czi_json_close(j, '}');
    }
    czi_json_close(j, ']');
}

static void print_report(const cz_code_report *r, const struct czi_image *image)
{
    char id[CZ_ID_TEXT_SIZE], name[CZI_CODE_NAME_SIZE];

    cz_id_print(&r->id, id);
    czi_code_name(image, r->entry, name);
    printf("%-13s %s\n%-13s ", "code", id, "entry");
    printf("0x%" PRIx64 "%s\n", r->entry, name);
    line("size", r->size,
         r->size > CZI_DATA_SIZE_MAX ? " (too large to deploy: strip it)" : "");
    for (size_t i = 0; i < r->segment_count; i++) {
        const cz_code_segment *s = &r->segments[i];

        printf("%-13s 0x%08" PRIx64 " %s %" PRIu64 " bytes, %" PRIu64 " of them in the file\n",
               "segment", s->address, mode_text(s), s->memory_size, s->file_size);
    }
    line("instructions", r->instructions, "");
    line("blocks", r->blocks, "");
    line("compressed", r->compressed, "");
    line("atomics", r->atomics, "");
    line("unknown", r->unknown, " halfwords");
    line("call sites", r->call_sites, "");
    line("template", r->template_count, " entries");
    print_calls(r);
    printf("%-13s %s\n", "provable",
           r->provable ? "yes: RV64IM only" : "no: it is not RV64IM only");
}

static void print_report_json(const cz_code_report *r)
{
    struct czi_json j = {.out = stdout};
    char text[24];

    (void)snprintf(text, sizeof text, "0x%" PRIx64, r->entry);
    czi_json_open(&j, NULL, '{');
    czi_json_id(&j, "code", &r->id);
    czi_json_string(&j, "entry", text);
    czi_json_u64(&j, "size", r->size);
    czi_json_open(&j, "segments", '[');
    for (size_t i = 0; i < r->segment_count; i++) {
        const cz_code_segment *s = &r->segments[i];

        (void)snprintf(text, sizeof text, "0x%" PRIx64, s->address);
        czi_json_open(&j, NULL, '{');
        czi_json_string(&j, "address", text);
        czi_json_string(&j, "mode", mode_text(s));
        czi_json_u64(&j, "memory_size", s->memory_size);
        czi_json_u64(&j, "file_size", s->file_size);
        czi_json_close(&j, '}');
    }
    czi_json_close(&j, ']');
    czi_json_u64(&j, "instructions", r->instructions);
    czi_json_u64(&j, "blocks", r->blocks);
    czi_json_u64(&j, "compressed", r->compressed);
    czi_json_u64(&j, "atomics", r->atomics);
    czi_json_u64(&j, "unknown", r->unknown);
    czi_json_u64(&j, "call_sites", r->call_sites);
    czi_json_u64(&j, "template", r->template_count);
    print_calls_json(r, &j);
    czi_json_bool(&j, "provable", r->provable);
    czi_json_close(&j, '}');
    printf("\n");
}

int czi_program_inspect(struct czi_cli *cli, int argc, char **argv)
{
    CZI_AUTOBUF elf = {0};
    struct czi_image image;
    cz_code_report report;
    int rc, exit_code = load(cli, argv[0], &elf);

    (void)argc;
    if (exit_code)
        return exit_code;
    rc = cz_code_inspect(elf.data, elf.len, &report, &cli->err);
    if (!rc)
        rc = czi_elf_read(elf.data, elf.len, &image, &cli->err);
    if (rc) {
        czi_wrap(&cli->err, rc, "%s", argv[0]);
        return czi_cli_fail(rc, &cli->err);
    }
    if (cli->json)
        print_report_json(&report);
    else
        print_report(&report, &image);
    return CZI_EXIT_OK;
}

/* ---- Its text ---------------------------------------------------------------------------- */

static int print_instruction(void *arg, uint64_t address, uint32_t bits, unsigned length,
                             const char *symbol, const char *text)
{
    const struct czi_cli *cli = arg;
    struct czi_json j = {.out = stdout};
    char number[24];

    if (!cli->json) {
        if (symbol)
            printf("\n%s%08" PRIx64 " <%s>:%s\n", czi_bold(cli), address, symbol,
                   czi_plain(cli));
        printf("%8" PRIx64 ":  %0*" PRIx32 "%*s  %s\n", address, (int)length * 2, bits,
               8 - (int)length * 2, "", text);
        return ferror(stdout) ? CZ_IO : CZ_OK;
    }
    czi_json_open(&j, NULL, '{');
    (void)snprintf(number, sizeof number, "0x%" PRIx64, address);
    czi_json_string(&j, "address", number);
    (void)snprintf(number, sizeof number, "%0*" PRIx32, (int)length * 2, bits);
    czi_json_string(&j, "bits", number);
    czi_json_string(&j, "symbol", symbol);
    czi_json_string(&j, "text", text);
    czi_json_close(&j, '}');
    printf("\n");
    return ferror(stdout) ? CZ_IO : CZ_OK;
}

int czi_program_disasm(struct czi_cli *cli, int argc, char **argv)
{
    CZI_AUTOBUF elf = {0};
    int rc, exit_code = load(cli, argv[0], &elf);

    (void)argc;
    if (exit_code)
        return exit_code;
    rc = cz_code_disasm(elf.data, elf.len, print_instruction, cli, &cli->err);
    if (rc == CZ_IO && ferror(stdout))
        return CZI_EXIT_IO;
    if (rc) {
        czi_wrap(&cli->err, rc, "%s", argv[0]);
        return czi_cli_fail(rc, &cli->err);
    }
    return CZI_EXIT_OK;
}
