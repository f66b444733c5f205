/* causal.c - what the causal index costs, on histories with hot and cold resources.
 *
 *     ninja -C build bench/causal && build/bench/causal [--events N] [--pairs N] [--seed N]
 *                                                       [--kind NAME] [--json]
 *
 * For each kind of history: nanoseconds an event to build it in batches, bytes an event, and
 * how long happened-before takes on pairs a < b: any two, and two that are not far apart. Every
 * answer is timed alone, on memory that the pairs before did not touch; the cost of the clock
 * itself is taken off. `before` and `concurrent` count the pairs, `by labels` those that needed
 * no search.
 */
#include "timemap/causal.h"
#include "causal_history.h"
#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 2048u

static const uint32_t windows[] = {0, 100, 1000, 10000, 100000, 1000000}; /* 0: any two */

struct options {
    uint32_t events, pairs;
    uint64_t seed;
    const char *kind;
    bool json;
};

static struct options options = {10000000, 100000, 1, NULL, false};

static uint64_t build(struct czi_causal *c, const struct causal_history *h, uint64_t *ret_worst)
{
    const uint32_t *preds = h->preds;
    uint64_t begun = czi_clock_ns(), last = begun;

    *ret_worst = 0;
    for (uint32_t e = 0; e < h->events; e += BATCH) {
        uint32_t n = CZI_MIN(BATCH, h->events - e);
        uint64_t now;

        if (czi_causal_add_many(c, preds, h->counts + e, n) < n) {
            fputs("causal: out of memory\n", stderr);
            exit(1);
        }
        for (uint32_t i = 0; i < n; i++)
            preds += h->counts[e + i];
        now = czi_clock_ns();
        *ret_worst = CZI_MAX(*ret_worst, now - last);
        last = now;
    }
    return last - begun;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t clock_cost(void)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 1000; i++) {
        uint64_t t = czi_clock_ns();

        t = czi_clock_ns() - t;
        best = CZI_MIN(best, t);
    }
    return best;
}

struct outcome {
    uint64_t median, p99, max, steps_max;
    uint32_t before, labels;
};

static struct outcome ask(struct czi_causal *c, uint32_t window, struct czi_rng *rng,
                          uint64_t *ns)
{
    uint32_t n = czi_causal_count(c);
    uint64_t cost = clock_cost();
    struct outcome o = {0};

    for (uint32_t i = 0; i < options.pairs; i++) {
        uint32_t a = (uint32_t)czi_rng_below(rng, n), b = (uint32_t)czi_rng_below(rng, n), t;
        uint64_t begun, steps;
        bool before;

        if (window)
            b = a + 1 + (uint32_t)czi_rng_below(rng, CZI_MIN(window, n / 2));
        if (a == b || b >= n) {
            i--;
            continue;
        }
        t = CZI_MIN(a, b);
        b = CZI_MAX(a, b);
        a = t;
        begun = czi_clock_ns();
        before = czi_causal_before(c, a, b);
        begun = czi_clock_ns() - begun;
        ns[i] = begun > cost ? begun - cost : 0;
        steps = czi_causal_steps(c);
        o.before += before;
        o.labels += steps == 0;
        o.steps_max = CZI_MAX(o.steps_max, steps);
    }
    qsort(ns, options.pairs, sizeof *ns, by_value);
    o.median = ns[options.pairs / 2];
    o.p99 = ns[options.pairs - 1 - options.pairs / 100];
    o.max = ns[options.pairs - 1];
    return o;
}

static void print(const char *kind, uint32_t window, const struct outcome *o)
{
    char row[32] = "any two";

    if (window)
        (void)snprintf(row, sizeof row, "within %u", window);
    if (options.json)
        printf("{\"kind\":\"%s\",\"pairs\":\"%s\",\"median_us\":%.3f,\"p99_us\":%.3f,"
               "\"max_us\":%.3f,\"steps_max\":%llu,\"before\":%u,\"concurrent\":%u,"
               "\"by_labels\":%u}\n",
               kind, row, (double)o->median / 1e3, (double)o->p99 / 1e3, (double)o->max / 1e3,
               (unsigned long long)o->steps_max, o->before, options.pairs - o->before,
               o->labels);
    else
        printf("  %-16s %8.2f us median %9.2f us p99 %10.2f us max %9llu steps max %7u before "
               "%7u concurrent %5.1f%% by labels\n",
               row, (double)o->median / 1e3, (double)o->p99 / 1e3, (double)o->max / 1e3,
               (unsigned long long)o->steps_max, o->before, options.pairs - o->before,
               100.0 * o->labels / options.pairs);
    (void)fflush(stdout);
}

static void measure(const struct causal_kind *k, uint64_t *ns)
{
    struct causal_history h = causal_history(k, options.events, options.seed);
    struct czi_causal *c = czi_causal_new();
    struct czi_rng rng = czi_rng(options.seed + 1);
    uint64_t worst, took;
    double n = h.events;

    if (!c)
        exit(1);
    took = build(c, &h, &worst);
    if (options.json)
        printf("{\"kind\":\"%s\",\"events\":%u,\"links\":%zu,\"build_ns\":%.2f,"
               "\"batch_max_us\":%.1f,\"bytes\":%.3f}\n",
               k->name, h.events, h.links, (double)took / n, (double)worst / 1e3,
               (double)czi_causal_bytes(c) / n);
    else
        printf(
            "%s: %.2f links, %.1f ns and %.2f bytes an event; longest batch of %u: %.0f us\n",
            k->name, (double)h.links / n, (double)took / n, (double)czi_causal_bytes(c) / n,
            BATCH, (double)worst / 1e3);
    causal_history_done(&h);
    for (size_t i = 0; i < CZI_COUNTOF(windows); i++) {
        struct outcome o = ask(c, windows[i], &rng, ns);

        print(k->name, windows[i], &o);
    }
    czi_causal_free(c);
}

static bool read_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "0";

        if (strcmp(argv[i], "--json") == 0) {
            options.json = true;
            continue;
        }
        if (strcmp(argv[i], "--events") == 0)
            options.events = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--pairs") == 0)
            options.pairs = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            options.seed = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--kind") == 0)
            options.kind = value;
        else
            return false;
        i++;
    }
    return options.events >= 4 && options.pairs >= 1;
}

int main(int argc, char **argv)
{
    uint64_t *ns;

    if (!read_options(argc, argv)) {
        fputs("usage: causal [--events N] [--pairs N] [--seed N] [--kind NAME] [--json]\n",
              stderr);
        return 2;
    }
    ns = malloc(options.pairs * sizeof *ns);
    for (unsigned i = 0; ns && i < causal_kind_count; i++)
        if (!options.kind || strcmp(options.kind, causal_kinds[i].name) == 0)
            measure(&causal_kinds[i], ns);
    free(ns);
    return 0;
}
