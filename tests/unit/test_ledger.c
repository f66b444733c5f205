/* test_ledger.c - frames, segments, append, recovery, finders, checkpoints. */
#include "base/limits.h"
#include "fs_fixture.h"
#include "ledger/checkpoint.h"
#include "platform/simulated.h"
#include <cmocka.h>

#include <stdatomic.h>

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

/* ---- Segments and checkpoints --------------------------------------------------------------
 */

static int count_name(void *arg, const char *name)
{
    (void)name;
    ++*(unsigned *)arg;
    return CZ_OK;
}

static unsigned segment_count(struct czi_fs *fs)
{
    unsigned count = 0;
    cz_error err = {0};

    assert_ok(fs->ops->list(fs, "journal", count_name, &count, &err), err);
    return count;
}

static void a_checkpoint_seals_the_segment_and_the_next_append_begins_one(void **state)
{
    struct czi_fs *fs = new_store(CZI_SIM_VOLATILE);
    struct czi_ledger_options o = in_memory(fs);
    struct fixture_chain chain;
    struct czi_ledger *l;
    uint64_t torn;
    cz_error err = {0};

    (void)state;
    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    assert_ok(fixture_append(l, &chain, 2, &err), err);
    assert_ok(fixture_checkpoint(l, &chain, true, &err), err);
    assert_ok(fixture_checkpoint(l, &chain, false, &err), err);
    assert_int_equal(segment_count(fs), 1);
    assert_ok(fixture_append(l, &chain, 2, &err), err);
    assert_int_equal(segment_count(fs), 2);
    fixture_check_finders(l, &chain);
    assert_ok(czi_ledger_close(l, &err), err);
    fs->ops->free(fs);
}

static void a_checkpoint_is_wanted_when_a_segment_is_full(void **state)
{
    struct czi_fs *fs = new_store(CZI_SIM_VOLATILE);
    struct czi_ledger_options o = in_memory(fs);
    struct fixture_chain chain;
    struct czi_ledger *l;
    uint64_t torn, before;
    cz_error err = {0};

    (void)state;
    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    before = czi_ledger_size(l);
    while (!czi_ledger_wants_checkpoint(l))
        assert_ok(fixture_append(l, &chain, 1, &err), err);
    assert_in_range(czi_ledger_size(l) - before, 4096, 4096 + 2048);
    assert_ok(fixture_checkpoint(l, &chain, false, &err), err);
    assert_false(czi_ledger_wants_checkpoint(l));
    assert_ok(czi_ledger_close(l, &err), err);
    fs->ops->free(fs);
}

static int read_frames_row(void *arg, const struct czi_row *row)
{
    assert_int_equal(row->key.len, 7);
    assert_memory_equal(row->key.data, "zframes", 7);
    *(uint64_t *)arg = czi_get_u64le(row->value.data);
    return CZ_OK;
}

static void recovery_goes_on_where_the_index_ends(void **state)
{
    struct czi_fs *fs = new_store(CZI_SIM_VOLATILE);
    struct czi_ledger_options o = in_memory(fs);
    struct fixture_chain chain;
    uint64_t torn, row = 0, positions, facts;
    uint8_t hash[32];
    struct czi_ledger *l;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_index_memory(&o.index, &err), err);
    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    assert_ok(fixture_append(l, &chain, 9, &err), err);
    assert_ok(fixture_checkpoint(l, &chain, true, &err), err);
    assert_ok(fixture_append(l, &chain, 5, &err), err);
    assert_ok(czi_ledger_close(l, &err), err);
    assert_ok(czi_ledger_open(&o, &l, &err), err);
    czi_ledger_tip(l, hash, &positions, &facts);
    assert_int_equal(fixture_chain_to(hash, 100).frames, 9);
    assert_ok(czi_ledger_rows(l, 'z', read_frames_row, &row, &err), err);
    assert_int_equal(row, 9);
    assert_ok(czi_ledger_close(l, &err), err);
    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    assert_int_equal(chain.frames, 14);
    fixture_check_finders(l, &chain);
    assert_ok(czi_ledger_close(l, &err), err);
    o.index->ops->close(o.index);
    fs->ops->free(fs);
}

