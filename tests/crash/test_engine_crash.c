/* test_engine_crash.c - what an engine keeps and says when the process is killed, when the disk
 * fails at any operation, and when memory ends at any allocation (R15).
 *
 * The child of the kill tests is this program itself: it applies the stream of a seed and
 * reports each acknowledged ticket over a pipe. CAUSALITY_CRASH_ROUNDS: how many are killed.
 */
#include "fs_fixture.h"
#include "platform/simulated.h"
#include "property/generate.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static const char *self;

static struct gen_stream *make(uint64_t seed, size_t count)
{
    struct gen_options o = {.seed = seed, .count = count, .origins = 3, .create = true};
    struct gen_stream *s = gen_stream(&o);

    gen_expect(s, REF_FAITHFUL);
    return s;
}

static int submit_item(cz_engine *g, const struct gen_item *item, cz_done_fn done, void *arg,
                       uint64_t *ticket, cz_error *err)
{
    return item->effect ? cz_submit(g, item->bytes, item->len, done, arg, ticket, err)
                        : czi_submit_item(g, item->bytes, item->len, done, arg, ticket, err);
}

/* How many items of the stream a reopened store holds: the shortest prefix with as many
 * positions and facts. The state must be the model's after exactly that prefix. */
static size_t check_prefix(cz_engine *g, const struct gen_stream *s)
{
    struct czi_rng rng = czi_rng(1);
    struct ref_model m = {0};
    cz_stats stats;
    cz_error err = {0};
    const char *differs;
    size_t n = 0;

    assert_ok(cz_stats_get(g, &stats, &err), err);
    while (m.done_count < stats.positions || m.book.count < stats.facts) {
        const struct gen_item *item = &s->items[n++];

        assert_true(n <= s->count);
        if (item->effect)
            (void)ref_apply(&m, item->effect);
        else
            (void)ref_record(&m, item->bytes, item->len);
    }
    differs = gen_compare_state(&m, g, &rng);
    if (differs)
        fail_msg("the store is not the prefix of %zu items: %s", n, differs);
    ref_free(&m);
    return n;
}

/* What the whole stream comes to: the last items may be duplicates, or refused. */
static size_t whole_prefix(const struct gen_stream *s)
{
    size_t n = s->count;

    while (s->items[n - 1].expected.status == CZ_STATUS_DUPLICATE ||
           (!s->items[n - 1].expected.has_receipt && s->items[n - 1].expected.reason))
        n--;
    return n;
}

static int same_receipt(void *arg, const cz_receipt *r)
{
    const cz_result *expected = arg;

    return memcmp(&expected->receipt, &r->id, sizeof(cz_id)) != 0 ||
           expected->position != r->position;
}

/* What was acknowledged is there, with the same receipt. */
static void check_acknowledged(cz_engine *g, const struct gen_item *item)
{
    cz_result expected = item->expected;
    cz_error err = {0};

    if (expected.has_receipt)
        assert_ok(cz_receipt_get(g, &expected.effect, same_receipt, &expected, &err), err);
}

/* Submitting all again changes nothing of what is there and brings the rest, to the same state
 * as an uninterrupted run. */
static void complete(cz_engine *g, const struct gen_stream *s)
{
    struct czi_rng rng = czi_rng(2);
    uint64_t ticket;
    cz_result r;
    cz_error err = {0};
    const char *differs;

    for (size_t i = 0; i < s->count; i++) {
        const cz_result *expected = &s->items[i].expected;

        /* An item that was refused might be taken now. */
        if (!s->items[i].effect && expected->status == CZ_STATUS_REJECTED)
            continue;
        assert_ok(submit_item(g, &s->items[i], NULL, NULL, &ticket, &err), err);
        assert_ok(cz_wait(g, ticket, CZ_FOREVER, &r, &err), err);
        assert_memory_equal(&r.effect, &expected->effect, sizeof(cz_id));
        assert_int_equal(r.reason, expected->reason);
        if (expected->has_receipt)
            assert_memory_equal(&r.receipt, &expected->receipt, sizeof(cz_id));
    }
    differs = gen_compare_state(&s->model, g, &rng);
    if (differs)
        fail_msg("after submitting again: %s", differs);
}

/* ---- Killed -------------------------------------------------------------------------------
 */

#define KILL_ITEMS 300

struct reporter {
    int fd;
    uint32_t item;
};

static void report(void *arg, const cz_result *r)
{
    const struct reporter *to = arg;

    (void)r;
    if (write(to->fd, &to->item, sizeof to->item) != sizeof to->item)
        _exit(3);
}

