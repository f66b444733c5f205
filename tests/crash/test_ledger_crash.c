/* test_ledger_crash.c - what a ledger keeps when the disk, the power, the memory or the process
 * fails, at every single operation, and what it says about damaged bytes.
 *
 * One scenario (appends of one and several frames, checkpoints, reopening) runs again and
 * again, each time with the next operation failing, until one run meets no failure. Seeds:
 * CAUSALITY_CRASH_SEEDS (how many power failures at each operation).
 */
#include "fs_fixture.h"
#include "ledger/checkpoint.h"
#include "platform/simulated.h"
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const char *self; /* this program, to be run as a child */

/* ---- The scenario -------------------------------------------------------------------------
 */

/* What the outside was told. */
struct told {
    struct fixture_chain chain; /* every acknowledged frame */
    uint64_t tried;             /* frames that were ever handed over, acknowledged or not */
};

#define SESSIONS 3

static int session(struct czi_ledger_options *o, unsigned n, struct told *t, cz_error *err)
{
    static const unsigned at_once[] = {1, 3, 1, 2, 4, 1};
    struct fixture_chain chain;
    struct czi_ledger *l;
    uint64_t torn;
    int rc = fixture_open(o, &l, &chain, &torn, err), close_rc;

    if (rc)
        return rc;
    if (chain.frames < t->chain.frames)
        fail_msg("acknowledged %lu frames, found %lu", (unsigned long)t->chain.frames,
                 (unsigned long)chain.frames);
    t->chain = chain;
    for (unsigned i = 0; !rc && i < CZI_COUNTOF(at_once); i++) {
        t->tried = t->chain.frames + at_once[i];
        rc = fixture_append(l, &t->chain, at_once[i], err);
        if (!rc && i == n)
            rc = fixture_checkpoint(l, &t->chain, false, err);
    }
    if (rc && rc != CZ_NOMEM) {
        cz_error again = {0};
        struct fixture_chain copy = t->chain;
        int second = fixture_append(l, &copy, 1, &again);

        /* After a failed append the ledger stays stopped; a failed checkpoint only tells. */
        assert_true(second == CZ_CLOSED || second == CZ_OK);
        if (second == CZ_OK)
            t->chain = copy;
        t->tried = CZI_MAX(t->tried, copy.frames);
    }
    close_rc = czi_ledger_close(l, rc ? NULL : err);
    return rc ? rc : close_rc;
}

static int scenario(struct czi_ledger_options *o, struct told *t, cz_error *err)
{
    int rc = czi_ledger_create(o->fs, err);

    for (unsigned i = 0; !rc && i < SESSIONS; i++)
        rc = session(o, i, t, err);
    return rc;
}

/* The store opens, holds all that was acknowledged and at most what was tried, works on, and a
 * scan of the closed store finds no byte out of place. */
static void check_survivor(struct czi_ledger_options *o, const struct told *t)
{
    struct fixture_seen seen = {0};
    struct fixture_chain chain;
    struct czi_ledger *l;
    uint64_t torn;
    cz_error err = {0};
    int rc = fixture_open(o, &l, &chain, &torn, &err);

    if (rc == CZ_NOT_FOUND && !t->tried) { /* creating it never ended: it starts over */
        assert_ok(czi_ledger_create(o->fs, &err), err);
        rc = fixture_open(o, &l, &chain, &torn, &err);
    }
    if (rc)
        fail_msg("%s", err.detail);
    assert_true(chain.frames >= t->chain.frames);
    assert_true(chain.frames <= CZI_MAX(t->tried, t->chain.frames));
    fixture_check_finders(l, &chain);
    assert_ok(fixture_append(l, &chain, 2, &err), err);
    assert_ok(czi_ledger_close(l, &err), err);
    o->read_only = true;
    assert_ok(czi_ledger_open(o, &l, &err), err);
    assert_ok(czi_ledger_scan(l, false, fixture_scan_frame, &seen, &err), err);
    assert_int_equal(seen.chain.frames, chain.frames);
    assert_ok(czi_ledger_close(l, &err), err);
    o->read_only = false;
}

