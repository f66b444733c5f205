/* code_public.c - a code for people: its id, what it is made of, its instructions as text.
 *
 * Layer: vm. Threads: pure functions of a file.
 */
#include "base/error.h"
#include "base/limits.h"
#include "codec/blake3.h"
#include "resource/resource.h"
#include "vm/analyse.h"
#include "vm/disasm.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Identity ---------------------------------------------------------------------------- */

int cz_code_id(const void *elf, size_t len, cz_id *ret, cz_error *err)
{
    struct czi_image image;
    cz_id hash;
    int rc;

    if (len > CZI_DATA_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT,
                        "a code of %zu bytes, at most %u are data of a resource: strip it", len,
                        CZI_DATA_SIZE_MAX);
    rc = czi_elf_read(elf, len, &image, err);
    if (rc != CZ_OK)
        return rc;
    czi_blake3(elf, len, hash.bytes);
    *ret = czi_code_identity(&hash);
    return CZ_OK;
}

/* ---- What it is made of ------------------------------------------------------------------ */

static unsigned count_calls(const struct czi_image *image)
{
    const uint32_t ecall = 0x73;
    unsigned calls = 0, length;
    uint32_t bits = 0;

    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct czi_segment *s = &image->segments[i];

        for (uint64_t at = s->address & 1; at + 2 <= s->bytes.len; at += length) {
            length = czi_disasm_fetch(s, s->address + at, &bits);
            calls += (s->mode & CZI_PAGE_EXEC) && length == 4 && bits == ecall;
        }
    }
    return calls;
}

static void report_image(const struct czi_image *image, cz_code_report *report)
{
    _Static_assert(CZI_COUNTOF(report->segments) == CZI_SEGMENTS_MAX, "one for each");
    report->entry = image->entry;
    report->segment_count = image->segment_count;
    report->template_count = image->access.len / sizeof(struct cz_template_entry);
    report->call_sites = count_calls(image);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct czi_segment *s = &image->segments[i];

        report->segments[i] = (cz_code_segment){.address = s->address,
                                                .memory_size = s->memory_size,
                                                .file_size = s->bytes.len,
                                                .can_write = (s->mode & CZI_PAGE_WRITE) != 0,
                                                .can_execute = (s->mode & CZI_PAGE_EXEC) != 0};
    }
}

static cz_code_access *next_access(cz_code_report *report)
{
    return report->access_count == CZI_COUNTOF(report->accesses)
               ? NULL
               : &report->accesses[report->access_count++];
}

static int report_template(const struct czi_image *image, cz_code_report *report, cz_error *err)
{
    const struct cz_template_entry *entries;
    cz_code_access *a;
    size_t count;
    int rc = czi_elf_template(image, &entries, &count, err);

    for (size_t i = 0; !rc && i < count && (a = next_access(report)); i++) {
        *a = (cz_code_access){.from = entries[i].from,
                              .mode = entries[i].mode ? CZ_WRITE : CZ_READ,
                              .offset = entries[i].offset,
                              .length = entries[i].length,
                              .prefix_len = entries[i].prefix_len};
        memcpy(a->prefix, entries[i].prefix, sizeof a->prefix);
    }
    return rc;
}

static int report_text(const struct czi_image *image, cz_code_report *report, cz_error *err)
{
    struct czi_analysis analysis;
    cz_code_access *a;
    int rc = czi_analyse(image, &analysis, err);

    if (rc)
        return rc;
    _Static_assert(sizeof report->calls == sizeof analysis.calls, "as many");
    memcpy(report->calls, analysis.calls, sizeof report->calls);
    report->call_count = analysis.call_count;
    report->unknown_calls = analysis.unknown_sites;
    report->may_write = analysis.may_write;
    for (unsigned i = 0; i < analysis.open_count && (a = next_access(report)); i++) {
        const struct czi_open_site *o = &analysis.opens[i];

        *a = (cz_code_access){.of_text = true,
                              .from = o->from,
                              .mode = o->write ? CZ_WRITE : CZ_READ,
                              .offset = o->offset};
        if (o->from == CZ_TEMPLATE_FIXED_ID) {
            memcpy(a->prefix, o->id, sizeof o->id);
            a->prefix_len = sizeof o->id;
        }
    }
    return CZ_OK;
}

int cz_code_inspect(const void *elf, size_t len, cz_code_report *ret, cz_error *err)
{
    cz_code_report report = {.size = len};
    struct czi_code_info info;
    struct czi_code *code;
    int rc = czi_code_new(elf, len, &code, err);

    if (rc != CZ_OK)
        return rc;
    info = czi_code_info(code);
    report.id = czi_code_identity(czi_code_hash(code));
    report.instructions = info.instructions;
    report.blocks = info.blocks;
    report.compressed = info.compressed;
    report.atomics = info.atomics;
    report.unknown = info.unknown;
    report.provable = info.provable;
    report_image(czi_code_image(code), &report);
    rc = report_template(czi_code_image(code), &report, err);
    if (!rc)
        rc = report_text(czi_code_image(code), &report, err);
    czi_code_drop(code);
    if (!rc)
        *ret = report;
    return rc;
}

