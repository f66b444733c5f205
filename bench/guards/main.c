/* main.c - what guards cost beside pthread rwlocks and mutexes, what waiting costs, and what a
 * guard costs the effects around it.
 *
 *     guards [--section NAME]... [--rounds N] [--slice-ms N] [--dir DIR] [--quick]
 *
 * Prints a line of JSON for each contender of each row: section, row, contender, unit, value
 * (the median), low and high (quartiles). scripts/bench makes tables of them.
 */
#include "guards/guards.h"

#include "base/id_table.h"
#include "base/rng.h"
#include "platform/platform.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct options options = {.rounds = 15, .slice_ms = 20, .dir = "."};

void must(int rc, const cz_error *err)
{
    if (rc)
        die(err->detail);
}

void die(const char *why)
{
    fprintf(stderr, "guards: %s\n", why);
    exit(1);
}

double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- Rows -----------------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

void row_of(const char *section, const char *name, const char *unit, const char *contender,
            double *figures, size_t count)
{
    qsort(figures, count, sizeof *figures, by_value);
    printf("{\"section\":\"%s\",\"row\":\"%s\",\"contender\":\"%s\",\"unit\":\"%s\","
           "\"value\":%.6g,\"low\":%.6g,\"high\":%.6g,\"rounds\":%zu}\n",
           section, name, contender, unit, figures[count / 2], figures[count / 4],
           figures[count * 3 / 4], count);
    (void)fflush(stdout);
}

#define CONTENDERS_MAX 12

void row(const char *section, const char *name, const char *unit, const struct contender *c,
         size_t count)
{
    double *figures[CONTENDERS_MAX];

    for (size_t i = 0; i < count; i++) {
        figures[i] = calloc(options.rounds, sizeof **figures);
        if (!figures[i])
            die("out of memory");
    }
    for (unsigned round = 0; round < options.rounds; round++)
        for (size_t i = 0; i < count; i++)
            figures[i][round] = c[i].measure(c[i].arg);
    for (size_t i = 0; i < count; i++) {
        row_of(section, c[i].row ? c[i].row : name, unit, c[i].name, figures[i],
               options.rounds);
        free(figures[i]);
    }
}

/* ---- A world of resources -------------------------------------------------------------------
 */

static void make_resources(struct world *w)
{
    cz_effect *e = cz_effect_new();
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .kind = CZ_DATA,
                     .data = (const uint8_t *)"........",
                     .data_len = 8};
    cz_error err = {0};

    if (!e)
        die("out of memory");
    for (uint32_t i = 0; i < w->count; i++) {
        char label[16];

        (void)snprintf(label, sizeof label, "r%u", i);
        c.label = label;
        must(cz_resource_id(&c.creator, label, &w->ids[i], &err), &err);
        if (czi_id_table_insert(w->numbers, &w->ids[i]) != i)
            die("out of memory");
        cz_effect_clear(e);
        cz_effect_set_origin(e, &c.creator);
        cz_effect_set_nonce(e, i);
        must(cz_effect_create(e, &c, &err), &err);
        int rc;
        while ((rc = cz_submit_effect(w->engine, e, NULL, NULL, NULL, &err)) == CZ_BUSY)
            must(cz_flush(w->engine, &err), &err);
        must(rc, &err);
    }
    must(cz_flush(w->engine, &err), &err);
    cz_effect_free(e);
}

void world_init(struct world *w, uint32_t count, const char *dir)
{
    struct czi_rng rng = czi_rng(1);
    cz_error err = {0};

    *w = (struct world){.count = count,
                        .ids = calloc(count, sizeof *w->ids),
                        .cells = aligned_alloc(64, count * sizeof *w->cells),
                        .numbers = calloc(1, sizeof *w->numbers),
                        .order = calloc(ORDER, sizeof *w->order)};
    if (!w->ids || !w->cells || !w->numbers || !w->order)
        die("out of memory");
    memset(w->cells, 0, count * sizeof *w->cells);
    for (uint32_t i = 0; i < count; i++) {
        pthread_rwlock_init(&w->cells[i].rw.lock, NULL);
        pthread_mutex_init(&w->cells[i].mutex.lock, NULL);
    }
    for (uint32_t i = 0; i < ORDER; i++)
        w->order[i] = (uint32_t)czi_rng_below(&rng, count);
    must(cz_open(dir, NULL, &w->engine, &err), &err);
    make_resources(w);
}

void world_done(struct world *w)
{
    cz_error err = {0};

    must(cz_close(w->engine, &err), &err);
    czi_id_table_done(w->numbers);
    free(w->numbers);
    free(w->ids);
    free(w->cells);
    free(w->order);
}

/* ---- Stores ---------------------------------------------------------------------------------
 */

void store_make(char *path, size_t size)
{
    cz_error err = {0};

    (void)snprintf(path, size, "%s/guards-%ld", options.dir, (long)getpid());
    must(cz_init(path, &err), &err);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void store_remove(const char *path)
{
    (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- The command ----------------------------------------------------------------------------
 */

static const struct section {
    const char *name;
    void (*run)(void);
    bool chosen;
} all[] = {
    {"alone", bench_alone, false},     {"contended", bench_contended, false},
    {"many", bench_many, false},       {"commits", bench_commits, false},
    {"waiting", bench_waiting, false}, {"effects", bench_effects, false},
};

static _Noreturn void usage(const char *what)
{
    fprintf(stderr,
            "guards: %s\nusage: guards [--section NAME]... [--rounds N] [--slice-ms N] "
            "[--dir DIR] [--quick]\nsections:",
            what);
    for (size_t i = 0; i < CZI_COUNTOF(all); i++)
        fprintf(stderr, " %s", all[i].name);
    fprintf(stderr, "\n");
    exit(2);
}

static unsigned number(const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*end || n < 1 || n > 1000000)
        usage("a number from 1 to 1000000 is needed");
    return (unsigned)n;
}

int main(int argc, char **argv)
{
    struct section sections[CZI_COUNTOF(all)];
    bool some = false;

    memcpy(sections, all, sizeof all);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            options.quick = true;
            options.rounds = 5;
            options.slice_ms = 10;
            continue;
        }
        if (i + 1 == argc)
            usage("a flag without a value");
        if (!strcmp(argv[i], "--rounds")) {
            options.rounds = number(argv[++i]);
        } else if (!strcmp(argv[i], "--slice-ms")) {
            options.slice_ms = number(argv[++i]);
        } else if (!strcmp(argv[i], "--dir")) {
            options.dir = argv[++i];
        } else if (!strcmp(argv[i], "--section")) {
            bool known = false;

            i++;
            for (size_t k = 0; k < CZI_COUNTOF(all); k++)
                if (!strcmp(argv[i], all[k].name))
                    known = sections[k].chosen = some = true;
            if (!known)
                usage("unknown section");
        } else {
            usage("unknown flag");
        }
    }
    czi_memory_keep();
    for (size_t i = 0; i < CZI_COUNTOF(all); i++)
        if (!some || sections[i].chosen)
            sections[i].run();
    return 0;
}
