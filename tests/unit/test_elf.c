/* test_elf.c - the reader of ELF files: what loads, how each lie in a file is refused, and
 * names of addresses. Values are those of the System V ABI and the RISC-V psABI.
 */
#include "base/limits.h"
#include "test.h"
#include "unit/elf_fixture.h"

/* li a7,93; li a0,7; ecall */
static const uint32_t exit_7[] = {0x05d00893, 0x00700513, 0x00000073};
static const uint8_t eight[8] = {1, 2, 3, 4, 5, 6, 7, 8};

/* Text at 0x10000, read-only data, and data with zeroes behind. */
static struct elf_plan usual(void)
{
    return (struct elf_plan){
        .entry = 0x10004,
        .segments = {{ELF_LOAD, ELF_R | ELF_X, 0x10000, exit_7, sizeof exit_7, sizeof exit_7},
                     {ELF_LOAD, ELF_R, 0x11000, eight, 8, 8},
                     {ELF_LOAD, ELF_R | ELF_W, 0x12010, eight, 8, 5000}},
        .segment_count = 3,
    };
}

static int read_plan(const struct elf_plan *plan, struct czi_buf *file, struct czi_image *image,
                     cz_error *err)
{
    elf_build(file, plan);
    return czi_elf_read(file->data, file->len, image, err);
}

static void segments_and_entry_are_as_the_file_says(void **state)
{
    struct elf_plan plan = usual();
    CZI_AUTOBUF file = {0};
    struct czi_image image;
    cz_error err = {0};

    (void)state;
    assert_ok(read_plan(&plan, &file, &image, &err), err);
    assert_int_equal(image.segment_count, 3);
    assert_int_equal(image.entry, 0x10004);
    assert_int_equal(image.end, 0x14000); /* 0x12010 + 5000 = 0x13398 */
    assert_int_equal(image.segments[0].mode, CZI_PAGE_READ | CZI_PAGE_EXEC);
    assert_int_equal(image.segments[1].mode, CZI_PAGE_READ);
    assert_int_equal(image.segments[2].mode, CZI_PAGE_READ | CZI_PAGE_WRITE);
    assert_int_equal(image.segments[0].bytes.len, 12);
    assert_memory_equal(image.segments[0].bytes.data, exit_7, 12);
    assert_int_equal(image.segments[2].address, 0x12010);
    assert_int_equal(image.segments[2].memory_size, 5000);
    assert_memory_equal(image.segments[2].bytes.data, eight, 8);
    assert_int_equal(image.access.len + image.symtab.len, 0);
}

static void segments_come_ascending_whatever_their_order(void **state)
{
    struct elf_plan plan = usual();
    CZI_AUTOBUF file = {0};
    struct czi_image image;
    cz_error err = {0};

    (void)state;
    plan.segments[0] = usual().segments[2];
    plan.segments[2] = usual().segments[0];
    assert_ok(read_plan(&plan, &file, &image, &err), err);
    assert_int_equal(image.segments[0].address, 0x10000);
    assert_int_equal(image.segments[1].address, 0x11000);
    assert_int_equal(image.segments[2].address, 0x12010);
}

static void empty_segments_do_not_matter(void **state)
{
    struct elf_plan plan = usual();
    CZI_AUTOBUF file = {0};
    struct czi_image image;
    cz_error err = {0};

    (void)state;
    plan.segments[plan.segment_count++] =
        (struct elf_segment){ELF_LOAD, ELF_R | ELF_W, 0, eight, 0, 0};
    elf_build(&file, &plan);
    elf_poke(&file, ELF_PROGRAM(3) + 8, 8, 0xe8); /* as ld does: no multiple of its alignment */
    assert_ok(czi_elf_read(file.data, file.len, &image, &err), err);
    assert_int_equal(image.segment_count, 3);
}