/* ---- Disk and power -------------------------------------------------------------------------
 */

/* Runs the scenario with a fault after `after` operations; false when none happened. */
static bool run_with_fault(uint64_t after, bool power_off, uint64_t seed, bool keep_index)
{
    struct czi_sim_fault fault = {after, power_off, seed};
    struct czi_ledger_options o = {.memory_index = true, .segment_size_max = 4096};
    struct told told = {0};
    struct czi_fs *fs;
    cz_error err = {0};
    bool fired;
    int rc;

    assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &fs, &err), err);
    if (keep_index)
        assert_ok(czi_index_memory(&o.index, &err), err);
    o.fs = fs;
    czi_sim_arm(fs, &fault);
    rc = scenario(&o, &told, &err);
    fired = czi_sim_fired(fs);
    if (fired && rc && !strstr(err.detail, "simulated"))
        fail_msg("the error hides its reason: %s", err.detail);
    assert_true(fired || !rc);
    if (power_off) {
        assert_true(!fired || rc);
        assert_ok(czi_sim_crash(fs, seed, &o.fs, &err), err);
        fs->ops->free(fs);
        fs = o.fs;
    } else {
        czi_sim_arm(fs, NULL);
    }
    check_survivor(&o, &told);
    if (o.index)
        o.index->ops->close(o.index);
    fs->ops->free(fs);
    return fired;
}

static void a_failing_operation_loses_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        uint64_t n = 0;

        while (run_with_fault(n, false, seed, seed % 2))
            n++;
        assert_true(n > 100); /* the scenario is not trivial */
    }
}

static void a_power_failure_at_any_operation_loses_nothing_acknowledged(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_CRASH_SEEDS", 24);

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        for (uint64_t n = 0; run_with_fault(n, true, seed * 1000 + n, seed % 2); n++)
            continue;
}

/* ---- Memory ---------------------------------------------------------------------------------
 */

#define SCRIPT_FRAMES 24

/* Frames and ids made beforehand, so that all memory that fails is the ledger's. */
static struct {
    struct czi_buf frames, ids;
    size_t start[SCRIPT_FRAMES + 1];
    uint64_t positions[SCRIPT_FRAMES + 1]; /* before each frame */
} script;

static void write_script(void)
{
    struct fixture_chain chain = {0};

    for (unsigned i = 0; i < SCRIPT_FRAMES; i++) {
        script.start[i] = script.frames.len;
        script.positions[i] = chain.positions;
        fixture_frame_put(&chain, &script.frames, &script.ids);
    }
    script.start[SCRIPT_FRAMES] = script.frames.len;
    script.positions[SCRIPT_FRAMES] = chain.positions;
}

static const cz_id *script_id(uint64_t position)
{
    return (const cz_id *)script.ids.data + (position - 1);
}

static int script_recover(void *arg, const struct czi_frame *f, const cz_id **ret_ids,
                          cz_error *err)
{
    (void)arg;
    (void)err;
    *ret_ids = script_id(f->first_position);
    return CZ_OK;
}

static int script_scan(void *arg, const struct czi_frame *f, cz_error *err)
{
    (void)arg;
    (void)f;
    (void)err;
    return CZ_OK;
}

/* How many frames of the script a ledger holds. */
static unsigned script_length(struct czi_ledger *l)
{
    uint64_t positions, facts;
    uint8_t hash[32];
    unsigned n = 0;

    czi_ledger_tip(l, hash, &positions, &facts);
    if (!positions && !facts)
        return 0;
    while (memcmp(script.frames.data + script.start[n] + 96, hash, 32) != 0)
        assert_true(++n < SCRIPT_FRAMES);
    return n + 1;
}

