/* hash.c - what BLAKE3 costs here: ns a message by length and lanes, GB/s of a long one.
 *
 *     ninja -C build bench/hash && build/bench/hash
 *
 * Medians of several runs; the lines of one message at a time and of few messages are what
 * the costs in src/codec/blake3_lanes.c are taken from.
 */
#include "base/alloc.h"
#include "base/bytes.h"
#include "codec/blake3.h"
#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>

#define RUNS 9
#define MESSAGES 4096
#define MESSAGE_SIZE_MAX 1024
#define LONG_SIZE (1u << 20)

static uint8_t *bytes;
static const uint8_t *data[MESSAGES];
static uint32_t lens[MESSAGES];
static uint8_t out[MESSAGES][32];

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Median nanoseconds of one call of fn(arg). */
static double measure(void (*fn)(size_t arg), size_t arg)
{
    double ns[RUNS];
    unsigned calls = 1;
    uint64_t took = 0;

    fn(arg);
    /* As many calls as take a few milliseconds. */
    while (took < 2000000) {
        uint64_t start = czi_clock_ns();

        for (unsigned i = 0; i < calls; i++)
            fn(arg);
        took = czi_clock_ns() - start;
        calls *= 2;
    }
    for (unsigned run = 0; run < RUNS; run++) {
        uint64_t start = czi_clock_ns();

        for (unsigned i = 0; i < calls; i++)
            fn(arg);
        ns[run] = (double)(czi_clock_ns() - start) / calls;
    }
    qsort(ns, RUNS, sizeof ns[0], by_value);
    return ns[RUNS / 2];
}

static void many(size_t count)
{
    czi_blake3_many(data, lens, count, out);
}

static void alone(size_t unused)
{
    (void)unused;
    for (size_t i = 0; i < 16; i++)
        czi_blake3(data[i], lens[i], out[i]);
}

static void one(size_t len)
{
    czi_blake3(bytes, len, out[0]);
}

/* min..max bytes each, in an order without pattern. */
static void set_lengths(uint32_t min, uint32_t max)
{
    for (uint32_t i = 0; i < MESSAGES; i++)
        lens[i] = min + i * 2654435761u % (max - min + 1);
}

int main(void)
{
    static const unsigned lane_counts[] = {1, 4, 8, 16};
    static const struct {
        uint32_t min, max;
    } sizes[] = {{64, 64}, {83, 83}, {128, 128}, {256, 256}, {40, 300}, {1, 1024}};
    static const size_t counts[] = {1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 17, 32, MESSAGES};

    bytes = czi_alloc((size_t)MESSAGES * MESSAGE_SIZE_MAX);
    if (!bytes)
        return 1;
    for (size_t i = 0; i < (size_t)MESSAGES * MESSAGE_SIZE_MAX; i++)
        bytes[i] = (uint8_t)(i % 251);
    for (size_t i = 0; i < MESSAGES; i++)
        data[i] = bytes + i * 320; /* a working set near the L2 cache, as a batch has */

    for (size_t l = 0; l < CZI_COUNTOF(lane_counts); l++) {
        if (czi_blake3_limit_lanes(lane_counts[l]) != lane_counts[l]) {
            printf("%2u lanes: not on this processor\n", lane_counts[l]);
            continue;
        }
        printf("%2u lanes: %7.2f GB/s of 1 MiB\n", lane_counts[l],
               LONG_SIZE / measure(one, LONG_SIZE));
        for (size_t s = 0; s < CZI_COUNTOF(sizes); s++) {
            set_lengths(sizes[s].min, sizes[s].max);
            printf("  %4u..%-4u bytes, ns a message: alone %6.1f |", sizes[s].min, sizes[s].max,
                   measure(alone, 0) / 16);
            for (size_t c = 0; c < CZI_COUNTOF(counts); c++)
                printf(" %zu: %.1f", counts[c], measure(many, counts[c]) / (double)counts[c]);
            printf("\n");
        }
    }
    czi_free(bytes);
    return 0;
}
