/* test_guest_examples.c - the guests of guest/ do what they say, and the same at 1, 2 and 4
 * threads, in simulation and in replay.
 *
 * One history of effects over all of them is run in every way; what comes out is compared
 * receipt by receipt. What each effect must come to is told by the table that makes it.
 */
#include "causality/sim.h"
#include "test.h"

#include <string.h>
#include <unistd.h>

#ifdef TEST_IS_SLOW
#define TRANSFERS 60
#else
#define TRANSFERS 600
#endif
#define EFFECTS_MAX (TRANSFERS + 64)
#define PEOPLE 8u

/* ---- Guests ------------------------------------------------------------------------------ */

struct guest {
    uint8_t bytes[65536];
    size_t len;
    cz_id id;
};
enum { TOKEN, ESCROW, AUCTION, FACT, GUESTS };
static struct guest guests[GUESTS];

static void read_guests(void)
{
    static const char *const names[] = {"token", "escrow", "auction", "fact_sha256"};
    cz_error err = {0};
    char path[4096];

    for (unsigned i = 0; i < GUESTS; i++) {
        FILE *f;

        (void)snprintf(path, sizeof path, "%s/%s.elf", CAUSALITY_GUESTS, names[i]);
        f = fopen(path, "rb");
        if (!f)
            fail_msg("%s is not there", path);
        guests[i].len = fread(guests[i].bytes, 1, sizeof guests[i].bytes, f);
        assert_int_equal(fclose(f), 0);
        assert_ok(cz_code_id(guests[i].bytes, guests[i].len, &guests[i].id, &err), err);
    }
}

static const uint8_t *seed_of(unsigned person)
{
    static uint8_t seeds[PEOPLE][32];

    seeds[person][0] = (uint8_t)(person + 1);
    return seeds[person];
}

static void key_of(unsigned person, uint8_t ret[32])
{
    cz_public_key(seed_of(person), ret);
}

static cz_id named(const cz_id *creator, const char *label)
{
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_resource_id(creator, label, &id, &err), err);
    return id;
}

static cz_id gold_of(unsigned person)
{
    cz_id operator_id = cz_operator();
    char label[16];

    (void)snprintf(label, sizeof label, "gold/%u", person);
    return named(&operator_id, label);
}

/* A resource that a token's balance is. */
static cz_id balance_of(unsigned person)
{
    uint8_t key[32];
    char label[65];

    key_of(person, key);
    for (unsigned i = 0; i < 32; i++)
        (void)snprintf(label + 2 * i, 3, "%02x", key[i]);
    return named(&guests[TOKEN].id, label);
}

/* ---- The history ------------------------------------------------------------------------- */

struct step {
    cz_effect *effect;
    enum cz_reason expected;
    uint64_t mined; /* blocks before it */
};
struct history {
    struct step steps[EFFECTS_MAX];
    unsigned count;
    cz_id origin;
    uint64_t balances[PEOPLE]; /* of the token, as arithmetic has it */
    cz_id fact;
};

static cz_effect *add(struct history *h, enum cz_reason expected)
{
    struct step *s = &h->steps[h->count++];

    assert_true(h->count <= EFFECTS_MAX);
    *s = (struct step){cz_effect_new(), expected, 0};
    assert_non_null(s->effect);
    cz_effect_set_origin(s->effect, &h->origin);
    cz_effect_set_nonce(s->effect, h->count);
    return s->effect;
}

static void sign(cz_effect *e, unsigned person)
{
    cz_error err = {0};

    assert_ok(cz_effect_sign(e, seed_of(person), &err), err);
}

/* Open, without anything declared. */
static void call(cz_effect *e, unsigned guest, const void *input, size_t len)
{
    cz_error err = {0};

    assert_ok(cz_effect_call(e, &guests[guest].id, 10000000, input, len, &err), err);
}

static void deploy_all(struct history *h)
{
    for (unsigned i = 0; i < GUESTS; i++) {
        cz_effect *e = add(h, CZ_APPLIED);
        cz_error err = {0};
        cz_id id;

        assert_ok(cz_effect_deploy(e, guests[i].bytes, guests[i].len, &id, &err), err);
        assert_memory_equal(&id, &guests[i].id, sizeof id);
    }
}

static void put_amount(uint8_t *to, uint64_t amount)
{
    memset(to, 0, 16);
    memcpy(to, &amount, sizeof amount);
}

static void mint(struct history *h, unsigned person, uint64_t amount, enum cz_reason expected)
{
    cz_effect *e = add(h, expected);
    uint8_t input[17] = {'m'};

    put_amount(input + 1, amount);
    call(e, TOKEN, input, sizeof input);
    sign(e, person);
    if (!expected)
        h->balances[person] += amount;
}

