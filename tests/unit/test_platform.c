/* test_platform.c - the file contract of platform.h on Linux and in simulation, the crash
 * model, threads and clock. */
#include "fs_fixture.h"
#include "platform/simulated.h"
#include <cmocka.h>

#include <stdatomic.h>

/* ---- The contract, the same for every file system
 * -------------------------------------------- */

static struct czi_file *make_file(struct czi_fs *fs, const char *path, const char *content)
{
    struct czi_file *f;
    cz_error err = {0};

    assert_ok(fs->ops->open(fs, path, CZI_OPEN_CREATE, &f, &err), err);
    assert_ok(fs->ops->write(f, 0, content, strlen(content), &err), err);
    return f;
}

static void check_content(struct czi_fs *fs, const char *path, const char *expected)
{
    struct czi_file *f;
    char text[256];
    cz_error err = {0};
    uint64_t size;
    size_t len;

    assert_ok(fs->ops->open(fs, path, CZI_OPEN_READ, &f, &err), err);
    assert_ok(fs->ops->read(f, 0, text, sizeof text, &len, &err), err);
    assert_ok(fs->ops->size(f, &size, &err), err);
    assert_int_equal(size, strlen(expected));
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, len);
    fs->ops->close(f);
}

static void check_open_modes(struct czi_fs *fs)
{
    struct czi_file *f;

    assert_int_equal(fs->ops->open(fs, "a", CZI_OPEN_READ, &f, NULL), CZ_NOT_FOUND);
    assert_int_equal(fs->ops->open(fs, "a", CZI_OPEN_WRITE, &f, NULL), CZ_NOT_FOUND);
    fs->ops->close(make_file(fs, "a", "one"));
    assert_int_equal(fs->ops->open(fs, "a", CZI_OPEN_CREATE, &f, NULL), CZ_CONFLICT);
    assert_int_equal(fs->ops->open(fs, "no/a", CZI_OPEN_CREATE, &f, NULL), CZ_NOT_FOUND);
    check_content(fs, "a", "one");
    fs->ops->close(NULL);
}

static void check_writes(struct czi_fs *fs)
{
    struct czi_file *f = make_file(fs, "w", "0123456789");
    cz_error err = {0};
    char text[16];
    size_t len;

    assert_ok(fs->ops->write(f, 3, "abc", 3, &err), err);
    assert_ok(fs->ops->truncate(f, 8, &err), err);
    check_content(fs, "w", "012abc67");
    assert_ok(fs->ops->truncate(f, 2, &err), err);
    assert_ok(fs->ops->write(f, 5, "x", 1, &err), err); /* a gap reads as zeroes */
    assert_ok(fs->ops->read(f, 0, text, sizeof text, &len, &err), err);
    assert_int_equal(len, 6);
    assert_memory_equal(text, "01\0\0\0x", 6);
    assert_ok(fs->ops->read(f, 6, text, sizeof text, &len, &err), err);
    assert_int_equal(len, 0);
    assert_ok(fs->ops->sync(f, &err), err);
    fs->ops->close(f);
}

static int append_name(void *arg, const char *name)
{
    czi_buf_printf(arg, "%s ", name);
    return CZ_OK;
}

static void check_names(struct czi_fs *fs)
{
    struct czi_buf names = {0};
    cz_error err = {0};

    assert_ok(fs->ops->make_dir(fs, "d", &err), err);
    assert_int_equal(fs->ops->make_dir(fs, "d", NULL), CZ_CONFLICT);
    fs->ops->close(make_file(fs, "d/b", "1"));
    fs->ops->close(make_file(fs, "d/a", "2"));
    fs->ops->close(make_file(fs, "d/C", "3"));
    fs->ops->close(make_file(fs, "d/c", "4"));
    assert_ok(fs->ops->rename(fs, "d/a", "d/b", &err), err); /* replaces */
    assert_ok(fs->ops->remove(fs, "d/c", &err), err);
    assert_int_equal(fs->ops->remove(fs, "d/c", NULL), CZ_NOT_FOUND);
    assert_int_equal(fs->ops->rename(fs, "d/c", "d/e", NULL), CZ_NOT_FOUND);
    assert_ok(fs->ops->sync_dir(fs, "d", &err), err);
    assert_ok(fs->ops->sync_dir(fs, "", &err), err);
    assert_ok(fs->ops->list(fs, "d", append_name, &names, &err), err);
    assert_int_equal(names.len, 4);
    assert_memory_equal(names.data, "C b ", 4); /* bytewise */
    check_content(fs, "d/b", "2");
    assert_int_equal(fs->ops->list(fs, "nowhere", append_name, &names, NULL), CZ_NOT_FOUND);
    czi_buf_done(&names);
}

static void check_lock(struct czi_fs *fs)
{
    struct czi_file *first = make_file(fs, "LOCK", ""), *second;
    cz_error err = {0};

    assert_ok(fs->ops->open(fs, "LOCK", CZI_OPEN_WRITE, &second, &err), err);
    assert_ok(fs->ops->lock(first, &err), err);
    assert_int_equal(fs->ops->lock(second, &err), CZ_BUSY);
    fs->ops->close(first);
    assert_ok(fs->ops->lock(second, &err), err);
    fs->ops->close(second);
}

