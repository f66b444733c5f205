/* memory.c - the peers in memory that need only a C compiler and POSIX threads.
 *
 * `loop` is the ceiling: one thread, no order to keep but its own. With several threads the
 * lock peers take chunks of the stream in turn, so the order on one account is not that of
 * the stream (Causality's is); sums and versions are the same all the same.
 */
#include "peers/peer.h"

#include <stdlib.h>

/* Long enough that handing out chunks costs nothing, short enough to share a small stream. */
enum { CHUNK = 1024 };

struct worker {
    pthread_t thread;
    struct peer_run *run;
    peer_chunk *chunk;
    uint32_t index;
    uint64_t reads_true;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct peer_run *run = w->run;
    uint64_t stride = (uint64_t)CHUNK * run->threads, reads_true = 0;

    for (uint64_t i = (uint64_t)CHUNK * w->index; i < run->item_count; i += stride)
        reads_true +=
            w->chunk(run, (uint32_t)i, (uint32_t)CZI_MIN(i + CHUNK, (uint64_t)run->item_count));
    w->reads_true = reads_true;
    return NULL;
}

void peer_parallel(struct peer_run *run, peer_chunk *chunk)
{
    struct worker *workers = calloc(run->threads, sizeof *workers);

    if (!workers)
        peer_die("threads", "out of memory");
    for (uint32_t t = 0; t < run->threads; t++) {
        workers[t] = (struct worker){.run = run, .chunk = chunk, .index = t};
        if (pthread_create(&workers[t].thread, NULL, work, &workers[t]))
            peer_die("pthread_create", "no thread");
    }
    for (uint32_t t = 0; t < run->threads; t++) {
        pthread_join(workers[t].thread, NULL);
        run->reads_true += workers[t].reads_true;
    }
    free(workers);
}

uint64_t peer_loop_chunk(struct peer_run *run, uint32_t first, uint32_t end)
{
    struct peer_account *accounts = run->accounts;
    uint64_t reads_true = 0;

    for (uint32_t i = first; i < end; i++) {
        const struct cz_bench_item *item = &run->items[i];

        reads_true += peer_apply(&accounts[item->from], &accounts[item->to], item, i + 1);
    }
    return reads_true;
}

void peer_loop(struct peer_run *run)
{
    run->threads = 1;
    run->reads_true = peer_loop_chunk(run, 0, run->item_count);
}

static pthread_mutex_t the_lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t mutex1_chunk(struct peer_run *run, uint32_t first, uint32_t end)
{
    struct peer_account *accounts = run->accounts;
    uint64_t reads_true = 0;

    for (uint32_t i = first; i < end; i++) {
        const struct cz_bench_item *item = &run->items[i];

        pthread_mutex_lock(&the_lock);
        reads_true += peer_apply(&accounts[item->from], &accounts[item->to], item, i + 1);
        pthread_mutex_unlock(&the_lock);
    }
    return reads_true;
}

void peer_mutex1(struct peer_run *run)
{
    peer_parallel(run, mutex1_chunk);
}

/* Ascending ids: no two effects can wait for each other. */
static uint64_t mutexes_chunk(struct peer_run *run, uint32_t first, uint32_t end)
{
    struct peer_account *accounts = run->accounts;
    uint64_t reads_true = 0;

    for (uint32_t i = first; i < end; i++) {
        const struct cz_bench_item *item = &run->items[i];
        struct peer_account *low = &accounts[CZI_MIN(item->from, item->to)];
        struct peer_account *high = &accounts[CZI_MAX(item->from, item->to)];

        pthread_mutex_lock(&low->lock);
        pthread_mutex_lock(&high->lock);
        reads_true += peer_apply(&accounts[item->from], &accounts[item->to], item, i + 1);
        pthread_mutex_unlock(&high->lock);
        pthread_mutex_unlock(&low->lock);
    }
    return reads_true;
}

void peer_mutexes(struct peer_run *run)
{
    peer_parallel(run, mutexes_chunk);
}

/* glibc leaves out the atomic instructions while the process has never had a second thread:
 * this is that case, for the curious. No program that needs mutexes is in it. */
void peer_mutexes_alone(struct peer_run *run)
{
    run->threads = 1;
    run->reads_true = mutexes_chunk(run, 0, run->item_count);
}
