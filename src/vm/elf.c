/* elf.c - what a static RV64 ELF file says, checked: segments, entry, template, symbols.
 *
 * Layer: vm. Threads: pure functions. No allocation. Sources: System V ABI (ELF-64 object file
 * format), RISC-V ELF psABI 1.0 (e_flags). What is refused and why: docs/reference/vm.md,
 * "Files". Every number in a file is a claim: none is used before it was compared with what it
 * must lie in, and nothing is added that could wrap.
 */
#include "base/error.h"
#include "base/limits.h"
#include "vm/vm.h"

enum { HEADER_SIZE = 64, PROGRAM_SIZE = 56, SECTION_SIZE = 64, SYMBOL_SIZE = 24 };
enum { LOAD = 1, DYNAMIC = 2, INTERP = 3, TLS = 7 };
enum { FLAG_X = 1, FLAG_W = 2 };
enum { FLAG_RVC = 1, FLAG_FLOAT = 6, FLAG_RVE = 8, FLAG_TSO = 16 };
enum { SYMTAB = 2, STRTAB = 3, NOBITS = 8 };

struct file {
    const uint8_t *data;
    size_t len;
    cz_error *err;
};

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static bool is_inside(const struct file *f, uint64_t offset, uint64_t size)
{
    return offset <= f->len && size <= f->len - offset;
}

#define REFUSE(f, offset, ...)                                                                 \
    ({                                                                                         \
        (void)czi_fail((f)->err, CZ_INVALID, __VA_ARGS__);                                     \
        czi_wrap((f)->err, CZ_INVALID, "ELF file, offset %llu", (unsigned long long)(offset)); \
    })

/* ---- The header -------------------------------------------------------------------------- */

static int check_identity(const struct file *f)
{
    const uint8_t *h = f->data;

    if (f->len < 4 || memcmp(h, "\177ELF", 4) != 0)
        return REFUSE(f, 0, "this is no ELF file: give what the linker wrote");
    if (f->len < HEADER_SIZE)
        return REFUSE(f, f->len, "the file ends within its header of 64 bytes: it was cut");
    if (h[4] != 2)
        return REFUSE(f, 4, "class %u is not 64 bits: build for rv64", h[4]);
    if (h[5] != 1)
        return REFUSE(f, 5, "byte order %u is not little endian: build for rv64", h[5]);
    if (h[6] != 1)
        return REFUSE(f, 6, "ELF version %u is unknown", h[6]);
    if (h[7] != 0 && h[7] != 3)
        return REFUSE(f, 7, "it is for operating system %u: build with a bare-metal toolchain",
                      h[7]);
    return CZ_OK;
}

static int check_type(const struct file *f)
{
    static const char *const types[] = {
        [0] = "it has no type: link it",
        [1] = "it is an object file: link it with -static",
        [3] = "it is position-independent: link it with -static -no-pie",
        [4] = "it is a core dump: give the program",
    };
    unsigned type = get16(f->data + 16), machine = get16(f->data + 18);
    uint32_t version = czi_get_u32le(f->data + 20);

    if (type != 2)
        return REFUSE(f, 16, "type %u is not an executable: %s", type,
                      type < CZI_COUNTOF(types) ? types[type] : "link it with -static");
    if (machine != 243)
        return REFUSE(f, 18, "machine %u is not RISC-V: build for rv64", machine);
    if (version != 1)
        return REFUSE(f, 20, "ELF version %u is unknown", (unsigned)version);
    return CZ_OK;
}

static int check_flags(const struct file *f)
{
    uint32_t flags = czi_get_u32le(f->data + 48);

    /* How it would pass floats says nothing of a program that has none: an instruction of F or
     * D traps. */
    if (flags & FLAG_RVE)
        return REFUSE(f, 48, "it is for 16 registers (RVE): build with -mabi=lp64");
    if (flags & ~(uint32_t)(FLAG_RVC | FLAG_FLOAT | FLAG_TSO))
        return REFUSE(f, 48, "flags 0x%x are unknown: build with -march=rv64imac -mabi=lp64",
                      (unsigned)flags);
    return CZ_OK;
}