/* As lld does with -Ttext: the headers' own segment, and the code where they are. */
static void code_covers_the_segment_of_the_headers(void **state)
{
    static const struct {
        uint64_t size, address;
        uint32_t flags;
        int code;
    } cases[] = {
        {ELF_PROGRAM(3), 0x10000, ELF_R, CZ_OK},
        {ELF_PROGRAM(3) + 1, 0x10000, ELF_R, CZ_INVALID}, /* more than the headers */
        {ELF_PROGRAM(3) - 1, 0x10000, ELF_R, CZ_INVALID},
        {ELF_PROGRAM(3), 0xfff0, ELF_R, CZ_INVALID}, /* not all of it is covered */
        {ELF_PROGRAM(3), 0x10000, ELF_R | ELF_X, CZ_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        struct elf_plan plan = usual();
        CZI_AUTOBUF file = {0};
        struct czi_image image;
        cz_error err = {0};

        plan.segments[1] = plan.segments[0];
        plan.segments[0] =
            (struct elf_segment){ELF_LOAD, cases[i].flags, cases[i].address, eight,
                                 8,        cases[i].size};
        elf_build(&file, &plan);
        elf_poke(&file, ELF_PROGRAM(0) + 8, 8, 0);
        elf_poke(&file, ELF_PROGRAM(0) + 32, 8, cases[i].size);
        elf_poke(&file, ELF_PROGRAM(0) + 48, 8, 1);
        assert_int_equal(czi_elf_read(file.data, file.len, &image, &err), cases[i].code);
        if (cases[i].code)
            continue;
        assert_int_equal(image.segment_count, 2);
        assert_int_equal(image.segments[0].mode, CZI_PAGE_READ | CZI_PAGE_EXEC);
        assert_memory_equal(image.segments[0].bytes.data, exit_7, 12);
        assert_int_equal(image.segments[1].address, 0x12010);
    }
}

/* Modes of two segments that share a page -> the mode of both; 0: refused. */
static void what_shares_a_page_shares_its_mode_unless_code_could_be_written(void **state)
{
    static const struct {
        uint32_t first, second;
        unsigned mode;
    } cases[] = {
        {ELF_R, ELF_R | ELF_X, CZI_PAGE_READ | CZI_PAGE_EXEC},
        {ELF_R | ELF_X, ELF_R, CZI_PAGE_READ | CZI_PAGE_EXEC},
        {ELF_R, ELF_R | ELF_W, CZI_PAGE_READ | CZI_PAGE_WRITE},
        {ELF_R | ELF_W, ELF_R, CZI_PAGE_READ | CZI_PAGE_WRITE},
        {ELF_R | ELF_X, ELF_R | ELF_X, CZI_PAGE_READ | CZI_PAGE_EXEC},
        {ELF_R | ELF_X, ELF_R | ELF_W, 0},
        {ELF_R | ELF_W, ELF_R | ELF_X, 0},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        struct elf_plan plan = usual();
        CZI_AUTOBUF file = {0};
        struct czi_image image;
        cz_error err = {0};
        int rc;

        plan.segments[1] =
            (struct elf_segment){ELF_LOAD, cases[i].first, 0x20000, eight, 8, 0x1100};
        plan.segments[2] =
            (struct elf_segment){ELF_LOAD, cases[i].second, 0x21100, eight, 8, 8};
        rc = read_plan(&plan, &file, &image, &err);
        if (!cases[i].mode) {
            assert_int_equal(rc, CZ_INVALID);
            assert_non_null(strstr(err.detail, "page 0x21000 holds code and what can be "
                                               "written"));
            continue;
        }
        assert_ok(rc, err);
        assert_int_equal(image.segments[1].mode, cases[i].mode);
        assert_int_equal(image.segments[2].mode, cases[i].mode);
        assert_int_equal(image.segments[0].mode, CZI_PAGE_READ | CZI_PAGE_EXEC);
    }
}

/* Code, constants and variables that follow each other into shared pages: the constants may not
 * carry the right to write over to the code. */
static void modes_are_not_joined_around_a_corner(void **state)
{
    struct elf_plan plan = {
        .entry = 0x10000,
        .segments = {{ELF_LOAD, ELF_R | ELF_X, 0x10000, exit_7, 12, 0x1010},
                     {ELF_LOAD, ELF_R, 0x11010, eight, 8, 0x1000},
                     {ELF_LOAD, ELF_R | ELF_W, 0x12010, eight, 8, 8}},
        .segment_count = 3,
    };
    CZI_AUTOBUF file = {0};
    struct czi_image image;
    cz_error err = {0};

    (void)state;
    assert_int_equal(read_plan(&plan, &file, &image, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "page 0x12000"));
}

struct lie {
    const char *what;
    size_t at;
    unsigned width;
    uint64_t value;
    int code;
    const char *text; /* part of the error */
};

static const struct lie lies[] = {
    {"magic", 0, 1, 0x7e, CZ_INVALID, "offset 0: this is no ELF file"},
    {"class 32", 4, 1, 1, CZ_INVALID, "offset 4: class 1 is not 64 bits"},
    {"big endian", 5, 1, 2, CZ_INVALID, "offset 5: byte order 2"},
    {"identity version", 6, 1, 0, CZ_INVALID, "offset 6: ELF version 0"},
    {"system", 7, 1, 9, CZ_INVALID, "offset 7: it is for operating system 9"},
    {"object file", 16, 2, 1, CZ_INVALID, "offset 16: type 1 is not an executable"},
    {"position-independent", 16, 2, 3, CZ_INVALID, "-static -no-pie"},
    {"core dump", 16, 2, 4, CZ_INVALID, "core dump"},
    {"type of a system", 16, 2, 0xfe00, CZ_INVALID, "type 65024"},
    {"x86", 18, 2, 62, CZ_INVALID, "offset 18: machine 62 is not RISC-V"},
    {"version", 20, 4, 2, CZ_INVALID, "offset 20: ELF version 2"},
    {"entry below text", 24, 8, 0xffff, CZ_INVALID, "offset 24: entry 0xffff"},
    {"entry behind text", 24, 8, 0x1000c, CZ_INVALID, "is not in an executable segment"},
    {"entry in constants", 24, 8, 0x11000, CZ_INVALID, "is not in an executable segment"},
    {"entry in data", 24, 8, 0x12010, CZ_INVALID, "is not in an executable segment"},
    {"entry at 2^64", 24, 8, UINT64_MAX, CZ_INVALID, "is not in an executable segment"},
    {"odd entry", 24, 8, 0x10001, CZ_INVALID, "entry 0x10001 is odd"},
    {"program headers outside", 32, 8, 1u << 20, CZ_INVALID, "offset 32: 3 program headers"},
    {"program headers wrap", 32, 8, UINT64_MAX - 8, CZ_INVALID, "it was cut"},
    {"floats in registers", 48, 4, 5, CZ_OK, ""},
    {"RVE", 48, 4, 8, CZ_INVALID, "16 registers"},
    {"other flags", 48, 4, 0x20, CZ_INVALID, "flags 0x20 are unknown"},
    {"program header size 32", 54, 2, 32, CZ_INVALID, "offset 54: program headers of 32"},
    {"no program headers", 56, 2, 0, CZ_INVALID, "offset 56: it has no segments"},
    {"many program headers", 56, 2, CZI_ELF_HEADERS_MAX + 1, CZ_LIMIT, "65 program headers"},
    {"most program headers", 56, 2, 0xffff, CZ_LIMIT, "65535 program headers"},
    {"interpreter", ELF_PROGRAM(1), 4, 3, CZ_INVALID, "program interpreter"},
    {"dynamic", ELF_PROGRAM(1), 4, 2, CZ_OK, ""}, /* 8 bytes: no entry fits */
    {"TLS that is not loaded", ELF_PROGRAM(1), 4, 7, CZ_INVALID, "variables of threads"},
    {"note", ELF_PROGRAM(1), 4, 4, CZ_OK, ""},
    {"attributes", ELF_PROGRAM(1), 4, 0x70000003, CZ_OK, ""},
    {"stack", ELF_PROGRAM(1), 4, 0x6474e551, CZ_OK, ""},
    {"text can be written", ELF_PROGRAM(0) + 4, 4, 7, CZ_INVALID, "segment 0 can be written"},
    {"data can be executed", ELF_PROGRAM(2) + 4, 4, 3, CZ_INVALID, "segment 2 can be written"},
    {"offset behind the file", ELF_PROGRAM(0) + 8, 8, 1u << 20, CZ_INVALID, "segment 0 (0xc"},
    {"offset wraps", ELF_PROGRAM(0) + 8, 8, UINT64_MAX - 3, CZ_INVALID, "it was cut"},
    {"offset that is not aligned", ELF_PROGRAM(0) + 8, 8, 4, CZ_INVALID, "not aligned as it"},
    {"page 0", ELF_PROGRAM(1) + 16, 8, 0, CZ_INVALID, "is not within 0x1000 to 0x1000000"},
    {"stack area", ELF_PROGRAM(1) + 16, 8, CZ_GUEST_IMAGE_END, CZ_INVALID, "is not within"},
    {"address wraps", ELF_PROGRAM(1) + 16, 8, UINT64_MAX - 0xfff, CZ_INVALID, "is not within"},
    {"kernel address", ELF_PROGRAM(1) + 16, 8, 0xffffffff80000000, CZ_INVALID, "is not within"},
    {"overlap", ELF_PROGRAM(1) + 16, 8, 0x10000, CZ_INVALID, "overlap"},
    {"file size behind the file", ELF_PROGRAM(2) + 32, 8, 1u << 20, CZ_INVALID, "it was cut"},
    {"file size wraps", ELF_PROGRAM(2) + 32, 8, UINT64_MAX, CZ_INVALID, "it was cut"},
    {"more in file than memory", ELF_PROGRAM(0) + 40, 8, 11, CZ_INVALID, "more bytes in the"},
    {"no memory", ELF_PROGRAM(0) + 40, 8, 0, CZ_INVALID, "more bytes in the file"},
    {"huge memory", ELF_PROGRAM(2) + 40, 8, CZ_GUEST_IMAGE_END, CZ_INVALID, "is not within"},
    {"endless memory", ELF_PROGRAM(2) + 40, 8, UINT64_MAX, CZ_INVALID, "is not within"},
    {"memory that wraps", ELF_PROGRAM(2) + 40, 8, UINT64_MAX - 0x12010 + 1, CZ_INVALID,
     "is not within"},
    {"all memory there is", ELF_PROGRAM(2) + 40, 8, CZ_GUEST_IMAGE_END - 0x12010, CZ_OK, ""},
    {"one byte more", ELF_PROGRAM(2) + 40, 8, CZ_GUEST_IMAGE_END - 0x1200f, CZ_INVALID,
     "is not within"},
    {"memory over the next", ELF_PROGRAM(0) + 40, 8, 0x1001, CZ_INVALID, "overlap"},
    {"alignment of 3", ELF_PROGRAM(0) + 48, 8, 3, CZ_INVALID, "not aligned as it says (0x3)"},
    {"alignment of 2^63", ELF_PROGRAM(0) + 48, 8, UINT64_C(1) << 63, CZ_INVALID, "not aligned"},
    {"no alignment", ELF_PROGRAM(0) + 48, 8, 0, CZ_OK, ""},
    {"sections outside", 40, 8, 1u << 20, CZ_OK, ""}, /* the usual one counts none */
};

/* Reads a copy of exactly its size, so that a sanitizer sees a byte too many. */
static int read_exact(const struct czi_buf *file, struct czi_image *image, cz_error *err)
{
    uint8_t *copy = malloc(file->len ? file->len : 1);
    int rc;

    assert_non_null(copy);
    if (file->len)
        memcpy(copy, file->data, file->len);
    rc = czi_elf_read(copy, file->len, image, err);
    free(copy);
    return rc;
}

static void check_lie(struct czi_buf *file, const struct lie *lie)
{
    static const struct czi_image untouched;
    struct czi_image image = {0};
    cz_error err = {0};
    int rc;

    elf_poke(file, lie->at, lie->width, lie->value);
    rc = read_exact(file, &image, &err);
    if (rc != lie->code)
        fail_msg("%s: %s, not %s: %s", lie->what, cz_code_name(rc), cz_code_name(lie->code),
                 err.detail);
    if (rc == CZ_OK)
        return;
    if (!strstr(err.detail, lie->text) || strncmp(err.detail, "ELF file", 8) != 0)
        fail_msg("%s: \"%s\" does not say \"%s\"", lie->what, err.detail, lie->text);
    assert_memory_equal(&image, &untouched, sizeof image);
}

static void every_lie_is_refused_with_its_place(void **state)
{
    struct elf_plan plan = usual();

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(lies); i++) {
        CZI_AUTOBUF file = {0};

        elf_build(&file, &plan);
        check_lie(&file, &lies[i]);
    }
}

