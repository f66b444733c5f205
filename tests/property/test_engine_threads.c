/* test_engine_threads.c - R1 on real threads: several submitters with origins of their own race
 * each other; whatever order of positions comes out, running the model over that order gives
 * the same receipts and the same state. Under the thread sanitizer this also tests the locks.
 *
 * CAUSALITY_ROUNDS: how many races; CAUSALITY_SEED: where they start.
 */
#include "generate.h"

#include <pthread.h>

#define THREADS 4

struct submitter {
    pthread_t thread;
    cz_engine *engine;
    struct gen_stream *stream;
    cz_result results[GEN_ITEMS_MAX];
    unsigned called;
    struct czi_rng rng;
};

struct slot {
    struct submitter *owner;
    size_t item;
};

static void on_done(void *arg, const cz_result *r)
{
    struct slot *slot = arg;

    slot->owner->results[slot->item] = *r;
    slot->owner->called++;
}

/* Every effect is called back; some reads in between. What a flush waits for includes the
 * callbacks, whose arguments end with this function. */
static void *submit_all(void *arg)
{
    struct submitter *s = arg;
    struct slot slots[GEN_ITEMS_MAX];
    unsigned effects = 0;
    uint8_t root[32];
    uint64_t ticket;
    cz_error err = {0};

    for (size_t i = 0; i < s->stream->count; i++) {
        const struct gen_item *item = &s->stream->items[i];
        int rc;

        slots[i] = (struct slot){s, i};
        /* What was refused before might be taken now. */
        if (!item->effect && item->expected.status == CZ_STATUS_REJECTED)
            continue;
        if (!item->effect) {
            CZI_CHECK(
                !czi_submit_item(s->engine, item->bytes, item->len, NULL, NULL, &ticket, &err));
            continue;
        }
        do {
            rc =
                cz_submit(s->engine, item->bytes, item->len, on_done, &slots[i], &ticket, &err);
        } while (rc == CZ_BUSY);
        CZI_CHECK(rc == CZ_OK);
        effects++;
        if (czi_rng_below(&s->rng, 40) == 0)
            CZI_CHECK(cz_root(s->engine, root, &err) == CZ_OK);
    }
    CZI_CHECK(cz_flush(s->engine, &err) == CZ_OK);
    CZI_CHECK(s->called == effects);
    return NULL;
}

struct placed {
    const struct gen_item *item;
    const cz_result *result;
};

static int by_position(const void *a, const void *b)
{
    uint64_t x = ((const struct placed *)a)->result->position,
             y = ((const struct placed *)b)->result->position;

    return x < y ? -1 : x > y;
}

/* Those with a position of their own come in its order; duplicates and conflicts, which change
 * nothing, after them. Facts were recorded before the race. */
static bool has_own_position(const struct placed *p)
{
    return p->item->effect && p->result->has_receipt &&
           p->result->status != CZ_STATUS_DUPLICATE;
}

static void check_order(struct ref_model *m, struct submitter *s, cz_engine *g)
{
    static struct placed placed[THREADS * GEN_ITEMS_MAX];
    struct czi_rng rng = czi_rng(1);
    size_t n = 0, others = 0;

    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned t = 0; t < THREADS; t++)
            for (size_t i = 0; i < s[t].stream->count; i++) {
                struct placed p = {&s[t].stream->items[i], &s[t].results[i]};

                if (p.item->effect && has_own_position(&p) == (pass == 0))
                    placed[n++] = p;
            }
        if (pass == 0)
            others = n;
    }
    qsort(placed, others, sizeof *placed, by_position);
    for (size_t i = 0; i < n; i++) {
        cz_result expected = ref_apply(m, placed[i].item->effect);
        const char *differs = gen_compare(&expected, placed[i].result);

        if (differs)
            fail_msg("position %llu: %s", (unsigned long long)placed[i].result->position,
                     differs);
    }
    assert_null(gen_compare_state(m, g, &rng));
}

/* All facts of all streams, and the creation of resources, one after the other. */
static void prepare(cz_engine *g, struct gen_stream *first, struct submitter *s,
                    struct ref_model *m)
{
    uint64_t ticket;
    cz_error err = {0};

    gen_expect(first, REF_FAITHFUL);
    *m = first->model;
    first->model = (struct ref_model){0};
    for (size_t i = 0; i < first->count; i++) {
        const struct gen_item *item = &first->items[i];

        if (item->effect)
            assert_ok(cz_submit(g, item->bytes, item->len, NULL, NULL, &ticket, &err), err);
        else
            assert_ok(czi_submit_item(g, item->bytes, item->len, NULL, NULL, &ticket, &err),
                      err);
        assert_ok(cz_flush(g, &err), err);
    }
    for (unsigned t = 0; t < THREADS; t++)
        for (size_t i = 0; i < s[t].stream->count; i++) {
            struct gen_item *item = &s[t].stream->items[i];

            if (item->effect)
                continue;
            item->expected = ref_record(m, item->bytes, item->len);
            assert_ok(czi_submit_item(g, item->bytes, item->len, NULL, NULL, &ticket, &err),
                      err);
        }
    assert_ok(cz_flush(g, &err), err);
}

static void race(uint64_t seed, unsigned threads, unsigned batch_max)
{
    cz_options o = {.threads = threads, .batch_max = batch_max, .backlog_max = 64};
    struct gen_options creation = {.seed = seed, .count = 30, .origins = 1, .create = true};
    struct gen_stream *first = gen_stream(&creation);
    static struct submitter s[THREADS];
    struct ref_model m;
    cz_engine *g;
    cz_error err = {0};

    assert_ok(cz_open(NULL, &o, &g, &err), err);
    for (unsigned t = 0; t < THREADS; t++) {
        struct gen_options own = {.seed = seed * 1000 + t,
                                  .count = 150,
                                  .origin = 10 + 2 * t,
                                  .origins = 2,
                                  .one_priority = true};

        s[t] = (struct submitter){.engine = g,
                                  .stream = gen_stream(&own),
                                  .rng = czi_rng(seed + t)};
    }
    prepare(g, first, s, &m);
    for (unsigned t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&s[t].thread, NULL, submit_all, &s[t]), 0);
    for (unsigned t = 0; t < THREADS; t++)
        assert_int_equal(pthread_join(s[t].thread, NULL), 0);
    check_order(&m, s, g);
    assert_ok(cz_close(g, &err), err);
    for (unsigned t = 0; t < THREADS; t++)
        gen_free(s[t].stream);
    gen_free(first);
    ref_free(&m);
}

static void racing_submitters_get_the_results_of_the_order_that_came_out(void **state)
{
    static const unsigned batches[] = {1, 7, CZI_BATCH_ENTRIES_MAX};
    unsigned long first = test_env("CAUSALITY_SEED", 1);
    unsigned long rounds = test_env("CAUSALITY_ROUNDS", 24);

    (void)state;
    for (uint64_t seed = first; seed < first + rounds; seed++)
        race(seed, 1u << seed % 3, batches[seed / 3 % 3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(racing_submitters_get_the_results_of_the_order_that_came_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