/* ---- Segments ---------------------------------------------------------------------------- */

struct program_header {
    uint64_t at; /* in the file */
    unsigned number;
    uint32_t type, flags;
    uint64_t offset, address, file_size, memory_size, align;
};

static struct program_header program_header(const struct file *f, uint64_t table, unsigned i)
{
    uint64_t at = table + (uint64_t)i * PROGRAM_SIZE;
    const uint8_t *p = f->data + at;

    return (struct program_header){
        .at = at,
        .number = i,
        .type = czi_get_u32le(p),
        .flags = czi_get_u32le(p + 4),
        .offset = czi_get_u64le(p + 8),
        .address = czi_get_u64le(p + 16),
        .file_size = czi_get_u64le(p + 32),
        .memory_size = czi_get_u64le(p + 40),
        .align = czi_get_u64le(p + 48),
    };
}

static int check_load(const struct file *f, const struct program_header *h)
{
    if (h->file_size > h->memory_size)
        return REFUSE(f, h->at + 32,
                      "segment %u has more bytes in the file (0x%llx) than in memory "
                      "(0x%llx): the file is damaged",
                      h->number, (unsigned long long)h->file_size,
                      (unsigned long long)h->memory_size);
    if (!h->memory_size) /* linkers write such for sections that nothing fell into */
        return CZ_OK;
    if (h->align > 1 &&
        ((h->align & (h->align - 1)) != 0 || ((h->address ^ h->offset) & (h->align - 1)) != 0))
        return REFUSE(f, h->at + 48,
                      "segment %u is not aligned as it says (0x%llx): the file is damaged",
                      h->number, (unsigned long long)h->align);
    if ((h->flags & FLAG_W) && (h->flags & FLAG_X))
        return REFUSE(f, h->at + 4,
                      "segment %u can be written and executed: put code and data into "
                      "sections of their own",
                      h->number);
    if (h->address < CZ_GUEST_IMAGE || h->address > CZ_GUEST_IMAGE_END ||
        h->memory_size > CZ_GUEST_IMAGE_END - h->address)
        return REFUSE(f, h->at + 16,
                      "segment %u (0x%llx bytes at 0x%llx) is not within 0x%x to 0x%x: link "
                      "it there",
                      h->number, (unsigned long long)h->memory_size,
                      (unsigned long long)h->address, CZ_GUEST_IMAGE, CZ_GUEST_IMAGE_END);
    return CZ_OK;
}

/* Keeps segments ascending by address. */
static int add_segment(const struct file *f, const struct program_header *h,
                       struct czi_image *image)
{
    unsigned i = image->segment_count;

    if (i == CZI_SEGMENTS_MAX)
        return czi_fail(f->err, CZ_LIMIT,
                        "ELF file, offset %llu: more than %d segments: link it with another "
                        "linker script",
                        (unsigned long long)h->at, CZI_SEGMENTS_MAX);
    for (; i > 0 && image->segments[i - 1].address > h->address; i--)
        image->segments[i] = image->segments[i - 1];
    image->segments[i] = (struct czi_segment){
        .address = h->address,
        .memory_size = h->memory_size,
        .bytes = {f->data + h->offset, (size_t)h->file_size},
        .mode = (uint8_t)(CZI_PAGE_READ | (h->flags & FLAG_W ? CZI_PAGE_WRITE : 0) |
                          (h->flags & FLAG_X ? CZI_PAGE_EXEC : 0)),
    };
    image->segment_count++;
    return CZ_OK;
}

/* A table for a dynamic linker is no harm as long as it gives it nothing to do. */
static int check_dynamic(const struct file *f, const struct program_header *h)
{
    enum { NEEDED = 1, PLTRELSZ = 2, RELASZ = 8, RELSZ = 18, TEXTREL = 22, RELRSZ = 35 };

    for (uint64_t i = 0; i + 16 <= h->file_size; i += 16) {
        const uint8_t *p = f->data + h->offset + i;
        uint64_t tag = czi_get_u64le(p), value = czi_get_u64le(p + 8);
        bool has_size =
            value && (tag == PLTRELSZ || tag == RELASZ || tag == RELSZ || tag == RELRSZ);

        if (tag == 0)
            break;
        if (tag == NEEDED || tag == TEXTREL || has_size)
            return REFUSE(f, h->offset + i,
                          "it needs a dynamic linker (tag %llu): link it with -static "
                          "-no-pie",
                          (unsigned long long)tag);
    }
    return CZ_OK;
}