static struct elf_plan with_sections(void)
{
    static const struct elf_symbol symbols[] = {
        {"_start", 0x10, 1, 0x10000, 0}, {"main", 0x12, 1, 0x10004, 4},
        {"$x", 0x00, 1, 0x10004, 0},     {".L1", 0x00, 1, 0x10008, 0},
        {"alias", 0x00, 1, 0x10004, 0},  {"elsewhere", 0x10, 0, 0x10008, 0},
        {"table", 0x11, 1, 0x11000, 4},
    };
    static const struct cz_template_entry access[2] = {
        {.from = CZ_TEMPLATE_INPUT_ID, .mode = CZ_WRITE, .offset = 8, .length = 32},
        {.from = CZ_TEMPLATE_OWN_LABEL, .mode = CZ_READ, .prefix_len = 3, .prefix = "bal"},
    };
    struct elf_plan plan = usual();

    plan.symbols = symbols;
    plan.symbol_count = CZI_COUNTOF(symbols);
    plan.access = access;
    plan.access_len = sizeof access;
    return plan;
}

enum { NAMES = 64, SYMBOLS = 128, STRINGS = 192, ACCESS = 256 }; /* places in the table */

static void lies_about_sections_are_refused_too(void **state)
{
    static const struct lie of_table[] = {
        /* at: from the section table */
        {"symbols outside", SYMBOLS + 24, 8, 1u << 20, CZ_INVALID, "the table of symbols ("},
        {"symbols wrap", SYMBOLS + 24, 8, UINT64_MAX, CZ_INVALID, "is not within the file"},
        {"symbols of 16 bytes", SYMBOLS + 56, 8, 16, CZ_INVALID, "symbols of 0x10 bytes"},
        {"half a symbol", SYMBOLS + 32, 8, 25, CZ_INVALID, "they have 24"},
        {"endless symbols", SYMBOLS + 32, 8, UINT64_C(24) << 56, CZ_INVALID, "is not within"},
        {"names of symbols: none", SYMBOLS + 40, 4, 77, CZ_INVALID, "section 77 is no table"},
        {"names of symbols: itself", SYMBOLS + 40, 4, 2, CZ_INVALID, "section 2 is no table"},
        {"names of symbols outside", STRINGS + 24, 8, UINT64_MAX, CZ_INVALID, "symbols' names"},
        {"names of sections outside", NAMES + 24, 8, 1u << 30, CZ_INVALID, "sections' names"},
        {"names of sections without bytes", NAMES + 4, 4, 8, CZ_INVALID, "sections' names"},
        {"template outside", ACCESS + 24, 8, 1u << 20, CZ_INVALID, ".causality.access"},
        {"template without bytes", ACCESS + 4, 4, 8, CZ_INVALID, ".causality.access"},
        {"half an entry", ACCESS + 32, 8, 127, CZ_INVALID, "has 127 bytes, not a multiple"},
        {"template at an odd place", ACCESS + 24, 8, 4097, CZ_INVALID, "not aligned to 2"},
        {"name of a section outside", ACCESS, 4, UINT32_MAX, CZ_OK, ""},
    };
    static const struct lie of_header[] = {
        {"table outside", 40, 8, 1u << 20, CZ_INVALID, "offset 40: 5 section headers"},
        {"table wraps", 40, 8, UINT64_MAX - 63, CZ_INVALID, "offset 40"},
        {"size of headers", 58, 2, 40, CZ_INVALID, "offset 58: section headers of 40"},
        {"more sections", 60, 2, 0xffff, CZ_INVALID, "65535 section headers"},
        {"names are none of them", 62, 2, 0xffff, CZ_INVALID, "offset 62: section 65535"},
        {"no names", 62, 2, 0, CZ_OK, ""},
        {"no table", 40, 8, 0, CZ_OK, ""},
    };
    struct elf_plan plan = with_sections();

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(of_header) + CZI_COUNTOF(of_table); i++) {
        CZI_AUTOBUF file = {0};
        struct lie lie;

        elf_build(&file, &plan);
        lie = i < CZI_COUNTOF(of_header) ? of_header[i] : of_table[i - CZI_COUNTOF(of_header)];
        if (i >= CZI_COUNTOF(of_header))
            lie.at += (size_t)czi_get_u64le(file.data + 40);
        check_lie(&file, &lie);
    }
}

