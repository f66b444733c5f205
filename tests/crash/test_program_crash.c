/* test_program_crash.c - a thousand programs whose process is killed again and again: all of
 * them end as they should, and nothing is paid twice.
 *
 * The child runs a host. Each program reads a balance, races two sleeps, pays from the bank and
 * counts under a guard, some times over; it says a byte whenever it comes by. The parent kills
 * the child when it has said so many, and the next one goes on. CAUSALITY_CRASH_ROUNDS: how
 * many are killed.
 */
#include "test.h"

#include "causality/causality.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAMS 1000u
#define PAYMENTS 3u

static int report;

static void must(int rc, const cz_error *err)
{
    if (rc)
        (void)fprintf(stderr, "child: %s: %s\n", cz_code_name(rc), err->detail);
    CZI_CHECK(rc == CZ_OK);
}

static cz_id id_of(const char *label)
{
    cz_id creator = cz_operator(), id;
    cz_error err = {0};

    must(cz_resource_id(&creator, label, &id, &err), &err);
    return id;
}

static void say(void)
{
    char c = '.';

    CZI_CHECK(write(report, &c, 1) == 1);
}

/* ---- The programs ---------------------------------------------------------------------------
 */

static int pay(cz_program *p, cz_error *err)
{
    cz_id bank = id_of("bank"), till = id_of("till");
    cz_effect *e = cz_effect_new();
    int rc = cz_effect_transfer(e, &bank, &till, 1, err);

    if (!rc)
        rc = cz_program_perform(p, e, NULL, err);
    cz_effect_free(e);
    return rc;
}

/* One of ten counters, which a hundred programs share. */
static int count(cz_program *p, uint8_t which, cz_error *err)
{
    char label[16];
    cz_claim claim = {.mode = CZ_WRITE};
    cz_guard guard = {0};
    cz_contents c = {0};
    cz_effect *e;
    uint64_t n = 0;
    int rc;

    (void)snprintf(label, sizeof label, "counter %u", which);
    claim.resource = id_of(label);
    rc = cz_program_acquire(p, &claim, 1, &guard, err);
    if (!rc)
        rc = cz_program_contents(p, &guard, &c, err);
    if (rc)
        return rc;
    memcpy(&n, c.data, sizeof n);
    n++;
    e = cz_effect_new();
    rc = cz_effect_write(e, &claim.resource, &n, sizeof n, err);
    if (!rc)
        rc = cz_program_apply(p, &guard, 1, e, NULL, err);
    cz_effect_free(e);
    return rc;
}

static int work(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline soon = {.after_ms = 1}, late = {.after_ms = 100000};
    cz_id till = id_of("till");
    cz_resource r;
    uint16_t number = 0;
    int rc = CZ_OK;

    memcpy(&number, args, CZI_MIN(len, sizeof number));
    for (unsigned i = 0; i < PAYMENTS && !rc; i++) {
        cz_future both[] = {cz_sleep_future(p, &late), cz_sleep_future(p, &soon)};
        size_t winner;

        rc = cz_race(p, both, 2, &winner, NULL, err);
        if (!rc)
            rc = cz_program_read(p, &till, &r, err);
        if (!rc)
            rc = pay(p, err);
        if (!rc && i == 1)
            rc = count(p, (uint8_t)(number % 10), err);
        say();
    }
    cz_program_return(p, number);
    return rc;
}

static const cz_program_def def = {.name = "work", .version = 1, .fn = work};
static const cz_host_options options = {.programs = &def, .count = 1};

static cz_id start(cz_host *h, uint16_t number, bool only_id)
{
    char label[16];
    cz_program_spec spec = {.name = "work",
                            .label = label,
                            .args = &number,
                            .args_len = sizeof number};
    cz_error err = {0};
    cz_id id;

    (void)snprintf(label, sizeof label, "%u", number);
    if (only_id)
        must(cz_program_id(&spec, &id, &err), &err);
    else
        must(cz_program_start(h, &spec, &id, &err), &err);
    return id;
}

/* ---- The child ------------------------------------------------------------------------------
 */

_Noreturn static void child(const char *dir)
{
    cz_engine *g = NULL;
    cz_host *h = NULL;
    cz_error err = {0};

    must(cz_open(dir, NULL, &g, &err), &err);
    must(cz_host_new(g, &options, &h, &err), &err);
    for (uint16_t i = 0; i < PROGRAMS; i++)
        (void)start(h, i, false);
    for (uint16_t i = 0; i < PROGRAMS; i++) {
        cz_id id = start(h, i, true);

        must(cz_program_wait(h, &id, CZ_FOREVER, NULL, &err), &err);
    }
    must(cz_host_close(h, &err), &err);
    must(cz_close(g, &err), &err);
    _exit(0);
}

