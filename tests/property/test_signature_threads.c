/* test_signature_threads.c - submitters race each other with signed, unsigned and wrongly
 * signed effects. Whatever order of positions comes out: of each origin it is the order in
 * which it submitted, exactly the wrong ones are refused, each is told once, and who reads sees
 * all that it submitted before. Under the thread sanitizer this tests the verifiers' locks.
 *
 * CAUSALITY_ROUNDS: how many races; CAUSALITY_SEED: where they start.
 */
#include "codec/blake3.h"
#include "engine/engine.h"
#include "test.h"

#include <pthread.h>

enum { SUBMITTERS = 3, ORIGINS = 2, EFFECTS = 120, RUN = 12 };

/* Origins take turns. Each effect creates a resource of its own, so that any order of origins
 * applies; the wrong ones would create one that is never there. */
struct item {
    struct czi_buf bytes;
    bool wrong;
    unsigned origin, nonce;
    cz_id id;
    cz_result result;
    unsigned told;
};

struct submitter {
    pthread_t thread;
    cz_engine *engine;
    struct czi_rng rng;
    struct item items[EFFECTS];
    unsigned number, nonces[ORIGINS], right;
};

static cz_id origin_of(unsigned submitter, unsigned origin)
{
    cz_id id = {{0xaa, (uint8_t)submitter, (uint8_t)origin}};

    return id;
}

static void make_item(struct submitter *s, struct item *item)
{
    unsigned keys = (unsigned)czi_rng_below(&s->rng, 3);
    cz_effect *e = cz_effect_new();
    cz_creation c = {.kind = CZ_DATA};
    const uint8_t *bytes;
    char label[64];
    cz_error err = {0};
    size_t len;
    cz_id id;

    *item = (struct item){.origin = (unsigned)czi_rng_below(&s->rng, ORIGINS)};
    item->wrong = keys && czi_rng_below(&s->rng, 4) == 0;
    item->nonce = s->nonces[item->origin] + 1;
    id = origin_of(s->number, item->origin);
    (void)snprintf(label, sizeof label, "%s-%u", item->wrong ? "wrong" : "right", item->nonce);
    c.creator = c.controller = id;
    c.label = label;
    c.data = (const uint8_t *)label;
    c.data_len = czi_rng_below(&s->rng, 8);
    cz_effect_set_origin(e, &id);
    cz_effect_set_nonce(e, item->nonce);
    assert_ok(cz_effect_create(e, &c, &err), err);
    for (unsigned k = 0; k < keys; k++) {
        uint8_t seed[CZI_SEED_SIZE] = {1, (uint8_t)k};

        assert_ok(cz_effect_sign(e, seed, &err), err);
    }
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    czi_buf_put(&item->bytes, bytes, len);
    if (item->wrong)
        item->bytes.data[len - 1 - czi_rng_below(&s->rng, 64)] ^= 1;
    else
        s->nonces[item->origin]++;
    s->right += !item->wrong;
    czi_blake3(item->bytes.data, len, item->id.bytes);
    cz_effect_free(e);
}

/* Tickets of a run need not follow each other when others submit too: ids tell what is what. */
static void on_done(void *arg, const cz_result *r)
{
    struct submitter *s = arg;
    unsigned i = 0;

    while (i < EFFECTS && !czi_id_equal(&s->items[i].id, &r->effect))
        i++;
    CZI_CHECK(i < EFFECTS);
    s->items[i].result = *r;
    s->items[i].told++;
}

/* One by one, or as a run. */
static unsigned submit_some(struct submitter *s, unsigned at)
{
    cz_submission list[RUN];
    unsigned n = 1 + (unsigned)czi_rng_below(&s->rng, CZI_MIN(RUN, EFFECTS - at));
    cz_error err = {0};
    int rc;

    if (czi_rng_below(&s->rng, 2)) {
        for (unsigned i = 0; i < n; i++)
            list[i] = (cz_submission){s->items[at + i].bytes.data, s->items[at + i].bytes.len};
        CZI_CHECK(!cz_submit_batch(s->engine, list, n, on_done, s, NULL, NULL, &err));
        return n;
    }
    for (unsigned i = 0; i < n; i++) {
        struct item *item = &s->items[at + i];

        do
            rc =
                cz_submit(s->engine, item->bytes.data, item->bytes.len, on_done, s, NULL, &err);
        while (rc == CZ_BUSY);
        CZI_CHECK(!rc);
    }
    return n;
}

