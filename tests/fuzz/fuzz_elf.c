/* fuzz_elf.c - the reader of ELF files, the decoder and the disassembler over any bytes.
 *
 * Properties: what is refused is refused with a place; what is accepted keeps the promises of
 * struct czi_image, is decoded, and has a text for every address of its code; loading and
 * running it is an end, and the same one stepwise.
 */
#include "../unit/elf_fixture.h"
#include "fuzz.h"
#include "vm/manager.h"

static int count_line(void *arg, uint64_t address, uint32_t bits, unsigned length,
                      const char *symbol, const char *text)
{
    unsigned *left = arg;

    (void)bits;
    CZI_CHECK(!(address & 1) && (length == 2 || length == 4) && text[0]);
    CZI_CHECK(!symbol || strlen(symbol) < CZI_DISASM_MAX + 64);
    return (*left)-- ? 0 : 1;
}

static void check_image(const struct czi_image *image, const uint8_t *file, size_t size)
{
    bool entry = false;

    CZI_CHECK(image->segment_count <= CZI_SEGMENTS_MAX && image->end <= CZ_GUEST_IMAGE_END);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct czi_segment *s = &image->segments[i];
        uint64_t end = s->address + s->memory_size;

        CZI_CHECK(s->address >= CZ_GUEST_IMAGE && end <= CZ_GUEST_IMAGE_END &&
                  end > s->address);
        CZI_CHECK(s->bytes.len <= s->memory_size && s->bytes.data >= file &&
                  s->bytes.data + s->bytes.len <= file + size);
        CZI_CHECK((s->mode & CZI_PAGE_READ) && (s->mode & (CZI_PAGE_WRITE | CZI_PAGE_EXEC)) !=
                                                   (CZI_PAGE_WRITE | CZI_PAGE_EXEC));
        if (i) {
            uint64_t before = s[-1].address + s[-1].memory_size;

            CZI_CHECK(before <= s->address);
            CZI_CHECK((before - 1) / CZ_GUEST_PAGE != s->address / CZ_GUEST_PAGE ||
                      s[-1].mode == s->mode);
        }
        entry |= (s->mode & CZI_PAGE_EXEC) && image->entry >= s->address && image->entry < end;
    }
    CZI_CHECK(entry && !(image->entry & 1));
}

static void check_names(const struct czi_image *image)
{
    static const uint64_t offsets[] = {0, 1, 2, 5, 4095, 4096};
    char text[CZI_DISASM_MAX];
    struct czi_symbol s;

    for (unsigned i = 0; i < image->segment_count; i++) {
        for (size_t k = 0; k < CZI_COUNTOF(offsets); k++) {
            uint64_t address = image->segments[i].address + offsets[k];
            unsigned length = czi_disasm(image, address, text);

            CZI_CHECK(length == 0 || length == 2 || length == 4);
            if (czi_elf_symbol(image, address, &s))
                CZI_CHECK(s.address <= address && s.name.len && !s.name.data[s.name.len]);
        }
    }
    CZI_CHECK(!czi_disasm(image, UINT64_MAX, text) && !czi_disasm(image, 0, text));
}

/* Both ways on one memory, which is kept: a new one each time is most of the work. */
static void check_runs(const uint8_t *data, size_t size)
{
    static struct czi_vm_manager *manager;
    struct czi_run_input in = {.way = 'v', .gas = 300};
    struct czi_run_result runs[2];
    cz_error err = {0};

    if (!manager)
        CZI_CHECK(czi_vm_manager_new(&manager, &err) == CZ_OK);
    CZI_CHECK(czi_code_new(data, size, &in.code, &err) == CZ_OK);
    for (int i = 0; i < 2; i++) {
        in.stepwise = i;
        czi_vm_manager_run(manager, &in, &runs[i]);
    }
    CZI_CHECK(runs[0].status == runs[1].status && runs[0].value == runs[1].value &&
              runs[0].trap == runs[1].trap && runs[0].pc == runs[1].pc &&
              runs[0].gas == runs[1].gas);
    czi_space_clear(czi_vm_manager_space(manager));
    czi_code_drop(in.code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cz_template_entry *entries;
    struct czi_image image;
    cz_code_report report;
    cz_error err = {0};
    unsigned left = 20000;
    size_t count;
    int rc = czi_elf_read(data, size, &image, &err);

    if (rc != CZ_OK) {
        CZI_CHECK((rc == CZ_INVALID || rc == CZ_LIMIT) &&
                  strncmp(err.detail, "ELF file", 8) == 0);
        return 0;
    }
    check_image(&image, data, size);
    check_names(&image);
    rc = czi_elf_template(&image, &entries, &count, &err);
    CZI_CHECK(rc == CZ_OK ? count == image.access.len / sizeof *entries : !count);
    rc = cz_code_disasm(data, size, count_line, &left, &err);
    CZI_CHECK(rc == CZ_OK || left == UINT32_MAX);
    CZI_CHECK(cz_code_inspect(data, size, &report, &err) == CZ_OK);
    CZI_CHECK(report.segment_count == image.segment_count && report.entry == image.entry);
    check_runs(data, size);
    return 0;
}

/* Text, constants and data; with names and a template; several pieces; one that shares pages.
 */
bool fuzz_seed(size_t i, struct czi_buf *out)
{
    /* A loop that stores, jumps into the middle of an instruction, then exit. */
    static const uint16_t text[] = {0x4529, 0x157d, 0xfd75, 0x0013, 0x0001, 0xa001,
                                    0x0893, 0x05d0, 0x0073, 0x0000, 0x8082, 0x4501};
    static const struct elf_symbol symbols[] = {
        {"_start", 0x10, 1, 0x10000, 0},
        {"main", 0x12, 1, 0x10004, 4},
        {"$x", 0, 1, 0x10004, 0},
        {"table", 0x11, 1, 0x11000, 4},
    };
    static const struct cz_template_entry access[2] = {
        {.from = CZ_TEMPLATE_INPUT_ID, .mode = CZ_WRITE, .length = 32},
        {.from = CZ_TEMPLATE_OWN_LABEL, .prefix_len = 1, .prefix = "a"},
    };
    struct elf_plan plan = {
        .entry = 0x10000,
        .segments = {{ELF_LOAD, ELF_R | ELF_X, 0x10000, text, sizeof text, sizeof text},
                     {ELF_LOAD, ELF_R, 0x11000, text, 8, 8},
                     {ELF_LOAD, ELF_R | ELF_W, 0x12010, text, 8, 5000},
                     {ELF_LOAD, ELF_R | ELF_X, 0x10020, text, sizeof text, 64},
                     {7, ELF_R, 0x12010, text, 8, 16}},
        .segment_count = 3,
    };

    if (i > 3)
        return false;
    if (i & 1) {
        plan.symbols = symbols;
        plan.symbol_count = CZI_COUNTOF(symbols);
        plan.access = access;
        plan.access_len = sizeof access;
    }
    if (i & 2)
        plan.segment_count = 5;
    elf_build(out, &plan);
    return true;
}
