/* tbb.cpp - oneTBB flow graph: a node per effect, edges from the effects that it must follow.
 *
 * Per window: a writer follows the readers of the account since its last writer, or that
 * writer if there are none; a reader follows the last writer. Then every node without a
 * predecessor is started, and the window is waited for.
 */
#define _Noreturn [[noreturn]] /* C's word in the shared headers */
#include "peers/peer.h"

#include <deque>
#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <vector>

namespace flow = oneapi::tbb::flow;

namespace
{

constexpr uint32_t window_size = 4096;
constexpr uint32_t none = UINT32_MAX;

/* Who used an account in this window; readers are a list through window::next_reader. */
struct usage {
    uint32_t window = none, writer = none, readers = none;
};

using node = flow::continue_node<flow::continue_msg>;

struct window {
    peer_run *run;
    uint32_t number, first, end;
    std::vector<usage> &usages;
    flow::graph graph{};
    std::deque<node> nodes{};
    std::vector<uint32_t> next_reader = std::vector<uint32_t>(2 * window_size, none);
    std::vector<uint8_t> held = std::vector<uint8_t>(window_size, 0);

    /* Adds the edges that `index` needs on one account; side 0 is from, 1 is to. */
    uint32_t follow(uint32_t index, uint32_t side, uint32_t account, bool read_only)
    {
        usage &u = usages[account];
        uint32_t edges = 0;

        if (u.window != number)
            u = usage{number, none, none};
        if ((read_only || u.readers == none) && u.writer != none) {
            flow::make_edge(nodes[u.writer], nodes[index]);
            edges++;
        }
        if (read_only) {
            next_reader[2 * index + side] = u.readers;
            u.readers = 2 * index + side;
            return edges;
        }
        for (uint32_t r = u.readers; r != none; r = next_reader[r], edges++)
            flow::make_edge(nodes[r / 2], nodes[index]);
        u.readers = none;
        u.writer = index;
        return edges;
    }

    void execute()
    {
        std::vector<uint32_t> roots;

        for (uint32_t i = first; i < end; i++) {
            const cz_bench_item *item = &run->items[i];
            uint8_t *h = &held[i - first];
            peer_account *accounts = run->accounts;

            nodes.emplace_back(graph, [=](const flow::continue_msg &) {
                *h = peer_apply(&accounts[item->from], &accounts[item->to], item, i + 1);
                return flow::continue_msg();
            });
            uint32_t edges = follow(i - first, 0, item->from, item->read_only);
            edges += follow(i - first, 1, item->to, item->read_only);
            if (edges == 0)
                roots.push_back(i - first);
        }
        for (uint32_t r : roots)
            nodes[r].try_put(flow::continue_msg());
        graph.wait_for_all();
        for (uint8_t h : held)
            run->reads_true += h;
    }
};

} // namespace

extern "C" void peer_tbb(struct peer_run *run)
{
    using oneapi::tbb::global_control;
    global_control limit(global_control::max_allowed_parallelism, run->threads);
    std::vector<usage> usages(run->account_count);

    for (uint32_t first = 0, end, number = 0; first < run->item_count; first = end, number++) {
        end = uint32_t(CZI_MIN(uint64_t(first) + window_size, uint64_t(run->item_count)));
        window{run, number, first, end, usages}.execute();
    }
}
