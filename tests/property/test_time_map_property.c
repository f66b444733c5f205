/* test_time_map_property.c - the laws of time maps, over random observations in random orders.
 *
 * The model is a plain one: of each domain the greatest of all blocks that were observed, as a
 * number of 48 bytes, and the greatest safe and final heights. Numbers are small, so that equal
 * heights, times and whole maps occur.
 *
 * CAUSALITY_SEEDS: how many. CAUSALITY_SEED: where they begin. A failure prints the seed.
 */
#include "test.h"
#include "timemap/time_map.h"

#define CZI_AUTOMAP CZI_CLEANUP(czi_time_map_done) struct czi_time_map

#ifdef TEST_IS_SLOW
#define SEEDS 1000
#else
#define SEEDS 10000
#endif

#define DOMAINS 6
#define OBSERVATIONS_MAX 40
#define BLOCK_SIZE 48

static const char *const names[DOMAINS] = {"a", "ab", "b", "ethereum", "\xc3\xa9t\xc3\xa9",
                                           "z"};

struct observation {
    unsigned domain;
    struct czi_domain_time at;
};

static uint64_t seed;

#define REQUIRE(condition)                                                                     \
    do {                                                                                       \
        if (!(condition))                                                                      \
            fail_msg("CAUSALITY_SEED=%llu: %s", (unsigned long long)seed, #condition);         \
    } while (0)

static void for_seeds(void (*property)(struct czi_rng *r))
{
    uint64_t first = test_env("CAUSALITY_SEED", 1), count = test_env("CAUSALITY_SEEDS", SEEDS);

    for (seed = first; seed < first + count; seed++) {
        struct czi_rng r = czi_rng(seed);

        property(&r);
    }
}

static size_t below(struct czi_rng *r, size_t n)
{
    return (size_t)czi_rng_below(r, n);
}

/* Mostly small, now and then of any size. */
static uint64_t number(struct czi_rng *r)
{
    return below(r, 16) ? below(r, 4) : czi_rng_next(r) >> below(r, 64);
}

static struct observation observe(struct czi_rng *r)
{
    struct observation o = {.domain = (unsigned)below(r, DOMAINS)};

    o.at = (struct czi_domain_time){.height = number(r),
                                    .time = number(r),
                                    .safe = number(r),
                                    .final = number(r)};
    o.at.hash[below(r, 2) ? 0 : 31] = (uint8_t)(below(r, 3) * 127);
    return o;
}

static size_t observe_many(struct czi_rng *r, struct observation *out)
{
    size_t n = below(r, OBSERVATIONS_MAX + 1);

    for (size_t i = 0; i < n; i++)
        out[i] = observe(r);
    return n;
}

static void shuffle(struct czi_rng *r, struct observation *o, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = below(r, i);
        struct observation swap = o[k];

        o[k] = o[i - 1];
        o[i - 1] = swap;
    }
}

/* ---- Operations that cannot fail here ---------------------------------------------------- */

static void advance(struct czi_time_map *m, const struct observation *o)
{
    CZI_AUTOMAP before = {0};
    struct czi_slice name = {(const uint8_t *)names[o->domain], strlen(names[o->domain])};
    enum cz_order order;
    bool changed;
    cz_error err = {0};

    assert_ok(czi_time_map_copy(m, &before, &err), err);
    assert_ok(czi_time_map_advance(m, name, &o->at, &changed, &err), err);
    order = czi_time_map_compare(&before, m);
    REQUIRE(order == (changed ? CZ_BEFORE : CZ_SAME));
}

static void merge(struct czi_time_map *m, const struct czi_time_map *other)
{
    cz_error err = {0};

    assert_ok(czi_time_map_merge(m, other, &err), err);
}

static void copy(const struct czi_time_map *m, struct czi_time_map *ret)
{
    cz_error err = {0};

    assert_ok(czi_time_map_copy(m, ret, &err), err);
}

static void random_map(struct czi_rng *r, struct czi_time_map *m)
{
    for (size_t n = below(r, 8); n; n--) {
        struct observation o = observe(r);

        advance(m, &o);
    }
}