/* Some declare what they touch, some do not; it must not matter. */
static void transfer(struct history *h, unsigned from, unsigned to, uint64_t amount,
                     unsigned signer, bool declared)
{
    bool fits = signer == from && h->balances[from] >= amount;
    cz_effect *e = add(h, fits ? CZ_APPLIED : CZ_GUEST_FAILED);
    uint8_t input[81] = {'t'};
    cz_guest_access accesses[2] = {{balance_of(to), CZ_WRITE}, {balance_of(from), CZ_WRITE}};
    cz_error err = {0};

    key_of(from, input + 1);
    key_of(to, input + 33);
    put_amount(input + 65, amount);
    if (declared)
        assert_ok(cz_effect_run(e, &guests[TOKEN].id, 1000000, accesses, from == to ? 1 : 2,
                                input, sizeof input, &err),
                  err);
    else
        call(e, TOKEN, input, sizeof input);
    sign(e, signer);
    if (fits) {
        h->balances[from] -= amount;
        h->balances[to] += amount;
    }
}

static void tokens(struct history *h)
{
    struct czi_rng rng = czi_rng(6);

    mint(h, 0, 1000000, CZ_APPLIED);
    mint(h, 1, 5, CZ_GUEST_FAILED);
    for (unsigned i = 1; i < PEOPLE; i++)
        transfer(h, 0, i, 1000 * i, 0, false);
    for (unsigned i = 0; i < TRANSFERS; i++) {
        unsigned from = (unsigned)czi_rng_below(&rng, PEOPLE),
                 to = (unsigned)czi_rng_below(&rng, PEOPLE);

        transfer(h, from, to, czi_rng_below(&rng, 3000),
                 czi_rng_below(&rng, 20) ? from : (from + 1) % PEOPLE, i % 2);
    }
}

static void make_gold(struct history *h)
{
    cz_effect *e = add(h, CZ_APPLIED);
    cz_creation c = {.creator = cz_operator(),
                     .kind = CZ_FUNGIBLE,
                     .asset = "GOLD",
                     .quantity = 1000};
    char label[16];
    cz_error err = {0};

    for (unsigned i = 0; i < PEOPLE; i++) {
        (void)snprintf(label, sizeof label, "gold/%u", i);
        c.label = label;
        assert_ok(cz_effect_create(e, &c, &err), err);
    }
}

struct escrow_terms { /* guest/escrow.c */
    uint8_t seller[32], arbiter[32];
    cz_id from, to;
    uint64_t amount, deadline;
    char domain[32], asset[32];
};

static void escrow(struct history *h, const char *name, char what, unsigned signer,
                   const struct escrow_terms *terms, enum cz_reason expected)
{
    uint8_t input[16 + sizeof *terms] = {(uint8_t)what};

    (void)snprintf((char *)input + 1, 15, "%s", name);
    if (terms)
        memcpy(input + 16, terms, sizeof *terms);
    call(add(h, expected), ESCROW, input, terms ? sizeof input : 16);
    sign(h->steps[h->count - 1].effect, signer);
}

static void escrows(struct history *h)
{
    struct escrow_terms t = {.from = gold_of(0),
                             .to = gold_of(1),
                             .amount = 300,
                             .deadline = 55,
                             .domain = "moon",
                             .asset = "GOLD"};

    key_of(1, t.seller);
    key_of(2, t.arbiter);
    escrow(h, "house", 'o', 0, &t, CZ_APPLIED);
    escrow(h, "house", 'o', 0, &t, CZ_GUEST_FAILED);   /* there is one */
    escrow(h, "house", 'r', 1, NULL, CZ_GUEST_FAILED); /* the seller cannot */
    escrow(h, "house", 'b', 0, NULL, CZ_GUEST_FAILED); /* the time is not over */
    escrow(h, "house", 'r', 0, NULL, CZ_APPLIED);
    escrow(h, "house", 'r', 2, NULL, CZ_GUEST_FAILED); /* it is over */
    escrow(h, "boat", 'o', 0, &t, CZ_APPLIED);
    escrow(h, "boat", 'b', 2, NULL, CZ_APPLIED);
    escrow(h, "late", 'o', 0, &t, CZ_APPLIED);
    escrow(h, "late", 'b', 0, NULL, CZ_APPLIED);
    h->steps[h->count - 1].mined = 6; /* 10 apart: the time is 60 */
    t.amount = 100000;
    escrow(h, "dear", 'o', 0, &t, CZ_GUEST_FAILED);
}

