/* test_swap.c - the swap of examples/swap.c, and that of guest/swap.c, under everything that
 * may happen to it: delays, reorderings, retractions and crashes anywhere, from seeds. Value is
 * conserved, nobody has both legs, no leg goes half way, and who has paid is paid.
 *
 * CAUSALITY_LONG=1: 10,000 seeds, and a crash at every step. SWAP_SEED=N: that one alone.
 */
#include "swap_world.h"
#include "test.h"

#include <inttypes.h>
#include <unistd.h>

const cz_program_def *planted_programs(void);

#ifdef TEST_IS_SLOW
#define SEEDS 40
#define STRIDE 400
#else
#define SEEDS 400
#define STRIDE 37
#endif

static bool is_long(void)
{
    return getenv("CAUSALITY_LONG") != NULL;
}

/* ---- A seed ---------------------------------------------------------------------------------
 */

static uint64_t below(struct czi_rng *rng, uint64_t n)
{
    return czi_rng_below(rng, n);
}

static bool percent(struct czi_rng *rng, unsigned p)
{
    return below(rng, 100) < p;
}

struct plan {
    struct czi_rng rng;
    uint64_t claim, refund, end;
    uint64_t deposit[SIDES]; /* at which of the chain's heights; 0: never */
    unsigned reorgs, crashes, lag;
};

static void show(struct swap_world *w, const char *what)
{
    print_message("  %4" PRIu64 "  %s\n", swap_time(w), what);
}

static struct plan plan_of(uint64_t seed)
{
    struct plan p = {.claim = 0};

    p.rng = czi_rng(seed);
    p.claim = 60 + 10 * below(&p.rng, 8);
    p.refund = p.claim + 10 * below(&p.rng, 4);
    p.end = p.refund + 300;
    for (int i = 0; i < SIDES; i++)
        p.deposit[i] = percent(&p.rng, 85) ? 1 + below(&p.rng, 14) : 0;
    if (percent(&p.rng, 40)) /* so that a deposit is final just about when the claim must be */
        p.deposit[below(&p.rng, SIDES)] =
            p.claim / SWAP_INTERVAL - SWAP_FINAL - 2 + below(&p.rng, 3);
    p.reorgs = percent(&p.rng, 50) ? 12 : 0;
    p.crashes = percent(&p.rng, 50) ? 15 : 0;
    p.lag = percent(&p.rng, 50) ? 30 : 0;
    return p;
}

/* Blocks are dropped, but none that is final. A deposit that went with them may be made again.
 */
static void maybe_reorg(struct swap_world *w, struct plan *p, int side)
{
    uint64_t height = cz_sim_height(w->sides[side].chain);
    uint64_t depth = 1 + below(&p->rng, SWAP_FINAL);
    bool reinclude = percent(&p->rng, 60), had = w->sides[side].event != 0;

    if (!percent(&p->rng, p->reorgs) || depth >= height)
        return;
    swap_reorg(w, side, depth, reinclude);
    if (!had || w->sides[side].event)
        return;
    w->sides[side].owed = false;
    p->deposit[side] = percent(&p->rng, 50) ? height + 2 + below(&p->rng, 4) : 0;
}

static void one_tick(struct swap_world *w, struct plan *p)
{
    int first = (int)below(&p->rng, SIDES);

    for (int i = 0; i < SIDES; i++) {
        struct side *s = &w->sides[i];

        if (p->deposit[i] == cz_sim_height(s->chain) + 1 && !s->event) {
            swap_deposit(w, i);
            s->owed = swap_time(w) + 240 < p->end;
        }
        swap_mine(w, i);
        maybe_reorg(w, p, i);
    }
    if (percent(&p->rng, p->crashes))
        cz_sim_crash_after(w->sim, 1 + below(&p->rng, 60));
    for (int i = 0; i < SIDES; i++)
        if (!percent(&p->rng, p->lag))
            swap_observe(w, i ^ first);
    if (percent(&p->rng, 70))
        swap_pay(w);
}

/* Once nothing is to come any more. */
static bool is_quiet(struct swap_world *w)
{
    cz_program_report r;

    return swap_ended(w, &r) && swap_held(w, MOON, true) == 0 && swap_held(w, SUN, true) == 0;
}

/* NULL, or what went wrong. */
static const char *run(struct swap_world *w, uint64_t seed, const cz_program_def *programs,
                       uint64_t crash_at)
{
    struct plan p = plan_of(seed);
    cz_sim_options options = {.seed = seed, .disorder = (unsigned)below(&p.rng, 500)};
    const char *wrong = NULL;
    unsigned ticks = 0;

    swap_world_init(w, &options, programs, p.claim, p.refund, p.end);
    if (crash_at != UINT64_MAX)
        cz_sim_crash_after(w->sim, crash_at);
    for (; !wrong && (swap_time(w) <= p.end + 50 || !is_quiet(w)); ticks++) {
        one_tick(w, &p);
        wrong = ticks > 200 ? "it does not end" : swap_wrong(w, false);
    }
    return wrong ? wrong : swap_wrong(w, true);
}