/* The child: never returns. */
static int child(const char *dir, uint64_t seed, unsigned threads, unsigned batch_max)
{
    static struct reporter reporters[GEN_ITEMS_MAX];
    struct gen_stream *s = make(seed, KILL_ITEMS);
    cz_options o = {.threads = threads, .batch_max = batch_max, .ordered = true};
    cz_engine *g;
    uint64_t ticket;
    cz_error err = {0};

    if (cz_open(dir, &o, &g, &err))
        _exit(2);
    for (uint32_t i = 0; i < s->count; i++) {
        reporters[i] = (struct reporter){STDOUT_FILENO, i};
        if (submit_item(g, &s->items[i], report, &reporters[i], &ticket, &err))
            _exit(2);
        /* A checkpoint in the middle, so that kills fall into it as well. */
        if (i == s->count / 2 &&
            (czi_read_begin(g, &err) || czi_engine_checkpoint(g, true, &err)))
            _exit(2);
        if (i == s->count / 2)
            czi_read_end(g);
    }
    if (cz_flush(g, &err))
        _exit(2);
    pause();
    return 0;
}

/* Reads `reports` reports, kills the child, and reads what else was acknowledged. */
static size_t run_and_kill(const char *dir, uint64_t seed, unsigned threads, unsigned batch_max,
                           size_t reports, uint32_t *items)
{
    char text[3][32];
    size_t n = 0;
    int fds[2], status;
    ssize_t got;
    pid_t pid;

    (void)snprintf(text[0], sizeof text[0], "%llu", (unsigned long long)seed);
    (void)snprintf(text[1], sizeof text[1], "%u", threads);
    (void)snprintf(text[2], sizeof text[2], "%u", batch_max);
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)execl(self, self, "--child", dir, text[0], text[1], text[2], (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    do {
        if (n == reports)
            (void)kill(pid, SIGKILL);
        got = read(fds[0], &items[n], sizeof *items);
        n += got == sizeof *items;
    } while (got == sizeof *items && n < GEN_ITEMS_MAX);
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status))
        fail_msg("the child ended by itself: %d", WEXITSTATUS(status));
    (void)close(fds[0]);
    return n;
}

static void what_was_acknowledged_survives_kill_and_the_rest_is_a_prefix(void **state)
{
    unsigned long rounds = test_env("CAUSALITY_CRASH_ROUNDS", 25);
    static const unsigned batches[] = {1, 7, CZI_BATCH_ENTRIES_MAX};
    uint32_t items[GEN_ITEMS_MAX];

    (void)state;
    for (uint64_t round = 1; round <= rounds; round++) {
        struct czi_rng rng = czi_rng(round);
        struct gen_stream *s = make(round, KILL_ITEMS);
        char dir[4096];
        cz_engine *g;
        size_t told, held;
        cz_error err = {0};

        fixture_temp_dir(dir);
        assert_ok(cz_init(dir, &err), err);
        told = run_and_kill(dir, round, 1u << round % 3, batches[round / 3 % 3],
                            czi_rng_below(&rng, KILL_ITEMS - 40), items);
        assert_ok(cz_open(dir, NULL, &g, &err), err);
        held = check_prefix(g, s);
        for (size_t i = 0; i < told; i++) {
            /* A conflict or duplicate at the end leaves no trace by which to count it. */
            assert_true(items[i] < held || !s->items[items[i]].expected.has_receipt ||
                        s->items[items[i]].expected.status == CZ_STATUS_DUPLICATE);
            check_acknowledged(g, &s->items[items[i]]);
        }
        complete(g, s);
        assert_ok(cz_close(g, &err), err);
        assert_ok(cz_open(dir, NULL, &g, &err), err);
        (void)check_prefix(g, s);
        assert_ok(cz_close(g, &err), err);
        fixture_remove_tree(dir);
        gen_free(s);
    }
}

/* ---- The disk fails
 * ---------------------------------------------------------------------------
 */

#define FAULT_ITEMS 60

struct heard {
    unsigned times;
    cz_result result;
};

static void hear(void *arg, const cz_result *r)
{
    struct heard *h = arg;

    h->times++;
    h->result = *r;
}

struct trial {
    struct gen_stream *s;
    struct heard heard[GEN_ITEMS_MAX];
    bool accepted[GEN_ITEMS_MAX];
};

static int open_on(struct czi_fs *fs, unsigned threads, unsigned batch_max, cz_engine **ret,
                   cz_error *err)
{
    struct czi_ledger_options l = {.fs = fs,
                                   .memory_index = true,
                                   .segment_size_max = 1u << 20};
    cz_options o = {.threads = threads,
                    .batch_max = batch_max,
                    .backlog_max = 256,
                    .ordered = true};

    return czi_open_store(&l, &o, ret, err);
}