struct auction_input { /* guest/auction.c */
    char what, name[15];
    union {
        struct {
            cz_id to;
            uint64_t deadline, least;
            char domain[32], asset[32];
        } terms;
        struct {
            cz_id from;
            uint64_t amount;
        } bid;
    };
};

static void bid(struct history *h, unsigned person, uint64_t amount, enum cz_reason expected)
{
    struct auction_input in = {.what = 'b', .name = "ship"};

    in.bid.from = gold_of(person);
    in.bid.amount = amount;
    call(add(h, expected), AUCTION, &in, 16 + sizeof in.bid);
}

static void auction(struct history *h)
{
    struct auction_input in = {.what = 'o', .name = "ship"};

    in.terms.to = gold_of(7);
    in.terms.deadline = 100;
    in.terms.least = 10;
    memcpy(in.terms.domain, "moon", 4);
    memcpy(in.terms.asset, "GOLD", 4);
    call(add(h, CZ_APPLIED), AUCTION, &in, 16 + sizeof in.terms);
    bid(h, 3, 5, CZ_GUEST_FAILED); /* too little */
    bid(h, 3, 100, CZ_APPLIED);
    bid(h, 4, 100, CZ_GUEST_FAILED); /* not more */
    bid(h, 4, 250, CZ_APPLIED);
    bid(h, 3, 1001, CZ_GUEST_FAILED); /* he has 1000 again, no more */
    bid(h, 3, 1000, CZ_APPLIED);
    in.what = 'c';
    call(add(h, CZ_GUEST_FAILED), AUCTION, &in, 16); /* the time is not over */
    bid(h, 4, 2000, CZ_GUEST_FAILED);
    h->steps[h->count - 1].mined = 6; /* 120: too late */
    call(add(h, CZ_APPLIED), AUCTION, &in, 16);
    call(add(h, CZ_GUEST_FAILED), AUCTION, &in, 16);
}

static void digest(struct history *h)
{
    cz_error err = {0};

    call(add(h, CZ_GUEST_FAILED), FACT, NULL, 0);
    call(add(h, CZ_APPLIED), FACT, NULL, 0);
    assert_ok(cz_effect_cite(h->steps[h->count - 1].effect, &h->fact, &err), err);
}

static int take_fact(void *arg, const cz_sim_fact *fact, cz_error *err)
{
    (void)err;
    *(cz_id *)arg = fact->id;
    return CZ_OK;
}

static struct history make_history(void)
{
    struct history h = {.count = 0};
    cz_sim_chain *chain;
    cz_error err = {0};
    uint64_t event;

    h.origin = cz_operator();
    assert_ok(cz_sim_new("moon", 3, &chain, &err), err);
    assert_ok(cz_sim_deposit(chain, "anybody", "MOON", 7, &event, &err), err);
    assert_ok(cz_sim_mine(chain, 1, &err), err);
    assert_ok(cz_sim_fact_of(chain, CZ_FACT_DEPOSIT, "1", NULL, take_fact, &h.fact, &err), err);
    cz_sim_free(chain);
    deploy_all(&h);
    tokens(&h);
    make_gold(&h);
    escrows(&h);
    auction(&h);
    digest(&h);
    return h;
}

static void free_history(struct history *h)
{
    for (unsigned i = 0; i < h->count; i++)
        cz_effect_free(h->steps[i].effect);
}

/* ---- Running it -------------------------------------------------------------------------- */

struct outcome {
    cz_id receipts[EFFECTS_MAX];
    uint8_t root[32];
};

static void know_moon(cz_engine *engine, cz_sim_chain **ret)
{
    cz_domain_spec domain;
    cz_error err = {0};
    uint64_t event;

    assert_ok(cz_sim_new("moon", 3, ret, &err), err);
    cz_sim_domain(*ret, &domain);
    assert_ok(cz_domain_set(engine, &domain, &err), err);
    assert_ok(cz_sim_deposit(*ret, "anybody", "MOON", 7, &event, &err), err);
    assert_ok(cz_sim_mine(*ret, 1, &err), err);
    assert_ok(cz_sim_observe(*ret, engine, NULL, &err), err);
}

/* Everything between two blocks is under way at once. */
static void run(cz_engine *engine, const struct history *h, struct outcome *ret)
{
    static uint64_t tickets[EFFECTS_MAX];
    cz_sim_chain *chain;
    cz_error err = {0};

    know_moon(engine, &chain);
    for (unsigned i = 0; i < h->count; i++) {
        if (h->steps[i].mined) {
            assert_ok(cz_flush(engine, &err), err);
            assert_ok(cz_sim_mine(chain, h->steps[i].mined, &err), err);
            assert_ok(cz_sim_observe(chain, engine, NULL, &err), err);
        }
        assert_ok(cz_submit_effect(engine, h->steps[i].effect, NULL, NULL, &tickets[i], &err),
                  err);
    }
    for (unsigned i = 0; i < h->count; i++) {
        cz_result r;

        assert_ok(cz_wait(engine, tickets[i], CZ_FOREVER, &r, &err), err);
        if (r.reason != h->steps[i].expected)
            fail_msg("effect %u came to %s, not %s", i, cz_reason_name((int)r.reason),
                     cz_reason_name((int)h->steps[i].expected));
        ret->receipts[i] = r.receipt;
    }
    assert_ok(cz_root(engine, ret->root, &err), err);
    cz_sim_free(chain);
}