/* Cut at every length: loads or is refused, and never reads beyond its end. */
static void a_file_that_was_cut_is_refused(void **state)
{
    struct elf_plan plan = with_sections();
    CZI_AUTOBUF file = {0};
    size_t len;

    (void)state;
    elf_build(&file, &plan);
    len = file.len;
    for (file.len = 0; file.len < len; file.len++) {
        struct czi_image image;
        cz_error err = {0};

        if (file.len > 200 && file.len < len - 700 && file.len % 64)
            continue;
        assert_int_equal(read_exact(&file, &image, &err), CZ_INVALID);
        assert_true(strncmp(err.detail, "ELF file", 8) == 0);
    }
}

static void segments_headers_and_bytes_are_bounded(void **state)
{
    struct elf_plan plan = {.entry = 0x10000, .segment_count = CZI_SEGMENTS_MAX + 1};
    CZI_AUTOBUF file = {0};
    CZI_AUTOBUF fits = {0};
    struct czi_image image;
    cz_error err = {0};
    uint8_t *huge;

    (void)state;
    for (unsigned i = 0; i <= CZI_SEGMENTS_MAX; i++)
        plan.segments[i] =
            (struct elf_segment){ELF_LOAD, ELF_R | ELF_X, 0x10000 + i * 0x1000u, exit_7, 12,
                                 12};
    assert_int_equal(read_plan(&plan, &file, &image, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "more than 16 segments"));
    plan.segment_count--;
    assert_ok(read_plan(&plan, &fits, &image, &err), err);
    huge = calloc(1, CZI_ELF_SIZE_MAX + 1);
    assert_non_null(huge);
    memcpy(huge, fits.data, fits.len);
    assert_ok(czi_elf_read(huge, CZI_ELF_SIZE_MAX, &image, &err), err);
    assert_int_equal(czi_elf_read(huge, CZI_ELF_SIZE_MAX + 1, &image, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "16777216"));
    free(huge);
}