static int script_look_up(struct czi_ledger *l, cz_error *err)
{
    struct czi_frame frame = {0};
    struct czi_buf buf = {0};
    uint64_t found[4];
    size_t count;
    int rc = czi_ledger_find(l, script_id(1), found, err);

    if (!rc)
        rc = czi_ledger_find_prefix(l, script_id(1)->bytes, 40, found, 4, &count, err);
    if (!rc)
        rc = czi_ledger_read(l, 1, &buf, &frame, err);
    if (!rc)
        rc = czi_ledger_scan(l, false, script_scan, NULL, err);
    czi_buf_done(&buf);
    return rc;
}

static int script_session(struct czi_ledger_options *o, bool background, struct told *t,
                          cz_error *err)
{
    struct czi_rows rows = {0};
    struct czi_ledger *l;
    uint64_t torn;
    unsigned n;
    int rc = czi_ledger_open(o, &l, err), close_rc;

    if (rc)
        return rc;
    rc = czi_ledger_recover(l, script_recover, NULL, &torn, err);
    if (!rc) {
        n = script_length(l);
        assert_true(n >= t->chain.frames && n + 4 <= SCRIPT_FRAMES);
        t->tried = n + 4;
        /* Two pieces of two frames each: one append all the same. */
        struct czi_piece pieces[2] = {{script.frames.data + script.start[n],
                                       script.start[n + 2] - script.start[n],
                                       script_id(script.positions[n] + 1)},
                                      {script.frames.data + script.start[n + 2],
                                       script.start[n + 4] - script.start[n + 2],
                                       script_id(script.positions[n + 2] + 1)}};

        rc = czi_ledger_append(l, pieces, 2, err);
        t->chain.frames = rc ? t->chain.frames : n + 4;
    }
    if (!rc) {
        czi_rows_add(&rows, "zkey", 4, "value", 5);
        rc = czi_ledger_checkpoint(l, &rows, background, err);
    }
    if (!rc)
        rc = script_look_up(l, err);
    close_rc = czi_ledger_close(l, rc ? NULL : err);
    return rc ? rc : close_rc;
}

static bool run_without_memory(int64_t skip)
{
    struct czi_ledger_options o = {.memory_index = true, .segment_size_max = 4096};
    struct told told = {0};
    cz_error err = {0};
    bool failed;
    int rc;

    assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &o.fs, &err), err);
    czi_alloc_fail_after(skip);
    rc = czi_ledger_create(o.fs, &err);
    for (unsigned i = 0; !rc && i < SESSIONS; i++)
        rc = script_session(&o, i == 1, &told, &err);
    failed = czi_alloc_failed();
    czi_alloc_fail_after(-1);
    if (rc)
        assert_int_equal(rc, CZ_NOMEM);
    /* A thread that cannot start is done without; everything else must be told. */
    assert_true(failed || !rc);
    check_survivor(&o, &told);
    o.fs->ops->free(o.fs);
    return failed;
}

static void running_out_of_memory_anywhere_is_reported_and_harmless(void **state)
{
    int64_t n = 0;

    (void)state;
    write_script();
    while (run_without_memory(n))
        n++;
    assert_true(n > 100);
    czi_buf_done(&script.frames);
    czi_buf_done(&script.ids);
}

/* ---- Damaged bytes --------------------------------------------------------------------------
 */

/* A closed store of three segments; frames of several appends in each. */
static struct czi_fs *closed_store(void)
{
    struct czi_ledger_options o = {.memory_index = true, .segment_size_max = 4096};
    struct told told = {0};
    cz_error err = {0};

    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &o.fs, &err), err);
    assert_ok(czi_ledger_create(o.fs, &err), err);
    for (unsigned i = 0; i < 2; i++)
        assert_ok(session(&o, i, &told, &err), err);
    return o.fs;
}