struct rebuild {
    struct fixture_seen seen;
    struct czi_ledger *l;
    unsigned checkpoints;
};

static int rebuild_frame(void *arg, const struct czi_frame *f, const cz_id **ret_ids,
                         cz_error *err)
{
    struct rebuild *r = arg;

    if (czi_ledger_wants_checkpoint(r->l)) {
        assert_ok(fixture_checkpoint(r->l, &r->seen.chain, true, err), *err);
        r->checkpoints++;
    }
    return fixture_recover_frame(&r->seen, f, ret_ids, err);
}

static void a_long_recovery_may_make_checkpoints_on_the_way(void **state)
{
    struct czi_fs *fs = new_store(CZI_SIM_VOLATILE);
    struct czi_ledger_options o = in_memory(fs);
    struct rebuild r = {0};
    uint64_t torn;
    cz_error err = {0};

    (void)state;
    append_and_close(fs, 60, 3);
    assert_ok(czi_ledger_open(&o, &r.l, &err), err);
    assert_ok(czi_ledger_recover(r.l, rebuild_frame, &r, &torn, &err), err);
    assert_true(r.checkpoints > 3);
    assert_int_equal(r.seen.chain.frames, 60);
    fixture_check_finders(r.l, &r.seen.chain);
    assert_ok(fixture_append(r.l, &r.seen.chain, 2, &err), err);
    assert_ok(czi_ledger_close(r.l, &err), err);
    fs->ops->free(fs);
}

/* Every prefix length of one id, with its effect in the index, and in the tail. */
static void a_prefix_finds_all_effects_that_start_with_it(void **state)
{
    struct czi_fs *fs = new_store(CZI_SIM_VOLATILE);
    struct czi_ledger_options o = in_memory(fs);
    struct fixture_chain chain;
    struct czi_ledger *l;
    uint64_t torn, found[512];
    cz_error err = {0};
    size_t count;

    (void)state;
    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    assert_ok(fixture_append(l, &chain, 100, &err), err);
    assert_ok(fixture_checkpoint(l, &chain, false, &err), err);
    assert_ok(fixture_append(l, &chain, 100, &err), err);
    for (uint64_t p = 1; p <= chain.positions; p += 37) {
        cz_id id = fixture_id(p);

        for (unsigned bits = 0; bits <= 256; bits += 3) {
            size_t expected = 0;

            for (uint64_t q = 1; q <= chain.positions; q++) {
                cz_id other = fixture_id(q);
                bool same = true;

                for (unsigned b = 0; same && b < bits; b++)
                    same = !((id.bytes[b / 8] ^ other.bytes[b / 8]) >> (7 - b % 8) & 1);
                expected += same;
            }
            assert_ok(czi_ledger_find_prefix(l, id.bytes, bits, found, 512, &count, &err), err);
            assert_int_equal(count, expected);
        }
        assert_ok(czi_ledger_find_prefix(l, id.bytes, 0, found, 5, &count, &err), err);
        assert_int_equal(count, 5);
    }
    assert_ok(czi_ledger_close(l, &err), err);
    fs->ops->free(fs);
}

static void an_unknown_effect_is_not_found(void **state)
{
    struct czi_fs *fs = new_store(CZI_SIM_VOLATILE);
    struct czi_ledger_options o = in_memory(fs);
    struct fixture_chain chain;
    struct czi_ledger *l;
    uint64_t torn, position = 42;
    cz_id id = fixture_id(1000000);
    cz_error err = {0};

    (void)state;
    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    assert_ok(fixture_append(l, &chain, 20, &err), err);
    assert_int_equal(czi_ledger_find(l, &id, &position, &err), CZ_NOT_FOUND);
    id = fixture_id(1);
    id.bytes[31] ^= 1; /* all 32 bytes count in the tail, */
    assert_int_equal(czi_ledger_find(l, &id, &position, &err), CZ_NOT_FOUND);
    id.bytes[31] ^= 1;
    id.bytes[11] ^= 1; /* and the first 12 in the index */
    assert_ok(fixture_checkpoint(l, &chain, false, &err), err);
    assert_int_equal(czi_ledger_find(l, &id, &position, &err), CZ_NOT_FOUND);
    assert_int_equal(position, 42);
    assert_ok(czi_ledger_close(l, &err), err);
    fs->ops->free(fs);
}

