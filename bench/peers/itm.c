/* itm.c - GCC's transactional memory: one atomic transaction an effect.
 *
 * Threads share the stream as those of the lock peers do, with the same remark on order.
 */
#include "peers/peer.h"

/* On its own: a transaction that starts again returns twice from its beginning, as setjmp
 * does, so no local of the caller may live across it, and it is not inlined. */
static __attribute__((noinline)) bool transact(struct peer_account *from,
                                               struct peer_account *to,
                                               const struct cz_bench_item *item,
                                               uint32_t position)
{
    __transaction_atomic
    {
        return peer_apply(from, to, item, position);
    }
}

static uint64_t itm_chunk(struct peer_run *run, uint32_t first, uint32_t end)
{
    struct peer_account *accounts = run->accounts;
    uint64_t reads_true = 0;

    for (uint32_t i = first; i < end; i++) {
        const struct cz_bench_item *item = &run->items[i];

        reads_true += transact(&accounts[item->from], &accounts[item->to], item, i + 1);
    }
    return reads_true;
}

void peer_itm(struct peer_run *run)
{
    peer_parallel(run, itm_chunk);
}