/* A static program sets up its thread's variables itself, from bytes that are loaded. */
static int check_tls(const struct file *f, uint64_t table, unsigned count,
                     const struct program_header *h)
{
    for (unsigned i = 0; i < count; i++) {
        struct program_header l = program_header(f, table, i);

        if (l.type == LOAD && h->address >= l.address &&
            h->address - l.address <= l.memory_size &&
            h->file_size <= l.memory_size - (h->address - l.address))
            return CZ_OK;
    }
    return REFUSE(f, h->at + 16,
                  "segment %u, what variables of threads begin with, is not loaded: link it "
                  "with another linker script",
                  h->number);
}

static int read_program_header(const struct file *f, uint64_t table, unsigned count, unsigned i,
                               struct czi_image *image)
{
    struct program_header h = program_header(f, table, i);
    int rc;

    if (h.type != LOAD && h.type != DYNAMIC && h.type != INTERP && h.type != TLS)
        return CZ_OK; /* notes, attributes, hints to other loaders */
    if (!is_inside(f, h.offset, h.file_size))
        return REFUSE(f, h.at + 8,
                      "segment %u (0x%llx bytes at 0x%llx of the file) is not within the "
                      "file of 0x%zx bytes: it was cut",
                      i, (unsigned long long)h.file_size, (unsigned long long)h.offset, f->len);
    if (h.type == DYNAMIC)
        return check_dynamic(f, &h);
    if (h.type == INTERP && h.file_size)
        return REFUSE(f, h.at, "it asks for a program interpreter: link it with -static");
    if (h.type == TLS)
        return h.memory_size ? check_tls(f, table, count, &h) : CZ_OK;
    if (h.type == INTERP)
        return CZ_OK;
    rc = check_load(f, &h);
    if (rc == CZ_OK && h.memory_size)
        rc = add_segment(f, &h, image);
    return rc;
}

static uint64_t page_of(uint64_t address)
{
    return address / CZ_GUEST_PAGE;
}

static uint64_t segment_end(const struct czi_segment *s)
{
    return s->address + s->memory_size;
}

/* With -Ttext, lld puts the code where it has put the file's own headers, in a segment of
 * theirs that is only to be read: the code covers them, in any loader. */
static void leave_out_covered_headers(const struct file *f, size_t headers_end,
                                      struct czi_image *image)
{
    for (unsigned i = 0; i + 1 < image->segment_count; i++) {
        struct czi_segment *s = &image->segments[i];

        if (s->bytes.data != f->data || s->bytes.len != headers_end ||
            s->memory_size != headers_end || s->mode != CZI_PAGE_READ ||
            s[1].address != s->address)
            continue;
        image->segment_count--;
        memmove(s, s + 1, (image->segment_count - i) * sizeof *s);
        break;
    }
}

/* Segments in one page have one mode, the sum of theirs: what may only be read may be executed
 * or written beside, but never is anything written and executed. */
static int join_modes(const struct file *f, struct czi_image *image)
{
    for (unsigned i = 0, first = 0; i < image->segment_count; i++) {
        struct czi_segment *s = &image->segments[i];
        unsigned mode = s->mode;

        if (i && segment_end(s - 1) > s->address)
            return czi_fail(f->err, CZ_INVALID,
                            "ELF file: segments at 0x%llx and 0x%llx overlap: the file is "
                            "damaged",
                            (unsigned long long)s[-1].address, (unsigned long long)s->address);
        if (i == 0 || page_of(segment_end(s - 1) - 1) != page_of(s->address))
            first = i;
        else
            mode |= s[-1].mode;
        if ((mode & CZI_PAGE_WRITE) && (mode & CZI_PAGE_EXEC))
            return czi_fail(f->err, CZ_INVALID,
                            "ELF file: page 0x%llx holds code and what can be written: begin "
                            "data on a page of its own (of %u bytes)",
                            (unsigned long long)(page_of(s->address) * CZ_GUEST_PAGE),
                            CZ_GUEST_PAGE);
        for (unsigned k = first; k <= i; k++)
            image->segments[k].mode = (uint8_t)mode;
    }
    return CZ_OK;
}