/* More than a chunk of the simulation and more than one system call's worth. */
static void check_large_file(struct czi_fs *fs)
{
    size_t len = 3000001, got;
    uint8_t *data = malloc(len), *back = malloc(len);
    struct czi_file *f = make_file(fs, "large", "");
    struct czi_rng rng = czi_rng(3);
    cz_error err = {0};

    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)czi_rng_next(&rng);
    for (size_t at = 0, n; at < len; at += n) {
        n = CZI_MIN(len - at, 1 + (size_t)czi_rng_below(&rng, 200000));
        assert_ok(fs->ops->write(f, at, data + at, n, &err), err);
    }
    assert_ok(fs->ops->read(f, 0, back, len, &got, &err), err);
    assert_int_equal(got, len);
    assert_memory_equal(back, data, len);
    fs->ops->close(f);
    free(data);
    free(back);
}

static void check_contract(struct czi_fs *fs)
{
    check_open_modes(fs);
    check_writes(fs);
    check_names(fs);
    check_lock(fs);
    check_large_file(fs);
}

static void linux_files_keep_the_contract(void **state)
{
    char dir[4096], below[4200];
    struct czi_fs *fs;
    cz_error err = {0};

    (void)state;
    fixture_temp_dir(dir);
    snprintf(below, sizeof below, "%s/store", dir);
    assert_ok(czi_fs_posix(below, &fs, &err), err);
    assert_int_equal(fs->ops->list(fs, "", append_name, NULL, NULL), CZ_NOT_FOUND);
    assert_ok(fs->ops->make_dir(fs, "", &err), err);
    assert_int_equal(fs->ops->make_dir(fs, "", NULL), CZ_CONFLICT);
    assert_string_equal(fs->root, below);
    check_contract(fs);
    fs->ops->free(fs);
    fixture_remove_tree(dir);
}

static void simulated_files_keep_the_contract(void **state)
{
    (void)state;
    for (int mode = CZI_SIM_VOLATILE; mode <= CZI_SIM_DURABLE; mode++) {
        struct czi_fs *fs;
        cz_error err = {0};

        assert_ok(czi_fs_simulated((enum czi_sim_mode)mode, &fs, &err), err);
        assert_int_equal(fs->ops->make_dir(fs, "", NULL), CZ_CONFLICT);
        assert_null(fs->root);
        check_contract(fs);
        fs->ops->free(fs);
    }
}

static void an_error_of_the_system_names_operation_path_and_reason(void **state)
{
    struct czi_file *f;
    struct czi_fs *fs;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fs_posix("/dev", &fs, &err), err);
    assert_ok(fs->ops->open(fs, "full", CZI_OPEN_WRITE, &f, &err), err);
    assert_int_equal(fs->ops->write(f, 0, "x", 1, &err), CZ_IO);
    assert_string_equal(err.detail, "cannot write /dev/full: No space left on device");
    fs->ops->close(f);
    fs->ops->free(fs);
    assert_int_equal(czi_fs_posix("", &fs, &err), CZ_INVALID);
}

/* ---- The crash model ------------------------------------------------------------------------
 */

/* In many crashes everything that the model allows is seen, and nothing else. */
static void a_crash_keeps_what_was_synced_and_any_part_of_the_rest(void **state)
{
    bool kept = false, lost = false, torn = false, unnamed = false;

    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct czi_fs *fs, *after;
        struct czi_file *f;
        cz_error err = {0};
        char text[2048], big[1500];
        size_t len;

        assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &fs, &err), err);
        f = make_file(fs, "f", "synced");
        assert_ok(fs->ops->sync(f, &err), err);
        assert_ok(fs->ops->sync_dir(fs, "", &err), err);
        memset(big, 'x', sizeof big);
        assert_ok(fs->ops->write(f, 6, big, sizeof big, &err), err);
        fs->ops->close(f);
        fs->ops->close(make_file(fs, "g", ""));
        assert_ok(czi_sim_crash(fs, seed, &after, &err), err);
        assert_ok(after->ops->open(after, "f", CZI_OPEN_READ, &f, &err), err);
        assert_ok(after->ops->read(f, 0, text, sizeof text, &len, &err), err);
        assert_in_range(len, 6, 6 + sizeof big);
        assert_memory_equal(text, "synced", 6);
        lost |= len == 6;
        kept |= len == 6 + sizeof big && !memcmp(text + 6, big, sizeof big);
        torn |= len > 6 && (len < 6 + sizeof big || memcmp(text + 6, big, sizeof big) != 0);
        after->ops->close(f);
        if (after->ops->open(after, "g", CZI_OPEN_READ, &f, NULL))
            unnamed = true;
        else
            after->ops->close(f);
        after->ops->free(after);
        fs->ops->free(fs);
    }
    assert_true(kept && lost && torn && unnamed);
}