static void assert_same(const struct history *h, const struct outcome *a,
                        const struct outcome *b, const char *what)
{
    for (unsigned i = 0; i < h->count; i++)
        if (memcmp(&a->receipts[i], &b->receipts[i], sizeof(cz_id)))
            fail_msg("%s: the receipt of effect %u is another one", what, i);
    assert_memory_equal(a->root, b->root, 32);
}

static void check_state(cz_engine *engine, const struct history *h)
{
    static const int64_t gold[PEOPLE] = {700, 1300, 1000, 0, 1000, 1000, 1000, 2000};
    cz_error err = {0};
    cz_resource r;

    for (unsigned i = 0; i < PEOPLE; i++) {
        cz_id id = balance_of(i);
        uint8_t expected[16];

        put_amount(expected, h->balances[i]);
        assert_ok(cz_resource_get(engine, &id, &r, &err), err);
        assert_int_equal(r.data_len, 16);
        assert_memory_equal(r.data, expected, 16);
        assert_memory_equal(&r.controller, &guests[TOKEN].id, sizeof(cz_id));
        id = gold_of(i);
        assert_ok(cz_resource_get(engine, &id, &r, &err), err);
        assert_true(r.quantity == gold[i]);
    }
}

/* ---- Tests ------------------------------------------------------------------------------- */

static struct history history;
static struct outcome first;

static void the_example_guests_do_what_they_say(void **state)
{
    cz_options options = {.threads = 1, .ordered = true};
    cz_engine *engine;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_open(NULL, &options, &engine, &err), err);
    run(engine, &history, &first);
    check_state(engine, &history);
    assert_ok(cz_close(engine, &err), err);
}

static void receipts_are_the_same_at_1_2_and_4_threads_and_any_batch(void **state)
{
    static const unsigned threads[] = {1, 2, 4}, batches[] = {1, 7, 2048};
    static struct outcome o;
    char what[64];
    cz_error err = {0};

    (void)state;
    for (unsigned t = 0; t < 3; t++)
        for (unsigned b = 0; b < 3; b++) {
            cz_options options = {.threads = threads[t],
                                  .batch_max = batches[b],
                                  .ordered = true};
            cz_engine *engine;

            (void)snprintf(what, sizeof what, "%u threads, batches of %u", threads[t],
                           batches[b]);
            assert_ok(cz_open(NULL, &options, &engine, &err), err);
            run(engine, &history, &o);
            assert_ok(cz_close(engine, &err), err);
            assert_same(&history, &first, &o, what);
        }
}

static void a_simulated_world_has_the_same_receipts_and_replay_and_audit_agree(void **state)
{
    static struct outcome o;
    cz_options engine_options = {.ordered = true};
    cz_sim_options options = {.seed = 5, .disorder = 300, .engine = &engine_options};
    char dir[] = "/tmp/test_guest_examples.XXXXXX", store[64], command[128];
    cz_journal_report report;
    cz_audit_report audit;
    cz_sim_world *world;
    cz_engine *engine;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_sim_world_new(&options, &world, &err), err);
    assert_ok(cz_sim_open(world, &engine, &err), err);
    run(engine, &history, &o);
    assert_same(&history, &first, &o, "in simulation");
    assert_ok(cz_close(engine, &err), err);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(store, sizeof store, "%s/store", dir);
    assert_ok(cz_sim_save(world, store, &err), err);
    cz_sim_world_free(world);
    assert_ok(cz_replay(store, NULL, &report, &err), err);
    assert_memory_equal(report.root, first.root, 32);
    assert_int_equal(report.positions, history.count);
    assert_ok(cz_audit(store, NULL, &audit, &err), err);
    assert_memory_equal(audit.journal.root, first.root, 32);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_guests_do_what_they_say),
        cmocka_unit_test(receipts_are_the_same_at_1_2_and_4_threads_and_any_batch),
        cmocka_unit_test(a_simulated_world_has_the_same_receipts_and_replay_and_audit_agree),
    };
    int failed;

    read_guests();
    history = make_history();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    free_history(&history);
    return failed;
}