static int read_segments(const struct file *f, struct czi_image *image)
{
    uint64_t table = czi_get_u64le(f->data + 32);
    unsigned size = get16(f->data + 54), count = get16(f->data + 56);

    if (count == 0)
        return REFUSE(f, 56, "it has no segments: link it");
    if (size != PROGRAM_SIZE)
        return REFUSE(f, 54, "program headers of %u bytes: they have 56", size);
    if (count > CZI_ELF_HEADERS_MAX)
        return czi_fail(f->err, CZ_LIMIT,
                        "ELF file, offset 56: %u program headers, at most %d are read", count,
                        CZI_ELF_HEADERS_MAX);
    if (!is_inside(f, table, (uint64_t)count * PROGRAM_SIZE))
        return REFUSE(f, 32,
                      "%u program headers at 0x%llx are not within the file of 0x%zx bytes: "
                      "it was cut",
                      count, (unsigned long long)table, f->len);
    for (unsigned i = 0; i < count; i++) {
        int rc = read_program_header(f, table, count, i, image);

        if (rc != CZ_OK)
            return rc;
    }
    leave_out_covered_headers(f, (size_t)table + (size_t)count * PROGRAM_SIZE, image);
    return join_modes(f, image);
}

static int read_entry(const struct file *f, struct czi_image *image)
{
    bool found = false;

    image->entry = czi_get_u64le(f->data + 24);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct czi_segment *s = &image->segments[i];

        found |= (s->mode & CZI_PAGE_EXEC) && image->entry >= s->address &&
                 image->entry < segment_end(s);
        image->end = (segment_end(s) + CZ_GUEST_PAGE - 1) & ~(uint64_t)(CZ_GUEST_PAGE - 1);
    }
    if (!found)
        return REFUSE(f, 24,
                      "entry 0x%llx is not in an executable segment: name it with "
                      "ENTRY() or -e",
                      (unsigned long long)image->entry);
    if (image->entry & 1)
        return REFUSE(f, 24, "entry 0x%llx is odd: no instruction lies there",
                      (unsigned long long)image->entry);
    return CZ_OK;
}

/* ---- Sections: for people, and the template ---------------------------------------------- */

struct section {
    uint64_t at;
    uint32_t name, type, link;
    uint64_t offset, size, entry_size;
};

static struct section section_header(const struct file *f, uint64_t table, unsigned i)
{
    uint64_t at = table + (uint64_t)i * SECTION_SIZE;
    const uint8_t *p = f->data + at;

    return (struct section){
        .at = at,
        .name = czi_get_u32le(p),
        .type = czi_get_u32le(p + 4),
        .link = czi_get_u32le(p + 40),
        .offset = czi_get_u64le(p + 24),
        .size = czi_get_u64le(p + 32),
        .entry_size = czi_get_u64le(p + 56),
    };
}

/* The bytes of a section that is needed. */
static int section_bytes(const struct file *f, const struct section *s, const char *what,
                         struct czi_slice *ret)
{
    if (s->type == NOBITS || !is_inside(f, s->offset, s->size))
        return REFUSE(f, s->at + 24,
                      "%s (0x%llx bytes at 0x%llx of the file) is not within the file of "
                      "0x%zx bytes: strip it, or link it again",
                      what, (unsigned long long)s->size, (unsigned long long)s->offset, f->len);
    *ret = (struct czi_slice){f->data + s->offset, (size_t)s->size};
    return CZ_OK;
}

/* The text that begins at an offset of a string table; empty when it does not end there. */
static struct czi_slice string_at(struct czi_slice table, uint32_t offset)
{
    struct czi_slice none = {0};
    const uint8_t *begin, *end;

    if (offset >= table.len)
        return none;
    begin = table.data + offset;
    end = memchr(begin, 0, table.len - offset);
    return end ? (struct czi_slice){begin, (size_t)(end - begin)} : none;
}

