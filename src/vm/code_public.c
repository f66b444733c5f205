/* code_public.c - a code for people: its id, what it is made of, its instructions as text.
 *
 * Layer: vm. Threads: pure functions of a file.
 */
#include "base/error.h"
#include "base/limits.h"
#include "codec/blake3.h"
#include "resource/resource.h"
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

static int walk_segment(const struct walk *w, const struct czi_segment *s)
{
    char text[CZI_DISASM_MAX + NAME_SIZE + 32], name[NAME_SIZE];
    uint32_t bits = 0;
    uint64_t target;
    unsigned length;
    int rc = 0;

    for (uint64_t at = s->address & 1; rc == 0 && at + 2 <= s->bytes.len; at += length) {
        uint64_t address = s->address + at;
        const struct named *n = find_name(w, address);

        length = czi_disasm_fetch(s, address, &bits);
        target = UINT64_MAX;
        if (length == czi_disasm_length(bits))
            (void)czi_disasm_bits(bits, address, text, &target);
        else
            (void)czi_disasm(w->image, address, text);
        if (target != UINT64_MAX)
            add_target(w, s, target, text + strlen(text), sizeof text - strlen(text));
        if (n && n->address == address)
            show_name(n, name);
        rc = w->fn(w->arg, address, bits, length, n && n->address == address ? name : NULL,
                   text);
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