static int scan_store(struct czi_fs *fs, cz_error *err)
{
    struct czi_ledger_options o = {.fs = fs, .memory_index = true, .read_only = true};
    struct fixture_seen seen = {0};
    struct czi_ledger *l;
    int rc = czi_ledger_open(&o, &l, err);

    if (rc)
        return rc;
    rc = czi_ledger_scan(l, false, fixture_scan_frame, &seen, err);
    czi_ledger_close(l, NULL);
    return rc;
}

static const char *const store_files[] = {
    "FORMAT",
    "CHECKPOINT",
    "journal/0000000000000001",
    "journal/0000000000000002",
    "journal/0000000000000003",
};

static void flip(struct czi_file *f, uint64_t offset, unsigned bit)
{
    uint8_t byte;
    size_t got;

    assert_int_equal(f->fs->ops->read(f, offset, &byte, 1, &got, NULL), CZ_OK);
    byte ^= (uint8_t)(1 << bit);
    assert_int_equal(f->fs->ops->write(f, offset, &byte, 1, NULL), CZ_OK);
}

/* The offset that the detail names, which must not lie behind the damage. */
static void check_named_offset(const char *detail, const char *path, uint64_t flipped)
{
    const char *at = strstr(detail, "offset ");

    assert_non_null(strstr(detail, path));
    assert_non_null(at);
    if (strtoull(at + 7, NULL, 10) > flipped)
        fail_msg("byte %lu of %s was flipped: %s", (unsigned long)flipped, path, detail);
}

static void flip_everywhere(struct czi_fs *fs, const char *path)
{
    struct czi_rng rng = czi_rng(1);
    struct czi_file *f;
    cz_error err = {0};
    uint64_t size;

    assert_ok(fs->ops->open(fs, path, CZI_OPEN_WRITE, &f, &err), err);
    assert_ok(fs->ops->size(f, &size, &err), err);
    for (uint64_t at = 0; at < size; at++) {
        bool header = at < 400 || at + 200 > size;
        unsigned first = header ? 0 : (unsigned)czi_rng_below(&rng, 8);

        for (unsigned bit = first; bit < (header ? 8 : first + 1); bit++) {
            int rc;

            flip(f, at, bit);
            rc = scan_store(fs, &err);
            if (rc != CZ_CORRUPT && !(rc == CZ_UNSUPPORTED && !strcmp(path, "FORMAT")))
                fail_msg("bit %u of byte %lu of %s: %s", bit, (unsigned long)at, path,
                         cz_code_name(rc));
            if (!strncmp(path, "journal/", 8))
                check_named_offset(err.detail, path, at);
            flip(f, at, bit);
        }
    }
    fs->ops->close(f);
    assert_ok(scan_store(fs, &err), err);
}

static void any_flipped_bit_of_a_closed_store_is_found_with_its_place(void **state)
{
    struct czi_fs *fs = closed_store();

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(store_files); i++)
        flip_everywhere(fs, store_files[i]);
    fs->ops->free(fs);
}

static void cut_everywhere(struct czi_fs *fs, const char *path)
{
    struct czi_file *f;
    struct czi_buf copy = {0};
    cz_error err = {0};
    uint64_t size;
    size_t got;

    assert_ok(fs->ops->open(fs, path, CZI_OPEN_WRITE, &f, &err), err);
    assert_ok(fs->ops->size(f, &size, &err), err);
    assert_non_null(czi_buf_reserve(&copy, size));
    assert_ok(fs->ops->read(f, 0, copy.data, size, &got, &err), err);
    for (uint64_t at = 0; at < size; at++) {
        assert_ok(fs->ops->truncate(f, at, &err), err);
        if (scan_store(fs, &err) == CZ_OK)
            fail_msg("%s cut to %lu bytes went unnoticed", path, (unsigned long)at);
        assert_int_equal(err.code, CZ_CORRUPT);
        assert_ok(fs->ops->write(f, 0, copy.data, size, &err), err);
    }
    czi_buf_done(&copy);
    fs->ops->close(f);
}

