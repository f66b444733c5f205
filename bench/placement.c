/* placement.c - what placement is good for: the rows of resources that are used together, read
 * from an index whose files are not in memory, before and after `causality placement apply`.
 *
 *     build/bench/placement [RESOURCES [FAMILY [DIR]]]
 *
 * 200,000 resources in families of 16 by default, scattered over all ids as hashes are. Prints
 * a line of JSON for each: bytes that the disk delivered, and microseconds, for all rows of one
 * family.
 */
#include "engine/placement.h"
#include "base/rng.h"
#include "effect/effect.h"
#include "ledger/index.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { READS = 300 };

struct bench {
    char dir[256];
    unsigned resources, family;
    cz_id *ids;
    uint64_t nonce;
};

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void must(int rc, const cz_error *err)
{
    if (!rc)
        return;
    (void)fprintf(stderr, "placement: %s: %s\n", cz_code_name(rc), err->detail);
    exit(1);
}

/* ---- A store -------------------------------------------------------------------------------
 */

static void submit(cz_engine *g, const cz_effect *e, const uint8_t *bytes, size_t len)
{
    cz_error err = {0};
    int rc;

    do {
        rc = e ? cz_submit_effect(g, (cz_effect *)(uintptr_t)e, NULL, NULL, NULL, &err)
               : cz_submit(g, bytes, len, NULL, NULL, NULL, &err);
        if (rc == CZ_BUSY)
            must(cz_flush(g, &err), &err);
    } while (rc == CZ_BUSY);
    must(rc, &err);
}

static void create_all(struct bench *b, cz_engine *g)
{
    cz_error err = {0};
    CZ_EFFECT(e);

    for (unsigned i = 0; i < b->resources; i++) {
        char label[24];
        cz_creation c = {.creator = cz_operator(),
                         .controller = cz_operator(),
                         .label = label,
                         .kind = CZ_FUNGIBLE,
                         .asset = "EUR",
                         .quantity = 1000000};

        (void)snprintf(label, sizeof label, "account-%u", i);
        must(cz_resource_id(&c.creator, label, &b->ids[i], &err), &err);
        cz_effect_clear(e);
        cz_effect_set_nonce(e, ++b->nonce);
        must(cz_effect_create(e, &c, &err), &err);
        submit(g, e, NULL, 0);
    }
}

static cz_id *member(const struct bench *b, unsigned family, unsigned n)
{
    return &b->ids[family + n % b->family * (b->resources / b->family)];
}

static void transfer_all(struct bench *b, cz_engine *g)
{
    cz_id origin = {{7}};

    for (unsigned round = 0; round < 2; round++)
        for (unsigned n = 0; n < b->family; n++)
            for (unsigned f = 0; f < b->resources / b->family; f++) {
                uint8_t bytes[CZI_TRANSFER_SIZE_MAX];
                size_t len = czi_transfer_encode(bytes, &origin, ++b->nonce, CZ_NORMAL,
                                                 member(b, f, n), member(b, f, n + 1), 1);

                submit(g, NULL, bytes, len);
            }
}

static void reopen(const struct bench *b)
{
    cz_error err = {0};
    cz_options options = {.ordered = true};
    cz_engine *g;

    must(cz_open(b->dir, &options, &g, &err), &err);
    must(cz_close(g, &err), &err);
}

static void make_store(struct bench *b)
{
    cz_error err = {0};
    cz_options options = {.ordered = true};
    cz_engine *g;

    must(cz_init(b->dir, &err), &err);
    must(cz_open(b->dir, &options, &g, &err), &err);
    create_all(b, g);
    transfer_all(b, g);
    must(cz_close(g, &err), &err);
}

/* ---- Cold reads ----------------------------------------------------------------------------
 */

/* Asks the system to drop what it keeps of the index's files. */
static void forget_files(const struct bench *b)
{
    char path[600];
    DIR *d;

    (void)snprintf(path, sizeof path, "%s/index", b->dir);
    d = opendir(path);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        int fd;

        (void)snprintf(path, sizeof path, "%s/index/%s", b->dir, e->d_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        (void)fdatasync(fd);
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        (void)close(fd);
    }
    (void)closedir(d);
}