/* ---- Text -------------------------------------------------------------------------------- */

/* A symbol's name as it is shown: cut, and nothing in it that a terminal would act on. */
#define NAME_SIZE 128

struct walk {
    const struct czi_image *image;
    struct named {
        uint64_t address;
        const uint8_t *name; /* zero-terminated */
        uint32_t rank;
    } *names;
    size_t count;
    cz_disasm_fn fn;
    void *arg;
};

static int compare_names(const void *a, const void *b)
{
    const struct named *x = a, *y = b;

    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    return strcmp((const char *)x->name, (const char *)y->name);
}

/* Names in code, ascending, the best one of each address first. */
static int collect_names(struct walk *w, cz_error *err)
{
    size_t all = czi_elf_symbol_count(w->image);
    struct czi_symbol s;
    unsigned rank;

    w->names = czi_alloc((all + 1) * sizeof *w->names);
    if (!w->names)
        return czi_nomem(err, "the names of a code");
    for (size_t i = 0; i < all; i++)
        if (czi_elf_symbol_at(w->image, i, &s, &rank))
            w->names[w->count++] = (struct named){s.address, s.name.data, rank};
    qsort(w->names, w->count, sizeof *w->names, compare_names);
    return CZ_OK;
}

/* The nearest at or below an address; NULL: none. */
static const struct named *find_name(const struct walk *w, uint64_t address)
{
    size_t low = 0, high = w->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (w->names[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    for (low--; low > 0 && w->names[low - 1].address == w->names[low].address;)
        low--;
    return &w->names[low];
}

static void show_name(const struct named *n, char out[NAME_SIZE])
{
    size_t i = 0;

    for (; i < NAME_SIZE - 1 && n->name[i]; i++)
        out[i] = (char)(n->name[i] > ' ' && n->name[i] < 0x7f ? n->name[i] : '?');
    out[i] = 0;
}

/* " <main+0x4>" behind the target of a jump. */
static void add_target(const struct walk *w, const struct czi_segment *s, uint64_t target,
                       char *out, size_t size)
{
    const struct named *n = target >= s->address && target - s->address < s->memory_size
                                ? find_name(w, target)
                                : NULL;
    char name[NAME_SIZE];

    if (!n || n->address < s->address)
        return;
    show_name(n, name);
    if (n->address == target)
        (void)snprintf(out, size, " <%s>", name);
    else
        (void)snprintf(out, size, " <%s+0x%llx>", name,
                       (unsigned long long)(target - n->address));
}

static bool has_name(const struct walk *w, uint64_t address)
{
    const struct named *n = find_name(w, address);

    return address == w->image->entry || (n && n->address == address);
}

/* One instruction, or half of what would be one if no name began in its middle: behind data,
 * code is found again where it is named. Returns its length. */
static unsigned describe(const struct walk *w, const struct czi_segment *s, uint64_t address,
                         uint32_t *ret_bits, char *out, size_t size)
{
    unsigned length = czi_disasm_fetch(s, address, ret_bits);
    uint64_t target = UINT64_MAX;

    if (length == 4 && has_name(w, address + 2)) {
        length = 2;
        *ret_bits &= 0xffff;
    }
    if (length == czi_disasm_length(*ret_bits))
        (void)czi_disasm_bits(*ret_bits, address, out, &target);
    else
        (void)snprintf(out, size, ".2byte 0x%x", (unsigned)*ret_bits);
    if (target != UINT64_MAX)
        add_target(w, s, target, out + strlen(out), size - strlen(out));
    return length;
}

static int walk_segment(const struct walk *w, const struct czi_segment *s)
{
    char text[CZI_DISASM_MAX + NAME_SIZE + 32], name[NAME_SIZE];
    uint32_t bits = 0;
    unsigned length;
    int rc = 0;

    for (uint64_t at = s->address & 1; rc == 0 && at + 2 <= s->bytes.len; at += length) {
        uint64_t address = s->address + at;
        const struct named *n = find_name(w, address);
        bool begins = n && n->address == address;

        length = describe(w, s, address, &bits, text, sizeof text);
        if (begins)
            show_name(n, name);
        rc = w->fn(w->arg, address, bits, length, begins ? name : NULL, text);
    }
    return rc;
}

int cz_code_disasm(const void *elf, size_t len, cz_disasm_fn fn, void *arg, cz_error *err)
{
    struct czi_image image;
    struct walk w = {.image = &image, .fn = fn, .arg = arg};
    int rc = czi_elf_read(elf, len, &image, err);

    if (rc == CZ_OK)
        rc = collect_names(&w, err);
    for (unsigned i = 0; rc == CZ_OK && i < image.segment_count; i++)
        if (image.segments[i].mode & CZI_PAGE_EXEC)
            rc = walk_segment(&w, &image.segments[i]);
    czi_free(w.names);
    return rc;
}