static void a_cut_of_a_closed_store_anywhere_is_found(void **state)
{
    struct czi_fs *fs = closed_store();

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(store_files); i++)
        cut_everywhere(fs, store_files[i]);
    fs->ops->free(fs);
}

static void a_segment_that_is_gone_is_found(void **state)
{
    (void)state;
    for (size_t i = 2; i < CZI_COUNTOF(store_files); i++) {
        struct czi_fs *fs = closed_store();
        cz_error err = {0};

        assert_ok(fs->ops->remove(fs, store_files[i], &err), err);
        assert_int_equal(scan_store(fs, &err), CZ_CORRUPT);
        fs->ops->free(fs);
    }
}

/* Nobody closed this store: its CHECKPOINT is that of creation, so a cut is like a crash. */
static void a_cut_of_a_store_that_was_not_closed_recovers_a_prefix(void **state)
{
    struct czi_ledger_options o = {.memory_index = true, .segment_size_max = 4096};
    struct fixture_chain chain;
    struct czi_file *f;
    struct czi_ledger *l;
    cz_error err = {0};
    uint64_t size, torn, before = 0;

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &o.fs, &err), err);
    assert_ok(czi_ledger_create(o.fs, &err), err);
    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    for (int i = 0; i < 4; i++)
        assert_ok(fixture_append(l, &chain, 2, &err), err);
    assert_ok(o.fs->ops->open(o.fs, store_files[2], CZI_OPEN_WRITE, &f, &err), err);
    assert_ok(o.fs->ops->size(f, &size, &err), err);
    for (uint64_t cut = CZI_SEGMENT_HEADER_SIZE; cut <= size; cut++) {
        struct czi_ledger_options after = o;
        struct czi_ledger *reopened;
        struct czi_file *g;

        assert_ok(czi_sim_crash(o.fs, 0, &after.fs, &err), err);
        assert_ok(after.fs->ops->open(after.fs, store_files[2], CZI_OPEN_WRITE, &g, &err), err);
        assert_ok(after.fs->ops->truncate(g, cut, &err), err);
        after.fs->ops->close(g);
        assert_ok(fixture_open(&after, &reopened, &chain, &torn, &err), err);
        assert_true(chain.frames >= before && chain.frames <= 8);
        assert_true(torn <= cut);
        before = chain.frames;
        assert_ok(czi_ledger_close(reopened, &err), err);
        after.fs->ops->free(after.fs);
    }
    assert_int_equal(before, 8);
    o.fs->ops->close(f);
    assert_ok(czi_ledger_close(l, &err), err);
    o.fs->ops->free(o.fs);
}

/* One append of three frames; then nothing may be wrong with what came before it. */
static struct czi_fs *unclosed_store(struct fixture_chain *chain, uint64_t *ret_last)
{
    struct czi_ledger_options o = {.memory_index = true};
    struct czi_ledger *l;
    struct czi_fs *after;
    cz_error err = {0};
    uint64_t torn;

    assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &o.fs, &err), err);
    assert_ok(czi_ledger_create(o.fs, &err), err);
    assert_ok(fixture_open(&o, &l, chain, &torn, &err), err);
    assert_ok(fixture_append(l, chain, 2, &err), err);
    *ret_last = czi_ledger_size(l);
    assert_ok(fixture_append(l, chain, 3, &err), err);
    assert_ok(czi_sim_crash(o.fs, 0, &after, &err), err);
    assert_ok(czi_ledger_close(l, &err), err);
    o.fs->ops->free(o.fs);
    return after;
}