/* Submits until the end or until the engine stops; the first error of the store. */
static int feed(cz_engine *g, struct trial *t, cz_error *err)
{
    uint64_t ticket = 0, last = 0;
    cz_result r;
    int rc = CZ_OK;

    for (size_t i = 0; i < t->s->count && !rc; i++) {
        rc = submit_item(g, &t->s->items[i], hear, &t->heard[i], &ticket, err);
        t->accepted[i] = !rc;
        if (!rc)
            last = ticket;
        if (!rc && i % 20 == 19)
            rc = cz_flush(g, err);
    }
    if (!rc)
        rc = cz_flush(g, err);
    if (rc) {
        /* Every call says so from now on, with the first reason. */
        cz_error again = {0};

        assert_int_equal(rc, CZ_CLOSED);
        assert_non_null(strstr(err->detail, "the engine stopped: "));
        assert_int_equal(cz_submit(g, t->s->items[1].bytes, t->s->items[1].len, NULL, NULL,
                                   NULL, &again),
                         CZ_CLOSED);
        assert_string_equal(again.detail, err->detail);
        if (last) {
            int w = cz_wait(g, last, CZ_FOREVER, &r, &again);

            assert_true(w == CZ_CLOSED || w == CZ_OK);
        }
        assert_int_equal(cz_resource_get(g, &(cz_id){{0}}, &(cz_resource){0}, &again),
                         CZ_CLOSED);
    }
    return rc;
}

/* Each accepted effect was called back once: with its result, or with "unknown". */
static void check_heard(const struct trial *t, bool stopped)
{
    for (size_t i = 0; i < t->s->count; i++) {
        const struct gen_item *item = &t->s->items[i];

        if (!item->effect)
            continue;
        assert_int_equal(t->heard[i].times, t->accepted[i]);
        if (!t->heard[i].times)
            continue;
        if (t->heard[i].result.status == CZ_STATUS_UNKNOWN)
            assert_true(stopped);
        else
            assert_null(gen_compare(&item->expected, &t->heard[i].result));
    }
}

static void check_after_fault(struct czi_fs *fs, struct trial *t, unsigned threads)
{
    cz_engine *g;
    cz_error err = {0};

    assert_ok(open_on(fs, threads, 7, &g, &err), err);
    (void)check_prefix(g, t->s);
    for (size_t i = 0; i < t->s->count; i++)
        if (t->heard[i].times && t->heard[i].result.status != CZ_STATUS_UNKNOWN)
            check_acknowledged(g, &t->s->items[i]);
    complete(g, t->s);
    assert_ok(cz_close(g, &err), err);
}

/* False when the stream ended before the fault came. */
static bool one_fault(struct gen_stream *s, uint64_t after, unsigned threads, bool power_off)
{
    static struct trial t;
    struct czi_sim_fault fault = {after, power_off, after * 7 + threads};
    struct czi_fs *fs, *disk;
    cz_engine *g = NULL;
    cz_error err = {0}, closing = {0};
    bool fired;
    int rc;

    t = (struct trial){.s = s};
    assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &fs, &err), err);
    assert_ok(czi_ledger_create(fs, &err), err);
    assert_ok(open_on(fs, threads, 7, &g, &err), err);
    czi_sim_arm(fs, &fault);
    rc = feed(g, &t, &err);
    fired = czi_sim_fired(fs);
    assert_int_equal(rc ? fired : true, true);
    if (cz_close(g, &closing) && rc)
        assert_non_null(strstr(err.detail, closing.detail));
    check_heard(&t, rc != CZ_OK);
    fired = czi_sim_fired(fs);
    czi_sim_arm(fs, NULL);
    assert_ok(czi_sim_crash(fs, after, &disk, &err), err);
    check_after_fault(disk, &t, threads);
    disk->ops->free(disk);
    fs->ops->free(fs);
    return fired;
}

static void a_disk_that_fails_anywhere_stops_the_engine_and_loses_nothing(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct gen_stream *s = make(100 + threads, FAULT_ITEMS);
        uint64_t after = 0;

        while (one_fault(s, after, threads, after % 2))
            after++;
        assert_true(after > 10);
        gen_free(s);
    }
}

static void a_disk_that_fails_while_opening_is_an_error_and_opens_later(void **state)
{
    struct gen_stream *s = make(9, FAULT_ITEMS);
    struct trial t = {.s = s};
    struct czi_fs *fs;
    cz_engine *g;
    cz_error err = {0};
    bool fired = true;

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &fs, &err), err);
    assert_ok(czi_ledger_create(fs, &err), err);
    assert_ok(open_on(fs, 2, 7, &g, &err), err);
    assert_ok(feed(g, &t, &err), err);
    assert_ok(cz_close(g, &err), err);
    for (uint64_t after = 0; fired; after++) {
        struct czi_sim_fault fault = {after, false, after};
        int rc;

        czi_sim_arm(fs, &fault);
        g = NULL;
        rc = open_on(fs, 1, 7, &g, &err);
        fired = czi_sim_fired(fs);
        czi_sim_arm(fs, NULL);
        if (fired && rc) {
            assert_int_equal(rc, CZ_IO);
            assert_true(err.detail[0]);
        } else {
            assert_ok(rc, err);
        }
        if (!rc)
            assert_ok(cz_close(g, &err), err);
    }
    assert_ok(open_on(fs, 1, 7, &g, &err), err);
    assert_int_equal(check_prefix(g, s), whole_prefix(s));
    assert_ok(cz_close(g, &err), err);
    fs->ops->free(fs);
    gen_free(s);
}

