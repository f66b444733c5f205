/* logs.c - how long programs' logs take to read: dense and rare entries, and a list of
 * programs.
 *
 * Layer: bench, outside the product. usage: logs [--quick] [DIR]. Prints a line of JSON a
 * figure: row, unit, value. Stores are made in DIR, which must not be there, and stay; without
 * DIR in memory.
 */
#include "program/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *folder;
static unsigned stores;

static void must(int rc, const cz_error *err)
{
    if (!rc)
        return;
    (void)fprintf(stderr, "logs: %s: %s\n", cz_code_name(rc), err->detail);
    exit(1);
}

static double seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print(const char *row, const char *unit, double value)
{
    printf("{\"row\":\"%s\",\"unit\":\"%s\",\"value\":%.3f}\n", row, unit, value);
    (void)fflush(stdout);
}

static cz_engine *open_store(unsigned batch_max)
{
    cz_options o = {.batch_max = batch_max};
    char dir[4096];
    cz_engine *g;
    cz_error err = {0};

    (void)snprintf(dir, sizeof dir, "%s%u", folder ? folder : "", stores++);
    if (folder)
        must(cz_init(dir, &err), &err);
    must(cz_open(folder ? dir : NULL, &o, &g, &err), &err);
    return g;
}

static void submit(cz_engine *g, cz_effect *e)
{
    cz_error err = {0};
    uint64_t ticket;
    int rc;

    while ((rc = cz_submit_effect(g, e, NULL, NULL, &ticket, &err)) == CZ_BUSY)
        must(cz_flush(g, &err), &err);
    must(rc, &err);
}

static void entry(cz_engine *g, cz_effect *e, const cz_id *program, uint64_t nonce,
                  const void *note, size_t len)
{
    cz_error err = {0};

    cz_effect_clear(e);
    cz_effect_set_origin(e, program);
    cz_effect_set_nonce(e, nonce);
    cz_effect_set_program(e, program, 0);
    must(cz_effect_note(e, note, len, &err), &err);
    submit(g, e);
}

static int count_entry(void *arg, const cz_program_entry *e)
{
    (void)e;
    ++*(uint64_t *)arg;
    return 0;
}

/* One program's entries, with a note of 100 bytes, are each `spread`-th effect of a store. */
static void read_log(const char *row, uint64_t entries, unsigned spread, unsigned batch_max)
{
    static const uint8_t note[100];
    const cz_id program = {{1}}, other = {{2}};
    cz_engine *g = open_store(batch_max);
    cz_effect *e = cz_effect_new();
    uint64_t count = 0;
    cz_error err = {0};
    double start;

    for (uint64_t i = 1; i <= entries * spread; i++)
        entry(g, e, i % spread ? &other : &program, i, note, sizeof note);
    must(cz_flush(g, &err), &err);
    start = seconds();
    must(cz_program_log(g, &program, count_entry, &count, &err), &err);
    if (count != entries)
        exit(1);
    print(row, "s", seconds() - start);
    cz_effect_free(e);
    must(cz_close(g, &err), &err);
}

static int count_completed(void *arg, const cz_program_report *r)
{
    *(uint64_t *)arg += r->state == CZ_PROGRAM_COMPLETED;
    return 0;
}

/* Each of them begins; then each of them ends. */
static void list(const char *row, uint64_t programs)
{
    cz_engine *g = open_store(0);
    cz_effect *e = cz_effect_new();
    struct czi_note_parts none = {0};
    struct czi_buf note = {0};
    uint64_t count = 0;
    cz_error err = {0};
    double start;

    for (uint64_t i = 0; i < 2 * programs; i++) {
        char label[24];
        struct czi_begin b = {.name = {(const uint8_t *)"bench", 5},
                              .label = {(const uint8_t *)label, 0},
                              .version = 1};
        cz_id id;

        b.label.len =
            (size_t)snprintf(label, sizeof label, "%llu", (unsigned long long)(i % programs));
        must(czi_instance_id(&b, &id, &err), &err);
        must(i < programs ? czi_note_begin(&b, &note, &err)
                          : czi_note_end(&none, CZ_OK, 0, "", &note, &err),
             &err);
        entry(g, e, &id, 1 + i / programs, note.data, note.len);
    }
    must(cz_flush(g, &err), &err);
    start = seconds();
    must(cz_program_list(g, count_completed, &count, &err), &err);
    if (count != programs)
        exit(1);
    print(row, "s", seconds() - start);
    czi_buf_done(&note);
    cz_effect_free(e);
    must(cz_close(g, &err), &err);
}

int main(int argc, char **argv)
{
    uint64_t scale = 10;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            scale = 1;
        else
            folder = argv[i];
    }
    read_log(scale == 1 ? "10k entries, one a frame" : "100k entries, one a frame",
             10000 * scale, 1, 1);
    read_log(scale == 1 ? "100k entries, dense" : "1M entries, dense", 100000 * scale, 1, 0);
    read_log(scale == 1 ? "1k entries, one in 100 effects" : "10k entries, one in 100 effects",
             1000 * scale, 100, 0);
    list(scale == 1 ? "list of 10k programs" : "list of 100k programs", 10000 * scale);
    return 0;
}