/* Nobody closed this store, so its last append may be torn; earlier ones were acknowledged. */
static void damage_before_the_last_append_is_never_taken_for_a_torn_tail(void **state)
{
    struct fixture_chain chain;
    uint64_t last, torn;
    struct czi_fs *fs = unclosed_store(&chain, &last);
    struct czi_ledger_options o = {.fs = fs, .memory_index = true, .read_only = true};
    struct czi_file *f;
    cz_error err = {0};

    (void)state;
    assert_ok(fs->ops->open(fs, store_files[2], CZI_OPEN_WRITE, &f, &err), err);
    for (uint64_t at = 0; at < last + 1000; at++) {
        struct czi_ledger *l;
        int rc;

        flip(f, at, (unsigned)(at % 8));
        rc = fixture_open(&o, &l, &chain, &torn, &err);
        if (at < last) {
            assert_int_equal(rc, CZ_CORRUPT);
            check_named_offset(err.detail, store_files[2], at);
        } else {
            assert_int_equal(rc, CZ_OK);
            assert_in_range(chain.frames, 2, 4);
            assert_true(torn > 0);
            assert_ok(czi_ledger_close(l, &err), err);
        }
        flip(f, at, (unsigned)(at % 8));
    }
    fs->ops->close(f);
    fs->ops->free(fs);
}

/* ---- Real files -----------------------------------------------------------------------------
 */

static int child_fails(const cz_error *err)
{
    fprintf(stderr, "child: %s\n", err->detail);
    return 1;
}

/* The child: appends, sometimes in several frames, sometimes with a checkpoint, and tells each
 * acknowledged count. Runs until it is killed. */
static int child_main(const char *dir, int out, uint64_t seed)
{
    struct czi_ledger_options o = {.segment_size_max = 32768};
    struct czi_rng rng = czi_rng(seed);
    struct fixture_chain chain;
    struct czi_ledger *l;
    cz_error err = {0};
    uint64_t torn;

    if (czi_fs_posix(dir, &o.fs, &err) || fixture_open(&o, &l, &chain, &torn, &err))
        return child_fails(&err);
    while (!fixture_append(l, &chain, 1 + (unsigned)czi_rng_below(&rng, 4), &err)) {
        if (write(out, &chain.frames, sizeof chain.frames) != sizeof chain.frames)
            return 2;
        if ((czi_ledger_wants_checkpoint(l) || czi_rng_below(&rng, 40) == 0) &&
            fixture_checkpoint(l, &chain, true, &err))
            return child_fails(&err);
    }
    return child_fails(&err);
}