/* The newest right one before `end` must be there. */
static void look(const struct submitter *s, unsigned end)
{
    cz_resource r;
    cz_error err = {0};
    char label[64];
    cz_id creator, id;

    while (end && s->items[end - 1].wrong)
        end--;
    if (!end)
        return;
    creator = origin_of(s->number, s->items[end - 1].origin);
    (void)snprintf(label, sizeof label, "right-%u", s->items[end - 1].nonce);
    CZI_CHECK(!cz_resource_id(&creator, label, &id, &err));
    CZI_CHECK(!cz_resource_get(s->engine, &id, &r, &err));
}

static void *submit_all(void *arg)
{
    struct submitter *s = arg;
    cz_error err = {0};

    for (unsigned at = 0; at < EFFECTS;) {
        at += submit_some(s, at);
        if (czi_rng_below(&s->rng, 10) == 0)
            look(s, at);
    }
    CZI_CHECK(!cz_flush(s->engine, &err));
    return NULL;
}

static void check(const struct submitter *s)
{
    uint64_t last[ORIGINS] = {0};

    for (unsigned i = 0; i < EFFECTS; i++) {
        const struct item *item = &s->items[i];
        const cz_result *r = &item->result;

        assert_int_equal(item->told, 1);
        if (item->wrong) {
            assert_int_equal(r->reason, CZ_BAD_SIGNATURE);
            assert_int_equal(r->position, 0);
            assert_false(r->has_receipt);
            continue;
        }
        assert_int_equal(r->reason, CZ_APPLIED);
        assert_int_equal(r->status, CZ_STATUS_APPLIED);
        assert_true(r->position > last[item->origin]);
        last[item->origin] = r->position;
    }
}

static void race(uint64_t seed)
{
    static struct submitter s[SUBMITTERS];
    cz_options o = {.threads = 1 + (unsigned)(seed % 4),
                    .batch_max = seed % 3 ? 0 : 5,
                    .ordered = seed % 2,
                    .backlog_max = seed % 5 ? 40 : 3};
    unsigned right = 0;
    cz_engine *g;
    cz_stats stats;
    cz_error err = {0};

    print_message("seed %llu\n", (unsigned long long)seed);
    assert_ok(cz_open(NULL, &o, &g, &err), err);
    for (unsigned t = 0; t < SUBMITTERS; t++) {
        s[t] = (struct submitter){.engine = g, .rng = czi_rng(seed * 10 + t), .number = t};
        for (unsigned i = 0; i < EFFECTS; i++)
            make_item(&s[t], &s[t].items[i]);
        right += s[t].right;
    }
    for (unsigned t = 0; t < SUBMITTERS; t++)
        assert_int_equal(pthread_create(&s[t].thread, NULL, submit_all, &s[t]), 0);
    for (unsigned t = 0; t < SUBMITTERS; t++)
        assert_int_equal(pthread_join(s[t].thread, NULL), 0);
    assert_ok(cz_stats_get(g, &stats, &err), err);
    assert_int_equal(stats.applied, right);
    assert_int_equal(stats.rejected, 0);
    assert_ok(cz_close(g, &err), err);
    for (unsigned t = 0; t < SUBMITTERS; t++) {
        check(&s[t]);
        for (unsigned i = 0; i < EFFECTS; i++)
            czi_buf_done(&s[t].items[i].bytes);
    }
}

static void racing_submitters_keep_their_order_and_lose_only_what_is_wrong(void **state)
{
    unsigned long first = test_env("CAUSALITY_SEED", 1);
#ifdef TEST_IS_SLOW
    unsigned long rounds = test_env("CAUSALITY_ROUNDS", 12);
#else
    unsigned long rounds = test_env("CAUSALITY_ROUNDS", 60);
#endif

    (void)state;
    for (uint64_t seed = first; seed < first + rounds; seed++)
        race(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(racing_submitters_keep_their_order_and_lose_only_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