static int read_symtab(const struct file *f, uint64_t table, unsigned count,
                       const struct section *s, struct czi_image *image)
{
    struct section names = {0};
    struct czi_slice symbols, strings;
    int rc;

    if (s->entry_size != SYMBOL_SIZE || s->size % SYMBOL_SIZE)
        return REFUSE(f, s->at + 56, "symbols of 0x%llx bytes: they have 24, so strip it",
                      (unsigned long long)s->entry_size);
    if (s->link < count)
        names = section_header(f, table, s->link);
    if (names.type != STRTAB)
        return REFUSE(f, s->at + 40, "section %u is no table of the symbols' names: strip it",
                      (unsigned)s->link);
    rc = section_bytes(f, s, "the table of symbols", &symbols);
    if (rc == CZ_OK)
        rc = section_bytes(f, &names, "the table of the symbols' names", &strings);
    if (rc != CZ_OK)
        return rc;
    image->symtab = symbols;
    image->strtab = strings;
    return CZ_OK;
}

/* A hint, but one that cannot be meant is a mistake that its author wants to hear of. */
static int check_template(const struct file *f, const struct section *s,
                          struct czi_slice entries)
{
    size_t size = sizeof(struct cz_template_entry);

    if (s->offset % _Alignof(struct cz_template_entry))
        return REFUSE(f, s->at + 24, "section .causality.access is not aligned to %zu bytes",
                      _Alignof(struct cz_template_entry));
    if (entries.len % size)
        return REFUSE(f, s->at + 32,
                      "section .causality.access has %zu bytes, not a multiple of %zu: it "
                      "holds struct cz_template_entry only",
                      entries.len, size);
    for (size_t i = 0; i < entries.len; i += size) {
        const uint8_t *e = entries.data + i; /* from, mode, prefix_len */

        if (e[0] > CZ_TEMPLATE_FIXED_ID || e[1] > CZ_WRITE ||
            e[2] > sizeof((struct cz_template_entry *)NULL)->prefix)
            return REFUSE(f, s->offset + i,
                          "section .causality.access, entry %zu: from %u, mode %u, prefix of "
                          "%u bytes: there is no such",
                          i / size, e[0], e[1], e[2]);
    }
    return CZ_OK;
}

static int read_template(const struct file *f, const struct section *s, struct czi_image *image)
{
    struct czi_slice entries = {0};
    int rc = section_bytes(f, s, "section .causality.access", &entries);

    if (rc == CZ_OK)
        rc = check_template(f, s, entries);
    if (rc == CZ_OK)
        image->access = entries;
    return rc;
}

static int section_table(const struct file *f, uint64_t *ret_table, unsigned *ret_count)
{
    uint64_t table = czi_get_u64le(f->data + 40);
    unsigned size = get16(f->data + 58), count = get16(f->data + 60);

    if (table == 0)
        count = 0;
    if (count && size != SECTION_SIZE)
        return REFUSE(f, 58, "section headers of %u bytes: they have 64", size);
    if (count && !is_inside(f, table, (uint64_t)count * SECTION_SIZE))
        return REFUSE(f, 40,
                      "%u section headers at 0x%llx are not within the file of 0x%zx bytes: "
                      "it was cut",
                      count, (unsigned long long)table, f->len);
    *ret_table = table;
    *ret_count = count;
    return CZ_OK;
}

static int read_sections(const struct file *f, struct czi_image *image)
{
    static const char access[] = ".causality.access";
    unsigned count, names_index = get16(f->data + 62);
    struct czi_slice names = {0}, name;
    struct section s;
    uint64_t table;
    int rc = section_table(f, &table, &count);

    if (rc == CZ_OK && count && names_index >= count)
        return REFUSE(f, 62, "section %u, of the sections' names, is none of %u: strip it",
                      names_index, count);
    if (rc == CZ_OK && count && names_index) {
        s = section_header(f, table, names_index);
        rc = section_bytes(f, &s, "the table of the sections' names", &names);
    }
    for (unsigned i = 0; rc == CZ_OK && i < count; i++) {
        s = section_header(f, table, i);
        name = string_at(names, s.name);
        if (s.type == SYMTAB && !image->symtab.len)
            rc = read_symtab(f, table, count, &s, image);
        else if (name.len == sizeof access - 1 && memcmp(name.data, access, name.len) == 0)
            rc = read_template(f, &s, image);
    }
    return rc;
}

