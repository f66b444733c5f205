/* append.c - what the ledger costs beside the bare system calls, in one run.
 *
 *     ninja -C build bench/append && build/bench/append [DIR]
 *
 * Appends: for each size, alternating, one append to a bare file with fdatasync and one frame
 * of the same payload to a ledger; medians of both. Then the tail's inserts, and loads of the
 * index as a checkpoint makes them. DIR (default: the working directory) gets a scratch
 * directory, which stays for a look; it must not exist.
 */
#include "base/rng.h"
#include "codec/blake3.h"
#include "ledger/tail.h"
#include "platform/platform.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUNDS_MAX 400
#define BYTES_PER_SIZE (192u * 1024u * 1024u)

static cz_error err;

static void must(int rc)
{
    if (!rc)
        return;
    fprintf(stderr, "append: %s\n", err.detail);
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static double median_ms(uint64_t *ns, unsigned n)
{
    qsort(ns, n, sizeof *ns, by_value);
    return (double)ns[n / 2] / 1e6;
}

static uint64_t bare_append(int fd, const uint8_t *data, size_t len, uint64_t *at)
{
    uint64_t start = czi_clock_ns();

    if (pwrite(fd, data, len, (off_t)*at) != (ssize_t)len || fdatasync(fd) < 0) {
        perror("append");
        exit(1);
    }
    *at += len;
    return czi_clock_ns() - start;
}

static uint64_t ledger_append(struct czi_ledger *l, uint8_t *frame, size_t payload,
                              struct czi_frame *f)
{
    cz_id ids[1];
    uint64_t start;

    czi_put_u64le(frame + CZI_FRAME_HEADER_SIZE, f->first_position);
    czi_frame_seal(frame, payload, f);
    czi_blake3(&f->first_position, 8, ids[0].bytes);
    start = czi_clock_ns();
    must(czi_ledger_append(l, &(struct czi_piece){frame, CZI_FRAME_HEADER_SIZE + payload, ids},
                           1, &err));
    start = czi_clock_ns() - start;
    memcpy(f->previous, f->hash, 32);
    f->first_position++;
    return start;
}

static void compare(struct czi_ledger *l, int fd, uint64_t *at, size_t size,
                    struct czi_frame *f)
{
    static uint64_t bare[ROUNDS_MAX], ours[ROUNDS_MAX];
    unsigned rounds = (unsigned)CZI_MIN((size_t)ROUNDS_MAX, BYTES_PER_SIZE / size);
    size_t payload = size - CZI_FRAME_HEADER_SIZE - CZI_MARK_SIZE;
    uint8_t *frame = malloc(size);
    struct czi_rng rng = czi_rng(size);
    double a, b;

    for (size_t i = 0; frame && i < size; i++)
        frame[i] = (uint8_t)czi_rng_next(&rng);
    for (unsigned i = 0; frame && i < rounds; i++) {
        bare[i] = bare_append(fd, frame, size, at);
        ours[i] = ledger_append(l, frame, payload, f);
    }
    a = median_ms(bare, rounds);
    b = median_ms(ours, rounds);
    printf("append %5zu KiB x %3u: bare %7.3f ms %6.0f MB/s, ledger %7.3f ms %6.0f MB/s, "
           "ratio %.2f\n",
           size / 1024, rounds, a, (double)size / a / 1e3, b, (double)size / b / 1e3, b / a);
    free(frame);
}

static int no_frame(void *arg, const struct czi_frame *f, const cz_id **ret_ids, cz_error *e)
{
    (void)arg;
    (void)f;
    (void)ret_ids;
    (void)e;
    return CZ_OK;
}

static cz_id *make_ids(size_t count)
{
    cz_id *ids = malloc(count * sizeof *ids);

    if (!ids)
        exit(1);
    for (uint64_t i = 0; i < count; i++)
        czi_blake3(&i, sizeof i, ids[i].bytes);
    return ids;
}

/* Batches of the engine's size, until a segment of small transfers is full. */
static void fill(struct czi_tail *t, const cz_id *ids, size_t count, const char *what)
{
    struct czi_frame f = {.first_position = 1, .position_count = 8192};
    uint64_t start = czi_clock_ns(), worst = 0;

    t->first_position = 1;
    for (size_t i = 0; i + 8192 <= count; i += 8192, f.first_position += 8192) {
        uint64_t before = czi_clock_ns();

        if (!czi_tail_reserve(t, 8192, 1))
            exit(1);
        czi_tail_add(t, &f, ids + i);
        worst = CZI_MAX(worst, czi_clock_ns() - before);
    }
    printf("tail: %zu ids, %s: insert %.1f ns each, slowest batch of 8192 %.2f ms\n", count,
           what, (double)(czi_clock_ns() - start) / (double)count, (double)worst / 1e6);
}

static void insert(const cz_id *ids, size_t count)
{
    struct czi_tail *t = czi_tail_new(1);
    uint64_t start, position;

    if (!t)
        exit(1);
    fill(t, ids, count, "fresh memory");
    start = czi_clock_ns();
    for (size_t i = 0; i < count; i += 7)
        if (!czi_tail_find(t, &ids[i], &position) || position != i + 1)
            exit(1);
    printf("tail: find %.0f ns\n", (double)(czi_clock_ns() - start) / (double)(count / 7));
    czi_tail_clear(t);
    fill(t, ids, count, "used again");
    czi_tail_free(t);
}

/* One frame a batch with their ids, then a checkpoint in the foreground. */
static void load(struct czi_ledger *l, struct czi_frame *f, const cz_id *ids, size_t count)
{
    struct czi_rows rows = {0};
    uint8_t frame[CZI_FRAME_HEADER_SIZE];
    uint64_t start;

    f->position_count = 8192;
    for (size_t i = 0; i + 8192 <= count; i += 8192) {
        czi_frame_seal(frame, 0, f);
        must(czi_ledger_append(l, &(struct czi_piece){frame, sizeof frame, ids + i}, 1, &err));
        memcpy(f->previous, f->hash, 32);
        f->first_position += 8192;
    }
    start = czi_clock_ns();
    must(czi_ledger_checkpoint(l, &rows, false, &err));
    printf("load: %zu rows, %.2f M rows/s\n", count,
           (double)count * 1e3 / (double)(czi_clock_ns() - start));
    f->position_count = 1;
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {4096, 512 * 1024, 1024 * 1024, 4096 * 1024};
    struct czi_ledger_options o = {0};
    struct czi_frame f = {.first_position = 1, .position_count = 1};
    size_t count = 8192 * 160;
    cz_id *ids = make_ids(count);
    struct czi_ledger *l;
    uint64_t at = 0, torn;
    char dir[4096];
    int fd;

    snprintf(dir, sizeof dir, "%s/append.scratch", argc > 1 ? argv[1] : ".");
    must(czi_fs_posix(dir, &o.fs, &err));
    must(czi_ledger_create(o.fs, &err));
    must(czi_ledger_open(&o, &l, &err));
    must(czi_ledger_recover(l, no_frame, NULL, &torn, &err));
    strncat(dir, "/bare", sizeof dir - strlen(dir) - 1);
    fd = open(dir, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    for (size_t i = 0; i < CZI_COUNTOF(sizes); i++)
        compare(l, fd, &at, sizes[i], &f);
    close(fd);
    insert(ids, count);
    for (int i = 0; i < 3; i++)
        load(l, &f, ids, count);
    must(czi_ledger_close(l, &err));
    o.fs->ops->free(o.fs);
    free(ids);
    return 0;
}
