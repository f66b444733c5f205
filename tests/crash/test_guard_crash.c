/* test_guard_crash.c - what guards leave when the process is killed: what a commit or a look
 * was told is on disk, what was not committed left no trace, and nobody holds anything
 * afterwards.
 *
 * The child counts in two resources at once under guards, from two threads, while effects of a
 * third touch one of them; it reports each number that it has read or committed over a pipe.
 * The parent kills it at some moment. CAUSALITY_CRASH_ROUNDS: how many are killed.
 */
#include "test.h"

#include "causality/causality.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static cz_engine *engine;
static cz_id left, right, other;
static int report;

static void must(int rc, const cz_error *err)
{
    if (rc)
        (void)fprintf(stderr, "child: %s\n", err->detail);
    CZI_CHECK(rc == CZ_OK);
}

static cz_id counter(const char *label)
{
    uint64_t zero = 0;
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .label = label,
                     .kind = CZ_DATA,
                     .data = (const uint8_t *)&zero,
                     .data_len = sizeof zero};
    cz_error err = {0};
    cz_id id;

    must(cz_register(engine, &c, &id, &err), &err);
    return id;
}

static void say(uint64_t n)
{
    CZI_CHECK(write(report, &n, sizeof n) == sizeof n);
}

/* Both counters are equal, always; one more in each. Every third time it changes its mind. */
static void *count_up(void *arg)
{
    const cz_claim claims[2] = {{left, CZ_WRITE, 0}, {right, CZ_WRITE, 0}};
    cz_error err = {0};

    for (unsigned i = 0;; i++) {
        cz_guard g[2];
        cz_contents c[2];
        uint64_t n[2];

        must(cz_acquire_many(engine, claims, 2, CZ_FOREVER, g, &err), &err);
        for (unsigned k = 0; k < 2; k++) {
            must(cz_guard_contents(&g[k], &c[k], &err), &err);
            memcpy(&n[k], c[k].data, sizeof n[k]);
        }
        CZI_CHECK(n[0] == n[1]);
        say(n[0]);
        n[0]++;
        for (unsigned k = 0; k < 2; k++) {
            c[k].data = (const uint8_t *)&n[0];
            must(cz_guard_update(&g[k], &c[k], &err), &err);
        }
        if (i % 3 == 2) {
            must(cz_release_many(g, 2, &err), &err);
            continue;
        }
        must(cz_guards_commit(g, 2, NULL, &err), &err);
        say(n[0]);
    }
    return arg;
}

/* Waits for the guards now and then. */
static void *read_both(void *arg)
{
    cz_effect *e = cz_effect_new();
    cz_stats stats;
    cz_error err = {0};

    must(cz_stats_get(engine, &stats, &err), &err);
    for (uint64_t i = 0;; i++) {
        cz_effect_clear(e);
        cz_effect_set_origin(e, &other);
        cz_effect_set_nonce(e, stats.positions + i);
        must(cz_effect_access(e, &left, CZ_READ, &err), &err);
        must(cz_effect_write(e, &other, &i, sizeof i, &err), &err);
        must(cz_perform(engine, e, NULL, &err), &err);
    }
    return arg;
}

_Noreturn static void child(const char *dir)
{
    pthread_t threads[3];
    cz_error err = {0};

    must(cz_open(dir, NULL, &engine, &err), &err);
    left = counter("left");
    right = counter("right");
    other = counter("other");
    CZI_CHECK(!pthread_create(&threads[0], NULL, count_up, NULL));
    CZI_CHECK(!pthread_create(&threads[1], NULL, count_up, NULL));
    CZI_CHECK(!pthread_create(&threads[2], NULL, read_both, NULL));
    for (;;)
        (void)pause();
}

static uint64_t value_of(cz_engine *g, const char *label)
{
    cz_id creator = cz_operator(), id;
    cz_resource r;
    cz_error err = {0};
    uint64_t n = 0;
    int rc;

    assert_ok(cz_resource_id(&creator, label, &id, &err), err);
    rc = cz_resource_get(g, &id, &r, &err);
    if (rc == CZ_NOT_FOUND)
        return 0;
    assert_ok(rc, err);
    assert_int_equal(r.data_len, sizeof n);
    memcpy(&n, r.data, sizeof n);
    return n;
}

/* Kills a child after it has said so many numbers; returns the highest one. */
static uint64_t run_and_kill(const char *dir, unsigned numbers)
{
    uint64_t n, highest = 0;
    int ends[2], status;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(ends[0]);
        report = ends[1];
        child(dir);
    }
    (void)close(ends[1]);
    while (numbers > 0 && read(ends[0], &n, sizeof n) == sizeof n) {
        highest = CZI_MAX(highest, n);
        numbers--;
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(ends[0], &n, sizeof n) == sizeof n)
        highest = CZI_MAX(highest, n);
    (void)close(ends[0]);
    return highest;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void what_a_guard_told_survives_a_kill_and_what_it_did_not_commit_does_not(void **state)
{
    unsigned long rounds = test_env("CAUSALITY_CRASH_ROUNDS", 12);
    struct czi_rng rng = czi_rng(test_env("CAUSALITY_SEED", 1));
    char dir[] = "/tmp/causality-guards-XXXXXX";
    cz_audit_report audit;
    cz_lock_stats stats;
    cz_engine *g = NULL;
    cz_error err = {0};
    uint64_t last = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_ok(cz_init(dir, &err), err);
    for (unsigned long i = 0; i < rounds; i++) {
        uint64_t told = run_and_kill(dir, (unsigned)czi_rng_below(&rng, 200)), n;

        assert_ok(cz_open(dir, NULL, &g, &err), err);
        n = value_of(g, "left");
        assert_int_equal(n, value_of(g, "right"));
        assert_true(n >= told && n >= last);
        assert_ok(cz_lock_stats_get(g, &stats, &err), err);
        assert_int_equal(stats.guards + stats.waiting + stats.waiting_effects, 0);
        assert_ok(cz_close(g, &err), err);
        last = n;
    }
    assert_true(last > 0);
    assert_ok(cz_audit(dir, NULL, &audit, &err), err);
    assert_int_equal(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_guard_told_survives_a_kill_and_what_it_did_not_commit_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
