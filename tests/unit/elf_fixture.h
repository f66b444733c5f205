/* elf_fixture.h - small ELF files made byte by byte, as the System V ABI lays them out, so that
 * every field can be given a wrong value.
 *
 * The file: header, program headers, bytes of segments at page-aligned offsets, then section
 * headers with names, symbols, and .causality.access when wanted.
 */
#ifndef CZI_ELF_FIXTURE_H
#define CZI_ELF_FIXTURE_H

#include "vm/vm.h"

struct elf_segment {
    uint32_t type, flags;
    uint64_t address;
    const void *bytes;
    uint64_t file_size, memory_size;
};
struct elf_symbol {
    const char *name;
    uint8_t info; /* binding << 4 | type */
    uint16_t section;
    uint64_t value, size;
};
struct elf_plan {
    uint64_t entry;
    struct elf_segment segments[20];
    unsigned segment_count;
    const struct elf_symbol *symbols;
    unsigned symbol_count;
    const void *access;
    size_t access_len;
};

enum { ELF_R = 4, ELF_W = 2, ELF_X = 1, ELF_LOAD = 1 };
#define ELF_PROGRAM(i) (64u + 56u * (i))

/* Overwrites `width` bytes at an offset, little endian. */
static inline void elf_poke(struct czi_buf *b, size_t at, unsigned width, uint64_t value)
{
    CZI_CHECK(at + width <= b->len);
    for (unsigned i = 0; i < width; i++)
        b->data[at + i] = (uint8_t)(value >> (8 * i));
}
static inline void elf_zero(struct czi_buf *b, size_t n)
{
    while (n--)
        czi_buf_put_byte(b, 0);
}
static inline void elf_pad(struct czi_buf *b, size_t align)
{
    while (b->len % align)
        czi_buf_put_byte(b, 0);
}

static inline void elf_section(struct czi_buf *b, size_t at, const uint64_t fields[8])
{
    /* name, type, flags, offset, size, link, info, entry size; address 0 */
    elf_poke(b, at, 4, fields[0]);
    elf_poke(b, at + 4, 4, fields[1]);
    elf_poke(b, at + 8, 8, fields[2]);
    elf_poke(b, at + 24, 8, fields[3]);
    elf_poke(b, at + 32, 8, fields[4]);
    elf_poke(b, at + 40, 4, fields[5]);
    elf_poke(b, at + 44, 4, fields[6]);
    elf_poke(b, at + 56, 8, fields[7]);
}

/* Sections: 0 none, 1 .shstrtab, 2 .symtab, 3 .strtab, 4 .causality.access. */
static inline void elf_put_sections(struct czi_buf *b, const struct elf_plan *plan)
{
    static const char names[] = "\0.shstrtab\0.symtab\0.strtab\0.causality.access";
    size_t at_names, at_symbols, at_strings, at_access, table;
    struct czi_buf strings = {0};

    at_names = b->len;
    czi_buf_put(b, names, sizeof names);
    elf_pad(b, 8);
    at_symbols = b->len;
    czi_buf_put_byte(&strings, 0);
    elf_zero(b, 24);
    for (unsigned i = 0; i < plan->symbol_count; i++) {
        const struct elf_symbol *s = &plan->symbols[i];
        size_t at = b->len;

        elf_zero(b, 24);
        elf_poke(b, at, 4, strings.len);
        elf_poke(b, at + 4, 1, s->info);
        elf_poke(b, at + 6, 2, s->section);
        elf_poke(b, at + 8, 8, s->value);
        elf_poke(b, at + 16, 8, s->size);
        czi_buf_put(&strings, s->name, strlen(s->name) + 1);
    }
    at_strings = b->len;
    czi_buf_put(b, strings.data, strings.len);
    elf_pad(b, 8);
    at_access = b->len;
    if (plan->access_len)
        czi_buf_put(b, plan->access, plan->access_len);
    elf_pad(b, 8);
    table = b->len;
    elf_zero(b, (size_t)64 * 5);
    elf_section(b, table + 64, (uint64_t[8]){1, 3, 0, at_names, sizeof names, 0, 0, 0});
    elf_section(b, table + 128,
                (uint64_t[8]){11, 2, 0, at_symbols, at_strings - at_symbols, 3, 1, 24});
    elf_section(b, table + 192, (uint64_t[8]){19, 3, 0, at_strings, strings.len, 0, 0, 0});
    elf_section(b, table + 256, (uint64_t[8]){27, 1, 2, at_access, plan->access_len, 0, 0, 0});
    elf_poke(b, 40, 8, table);
    elf_poke(b, 58, 2, 64);
    elf_poke(b, 60, 2, plan->access_len ? 5 : 4);
    elf_poke(b, 62, 2, 1);
    czi_buf_done(&strings);
}

/* Appends the file to an empty buffer. */
static inline void elf_build(struct czi_buf *b, const struct elf_plan *plan)
{
    static const uint8_t identity[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

    czi_buf_put(b, identity, sizeof identity);
    elf_zero(b, ELF_PROGRAM(plan->segment_count) - 16);
    elf_poke(b, 16, 2, 2);
    elf_poke(b, 18, 2, 243);
    elf_poke(b, 20, 4, 1);
    elf_poke(b, 24, 8, plan->entry);
    elf_poke(b, 32, 8, 64);
    elf_poke(b, 48, 4, 1); /* compressed; no float registers */
    elf_poke(b, 52, 2, 64);
    elf_poke(b, 54, 2, 56);
    elf_poke(b, 56, 2, plan->segment_count);
    for (unsigned i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *s = &plan->segments[i];
        size_t h = ELF_PROGRAM(i);

        elf_pad(b, 4096);
        elf_zero(b, s->address % 4096); /* as far into a page as it will be in memory */
        elf_poke(b, h, 4, s->type);
        elf_poke(b, h + 4, 4, s->flags);
        elf_poke(b, h + 8, 8, b->len);
        elf_poke(b, h + 16, 8, s->address);
        elf_poke(b, h + 24, 8, s->address);
        elf_poke(b, h + 32, 8, s->file_size);
        elf_poke(b, h + 40, 8, s->memory_size);
        elf_poke(b, h + 48, 8, 4096);
        if (s->file_size)
            czi_buf_put(b, s->bytes, s->file_size);
    }
    if (plan->symbols || plan->access_len) {
        elf_pad(b, 8);
        elf_put_sections(b, plan);
    }
    CZI_CHECK(!b->failed);
}

#endif