/* ---- Random histories ---------------------------------------------------------------------
 */

/* Appends, checkpoints, closes, kills and power failures in random order; the model is the
 * count of frames that were acknowledged. */
static void random_history(uint64_t seed)
{
    struct czi_fs *fs = new_store(CZI_SIM_DURABLE), *after;
    struct czi_ledger_options o = in_memory(fs);
    struct czi_rng rng = czi_rng(seed);
    struct fixture_chain chain, found;
    struct czi_ledger *l;
    uint64_t torn;
    cz_error err = {0};

    if (seed % 2)
        assert_ok(czi_index_memory(&o.index, &err), err);
    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    for (int i = 0; i < 120; i++) {
        unsigned dice = (unsigned)czi_rng_below(&rng, 20);

        if (dice < 14) {
            assert_ok(fixture_append(l, &chain, 1 + dice % 4, &err), err);
        } else if (dice < 17) {
            assert_ok(fixture_checkpoint(l, &chain, dice % 2, &err), err);
        } else {
            assert_ok(czi_sim_crash(fs, czi_rng_next(&rng), &after, &err), err);
            assert_ok(czi_ledger_close(l, &err), err);
            if (dice == 17) { /* power: all of it was synced, so all of it is there */
                fs->ops->free(fs);
                o.fs = fs = after;
            } else {
                after->ops->free(after);
            }
            assert_ok(fixture_open(&o, &l, &found, &torn, &err), err);
            assert_int_equal(found.frames, chain.frames);
            assert_int_equal(torn, 0);
        }
    }
    fixture_check_finders(l, &chain);
    assert_ok(czi_ledger_close(l, &err), err);
    if (o.index)
        o.index->ops->close(o.index);
    fs->ops->free(fs);
}

static void random_histories_agree_with_the_model(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 100);

    (void)state;
    for (unsigned long seed = 1; seed <= seeds; seed++)
        random_history(seed);
}

/* ---- Many threads --------------------------------------------------------------------------
 */

struct looker {
    struct czi_ledger *l;
    _Atomic uint64_t last; /* acknowledged positions; 0 before the first, UINT64_MAX: stop */
    _Atomic uint64_t looked;
};

static void look_up(void *arg)
{
    struct looker *k = arg;
    struct czi_rng rng = czi_rng(9);
    struct czi_frame frame = {0};
    struct czi_buf buf = {0};
    uint64_t last, found;
    size_t count;

    while ((last = k->last) != UINT64_MAX) {
        uint64_t p = last ? 1 + czi_rng_below(&rng, last) : 0;
        cz_id id = fixture_id(p);

        if (!p)
            continue;
        CZI_CHECK(czi_ledger_find(k->l, &id, &found, NULL) == CZ_OK && found == p);
        CZI_CHECK(czi_ledger_read(k->l, p, &buf, &frame, NULL) == CZ_OK);
        CZI_CHECK(czi_ledger_find_prefix(k->l, id.bytes, 100, &found, 1, &count, NULL) ==
                  CZ_OK);
        CZI_CHECK(count == 1 && found == p);
        k->looked++;
    }
    czi_buf_done(&buf);
}