static void a_dynamic_table_is_refused_when_it_asks_for_something(void **state)
{
    static const struct {
        uint64_t tag, value;
        int code;
    } cases[] = {
        {1, 1, CZ_INVALID},                        /* NEEDED */
        {8, 24, CZ_INVALID},                       /* RELASZ */
        {8, 0, CZ_OK},        {2, 24, CZ_INVALID}, /* PLTRELSZ */
        {18, 16, CZ_INVALID},                      /* RELSZ */
        {35, 8, CZ_INVALID},                       /* RELRSZ */
        {22, 0, CZ_INVALID},                       /* TEXTREL */
        {5, 0x11000, CZ_OK},                       /* STRTAB */
        {0, 0, CZ_OK},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        struct elf_plan plan = usual();
        CZI_AUTOBUF file = {0};
        struct czi_image image;
        cz_error err = {0};
        uint8_t table[48] = {0};

        (void)czi_put_u64le(table, 4);
        (void)czi_put_u64le(table + 16, cases[i].tag);
        (void)czi_put_u64le(table + 24, cases[i].value);
        plan.segments[3] = (struct elf_segment){2, ELF_R, 0x14000, table, 48, 48};
        plan.segment_count = 4;
        assert_int_equal(read_plan(&plan, &file, &image, &err), cases[i].code);
        if (cases[i].code != CZ_OK)
            assert_non_null(strstr(err.detail, "dynamic linker"));
    }
}