/* ---- Memory ends
 * ------------------------------------------------------------------------------
 */

/* Allocation number `after` from here on fails: opening, submitting, waiting and closing may
 * say so, and nothing else. False when there were not so many. */
static bool one_shortage(struct gen_stream *s, struct czi_fs *fs, int64_t after)
{
    static struct trial t;
    cz_engine *g = NULL;
    cz_error err = {0};
    uint64_t ticket;
    bool failed;
    int rc;

    t = (struct trial){.s = s};
    czi_alloc_fail_after(after);
    rc = open_on(fs, 1, 7, &g, &err);
    if (rc) {
        assert_int_equal(rc, CZ_NOMEM);
    } else {
        for (size_t i = 0; i < s->count && rc != CZ_CLOSED; i++) {
            rc = submit_item(g, &s->items[i], hear, &t.heard[i], &ticket, &err);
            if (rc == CZ_NOMEM) /* nothing was queued: it may be tried again */
                rc = submit_item(g, &s->items[i], hear, &t.heard[i], &ticket, &err);
            t.accepted[i] = !rc;
            if (!rc)
                rc = cz_flush(g, &err);
            if (rc && rc != CZ_CLOSED)
                fail_msg("allocation %lld, item %zu: %s", (long long)after, i, err.detail);
        }
        (void)!cz_close(g, &err);
        check_heard(&t, rc == CZ_CLOSED);
    }
    failed = czi_alloc_failed();
    czi_alloc_fail_after(-1);
    return failed;
}

static void memory_that_ends_anywhere_stops_the_engine_and_loses_nothing(void **state)
{
    struct gen_stream *s = make(41, 45);
    bool failed = true;

    (void)state;
    for (int64_t after = 0; failed; after++) {
        struct czi_fs *fs;
        cz_engine *g;
        cz_error err = {0};

        assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &fs, &err), err);
        assert_ok(czi_ledger_create(fs, &err), err);
        failed = one_shortage(s, fs, after);
        assert_ok(open_on(fs, 1, 7, &g, &err), err);
        (void)check_prefix(g, s);
        complete(g, s);
        assert_ok(cz_close(g, &err), err);
        fs->ops->free(fs);
    }
    gen_free(s);
}

static void memory_that_ends_while_a_full_store_opens_is_called_by_its_name(void **state)
{
    struct gen_stream *s = make(42, 80);
    struct trial t = {.s = s};
    struct czi_fs *fs;
    cz_engine *g;
    cz_error err = {0};
    bool failed = true;

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &fs, &err), err);
    assert_ok(czi_ledger_create(fs, &err), err);
    assert_ok(open_on(fs, 1, 7, &g, &err), err);
    assert_ok(feed(g, &t, &err), err);
    assert_ok(cz_close(g, &err), err);
    for (int64_t after = 0; failed; after++) {
        int rc;

        czi_alloc_fail_after(after);
        g = NULL;
        rc = open_on(fs, 2, 7, &g, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        if (rc && rc != CZ_NOMEM)
            fail_msg("allocation %lld: %s: %s", (long long)after, cz_code_name(rc), err.detail);
        assert_true(failed || !rc);
        if (!rc) {
            assert_int_equal(check_prefix(g, s), whole_prefix(s));
            assert_ok(cz_close(g, &err), err);
        }
    }
    fs->ops->free(fs);
    gen_free(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_that_fails_anywhere_stops_the_engine_and_loses_nothing),
        cmocka_unit_test(a_disk_that_fails_while_opening_is_an_error_and_opens_later),
        cmocka_unit_test(memory_that_ends_anywhere_stops_the_engine_and_loses_nothing),
        cmocka_unit_test(memory_that_ends_while_a_full_store_opens_is_called_by_its_name),
        cmocka_unit_test(what_was_acknowledged_survives_kill_and_the_rest_is_a_prefix),
    };

    if (argc == 6 && strcmp(argv[1], "--child") == 0)
        return child(argv[2], strtoull(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10),
                     (unsigned)strtoul(argv[5], NULL, 10));
    self = argv[0];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