static void finders_run_beside_appends_and_background_loads(void **state)
{
    struct czi_fs *fs = new_store(CZI_SIM_VOLATILE);
    struct czi_ledger_options o = in_memory(fs);
    struct fixture_chain chain;
    struct looker looker = {0};
    struct czi_thread *thread;
    uint64_t torn;
    cz_error err = {0};

    (void)state;
    assert_ok(fixture_open(&o, &looker.l, &chain, &torn, &err), err);
    assert_ok(czi_thread_start(&thread, look_up, &looker, "test-look-up", &err), err);
    while (chain.frames < 3000 || looker.looked < 200) {
        assert_ok(fixture_append(looker.l, &chain, 3, &err), err);
        looker.last = chain.positions;
        if (czi_ledger_wants_checkpoint(looker.l))
            assert_ok(fixture_checkpoint(looker.l, &chain, true, &err), err);
    }
    looker.last = UINT64_MAX;
    czi_thread_join(thread);
    assert_ok(czi_ledger_close(looker.l, &err), err);
    fs->ops->free(fs);
}

/* ---- Real directories -----------------------------------------------------------------------
 */

static struct czi_fs *real_store(char dir[4096])
{
    struct czi_fs *fs;
    cz_error err = {0};

    fixture_temp_dir(dir);
    assert_ok(czi_fs_posix(dir, &fs, &err), err);
    assert_ok(czi_ledger_create(fs, &err), err);
    return fs;
}

/* 20 frames, of which the index has the first 12. */
static void fill_real_store(struct czi_fs *fs)
{
    struct czi_ledger_options o = {.fs = fs};
    struct fixture_chain chain;
    struct czi_ledger *l;
    uint64_t torn;
    cz_error err = {0};

    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    assert_ok(fixture_append(l, &chain, 12, &err), err);
    assert_ok(fixture_checkpoint(l, &chain, true, &err), err);
    assert_ok(fixture_append(l, &chain, 8, &err), err);
    fixture_check_finders(l, &chain);
    assert_ok(czi_ledger_close(l, &err), err);
}

static void check_real_store(struct czi_fs *fs, bool read_only, uint64_t indexed)
{
    struct czi_ledger_options o = {.fs = fs, .read_only = read_only};
    struct fixture_chain chain;
    struct czi_ledger *l;
    uint64_t torn, positions, facts;
    uint8_t hash[32];
    cz_error err = {0};

    assert_ok(czi_ledger_open(&o, &l, &err), err);
    czi_ledger_tip(l, hash, &positions, &facts);
    assert_int_equal(fixture_chain_to(hash, 100).frames, indexed);
    assert_ok(czi_ledger_close(l, &err), err);
    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    assert_int_equal(chain.frames, 20);
    fixture_check_finders(l, &chain);
    assert_ok(czi_ledger_close(l, &err), err);
}

static void a_store_on_disk_keeps_its_index(void **state)
{
    char dir[4096];
    struct czi_fs *fs = real_store(dir);

    (void)state;
    fill_real_store(fs);
    check_real_store(fs, false, 12);
    fs->ops->free(fs);
    fixture_remove_tree(dir);
}

static void without_its_index_a_store_recovers_from_the_first_frame(void **state)
{
    char dir[4096];
    struct czi_fs *fs = real_store(dir);
    cz_error err = {0};

    (void)state;
    fill_real_store(fs);
    assert_ok(czi_ledger_drop_index(fs, &err), err);
    check_real_store(fs, true, 0);
    check_real_store(fs, false, 0);
    assert_ok(czi_ledger_drop_index(fs, &err), err);
    assert_ok(czi_ledger_drop_index(fs, &err), err);
    fs->ops->free(fs);
    fixture_remove_tree(dir);
}

