/* book.c - what the book of facts costs: time to take an item and to check a dependency, memory
 * an item.
 *
 *     build/bench/book [BLOCKS [FACTS PER BLOCK [events|states [up|mixed]]]]
 *
 * 10,000 blocks with 100 facts each by default, all events of their own; states: all are about
 * one key. mixed: the blocks come in another order than their heights, with gaps.
 */
#include "fact/book.h"
#include "base/rng.h"
#include "codec/blake3.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CHECKS = 200000, RECENT = 1000 };

struct bench {
    struct czi_book *book;
    struct czi_slice domain;
    uint64_t blocks, each;
    bool states, mixed;
    uint64_t ids; /* given */
    cz_id *facts;
    uint64_t fact_count;
    double block_ns, fact_ns;
};

static double now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t heap(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

static cz_id hash_of(uint64_t what, uint64_t n)
{
    uint64_t both[2] = {what, n};
    cz_id id;

    czi_blake3(both, sizeof both, id.bytes);
    return id;
}

/* Takes it, and returns the time that took. */
static double take(struct bench *b, const struct czi_item *item, cz_id *ret_id)
{
    uint32_t domain;
    double begin;

    *ret_id = hash_of(1, b->ids++);
    begin = now_ns();
    CZI_CHECK(czi_book_take(b->book, item, ret_id, &domain) == CZ_APPLIED);
    return now_ns() - begin;
}

static void take_domain(struct bench *b)
{
    struct czi_item item = {.type = CZI_ITEM_DOMAIN,
                            .domain = b->domain,
                            .config = {.adapter = b->domain, .policy = {.safe_depth = 6}}};
    cz_id id;

    (void)take(b, &item, &id);
}

static void take_facts(struct bench *b, uint64_t height, const cz_id *hash, const cz_id *header)
{
    uint8_t key[36] = {0}, claim[118] = {0};
    struct czi_item item = {.type = CZI_ITEM_FACT, .domain = b->domain};
    struct czi_fact *f = &item.fact;

    *f = (struct czi_fact){.domain = b->domain,
                           .kind = b->states ? CZ_FACT_PRICE : CZ_FACT_TRANSACTION,
                           .height = height,
                           .time = height,
                           .event_key = {key, sizeof key},
                           .has_header = true,
                           .header = *header,
                           .claim_bytes = {claim, sizeof claim}};
    memcpy(f->block_hash, hash, sizeof f->block_hash);
    memcpy(claim, &height, sizeof height);
    for (uint64_t i = 0; i < b->each; i++) {
        if (!b->states)
            memcpy(key, &b->fact_count, sizeof b->fact_count);
        b->fact_ns += take(b, &item, &b->facts[b->fact_count]);
        b->fact_count++;
    }
}

static void take_block(struct bench *b, uint64_t height)
{
    cz_id hash = hash_of(2, height), parent = hash_of(2, height - 1), header;
    struct czi_item item = {.type = CZI_ITEM_FACT, .domain = b->domain};
    struct czi_fact *f = &item.fact;
    uint8_t claim[64];

    memcpy(claim, &parent, 32);
    memcpy(claim + 32, &hash, 32);
    *f = (struct czi_fact){.domain = b->domain,
                           .kind = CZ_FACT_BLOCK,
                           .height = height,
                           .time = height,
                           .event_key = {hash.bytes, 32},
                           .claim_count = 2,
                           .claim = {{CZI_VALUE_BYTES, 0, {claim, 32}},
                                     {CZI_VALUE_BYTES, 0, {claim + 32, 32}}},
                           .claim_bytes = {claim, sizeof claim}};
    memcpy(f->block_hash, &hash, sizeof f->block_hash);
    b->block_ns += take(b, &item, &header);
    take_facts(b, height, &hash, &header);
}

/* The mean of checks of any facts, or of the last ones. */
static double check_some(struct bench *b, uint64_t among, const char *purpose)
{
    struct czi_rng rng = czi_rng(1);
    double ns = 0;

    for (int i = 0; i < CHECKS; i++) {
        uint64_t n = b->fact_count - 1 - czi_rng_below(&rng, CZI_MIN(among, b->fact_count));
        struct czi_dependency d = {b->facts[n].bytes, czi_plain_terms()};
        double begin;
        bool holds;

        d.terms.policy = CZ_AT_LEAST_HEIGHT;
        d.terms.purpose = (struct czi_slice){(const uint8_t *)purpose, purpose ? 6 : 0};
        begin = now_ns();
        CZI_CHECK(czi_book_check(b->book, &d, 0, &holds) == CZ_APPLIED);
        ns += now_ns() - begin;
    }
    return ns / (double)CHECKS;
}

int main(int argc, char **argv)
{
    struct bench b = {.domain = {(const uint8_t *)"ethereum", 8},
                      .blocks = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000,
                      .each = argc > 2 ? strtoull(argv[2], NULL, 10) : 100,
                      .states = argc > 3 && strcmp(argv[3], "states") == 0,
                      .mixed = argc > 4 && strcmp(argv[4], "mixed") == 0,
                      .book = czi_book_new()};
    size_t before, items = b.blocks * (b.each + 1);

    b.facts = calloc(items, sizeof *b.facts);
    CZI_CHECK(b.book && b.facts && b.blocks);
    memset(b.facts, 1, items * sizeof *b.facts);
    before = heap();
    take_domain(&b);
    for (uint64_t i = 0; i < b.blocks; i++)
        take_block(&b, 1 + (b.mixed ? i * 2654435761u % b.blocks * 2 : i));
    (void)printf("items                    %12zu\n", items);
    (void)printf("take a block             %12.0f ns\n", b.block_ns / (double)b.blocks);
    (void)printf("memory an item           %12.0f bytes\n",
                 (double)(heap() - before) / (double)items);
    if (b.fact_count) {
        (void)printf("take a fact              %12.0f ns\n", b.fact_ns / (double)b.fact_count);
        (void)printf("check any fact           %12.0f ns\n", check_some(&b, UINT64_MAX, NULL));
        (void)printf("check a recent fact      %12.0f ns\n", check_some(&b, RECENT, NULL));
        (void)printf("the same with a purpose  %12.0f ns\n", check_some(&b, RECENT, "credit"));
    }
    czi_book_free(b.book);
    free(b.facts);
    return 0;
}