/* Variables of threads that the program sets up itself, as picolibc's do. */
static void variables_of_threads_load_with_the_segment_they_lie_in(void **state)
{
    static const struct {
        uint64_t address, file_size, memory_size;
        int code;
    } cases[] = {
        {0x12010, 8, 16, CZ_OK},     {0x12018, 0, 64, CZ_OK},     {0x12011, 8, 8, CZ_OK},
        {0x1200f, 8, 8, CZ_INVALID}, {0x30000, 8, 8, CZ_INVALID}, {0x30000, 0, 0, CZ_OK},
        {0x13397, 1, 1, CZ_OK},      {0x13398, 1, 1, CZ_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        struct elf_plan plan = usual();
        CZI_AUTOBUF file = {0};
        struct czi_image image;
        cz_error err = {0};

        plan.segments[3] = (struct elf_segment){
            7, ELF_R, cases[i].address, eight, cases[i].file_size, cases[i].memory_size};
        plan.segment_count = 4;
        assert_int_equal(read_plan(&plan, &file, &image, &err), cases[i].code);
        if (cases[i].code == CZ_OK)
            assert_int_equal(image.segment_count, 3);
    }
}

static void an_address_has_the_name_of_what_lies_there(void **state)
{
    static const struct {
        uint64_t address;
        const char *name; /* NULL: none */
        uint64_t begin;
    } cases[] = {
        {0x10000, "_start", 0x10000}, {0x10002, "_start", 0x10000}, /* says no size: up to the
                                                                       next */
        {0x10004, "main", 0x10004}, /* a function, before the label that lies there too */
        {0x10007, "main", 0x10004},   {0x10008, "alias", 0x10004}, /* main has 4 bytes; names
                                                                      for the linker are none */
        {0x11003, "table", 0x11000},  {0x11004, NULL, 0},           {0xfff0, NULL, 0},
        {0x10010, NULL, 0}, /* in no segment */
        {0x12010, NULL, 0}, /* another segment than that of any name */
        {UINT64_MAX, NULL, 0},
    };
    struct elf_plan plan = with_sections();
    CZI_AUTOBUF file = {0};
    struct czi_image image;
    struct czi_symbol s;
    cz_error err = {0};

    (void)state;
    assert_ok(read_plan(&plan, &file, &image, &err), err);
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        bool found = czi_elf_symbol(&image, cases[i].address, &s);

        if (found != !!cases[i].name)
            fail_msg("0x%llx", (unsigned long long)cases[i].address);
        if (!found)
            continue;
        assert_int_equal(s.name.len, strlen(cases[i].name));
        assert_memory_equal(s.name.data, cases[i].name, s.name.len);
        assert_int_equal(s.address, cases[i].begin);
    }
}