/* ---- What is kept can be judged without us --------------------------------------------------
 */

static void assert_kept(struct swap_world *w)
{
    char dir[] = "/tmp/causality-swap-XXXXXX", remove[64];
    cz_host_options options = {.programs = w->programs, .count = 1, .secret = swap_secret};
    cz_program_replay_report program;
    cz_audit_report audit;
    cz_journal_report journal;
    cz_error err = {0};

    assert_non_null(mkdtemp(dir));
    assert_int_equal(rmdir(dir), 0);
    (void)cz_host_close(w->host, &err);
    w->host = NULL;
    cz_sim_crash(w->sim);
    assert_ok(cz_sim_save(w->sim, dir, &err), err);
    assert_ok(cz_audit(dir, NULL, &audit, &err), err);
    assert_int_equal(audit.unverified, 0);
    assert_ok(cz_replay(dir, NULL, &journal, &err), err);
    assert_ok(cz_program_replay(dir, &w->program, &options, &program, &err), err);
    assert_int_equal(program.program.state, CZ_PROGRAM_COMPLETED);
    assert_int_equal(program.entries, program.program.entries);
    (void)snprintf(remove, sizeof remove, "rm -r %s", dir);
    assert_int_equal(system(remove), 0);
}

static void try_seeds(uint64_t from, uint64_t count, struct czi_slice guest)
{
    for (uint64_t seed = from; seed < from + count; seed++) {
        struct swap_world w = {.say = getenv("SWAP_SEED") ? show : NULL,
                               .guest = guest.data,
                               .guest_len = guest.len};
        const char *wrong = run(&w, seed, cz_module_programs(), UINT64_MAX);

        if (wrong)
            fail_msg("SWAP_SEED=%" PRIu64 ": %s", seed, wrong);
        if (seed % 64 == 0)
            assert_kept(&w);
        swap_world_done(&w);
    }
}

static void no_seed_breaks_it(void **state)
{
    const char *one = getenv("SWAP_SEED");

    (void)state;
    if (one)
        try_seeds(strtoull(one, NULL, 10), 1, (struct czi_slice){NULL, 0});
    else
        try_seeds(1, is_long() ? 10000 : SEEDS, (struct czi_slice){NULL, 0});
}

/* guest/swap.c instead of examples/swap.c, in the same worlds. */
static void no_seed_breaks_the_guest(void **state)
{
    static uint8_t bytes[65536];
    const char *one = getenv("SWAP_SEED");
    struct czi_slice guest = {bytes, 0};
    FILE *f = fopen(CAUSALITY_GUESTS "/swap.elf", "rb");

    (void)state;
    assert_non_null(f);
    guest.len = fread(bytes, 1, sizeof bytes, f);
    assert_int_equal(fclose(f), 0);
    if (one)
        try_seeds(strtoull(one, NULL, 10), 1, guest);
    else
        try_seeds(1, is_long() ? 10000 : SEEDS / 4, guest);
}

/* The world runs the same way up to there, so each step of it has its crash. */
static void no_crash_breaks_it(void **state)
{
    uint64_t stride = is_long() ? 1 : STRIDE;
    struct swap_world w = {0};
    uint64_t steps, begin;

    (void)state;
    assert_null(run(&w, 3, cz_module_programs(), UINT64_MAX));
    steps = cz_sim_steps(w.sim);
    swap_world_done(&w);
    for (begin = 1; begin < steps; begin += stride) {
        const char *wrong = run(&w, 3, cz_module_programs(), begin);

        if (wrong)
            fail_msg("a crash after %" PRIu64 " steps: %s", begin, wrong);
        swap_world_done(&w);
    }
}

static void the_same_seed_is_the_same_run(void **state)
{
    uint8_t roots[2][32];
    cz_error err = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        for (unsigned i = 0; i < 2; i++) {
            struct swap_world w = {0};

            assert_null(run(&w, seed, cz_module_programs(), UINT64_MAX));
            assert_ok(cz_root(w.engine, roots[i], &err), err);
            swap_world_done(&w);
        }
        assert_memory_equal(roots[0], roots[1], 32);
    }
}

/* A test that cannot fail would prove nothing. */
static void two_separate_claims_are_found_out(void **state)
{
    uint64_t seed = 1;
    const char *wrong = NULL;

    (void)state;
    for (; seed <= 1000 && !wrong; seed++) {
        struct swap_world w = {0};

        wrong = run(&w, seed, planted_programs(), UINT64_MAX);
        swap_world_done(&w);
    }
    assert_non_null(wrong);
    print_message("found by seed %" PRIu64 ": %s\n", seed - 1, wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_seed_breaks_it),
        cmocka_unit_test(no_seed_breaks_the_guest),
        cmocka_unit_test(no_crash_breaks_it),
        cmocka_unit_test(the_same_seed_is_the_same_run),
        cmocka_unit_test(two_separate_claims_are_found_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