/* An index of 12 frames beside a journal of none. */
static void an_index_that_is_newer_than_the_journal_says_how_to_rebuild_it(void **state)
{
    char full[4096], empty[4096], from[4200], to[4200];
    struct czi_fs *fs = real_store(full), *other = real_store(empty);
    struct czi_ledger_options o = {.fs = other};
    struct czi_ledger *l;
    cz_error err = {0};

    (void)state;
    fill_real_store(fs);
    snprintf(from, sizeof from, "%s/index", full);
    snprintf(to, sizeof to, "%s/index", empty);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(czi_ledger_open(&o, &l, &err), CZ_CORRUPT);
    assert_non_null(strstr(err.detail, "causality reindex"));
    assert_ok(czi_ledger_drop_index(other, &err), err);
    assert_ok(czi_ledger_open(&o, &l, &err), err);
    assert_ok(czi_ledger_close(l, &err), err);
    fs->ops->free(fs);
    other->ops->free(other);
    fixture_remove_tree(full);
    fixture_remove_tree(empty);
}

/* A reader without any right to write, beside no writer; files and times stay as they are. */
static void a_reader_needs_no_right_to_write_and_changes_nothing(void **state)
{
    char dir[4096], command[4200];
    struct czi_fs *fs = real_store(dir);
    char before[16384], after[16384];
    FILE *p;

    (void)state;
    fill_real_store(fs);
    assert_int_equal(chmod(dir, 0755), 0);
    snprintf(command, sizeof command, "find %s -printf '%%p %%s %%T@ %%m\n' | sort", dir);
    p = popen(command, "r");
    before[fread(before, 1, sizeof before - 1, p)] = '\0';
    pclose(p);
    assert_non_null(strstr(before, "index/CURRENT"));
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    check_real_store(fs, true, 12);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    p = popen(command, "r");
    after[fread(after, 1, sizeof after - 1, p)] = '\0';
    pclose(p);
    assert_string_equal(before, after);
    fs->ops->free(fs);
    fixture_remove_tree(dir);
}

static void a_load_that_fails_is_told_and_harms_nothing(void **state)
{
    struct czi_ledger_options o = {0};
    char dir[4096], index[4200];
    struct czi_fs *fs = real_store(dir);
    struct fixture_chain chain;
    struct czi_ledger *l;
    uint64_t torn;
    cz_error err = {0};

    (void)state;
    o.fs = fs;
    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    assert_ok(fixture_append(l, &chain, 10, &err), err);
    snprintf(index, sizeof index, "%s/index", dir);
    fixture_remove_tree(index);
    assert_ok(fixture_checkpoint(l, &chain, true, &err), err);
    assert_ok(fixture_append(l, &chain, 3, &err), err);
    assert_int_equal(fixture_checkpoint(l, &chain, true, &err), CZ_IO);
    assert_non_null(strstr(err.detail, "the journal is not harmed"));
    assert_ok(fixture_append(l, &chain, 3, &err), err);
    fixture_check_finders(l, &chain);
    assert_int_equal(czi_ledger_close(l, &err), CZ_IO);
    assert_ok(fixture_open(&o, &l, &chain, &torn, &err), err);
    assert_int_equal(chain.frames, 16);
    fixture_check_finders(l, &chain);
    assert_ok(czi_ledger_close(l, &err), err);
    fs->ops->free(fs);
    fixture_remove_tree(dir);
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
        cmocka_unit_test(a_checkpoint_seals_the_segment_and_the_next_append_begins_one),
        cmocka_unit_test(a_checkpoint_is_wanted_when_a_segment_is_full),
        cmocka_unit_test(recovery_goes_on_where_the_index_ends),
        cmocka_unit_test(a_long_recovery_may_make_checkpoints_on_the_way),
        cmocka_unit_test(a_prefix_finds_all_effects_that_start_with_it),
        cmocka_unit_test(an_unknown_effect_is_not_found),
        cmocka_unit_test(random_histories_agree_with_the_model),
        cmocka_unit_test(finders_run_beside_appends_and_background_loads),
        cmocka_unit_test(a_store_on_disk_keeps_its_index),
        cmocka_unit_test(without_its_index_a_store_recovers_from_the_first_frame),
        cmocka_unit_test(an_index_that_is_newer_than_the_journal_says_how_to_rebuild_it),
        cmocka_unit_test(a_reader_needs_no_right_to_write_and_changes_nothing),
        cmocka_unit_test(a_load_that_fails_is_told_and_harms_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