int czi_elf_read(const void *file, size_t len, struct czi_image *ret, cz_error *err)
{
    struct file f = {file, len, err};
    struct czi_image image = {0};
    int rc;

    if (len > CZI_ELF_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "ELF file of %zu bytes, at most %u are read: strip it",
                        len, CZI_ELF_SIZE_MAX);
    rc = check_identity(&f);
    if (rc == CZ_OK)
        rc = check_type(&f);
    if (rc == CZ_OK)
        rc = check_flags(&f);
    if (rc == CZ_OK)
        rc = read_segments(&f, &image);
    if (rc == CZ_OK)
        rc = read_entry(&f, &image);
    if (rc == CZ_OK)
        rc = read_sections(&f, &image);
    if (rc == CZ_OK)
        *ret = image;
    return rc;
}

/* ---- Asking an image --------------------------------------------------------------------- */

/* A name that a person gave to code or data; not that of a section, file or mapping ("$x"). */
bool czi_elf_symbol_at(const struct czi_image *image, size_t i, struct czi_symbol *ret,
                       unsigned *ret_rank)
{
    enum { NOTYPE, OBJECT, FUNC, LOCAL = 0 };
    const uint8_t *p = image->symtab.data + i * SYMBOL_SIZE;
    struct czi_slice name = string_at(image->strtab, czi_get_u32le(p));
    unsigned type = p[4] & 15;

    if (type > FUNC || get16(p + 6) == 0 || name.len == 0 || name.data[0] == '$' ||
        (name.len > 2 && name.data[0] == '.' && name.data[1] == 'L'))
        return false;
    *ret = (struct czi_symbol){czi_get_u64le(p + 8), czi_get_u64le(p + 16), name};
    *ret_rank = (type == FUNC ? 2u : 0u) + (p[4] >> 4 != LOCAL);
    return true;
}

size_t czi_elf_symbol_count(const struct czi_image *image)
{
    return image->symtab.len / SYMBOL_SIZE;
}

/* Where the segment that an address lies in begins; false: in none. */
static bool find_segment(const struct czi_image *image, uint64_t address, uint64_t *ret_begin)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct czi_segment *s = &image->segments[i];

        if (address >= s->address && address - s->address < s->memory_size) {
            *ret_begin = s->address;
            return true;
        }
    }
    return false;
}

/* The nearest at or below the address; of several there functions, then global ones. One that
 * says its size covers no more, one that does not (of assembly) all up to the next. */
bool czi_elf_symbol(const struct czi_image *image, uint64_t address, struct czi_symbol *ret)
{
    struct czi_symbol best = {0}, s;
    unsigned best_rank = 0, rank;
    uint64_t begin;
    bool found = false;

    if (!find_segment(image, address, &begin))
        return false;
    for (size_t i = 0; i < czi_elf_symbol_count(image); i++) {
        if (!czi_elf_symbol_at(image, i, &s, &rank) || s.address > address ||
            s.address < begin || (s.size && address - s.address >= s.size))
            continue;
        if (!found || s.address > best.address ||
            (s.address == best.address && rank > best_rank)) {
            best = s;
            best_rank = rank;
            found = true;
        }
    }
    if (found)
        *ret = best;
    return found;
}

int czi_elf_template(const struct czi_image *image, const struct cz_template_entry **ret,
                     size_t *ret_count, cz_error *err)
{
    const void *first = image->access.data;

    *ret = NULL;
    *ret_count = 0;
    if (image->access.len == 0)
        return CZ_OK;
    if ((uintptr_t)first % _Alignof(struct cz_template_entry))
        return czi_fail(err, CZ_INVALID, "the file lies at an odd address");
    *ret = first;
    *ret_count = image->access.len / sizeof **ret;
    return CZ_OK;
}