static pid_t start_child(const char *dir, int out, uint64_t seed)
{
    char fd[16], text[32];
    pid_t pid;

    snprintf(fd, sizeof fd, "%d", out);
    snprintf(text, sizeof text, "%lu", (unsigned long)seed);
    pid = fork();
    if (pid == 0) {
        execl(self, self, "--child", dir, fd, text, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

/* Reads what the child tells, kills it in the middle, reads the rest. */
static uint64_t run_and_kill(const char *dir, uint64_t seed)
{
    struct czi_rng rng = czi_rng(seed);
    uint64_t last = 0, count, budget = 1 + czi_rng_below(&rng, 300);
    int pipes[2], status;
    pid_t pid;

    assert_int_equal(pipe2(pipes, 0), 0);
    assert_int_equal(fcntl(pipes[0], F_SETFD, FD_CLOEXEC), 0);
    pid = start_child(dir, pipes[1], seed);
    close(pipes[1]);
    while (read(pipes[0], &count, sizeof count) == sizeof count) {
        last = count;
        if (budget && !--budget)
            kill(pid, SIGKILL);
    }
    close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return last;
}

static struct czi_fs *real_store(char dir[4096])
{
    struct czi_fs *fs;
    cz_error err = {0};

    fixture_temp_dir(dir);
    assert_ok(czi_fs_posix(dir, &fs, &err), err);
    assert_ok(czi_ledger_create(fs, &err), err);
    return fs;
}

static void drop_store(struct czi_fs *fs, const char *dir)
{
    fs->ops->free(fs);
    fixture_remove_tree(dir);
}

static void a_killed_process_leaves_every_acknowledged_frame(void **state)
{
    unsigned long rounds = test_env("CAUSALITY_KILL_ROUNDS", 30);
    struct czi_ledger_options o = {.segment_size_max = 32768};
    char dir[4096];
    struct czi_fs *fs = real_store(dir);
    cz_error err = {0};

    (void)state;
    o.fs = fs;
    for (unsigned long i = 1; i <= rounds; i++) {
        uint64_t acknowledged = run_and_kill(dir, i), torn;
        struct fixture_chain chain;
        struct czi_ledger *l;

        assert_true(acknowledged > 0);
        assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
        /* One append of up to four frames may be there without having been told of. */
        assert_in_range(chain.frames, acknowledged, acknowledged + 4);
        if (i % 10 == 0)
            fixture_check_finders(l, &chain);
        assert_ok(czi_ledger_close(l, &err), err);
    }
    drop_store(fs, dir);
}

static void a_second_process_that_writes_is_told_who_holds_the_store(void **state)
{
    struct czi_ledger_options o = {0};
    struct czi_ledger *l;
    char dir[4096], text[64];
    struct czi_fs *fs = real_store(dir);
    cz_error err = {0};
    uint64_t count;
    int pipes[2], status;
    pid_t pid;

    (void)state;
    o.fs = fs;
    assert_int_equal(pipe2(pipes, 0), 0);
    pid = start_child(dir, pipes[1], 1);
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &count, sizeof count), sizeof count);
    assert_int_equal(czi_ledger_open(&o, &l, &err), CZ_BUSY);
    snprintf(text, sizeof text, "process %ld)", (long)pid);
    assert_non_null(strstr(err.detail, text));
    assert_int_equal(czi_ledger_drop_index(fs, &err), CZ_BUSY);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(pipes[0]);
    assert_ok(czi_ledger_open(&o, &l, &err), err);
    assert_ok(czi_ledger_close(l, &err), err);
    drop_store(fs, dir);
}

static int read_only_frame(void *arg, const struct czi_frame *f, const cz_id **ret_ids,
                           cz_error *err)
{
    fixture_recover_frame(arg, f, ret_ids, err);
    return CZ_OK;
}

/* A reader opens again and again while a child appends and makes checkpoints: it always sees a
 * whole prefix that is at least what had been acknowledged before it looked. */
static void a_reader_beside_a_live_writer_sees_a_whole_prefix(void **state)
{
    struct czi_ledger_options o = {.read_only = true};
    char dir[4096];
    struct czi_fs *fs = real_store(dir);
    uint64_t count, positions, facts, torn;
    cz_error err = {0};
    uint8_t hash[32];
    int pipes[2], status;
    pid_t pid;

    (void)state;
    o.fs = fs;
    assert_int_equal(pipe2(pipes, 0), 0);
    pid = start_child(dir, pipes[1], 5);
    close(pipes[1]);
    for (int i = 0; i < 60; i++) {
        struct fixture_seen seen = {0};
        struct czi_ledger *l;

        for (int j = 0; j < 10; j++)
            assert_int_equal(read(pipes[0], &count, sizeof count), sizeof count);
        assert_ok(czi_ledger_open(&o, &l, &err), err);
        czi_ledger_tip(l, hash, &positions, &facts);
        seen.chain = fixture_chain_to(hash, 100000);
        assert_ok(czi_ledger_recover(l, read_only_frame, &seen, &torn, &err), err);
        assert_true(seen.chain.frames >= count);
        assert_ok(czi_ledger_close(l, &err), err);
    }
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(pipes[0]);
    drop_store(fs, dir);
}

/* Appends until the disk is full, in a child, because the limit would stay. */
static void fill_up(struct czi_fs *fs, struct fixture_chain *ret_chain)
{
    struct czi_ledger_options o = {.fs = fs, .memory_index = true};
    struct fixture_chain chain;
    struct czi_ledger *l;
    cz_error err = {0};
    uint64_t torn;
    int rc;

    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    while (!(rc = fixture_append(l, &chain, 3, &err)))
        assert_true(chain.frames < 100000);
    assert_int_equal(rc, CZ_IO);
    assert_non_null(strstr(err.detail, "journal/0000000000000001"));
    rc = fixture_append(l, &chain, 1, &err);
    assert_int_equal(rc, CZ_CLOSED);
    assert_ok(czi_ledger_close(l, &err), err);
    assert_ok(fixture_open(&o, &l, ret_chain, &torn, &err), err);
    assert_true(ret_chain->frames >= chain.frames);
    rc = czi_ledger_close(l, &err); /* a full disk may have no room for CHECKPOINT */
    assert_true(rc == CZ_OK || (rc == CZ_IO && strstr(err.detail, "CHECKPOINT")));
}

/* With room again the store goes on where it was. */
static void go_on(struct czi_fs *fs, const struct fixture_chain *before)
{
    struct czi_ledger_options o = {.fs = fs, .memory_index = true};
    struct fixture_chain chain;
    struct czi_ledger *l;
    cz_error err = {0};
    uint64_t torn;

    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    assert_int_equal(chain.frames, before->frames);
    assert_true(chain.frames > 50);
    assert_ok(fixture_append(l, &chain, 3, &err), err);
    assert_ok(czi_ledger_close(l, &err), err);
}

static void a_file_at_its_size_limit_stops_the_ledger_cleanly(void **state)
{
    struct rlimit before, small = {65536, 65536};
    struct fixture_chain chain;
    char dir[4096];
    struct czi_fs *fs = real_store(dir);

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fill_up(fs, &chain);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    go_on(fs, &chain);
    drop_store(fs, dir);
}

static void a_full_disk_stops_the_ledger_cleanly(void **state)
{
    struct fixture_chain chain;
    cz_error err = {0};
    struct czi_fs *fs;
    char dir[4096];

    (void)state;
    fixture_temp_dir(dir);
    if (mount("tmpfs", dir, "tmpfs", 0, "size=256k") < 0) {
        rmdir(dir);
        print_message("a tmpfs of its own needs root\n");
        skip();
    }
    assert_ok(czi_fs_posix(dir, &fs, &err), err);
    assert_ok(czi_ledger_create(fs, &err), err);
    fill_up(fs, &chain);
    assert_int_equal(mount("tmpfs", dir, "tmpfs", MS_REMOUNT, "size=1m"), 0);
    go_on(fs, &chain);
    fs->ops->free(fs);
    assert_int_equal(umount(dir), 0);
    rmdir(dir);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_operation_loses_nothing_that_was_acknowledged),
        cmocka_unit_test(a_power_failure_at_any_operation_loses_nothing_acknowledged),
        cmocka_unit_test(running_out_of_memory_anywhere_is_reported_and_harmless),
        cmocka_unit_test(any_flipped_bit_of_a_closed_store_is_found_with_its_place),
        cmocka_unit_test(a_cut_of_a_closed_store_anywhere_is_found),
        cmocka_unit_test(a_segment_that_is_gone_is_found),
        cmocka_unit_test(a_cut_of_a_store_that_was_not_closed_recovers_a_prefix),
        cmocka_unit_test(damage_before_the_last_append_is_never_taken_for_a_torn_tail),
        cmocka_unit_test(a_killed_process_leaves_every_acknowledged_frame),
        cmocka_unit_test(a_second_process_that_writes_is_told_who_holds_the_store),
        cmocka_unit_test(a_reader_beside_a_live_writer_sees_a_whole_prefix),
        cmocka_unit_test(a_file_at_its_size_limit_stops_the_ledger_cleanly),
        cmocka_unit_test(a_full_disk_stops_the_ledger_cleanly),
    };

    if (argc == 5 && !strcmp(argv[1], "--child"))
        return child_main(argv[2], atoi(argv[3]), strtoul(argv[4], NULL, 10));
    self = "/proc/self/exe";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