/* Kills a child after it has said so many bytes; false: it ended before that. */
static bool run_and_kill(const char *dir, uint64_t bytes)
{
    int ends[2], status;
    pid_t pid;
    char c[64];
    ssize_t n = 1;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(ends[0]);
        report = ends[1];
        child(dir);
    }
    (void)close(ends[1]);
    while (bytes > 0 && n > 0) {
        n = read(ends[0], c, CZI_MIN(bytes, sizeof c));
        bytes -= n > 0 ? (uint64_t)n : 0;
    }
    if (bytes == 0)
        assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(ends[0]);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return true;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return false;
}

/* ---- The test -------------------------------------------------------------------------------
 */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void prepare(const char *dir)
{
    cz_creation c = {.creator = cz_operator(), .controller = cz_operator(), .asset = "USD"};
    uint64_t zero = 0;
    cz_engine *g = NULL;
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_init(dir, &err), err);
    assert_ok(cz_open(dir, NULL, &g, &err), err);
    c.label = "till";
    assert_ok(cz_create(g, &c, &id, &err), err);
    c.label = "bank";
    c.quantity = PROGRAMS * PAYMENTS;
    assert_ok(cz_create(g, &c, &id, &err), err);
    c = (cz_creation){.creator = cz_operator(),
                      .controller = cz_operator(),
                      .kind = CZ_DATA,
                      .data = (const uint8_t *)&zero,
                      .data_len = sizeof zero};
    for (unsigned i = 0; i < 10; i++) {
        char label[16];

        (void)snprintf(label, sizeof label, "counter %u", i);
        c.label = label;
        assert_ok(cz_create(g, &c, &id, &err), err);
    }
    assert_ok(cz_close(g, &err), err);
}

static void check(const char *dir)
{
    cz_program_replay_report replayed;
    cz_audit_report audit;
    cz_engine *g = NULL;
    cz_error err = {0};
    cz_resource r;
    cz_id id = id_of("till");

    assert_ok(cz_open(dir, NULL, &g, &err), err);
    assert_ok(cz_resource_get(g, &id, &r, &err), err);
    assert_int_equal((long long)r.quantity, PROGRAMS * PAYMENTS);
    for (unsigned i = 0; i < 10; i++) {
        char label[16];
        uint64_t n = 0;

        (void)snprintf(label, sizeof label, "counter %u", i);
        id = id_of(label);
        assert_ok(cz_resource_get(g, &id, &r, &err), err);
        memcpy(&n, r.data, sizeof n);
        assert_int_equal(n, PROGRAMS / 10);
    }
    for (uint16_t i = 0; i < PROGRAMS; i++) {
        cz_program_report report_of = {0};

        id = start(NULL, i, true);
        assert_ok(cz_program_get(g, NULL, &id, &report_of, &err), err);
        assert_int_equal(report_of.state, CZ_PROGRAM_COMPLETED);
        assert_int_equal(report_of.value, i);
    }
    assert_ok(cz_close(g, &err), err);
    assert_ok(cz_audit(dir, NULL, &audit, &err), err);
    for (uint16_t i = 0; i < PROGRAMS; i += PROGRAMS / 4) {
        id = start(NULL, i, true);
        assert_ok(cz_program_replay(dir, &id, &options, &replayed, &err), err);
        assert_int_equal(replayed.effects, PAYMENTS + 1);
    }
}

static void programs_end_as_they_should_however_often_they_are_killed(void **state)
{
    unsigned long rounds = test_env("CAUSALITY_CRASH_ROUNDS", 6), killed = 0;
    uint64_t seed = test_env("CAUSALITY_SEED", 1);
    struct czi_rng rng = czi_rng(seed);
    char dir[] = "/tmp/causality-programs-XXXXXX";

    (void)state;
    report = open("/dev/null", O_WRONLY); /* of replays, which run here */
    assert_true(report >= 0);
    assert_non_null(mkdtemp(dir));
    prepare(dir);
    for (unsigned long i = 0; i < rounds; i++)
        killed += run_and_kill(dir, 1 + czi_rng_below(&rng, PROGRAMS * PAYMENTS / rounds));
    print_message("seed %llu: %lu of %lu were killed\n", (unsigned long long)seed, killed,
                  rounds);
    (void)run_and_kill(dir, UINT64_MAX);
    check(dir);
    assert_int_equal(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_end_as_they_should_however_often_they_are_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
