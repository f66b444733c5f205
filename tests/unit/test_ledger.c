/* test_ledger.c - frames, segments, append, recovery, finders, checkpoints. */
#include "base/limits.h"
#include "fs_fixture.h"
#include "ledger/checkpoint.h"
#include "platform/simulated.h"
#include <cmocka.h>

/* ---- Helpers ---------------------------------------------------------------------------- */

static struct czi_fs *new_store(enum czi_sim_mode mode)
{
    struct czi_fs *fs;
    cz_error err = {0};

    assert_ok(czi_fs_simulated(mode, &fs, &err), err);
    assert_ok(czi_ledger_create(fs, &err), err);
    return fs;
}

static struct czi_ledger_options in_memory(struct czi_fs *fs)
{
    return (
        struct czi_ledger_options){.fs = fs, .memory_index = true, .segment_size_max = 4096};
}

static void append_and_close(struct czi_fs *fs, unsigned frames, unsigned at_once)
{
    struct czi_ledger_options o = in_memory(fs);
    struct fixture_chain chain;
    struct czi_ledger *l;
    uint64_t torn;
    cz_error err = {0};

    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    for (unsigned i = 0; i < frames; i += at_once)
        assert_ok(fixture_append(l, &chain, CZI_MIN(at_once, frames - i), &err), err);
    assert_ok(czi_ledger_close(l, &err), err);
}

/* ---- Frames ------------------------------------------------------------------------------ */

/* The layout of ledger.h, read by hand. */
static void a_sealed_frame_has_the_documented_layout(void **state)
{
    uint8_t frame[CZI_FRAME_HEADER_SIZE + 3] = {0}, expected[32], text[96 + 3];
    struct czi_frame f = {.first_position = 0x0102030405060708,
                          .position_count = 9,
                          .fact_count = 10,
                          .facts_before = 11};

    (void)state;
    memset(f.previous, 0xaa, 32);
    memset(f.receipts, 0xbb, 32);
    memcpy(frame + CZI_FRAME_HEADER_SIZE, "xyz", 3);
    czi_frame_seal(frame, 3, &f);
    assert_memory_equal(frame,
                        "CZF1\x03\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01\x09\0\0\0\x0a\0\0\0"
                        "\x0b\0\0\0\0\0\0\0",
                        32);
    assert_int_equal(frame[32], 0xaa);
    assert_int_equal(frame[95], 0xbb);
    memcpy(text, frame, 96);
    memcpy(text + 96, "xyz", 3);
    czi_blake3(text, sizeof text, expected);
    assert_memory_equal(frame + 96, expected, 32);
    assert_memory_equal(f.hash, expected, 32);
}

static void a_frame_that_ends_early_is_not_found(void **state)
{
    struct fixture_chain chain = {.frames = 3};
    struct czi_buf frame = {0}, ids = {0};
    struct czi_frame f;

    (void)state;
    fixture_frame_put(&chain, &frame, &ids);
    for (size_t len = 0; len < frame.len; len++)
        assert_int_equal(czi_frame_parse(frame.data, len, &f, NULL), CZ_NOT_FOUND);
    assert_int_equal(czi_frame_parse(frame.data, frame.len, &f, NULL), CZ_OK);
    czi_buf_done(&frame);
    czi_buf_done(&ids);
}

static void a_frame_with_any_bit_flipped_is_refused(void **state)
{
    struct fixture_chain chain = {.frames = 3};
    struct czi_buf frame = {0}, ids = {0};
    struct czi_frame f;

    (void)state;
    fixture_frame_put(&chain, &frame, &ids);
    for (size_t bit = 0; bit < frame.len * 8; bit++) {
        frame.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(czi_frame_parse(frame.data, frame.len, &f, NULL), CZ_OK);
        frame.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    czi_buf_done(&frame);
    czi_buf_done(&ids);
}

/* ---- Stores ------------------------------------------------------------------------------ */

static void a_store_is_created_once(void **state)
{
    struct czi_fs *fs = new_store(CZI_SIM_VOLATILE);

    (void)state;
    assert_int_equal(czi_ledger_create(fs, NULL), CZ_CONFLICT);
    fs->ops->free(fs);
}

static void a_directory_with_something_else_in_it_is_left_alone(void **state)
{
    struct czi_file *f;
    struct czi_fs *fs;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &fs, &err), err);
    assert_ok(fs->ops->open(fs, "notes.txt", CZI_OPEN_CREATE, &f, &err), err);
    fs->ops->close(f);
    assert_int_equal(czi_ledger_create(fs, &err), CZ_CONFLICT);
    assert_non_null(strstr(err.detail, "notes.txt"));
    fs->ops->free(fs);
}

static void opening_where_no_store_is_says_how_to_make_one(void **state)
{
    struct czi_ledger_options o;
    struct czi_ledger *l;
    struct czi_fs *fs;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &fs, &err), err);
    o = in_memory(fs);
    assert_int_equal(czi_ledger_open(&o, &l, &err), CZ_NOT_FOUND);
    assert_non_null(strstr(err.detail, "causality init"));
    fs->ops->free(fs);
}

static void a_second_writer_is_told_that_the_store_is_busy(void **state)
{
    struct czi_fs *fs = new_store(CZI_SIM_VOLATILE);
    struct czi_ledger_options o = in_memory(fs);
    struct czi_ledger *first, *second;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_ledger_open(&o, &first, &err), err);
    assert_int_equal(czi_ledger_open(&o, &second, &err), CZ_BUSY);
    assert_ok(czi_ledger_close(first, &err), err);
    assert_ok(czi_ledger_open(&o, &second, &err), err);
    assert_ok(czi_ledger_close(second, &err), err);
    fs->ops->free(fs);
}

static void what_was_appended_is_recovered(void **state)
{
    struct czi_fs *fs = new_store(CZI_SIM_VOLATILE);
    struct czi_ledger_options o = in_memory(fs);
    struct fixture_chain chain;
    struct czi_ledger *l;
    uint64_t torn;
    cz_error err = {0};

    (void)state;
    append_and_close(fs, 50, 3);
    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    assert_int_equal(torn, 0);
    assert_int_equal(chain.frames, 50);
    fixture_check_finders(l, &chain);
    assert_ok(czi_ledger_close(l, &err), err);
    fs->ops->free(fs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_frame_has_the_documented_layout),
        cmocka_unit_test(a_frame_that_ends_early_is_not_found),
        cmocka_unit_test(a_frame_with_any_bit_flipped_is_refused),
        cmocka_unit_test(a_store_is_created_once),
        cmocka_unit_test(a_directory_with_something_else_in_it_is_left_alone),
        cmocka_unit_test(opening_where_no_store_is_says_how_to_make_one),
        cmocka_unit_test(a_second_writer_is_told_that_the_store_is_busy),
        cmocka_unit_test(what_was_appended_is_recovered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
