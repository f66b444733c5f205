/* causal_history.c - see causal_history.h. */
#include "causal_history.h"
#include "cli/bench_stream.h"

#include <stdio.h>
#include <stdlib.h>

#define NO_EVENT UINT32_MAX

static void *must(void *p)
{
    if (p)
        return p;
    fputs("out of memory\n", stderr);
    exit(1);
}

static uint32_t below(struct czi_rng *rng, uint32_t n)
{
    return (uint32_t)czi_rng_below(rng, n);
}

static void link_to(struct causal_history *h, uint32_t event, uint32_t pred)
{
    if (pred == NO_EVENT || pred >= event)
        return;
    if (h->links >= 1024 && (h->links & (h->links - 1)) == 0)
        h->preds = must(realloc(h->preds, 2 * h->links * sizeof *h->preds));
    h->preds[h->links++] = pred;
    h->counts[event]++;
}

/* ---- Effects on accounts ----------------------------------------------------------------- */

static uint32_t pick(const struct causal_kind *k, struct cz_bench_stream *s,
                     struct czi_rng *rng, uint32_t group, bool hot)
{
    if (k->groups)
        return group * (k->accounts / k->groups) + below(rng, k->accounts / k->groups);
    if (k->hot)
        return hot ? below(rng, k->hot) : k->hot + below(rng, k->accounts - k->hot);
    return k->accounts == 1 ? 0 : cz_bench_account(s);
}

static void effects(struct causal_history *h, const struct causal_kind *k, struct czi_rng *rng)
{
    uint32_t *last = must(malloc(k->accounts * sizeof *last)), fact[16], facts = 0;
    struct cz_bench_stream s;

    cz_bench_stream_init(&s, CZI_MAX(k->accounts, 2u), k->zipf, 0, czi_rng_next(rng));
    for (uint32_t i = 0; i < k->accounts; i++)
        last[i] = k->rooted ? 0 : NO_EVENT;
    for (uint32_t e = 0; e < h->events; e++) {
        bool reads = below(rng, 100) < k->reads, hot = below(rng, 2) == 0;
        uint32_t group = k->groups ? below(rng, k->groups) : 0, accounts[8],
                 width = k->width > 2 ? 2 + below(rng, k->width - 1) : k->width;

        if (below(rng, 1000) < k->facts) {
            fact[facts++ % 16] = e;
            continue;
        }
        for (uint32_t i = 0; i < width; i++) {
            accounts[i] = pick(k, &s, rng, group, hot);
            link_to(h, e, last[accounts[i]]);
            hot = k->apart ? hot : below(rng, 2) == 0;
        }
        for (uint32_t i = 0; i < width && !reads; i++)
            if (i < 2 || below(rng, 2) == 0)
                last[accounts[i]] = e;
        if (facts)
            link_to(h, e, fact[below(rng, CZI_MIN(facts, 16u))]);
        if (e && below(rng, 100) < k->follows)
            link_to(h, e, e - 1 - below(rng, CZI_MIN(e, 1000u)));
    }
    free(last);
}

/* ---- Shapes ------------------------------------------------------------------------------ */

/* Event 0, then `groups` chains of it that are joined now and then: once in `width` events. */
static void chains(struct causal_history *h, const struct causal_kind *k, struct czi_rng *rng)
{
    uint32_t *last = must(calloc(k->groups, sizeof *last));

    for (uint32_t e = 1; e < h->events; e++) {
        uint32_t chain = below(rng, k->groups);

        link_to(h, e, last[chain]);
        if (k->width && below(rng, k->width) == 0)
            link_to(h, e, last[below(rng, k->groups)]);
        last[chain] = e;
    }
    free(last);
}

/* Event 0 is before all others, which are before nothing but some of the last. */
static void fan_out(struct causal_history *h, const struct causal_kind *k, struct czi_rng *rng)
{
    for (uint32_t e = 1; e < h->events; e++) {
        link_to(h, e, 0);
        if (k->follows && below(rng, 100) < k->follows)
            link_to(h, e, below(rng, e));
    }
}

