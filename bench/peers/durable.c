/* durable.c - what the durable peers share, and `append`, the bare floor under all of them:
 * the same bytes, appended to a file, with one fdatasync a batch.
 */
#include "peers/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void peer_path(const struct peer_run *run, const char *name, char ret_path[PEER_PATH_SIZE])
{
    if (snprintf(ret_path, PEER_PATH_SIZE, "%s/%s", run->dir, name) >= PEER_PATH_SIZE)
        peer_die(run->dir, "the path is too long");
}

void peer_record(const struct peer_run *run, uint32_t index, uint8_t *ret_record)
{
    static uint8_t noise[2 * PEER_RECORD_SIZE_MAX];
    const struct cz_bench_item *item = &run->items[index];
    const uint32_t head[5] = {index, item->from, item->to, item->amount, item->read_only};

    if (noise[0] == 0) {
        struct czi_rng rng = czi_rng(CZ_BENCH_SEED);

        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)(1 + czi_rng_below(&rng, 255));
    }
    _Static_assert(sizeof head == PEER_RECORD_SIZE_MIN, "the head is the least record");
    memcpy(ret_record, head, sizeof head);
    memcpy(ret_record + sizeof head, noise + (index * 61u) % PEER_RECORD_SIZE_MAX,
           run->record_size - sizeof head);
}

void peer_durable(struct peer_run *run, peer_commit *commit)
{
    double start = peer_now(), before = start;
    uint32_t done = 0;

    while (done < run->item_count && before - start < run->seconds_max) {
        uint32_t end = (uint32_t)CZI_MIN((uint64_t)done + run->batch, run->item_count);

        run->reads_true += peer_loop_chunk(run, done, end);
        commit(run, done, end);
        done = end;
        double now = peer_now();
        run->latencies[run->latency_count++] = now - before;
        before = now;
    }
    run->item_count = done;
}

struct append {
    int fd;
    uint8_t *buffer; /* one batch */
};

void peer_append_setup(struct peer_run *run)
{
    struct append *a = calloc(1, sizeof *a);
    uint8_t *buffer = calloc(run->batch, run->record_size);
    char path[PEER_PATH_SIZE];

    peer_path(run, "append", path);
    if (!a || !buffer)
        peer_die("append", "out of memory");
    memset(buffer, 1, (size_t)run->batch * run->record_size); /* its pages are there now */
    a->buffer = buffer;
    a->fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (a->fd < 0)
        peer_die(path, strerror(errno));
    run->state = a;
}

static void append_commit(struct peer_run *run, uint32_t first, uint32_t end)
{
    struct append *a = run->state;
    size_t size = (size_t)(end - first) * run->record_size;

    for (uint32_t i = first; i < end; i++)
        peer_record(run, i, a->buffer + (size_t)(i - first) * run->record_size);
    for (size_t at = 0; at < size;) {
        ssize_t n = write(a->fd, a->buffer + at, size - at);

        if (n < 0)
            peer_die("append: write", strerror(errno));
        at += (size_t)n;
    }
    if (fdatasync(a->fd))
        peer_die("append: fdatasync", strerror(errno));
}

void peer_append(struct peer_run *run)
{
    peer_durable(run, append_commit);
}

void peer_append_finish(struct peer_run *run)
{
    struct append *a = run->state;
    struct stat st;

    if (fstat(a->fd, &st) || st.st_size != (off_t)run->item_count * run->record_size)
        peer_die("append", "the file has not the length of what was written");
    close(a->fd);
    free(a->buffer);
    free(a);
}
