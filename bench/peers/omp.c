/* omp.c - OpenMP tasks: one a transfer, ordered per account by `depend`.
 *
 * One thread makes the tasks in stream order, all execute them; a wait after each window
 * bounds the number that is open. With one thread libgomp runs each task on the spot and
 * keeps no dependences: that figure is of a loop with a call, not of ordering.
 */
#include "peers/peer.h"

enum { WINDOW = 4096 };

static void open_window(struct peer_run *run, uint32_t first, uint32_t end, uint8_t *held)
{
    struct peer_account *accounts = run->accounts;
    const struct cz_bench_item *items = run->items;

    for (uint32_t i = first; i < end; i++) {
        struct peer_account *from = &accounts[items[i].from], *to = &accounts[items[i].to];

        if (items[i].read_only) {
#pragma omp task depend(in : *from, *to) firstprivate(i, from, to)
            held[i - first] = peer_apply(from, to, &items[i], i + 1);
        } else {
#pragma omp task depend(inout : *from, *to) firstprivate(i, from, to)
            held[i - first] = peer_apply(from, to, &items[i], i + 1);
        }
    }
#pragma omp taskwait
}

void peer_omp(struct peer_run *run)
{
#pragma omp parallel num_threads(run->threads)
#pragma omp single
    for (uint32_t first = 0, end; first < run->item_count; first = end) {
        uint8_t held[WINDOW];

        end = (uint32_t)CZI_MIN((uint64_t)first + WINDOW, (uint64_t)run->item_count);
        open_window(run, first, end, held);
        for (uint32_t i = 0; i < end - first; i++)
            run->reads_true += held[i];
    }
}