static void the_same_seed_gives_the_same_crash(void **state)
{
    struct czi_fs *fs, *one, *two;
    struct czi_file *f, *g;
    cz_error err = {0};
    char big[3000], a[4000], b[4000];
    size_t a_len, b_len;

    (void)state;
    memset(big, 'x', sizeof big);
    assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &fs, &err), err);
    f = make_file(fs, "f", "");
    assert_ok(fs->ops->sync_dir(fs, "", &err), err);
    assert_ok(fs->ops->write(f, 0, big, sizeof big, &err), err);
    fs->ops->close(f);
    for (uint64_t seed = 0; seed < 50; seed++) {
        assert_ok(czi_sim_crash(fs, seed, &one, &err), err);
        assert_ok(czi_sim_crash(fs, seed, &two, &err), err);
        assert_ok(one->ops->open(one, "f", CZI_OPEN_READ, &f, &err), err);
        assert_ok(two->ops->open(two, "f", CZI_OPEN_READ, &g, &err), err);
        assert_ok(one->ops->read(f, 0, a, sizeof a, &a_len, &err), err);
        assert_ok(two->ops->read(g, 0, b, sizeof b, &b_len, &err), err);
        assert_int_equal(a_len, b_len);
        assert_memory_equal(a, b, a_len);
        one->ops->close(f);
        two->ops->close(g);
        one->ops->free(one);
        two->ops->free(two);
    }
    fs->ops->free(fs);
}

static void after_a_failed_sync_the_data_may_never_reach_the_disk(void **state)
{
    bool lost = false, kept = false;

    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct czi_sim_fault fault = {.seed = seed};
        struct czi_fs *fs, *after;
        struct czi_file *f;
        cz_error err = {0};
        uint64_t size;

        assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &fs, &err), err);
        f = make_file(fs, "f", "data");
        assert_ok(fs->ops->sync_dir(fs, "", &err), err);
        czi_sim_arm(fs, &fault);
        assert_int_equal(fs->ops->sync(f, &err), CZ_IO);
        assert_true(czi_sim_fired(fs));
        assert_ok(fs->ops->sync(f, &err), err); /* as Linux does: claims success */
        fs->ops->close(f);
        check_content(fs, "f", "data");
        assert_ok(czi_sim_crash(fs, seed, &after, &err), err);
        assert_ok(after->ops->open(after, "f", CZI_OPEN_READ, &f, &err), err);
        assert_ok(after->ops->size(f, &size, &err), err);
        lost |= size == 0;
        kept |= size == 4;
        after->ops->close(f);
        after->ops->free(after);
        fs->ops->free(fs);
    }
    assert_true(lost && kept);
}

/* ---- Threads and clock
 * ----------------------------------------------------------------------- */

struct counter {
    struct czi_mutex *mutex;
    struct czi_cond *cond;
    unsigned count; /* under the mutex */
};

static void count_up(void *arg)
{
    struct counter *c = arg;

    for (int i = 0; i < 1000; i++) {
        czi_mutex_lock(c->mutex);
        c->count++;
        czi_cond_signal(c->cond);
        czi_mutex_unlock(c->mutex);
    }
}

static void threads_count_together_under_a_mutex(void **state)
{
    struct counter c = {.mutex = czi_mutex_new(), .cond = czi_cond_new()};
    struct czi_thread *threads[4];
    cz_error err = {0};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_ok(czi_thread_start(&threads[i], count_up, &c, "test-count-up-long-name", &err),
                  err);
    czi_mutex_lock(c.mutex);
    while (c.count < 4000)
        czi_cond_wait(c.cond, c.mutex);
    czi_mutex_unlock(c.mutex);
    for (int i = 0; i < 4; i++)
        czi_thread_join(threads[i]);
    assert_int_equal(c.count, 4000);
    czi_cond_free(c.cond);
    czi_mutex_free(c.mutex);
    czi_thread_join(NULL);
    czi_cond_free(NULL);
    czi_mutex_free(NULL);
}

static void waiting_ends_after_its_time(void **state)
{
    struct czi_mutex *m = czi_mutex_new();
    struct czi_cond *c = czi_cond_new();
    uint64_t start = czi_clock_ns();
    bool woken = true;

    (void)state;
    czi_mutex_lock(m);
    while (woken) /* a wait may end early for no reason */
        woken = czi_cond_wait_ms(c, m, 5);
    czi_mutex_unlock(m);
    assert_true(czi_clock_ns() - start >= 5000000);
    czi_cond_free(c);
    czi_mutex_free(m);
}

static void there_is_at_least_one_processor(void **state)
{
    (void)state;
    assert_true(czi_cpu_count() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linux_files_keep_the_contract),
        cmocka_unit_test(simulated_files_keep_the_contract),
        cmocka_unit_test(an_error_of_the_system_names_operation_path_and_reason),
        cmocka_unit_test(a_crash_keeps_what_was_synced_and_any_part_of_the_rest),
        cmocka_unit_test(the_same_seed_gives_the_same_crash),
        cmocka_unit_test(after_a_failed_sync_the_data_may_never_reach_the_disk),
        cmocka_unit_test(threads_count_together_under_a_mutex),
        cmocka_unit_test(waiting_ends_after_its_time),
        cmocka_unit_test(there_is_at_least_one_processor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