static bool equal_bytes(const struct czi_time_map *a, const struct czi_time_map *b)
{
    CZI_AUTOBUF x = {0}, y = {0};
    cz_error err = {0};

    assert_ok(czi_time_map_encode(a, &x, &err), err);
    assert_ok(czi_time_map_encode(b, &y, &err), err);
    return x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0);
}

/* ---- The model --------------------------------------------------------------------------- */

static void block_number(const struct czi_domain_time *at, uint8_t out[BLOCK_SIZE])
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(at->height >> (56 - 8 * i));
        out[8 + i] = (uint8_t)(at->time >> (56 - 8 * i));
    }
    memcpy(out + 16, at->hash, 32);
}

static void require_model(const struct czi_time_map *m, const struct observation *all, size_t n)
{
    uint32_t known = 0;

    for (unsigned domain = 0; domain < DOMAINS; domain++) {
        uint8_t best[BLOCK_SIZE], block[BLOCK_SIZE];
        uint64_t safe = 0, final = 0;
        const struct czi_domain_time *is;
        bool any = false;

        for (size_t i = 0; i < n; i++) {
            if (all[i].domain != domain)
                continue;
            block_number(&all[i].at, block);
            if (!any || memcmp(block, best, BLOCK_SIZE) > 0)
                memcpy(best, block, BLOCK_SIZE);
            safe = CZI_MAX(safe, all[i].at.safe);
            final = CZI_MAX(final, all[i].at.final);
            any = true;
        }
        is = czi_time_map_find(m, (struct czi_slice){(const uint8_t *)names[domain],
                                                     strlen(names[domain])});
        REQUIRE((is != NULL) == any);
        if (!is)
            continue;
        block_number(is, block);
        REQUIRE(memcmp(block, best, BLOCK_SIZE) == 0 && is->safe == safe && is->final == final);
        known++;
    }
    REQUIRE(m->count == known);
}

/* ---- Properties -------------------------------------------------------------------------- */

static void one_set_in_two_orders(struct czi_rng *r)
{
    CZI_AUTOMAP a = {0}, b = {0};
    struct observation all[OBSERVATIONS_MAX];
    size_t n = observe_many(r, all);

    for (size_t i = 0; i < n; i++)
        advance(&a, &all[i]);
    shuffle(r, all, n);
    for (size_t i = 0; i < n; i++)
        advance(&b, &all[i]);
    require_model(&a, all, n);
    REQUIRE(equal_bytes(&a, &b));
}

static void a_map_never_goes_back_and_ends_the_same_in_any_order(void **state)
{
    (void)state;
    for_seeds(one_set_in_two_orders);
}

static void laws_of_three_maps(struct czi_rng *r)
{
    CZI_AUTOMAP a = {0}, b = {0}, c = {0}, ab = {0}, ba = {0}, bc = {0}, ab_c = {0}, a_bc = {0};
    CZI_AUTOMAP aa = {0};
    enum cz_order order;

    random_map(r, &a);
    random_map(r, &b);
    random_map(r, &c);
    copy(&a, &aa), merge(&aa, &a);
    copy(&a, &ab), merge(&ab, &b);
    copy(&b, &ba), merge(&ba, &a);
    copy(&b, &bc), merge(&bc, &c);
    copy(&ab, &ab_c), merge(&ab_c, &c);
    copy(&a, &a_bc), merge(&a_bc, &bc);
    REQUIRE(equal_bytes(&aa, &a));
    REQUIRE(equal_bytes(&ab, &ba));
    REQUIRE(equal_bytes(&ab_c, &a_bc));
    /* The order is that of the lattice: a is not above b just when merging it adds nothing. */
    order = czi_time_map_compare(&a, &b);
    REQUIRE(equal_bytes(&ab, &b) == (order == CZ_SAME || order == CZ_BEFORE));
    REQUIRE(equal_bytes(&ab, &a) == (order == CZ_SAME || order == CZ_AFTER));
}

static void merge_is_commutative_associative_and_idempotent(void **state)
{
    (void)state;
    for_seeds(laws_of_three_maps);
}