/* Every so many events one that has all of those before as predecessors. */
static void fan_in(struct causal_history *h, const struct causal_kind *k, struct czi_rng *rng)
{
    (void)rng;
    for (uint32_t e = 1; e < h->events; e++)
        for (uint32_t i = 1; e % k->width == 0 && i <= k->width; i++)
            link_to(h, e, e - i);
}

/* Layers of `accounts` events; each has two predecessors in the layer before, in its own one of
 * `groups` parts. */
static void layers(struct causal_history *h, const struct causal_kind *k, struct czi_rng *rng)
{
    uint32_t part = k->accounts / k->groups;

    for (uint32_t e = 1; e < h->events; e++) {
        uint32_t layer = (e - 1) / k->accounts, group = (e - 1) % k->accounts / part;
        uint32_t before = 1 + (layer - 1) * k->accounts + group * part;

        for (unsigned i = 0; i < 2; i++)
            link_to(h, e, layer == 0 ? 0 : before + below(rng, part));
    }
}

/* Any earlier events, most of them near. */
static void any(struct causal_history *h, const struct causal_kind *k, struct czi_rng *rng)
{
    for (uint32_t e = 1; e < h->events; e++)
        for (uint32_t i = below(rng, k->width + 1); i > 0; i--) {
            uint32_t reach = 1u << below(rng, 24);

            link_to(h, e, e - 1 - below(rng, CZI_MIN(e, reach)));
        }
}

const struct causal_kind causal_kinds[] = {
    {"10k uniform", effects, .accounts = 10000, .width = 2},
    {"10k zipf 0.9", effects, .accounts = 10000, .zipf = 0.9, .width = 2},
    {"1M uniform", effects, .accounts = 1000000, .width = 2},
    {"1M zipf 0.9", effects, .accounts = 1000000, .zipf = 0.9, .width = 2},
    {"half on 100 hot of 1M", effects, .accounts = 1000000, .hot = 100, .width = 2},
    {"hot and cold apart", effects, .accounts = 1000000, .hot = 100, .apart = true, .width = 2},
    {"90% reads", effects, .accounts = 10000, .zipf = 0.9, .reads = 90, .width = 2},
    {"up to 8 accounts", effects, .accounts = 100000, .zipf = 0.5, .width = 8},
    {"follows", effects, .accounts = 100000, .follows = 20, .width = 2},
    {"facts", effects, .accounts = 10000, .facts = 10, .width = 2},
    {"100 groups", effects, .accounts = 10000, .groups = 100, .width = 2},
    {"100 rooted groups", effects, .accounts = 10000, .groups = 100, .rooted = true,
     .width = 2},
    {"one chain", effects, .accounts = 1, .width = 1},
    {"1000 chains", effects, .accounts = 1000, .width = 1},
    {"64 chains, few joins", chains, .groups = 64, .width = 10000},
    {"fan out", fan_out, .follows = 0},
    {"fan out, follows", fan_out, .follows = 10},
    {"fan in", fan_in, .width = 5000},
    {"layers", layers, .accounts = 1000, .groups = 1},
    {"layers in halves", layers, .accounts = 6000, .groups = 2},
    {"any", any, .width = 3},
};
const unsigned causal_kind_count = CZI_COUNTOF(causal_kinds);

struct causal_history causal_history(const struct causal_kind *k, uint32_t events,
                                     uint64_t seed)
{
    struct causal_history h = {.events = events};
    struct czi_rng rng = czi_rng(seed);

    h.counts = must(calloc(CZI_MAX(events, 1u), sizeof *h.counts));
    h.preds = must(malloc(1024 * sizeof *h.preds));
    k->make(&h, k, &rng);
    return h;
}

void causal_history_done(struct causal_history *h)
{
    free(h->counts);
    free(h->preds);
}