/* That the disk delivered to this process so far. */
static uint64_t disk_bytes(void)
{
    FILE *f = fopen("/proc/self/io", "r");
    char line[128];
    uint64_t n = 0;

    while (f && fgets(line, sizeof line, f))
        (void)sscanf(line, "read_bytes: %" SCNu64, &n);
    if (f)
        (void)fclose(f);
    return n;
}

static void read_family(const struct bench *b, struct czi_index *x,
                        const struct czi_placement *p, unsigned family)
{
    struct czi_buf value = {0};
    cz_error err = {0};

    for (unsigned n = 0; n < b->family; n++) {
        const cz_id *id = member(b, family, n);
        uint16_t group = czi_placement_group(p, id);
        uint8_t key[3 + sizeof *id] = {'r', (uint8_t)(group >> 8), (uint8_t)group};

        memcpy(key + 3, id, sizeof *id);
        value.len = 0;
        must(x->ops->get(x, (struct czi_slice){key, sizeof key}, &value, &err), &err);
    }
    czi_buf_done(&value);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Each family from an index that was just opened, and whose files are on the disk only. */
static void measure(const struct bench *b, const char *name)
{
    static double us[READS];
    struct czi_placement p = {0};
    struct czi_rng r = czi_rng(1);
    char path[300];
    struct czi_fs *fs;
    uint64_t bytes = 0;
    cz_error err = {0};

    (void)snprintf(path, sizeof path, "%s/index", b->dir);
    must(czi_fs_posix(b->dir, &fs, &err), &err);
    must(czi_placement_read(fs, &p, &err), &err);
    for (unsigned i = 0; i < READS; i++) {
        unsigned family = (unsigned)czi_rng_below(&r, b->resources / b->family);
        struct czi_index *x;
        uint64_t before;
        double begin;

        must(czi_index_rocksdb(path, true, &x, &err), &err);
        /* The filters and the index of blocks are read by the first one, which does not count.
         */
        read_family(b, x, &p, (family + 1) % (b->resources / b->family));
        forget_files(b);
        before = disk_bytes();
        begin = now_us();
        read_family(b, x, &p, family);
        us[i] = now_us() - begin;
        bytes += disk_bytes() - before;
        x->ops->close(x);
    }
    qsort(us, READS, sizeof *us, by_size);
    printf("{\"bench\":\"placement\",\"index\":\"%s\",\"resources\":%u,\"family\":%u,"
           "\"disk_bytes\":%.0f,\"us_p50\":%.1f,\"us_p90\":%.1f}\n",
           name, b->resources, b->family, (double)bytes / (READS), us[READS / 2],
           us[READS * 9 / 10]);
    (void)fflush(stdout);
    czi_placement_done(&p);
    fs->ops->free(fs);
}

int main(int argc, char **argv)
{
    struct bench b = {.resources = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 200000,
                      .family = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 16};
    cz_placement_report report;
    cz_error err = {0};
    char command[300];

    (void)snprintf(b.dir, sizeof b.dir, "%s/bench-placement-XXXXXX", argc > 3 ? argv[3] : ".");
    b.resources -= b.family ? b.resources % b.family : 0;
    if (b.family < 2 || b.resources < 2 * b.family || !mkdtemp(b.dir)) {
        (void)fprintf(stderr, "usage: placement [RESOURCES [FAMILY [DIR]]]\n");
        return 2;
    }
    b.ids = calloc(b.resources, sizeof *b.ids);
    if (!b.ids)
        return 1;
    make_store(&b);
    measure(&b, "by id");
    must(cz_placement_apply(b.dir, 0, &report, &err), &err);
    reopen(&b);
    measure(&b, "by group");
    free(b.ids);
    (void)snprintf(command, sizeof command, "rm -r '%s'", b.dir);
    return system(command) != 0;
}