static void prefixes_in_any_order(struct czi_rng *r)
{
    struct czi_time_map prefixes[OBSERVATIONS_MAX + 1] = {0};
    CZI_AUTOMAP m = {0}, merged = {0};
    struct observation all[OBSERVATIONS_MAX];
    size_t n = observe_many(r, all), left = n + 1;

    for (size_t i = 0; i <= n; i++) {
        copy(&m, &prefixes[i]);
        if (i < n)
            advance(&m, &all[i]);
    }
    while (left) {
        size_t k = below(r, left--);
        struct czi_time_map swap = prefixes[k];

        merge(&merged, &swap);
        prefixes[k] = prefixes[left];
        czi_time_map_done(&swap);
    }
    REQUIRE(equal_bytes(&merged, &m));
}

static void all_prefixes_merge_to_the_last_one_in_any_order(void **state)
{
    (void)state;
    for_seeds(prefixes_in_any_order);
}

#define PEERS 4

/* Each peer sees some of it and tells others what it knows; in the end all tell the first one.
 */
static void gossip(struct czi_rng *r)
{
    struct czi_time_map peers[PEERS] = {0};
    struct observation all[OBSERVATIONS_MAX];
    size_t n = observe_many(r, all);

    for (size_t seen = 0; seen < n;) {
        size_t to = below(r, PEERS), from = below(r, PEERS);
        CZI_AUTOMAP before = {0};
        enum cz_order order;

        if (below(r, 2)) {
            advance(&peers[to], &all[seen++]);
            continue;
        }
        copy(&peers[to], &before);
        merge(&peers[to], &peers[from]);
        order = czi_time_map_compare(&before, &peers[to]);
        REQUIRE(order == CZ_BEFORE || order == CZ_SAME);
        order = czi_time_map_compare(&peers[from], &peers[to]);
        REQUIRE(order == CZ_BEFORE || order == CZ_SAME);
    }
    for (size_t i = 1; i < PEERS; i++) {
        merge(&peers[0], &peers[i]);
        czi_time_map_done(&peers[i]);
    }
    require_model(&peers[0], all, n);
    czi_time_map_done(&peers[0]);
}

static void who_is_told_never_goes_back_and_all_know_all_in_the_end(void **state)
{
    (void)state;
    for_seeds(gossip);
}

static void snapshots(struct czi_rng *r)
{
    CZI_AUTOMAP a = {0}, b = {0}, again = {0};
    CZI_AUTOBUF bytes = {0};
    cz_id id_a, id_b, none = {{0}};
    cz_error err = {0};
    bool same;

    random_map(r, &a);
    if (below(r, 4))
        random_map(r, &b);
    else
        copy(&a, &b);
    assert_ok(czi_time_map_encode(&a, &bytes, &err), err);
    assert_ok(czi_time_map_decode(bytes.data, bytes.len, &again, &err), err);
    REQUIRE(equal_bytes(&a, &again) && czi_time_map_compare(&a, &again) == CZ_SAME);
    assert_ok(czi_time_map_id(&a, &id_a, &err), err);
    assert_ok(czi_time_map_id(&b, &id_b, &err), err);
    same = czi_time_map_compare(&a, &b) == CZ_SAME;
    REQUIRE(equal_bytes(&a, &b) == same);
    REQUIRE((memcmp(&id_a, &id_b, sizeof id_a) == 0) == same);
    REQUIRE((memcmp(&id_a, &none, sizeof id_a) == 0) == (a.count == 0));
}

static void a_snapshot_decodes_to_itself_and_equal_ones_have_one_id(void **state)
{
    (void)state;
    for_seeds(snapshots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_never_goes_back_and_ends_the_same_in_any_order),
        cmocka_unit_test(merge_is_commutative_associative_and_idempotent),
        cmocka_unit_test(all_prefixes_merge_to_the_last_one_in_any_order),
        cmocka_unit_test(who_is_told_never_goes_back_and_all_know_all_in_the_end),
        cmocka_unit_test(a_snapshot_decodes_to_itself_and_equal_ones_have_one_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