static void a_template_is_its_entries(void **state)
{
    struct elf_plan plan = with_sections();
    const struct cz_template_entry *entries;
    CZI_AUTOBUF file = {0};
    struct czi_image image;
    cz_error err = {0};
    size_t count;

    (void)state;
    assert_int_equal(sizeof(struct cz_template_entry), 64);
    assert_ok(read_plan(&plan, &file, &image, &err), err);
    assert_ok(czi_elf_template(&image, &entries, &count, &err), err);
    assert_int_equal(count, 2);
    assert_int_equal(entries[0].offset, 8);
    assert_int_equal(entries[1].from, CZ_TEMPLATE_OWN_LABEL);
    assert_memory_equal(entries[1].prefix, "bal", 3);
    image.access = (struct czi_slice){0};
    assert_ok(czi_elf_template(&image, &entries, &count, &err), err);
    assert_int_equal(count, 0);
    assert_null(entries);
}

static void a_template_that_is_none_is_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *text;
    } cases[] = {
        {64, CZ_TEMPLATE_FIXED_ID + 1, "entry 1: from 4"},
        {65, CZ_WRITE + 1, "entry 1: from 1, mode 2"},
        {66, 57, "prefix of 57 bytes"},
    };
    struct elf_plan plan = with_sections();
    struct czi_image image;
    cz_error err = {0};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        CZI_AUTOBUF file = {0};
        size_t at;

        assert_ok(read_plan(&plan, &file, &image, &err), err);
        at = (size_t)(image.access.data - file.data);
        file.data[at + cases[i].at] = cases[i].value;
        assert_int_equal(read_exact(&file, &image, &err), CZ_INVALID);
        assert_non_null(strstr(err.detail, cases[i].text));
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(segments_and_entry_are_as_the_file_says),
        cmocka_unit_test(empty_segments_do_not_matter),
        cmocka_unit_test(code_covers_the_segment_of_the_headers),
        cmocka_unit_test(segments_come_ascending_whatever_their_order),
        cmocka_unit_test(what_shares_a_page_shares_its_mode_unless_code_could_be_written),
        cmocka_unit_test(modes_are_not_joined_around_a_corner),
        cmocka_unit_test(every_lie_is_refused_with_its_place),
        cmocka_unit_test(lies_about_sections_are_refused_too),
        cmocka_unit_test(a_file_that_was_cut_is_refused),
        cmocka_unit_test(segments_headers_and_bytes_are_bounded),
        cmocka_unit_test(a_dynamic_table_is_refused_when_it_asks_for_something),
        cmocka_unit_test(variables_of_threads_load_with_the_segment_they_lie_in),
        cmocka_unit_test(an_address_has_the_name_of_what_lies_there),
        cmocka_unit_test(a_template_is_its_entries),
        cmocka_unit_test(a_template_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
