/* test_program_log.c - the logs of programs in a store: what is an entry, how they are read
 * back, and what reports and texts say of notes. Nodes are computed here from the receipts. */
#include "codec/blake3.h"
#include "effect/receipt.h"
#include "engine/programs.h"
#include "guard_fixture.h"
#include "program/log.h"

/* ---- Programs whose host is the test -------------------------------------------------------
 */

static const char *const options_label = "l1";

struct fake {
    cz_id id;
    struct czi_begin begin;
    uint64_t nonce;
};

static struct czi_slice slice(const char *text)
{
    return (struct czi_slice){(const uint8_t *)text, strlen(text)};
}

static struct fake fake(const char *name, const char *label)
{
    struct fake f = {.begin = {slice(name), slice(label), slice("args"), 3}};

    assert_int_equal(czi_instance_id(&f.begin, &f.id, NULL), CZ_OK);
    return f;
}

/* The next effect of a program, with a note (len 0: without) and with whatever `e` does; freed
 * here. */
static cz_result enter(cz_engine *g, struct fake *f, cz_effect *e, const void *note, size_t len)
{
    cz_result r;
    cz_error err = {0};
    int rc;

    cz_effect_set_origin(e, &f->id);
    cz_effect_set_nonce(e, ++f->nonce);
    cz_effect_set_program(e, &f->id, 0);
    if (len)
        assert_ok(cz_effect_note(e, note, len, &err), err);
    rc = cz_perform(g, e, &r, &err);
    if (rc && rc != CZ_REJECTED)
        fail_msg("%s", err.detail);
    cz_effect_free(e);
    return r;
}

static void begin(cz_engine *g, struct fake *f)
{
    CZI_AUTOBUF note = {0};

    assert_int_equal(czi_note_begin(&f->begin, &note, NULL), CZ_OK);
    (void)enter(g, f, cz_effect_new(), note.data, note.len);
}

static void end(cz_engine *g, struct fake *f, int code, uint64_t value, const char *detail)
{
    struct czi_note_parts parts = {0};
    CZI_AUTOBUF note = {0};

    assert_int_equal(czi_note_end(&parts, code, value, detail, &note, NULL), CZ_OK);
    (void)enter(g, f, cz_effect_new(), note.data, note.len);
}

/* Told of a timer. */
static cz_result go_on(cz_engine *g, struct fake *f, cz_effect *e)
{
    struct czi_input input = {.kind = CZI_INPUT_TIMER, .number = f->nonce};
    struct czi_note_parts parts = {0};
    CZI_AUTOBUF note = {0};

    czi_note_add_input(&parts, &input);
    assert_int_equal(czi_note_inputs(&parts, &note, NULL), CZ_OK);
    czi_note_parts_done(&parts);
    return enter(g, f, e, note.data, note.len);
}

static cz_effect *pay(cz_quantity q)
{
    cz_effect *e = cz_effect_new();
    cz_id a = fx_id("a"), b = fx_id("b");

    assert_int_equal(cz_effect_transfer(e, &a, &b, q, NULL), CZ_OK);
    return e;
}

static cz_program_report get(cz_engine *g, const struct fake *f)
{
    cz_program_report r;
    cz_error err = {0};

    assert_ok(cz_program_get(g, NULL, &f->id, &r, &err), err);
    return r;
}

/* ---- Reports --------------------------------------------------------------------------------
 */

static void a_report_tells_how_a_program_began(void **state)
{
    cz_engine *g = fx_open_driven();
    struct fake f = fake("pay", options_label);
    cz_program_report r;

    (void)state;
    (void)fx_cash(g, "a", 5);
    begin(g, &f);
    r = get(g, &f);
    assert_memory_equal(&r.id, &f.id, sizeof r.id);
    assert_string_equal(r.name, "pay");
    assert_string_equal(r.label, "l1");
    assert_int_equal(r.version, 3);
    assert_int_equal(r.state, CZ_PROGRAM_RUNNING);
    assert_int_equal(r.entries, 1);
    assert_int_equal(r.first, 2);
    assert_int_equal(r.last, 2);
    fx_close(g);
}

static void a_report_tells_how_a_program_ended(void **state)
{
    static const struct {
        int code;
        enum cz_program_state state;
    } cases[] = {{CZ_OK, CZ_PROGRAM_COMPLETED},
                 {CZ_CANCELLED, CZ_PROGRAM_CANCELLED},
                 {CZ_TIMEOUT, CZ_PROGRAM_FAILED},
                 {-7, CZ_PROGRAM_FAILED}};
    cz_engine *g = fx_open_driven();

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        struct fake f = fake("pay", (char[]){(char)('a' + i), 0});
        cz_program_report r;

        begin(g, &f);
        end(g, &f, cases[i].code, 40 + i, "the detail");
        r = get(g, &f);
        assert_int_equal(r.state, cases[i].state);
        assert_int_equal(r.code, cases[i].code);
        assert_int_equal(r.value, 40 + i);
        assert_string_equal(r.detail, "the detail");
        assert_string_equal(r.name, "pay");
        assert_int_equal(r.entries, 2);
    }
    fx_close(g);
}

static void nobody_has_heard_of_a_program_without_an_effect(void **state)
{
    cz_engine *g = fx_open_driven();
    struct fake f = fake("pay", options_label);
    cz_program_report r = {.entries = 4711};
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_program_get(g, NULL, &f.id, &r, &err), CZ_NOT_FOUND);
    assert_int_equal(r.entries, 4711);
    assert_non_null(strstr(err.detail, "no program bafyr4i"));
    assert_int_equal(cz_program_log(g, &f.id, NULL, NULL, &err), CZ_NOT_FOUND);
    fx_close(g);
}

/* A vector clock alone needs no host; its program has a log all the same. */
static void a_program_without_notes_has_no_name(void **state)
{
    cz_engine *g = fx_open_driven();
    struct fake f = fake("pay", options_label);
    cz_program_report r;

    (void)state;
    (void)enter(g, &f, cz_effect_new(), NULL, 0);
    (void)enter(g, &f, cz_effect_new(), "no note of a host", 17);
    r = get(g, &f);
    assert_string_equal(r.name, "");
    assert_int_equal(r.version, 0);
    assert_int_equal(r.state, CZ_PROGRAM_RUNNING);
    assert_int_equal(r.entries, 2);
    fx_close(g);
}

struct seen {
    cz_id ids[16];
    size_t count, stop_at;
};

static int see(void *arg, const cz_program_report *r)
{
    struct seen *s = arg;

    s->ids[s->count++] = r->id;
    return s->count == s->stop_at ? 77 : 0;
}

/* A store whose state comes back from rows: the index outlives the engine. */
struct store {
    struct czi_fs *fs;
    struct czi_index *index;
    cz_engine *engine;
};

static void store_open(struct store *s)
{
    struct czi_ledger_options l = {.fs = s->fs,
                                   .memory_index = true,
                                   .index = s->index,
                                   .segment_size_max = UINT64_MAX};
    cz_options o = {.batch_max = 64, .backlog_max = 256};
    cz_error err = {0};

    assert_ok(czi_open_driven(&l, &o, &s->engine, &err), err);
}

static struct store store_new(void)
{
    struct store s = {.fs = NULL};
    cz_error err = {0};

    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &s.fs, &err), err);
    assert_ok(czi_ledger_create(s.fs, &err), err);
    assert_ok(czi_index_memory(&s.index, &err), err);
    store_open(&s);
    return s;
}

static void store_reopen(struct store *s, bool checkpoint)
{
    cz_error err = {0};

    if (checkpoint) {
        assert_ok(czi_read_begin(s->engine, &err), err);
        assert_ok(czi_engine_checkpoint(s->engine, true, &err), err);
        czi_read_end(s->engine);
    }
    fx_close(s->engine);
    store_open(s);
}

static void store_done(struct store *s)
{
    fx_close(s->engine);
    s->index->ops->close(s->index);
    s->fs->ops->free(s->fs);
}

/* Whatever the order of their ids is, and whether it is known from the journal or from rows. */
static void programs_are_listed_in_the_order_of_their_first_entries(void **state)
{
    struct store s = store_new();
    struct fake fakes[9];
    cz_error err = {0};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(fakes); i++) {
        fakes[i] = fake("pay", (char[]){(char)('a' + i), 0});
        begin(s.engine, &fakes[i]);
        if (i)
            end(s.engine, &fakes[i - 1], CZ_OK, 0, "");
        if (i % 3 == 2)
            store_reopen(&s, i == 5);
    }
    for (unsigned round = 0; round < 2; round++) {
        struct seen seen = {.count = 0};

        assert_ok(cz_program_list(s.engine, see, &seen, &err), err);
        assert_int_equal(seen.count, CZI_COUNTOF(fakes));
        for (unsigned i = 0; i < CZI_COUNTOF(fakes); i++)
            assert_memory_equal(&seen.ids[i], &fakes[i].id, sizeof(cz_id));
        store_reopen(&s, true);
    }
    store_done(&s);
}

static void what_a_list_calls_can_end_it(void **state)
{
    cz_engine *g = fx_open_driven();
    struct seen seen = {.stop_at = 2};
    cz_error err = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct fake f = fake("pay", (char[]){(char)('a' + i), 0});

        begin(g, &f);
    }
    assert_int_equal(cz_program_list(g, see, &seen, &err), 77);
    assert_int_equal(seen.count, 2);
    fx_close(g);
}

/* ---- Logs -----------------------------------------------------------------------------------
 */

struct log {
    struct czi_buf text; /* each entry's, with a line in front */
    uint64_t count, last_position, stop_at;
    int stop_with;
    cz_id node;
};

/* [previous | null, receipt], with links as in DAG-CBOR. */
static void next_node(cz_id *node, const cz_id *receipt)
{
    static const cz_id none;
    uint8_t bytes[128] = {0x82}, *p = bytes + 1;

    if (memcmp(node, &none, sizeof none) == 0) {
        *p++ = 0xf6;
    } else {
        memcpy(p, "\xd8\x2a\x58\x25\x00\x01\x71\x1e\x20", 9);
        memcpy(p + 9, node, 32);
        p += 41;
    }
    memcpy(p, "\xd8\x2a\x58\x25\x00\x01\x71\x1e\x20", 9);
    memcpy(p + 9, receipt, 32);
    czi_blake3(bytes, (size_t)(p + 41 - bytes), node->bytes);
}

static int log_entry(void *arg, const cz_program_entry *e)
{
    struct log *l = arg;

    assert_int_equal(e->number, ++l->count);
    assert_true(e->receipt->position > l->last_position);
    l->last_position = e->receipt->position;
    next_node(&l->node, &e->receipt->id);
    assert_memory_equal(&l->node, &e->node, sizeof(cz_id));
    czi_buf_printf(&l->text, "-- %u\n%s\n", (unsigned)e->number, e->text);
    return l->count == l->stop_at ? l->stop_with : 0;
}

static void a_log_tells_its_entries_oldest_first(void **state)
{
    static const char expected[] = "-- 1\n"
                                   "begins: pay version 3, label \"l1\", arguments: "
                                   "4 bytes: \"args\"\n"
                                   "-- 2\n"
                                   "timer 1: ok\n"
                                   "task 0: transfer: applied\n"
                                   "-- 3\n"
                                   "timer 2: ok\n"
                                   "task 0: transfer: rejected, overdraft\n"
                                   "-- 4\n"
                                   "task 0: applied\n"
                                   "-- 5\n"
                                   "a note that is no host's, 2 bytes: \"hm\"\n"
                                   "-- 6\n"
                                   "ends: ok, 9\n";
    cz_engine *g = fx_open_driven();
    struct fake f = fake("pay", options_label);
    struct log l = {.count = 0};
    cz_program_report r;
    cz_error err = {0};

    (void)state;
    (void)fx_cash(g, "a", 5);
    (void)fx_cash(g, "b", 0);
    begin(g, &f);
    (void)go_on(g, &f, pay(2));
    assert_int_equal(go_on(g, &f, pay(100)).reason, CZ_OVERDRAFT);
    (void)enter(g, &f, cz_effect_new(), NULL, 0);
    (void)enter(g, &f, cz_effect_new(), "hm", 2);
    end(g, &f, CZ_OK, 9, "");
    assert_ok(cz_program_log(g, &f.id, log_entry, &l, &err), err);
    assert_int_equal(l.text.len, sizeof expected - 1);
    assert_memory_equal(l.text.data, expected, sizeof expected - 1);
    r = get(g, &f);
    assert_int_equal(r.entries, 6);
    assert_int_equal(r.last, l.last_position);
    assert_memory_equal(&r.head, &l.node, sizeof l.node);
    czi_buf_done(&l.text);
    fx_close(g);
}

static void what_a_log_calls_can_end_it(void **state)
{
    cz_engine *g = fx_open_driven();
    struct fake f = fake("pay", options_label);
    cz_error err = {0};

    (void)state;
    begin(g, &f);
    (void)go_on(g, &f, cz_effect_new());
    (void)go_on(g, &f, cz_effect_new());
    for (int with = -2; with <= CZ_CORRUPT; with++) {
        struct log l = {.stop_at = with ? 2 : 0, .stop_with = with};

        assert_int_equal(cz_program_log(g, &f.id, log_entry, &l, &err), with);
        assert_int_equal(l.count, with ? 2 : 3);
        czi_buf_done(&l.text);
    }
    fx_close(g);
}

/* An effect with a nonce that was used has no receipt, and a duplicate is no entry again. */
static void what_has_no_position_of_its_own_is_no_entry(void **state)
{
    cz_engine *g = fx_open_driven();
    struct fake f = fake("pay", options_label);

    (void)state;
    begin(g, &f);
    f.nonce = 0;
    begin(g, &f); /* the same again */
    f.nonce = 0;
    assert_int_equal(enter(g, &f, cz_effect_new(), "hm", 2).reason, CZ_NONCE);
    assert_int_equal(get(g, &f).entries, 1);
    fx_close(g);
}

struct walk {
    uint64_t positions[4096], notes;
    size_t count;
};

static int walk_entry(void *arg, const struct czi_program_entry *e, cz_error *err)
{
    struct walk *w = arg;

    (void)err;
    w->positions[w->count++] = e->found->record.outcome.position;
    w->notes += e->note.data != NULL;
    return 0;
}

/* Entries of three programs in turns, several in a frame, in 400 frames and more. */
static cz_engine *busy(struct fake fakes[3], struct walk expected[3])
{
    cz_engine *g = fx_open_driven();
    struct czi_rng rng = czi_rng(1);
    cz_error err = {0};

    for (unsigned i = 0; i < 3; i++) {
        fakes[i] = fake("pay", (char[]){(char)('a' + i), 0});
        expected[i] = (struct walk){.count = 0};
    }
    for (unsigned n = 0; n < 2000; n++) {
        unsigned i = czi_rng_below(&rng, 10) ? (unsigned)czi_rng_below(&rng, 2) : 2;
        cz_effect *e = cz_effect_new();
        uint64_t ticket;

        cz_effect_set_origin(e, &fakes[i].id);
        cz_effect_set_nonce(e, ++fakes[i].nonce);
        cz_effect_set_program(e, &fakes[i].id, n % 5);
        if (n % 3)
            assert_ok(cz_effect_note(e, "n", 1, &err), err);
        assert_ok(cz_submit_effect(g, e, NULL, NULL, &ticket, &err), err);
        expected[i].positions[expected[i].count++] = n + 1;
        expected[i].notes += n % 3 != 0;
        cz_effect_free(e);
        if (czi_rng_below(&rng, 4) == 0)
            assert_ok(cz_flush(g, &err), err);
    }
    assert_ok(cz_flush(g, &err), err);
    return g;
}

static void every_way_of_walking_meets_the_same_entries(void **state)
{
    static const uint32_t marks[] = {0, 2, 3, 4, 7, 64, CZI_PROGRAM_MARKS};
    static struct walk expected[3], got;
    struct fake fakes[3];
    cz_engine *g = busy(fakes, expected);
    cz_stats stats;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_stats_get(g, &stats, &err), err);
    assert_true(stats.batches > 300 && stats.batches < 1000);
    for (size_t m = 0; m < CZI_COUNTOF(marks); m++)
        for (unsigned i = 0; i < 3; i++) {
            got = (struct walk){.count = 0};
            assert_ok(czi_read_begin(g, &err), err);
            assert_ok(czi_program_walk(g, &fakes[i].id, marks[m], walk_entry, &got, &err), err);
            czi_read_end(g);
            assert_int_equal(got.count, expected[i].count);
            assert_int_equal(got.notes, expected[i].notes);
            assert_memory_equal(got.positions, expected[i].positions,
                                got.count * sizeof got.positions[0]);
        }
    fx_close(g);
}

static void a_log_that_goes_on_after_reopening_is_one_chain(void **state)
{
    struct store s = store_new();
    struct fake f = fake("pay", options_label);
    struct log l = {.count = 0};
    cz_program_report r;
    cz_error err = {0};

    (void)state;
    begin(s.engine, &f);
    for (unsigned i = 0; i < 6; i++) {
        (void)go_on(s.engine, &f, cz_effect_new());
        store_reopen(&s, i % 2);
        (void)go_on(s.engine, &f, cz_effect_new());
    }
    end(s.engine, &f, CZ_OK, 0, "");
    assert_ok(cz_program_log(s.engine, &f.id, log_entry, &l, &err), err);
    assert_int_equal(l.count, 14);
    r = get(s.engine, &f);
    assert_memory_equal(&r.head, &l.node, sizeof l.node);
    czi_buf_done(&l.text);
    store_done(&s);
}

/* ---- Rows that cannot be
 * ---------------------------------------------------------------------
 */

static void put_row(struct czi_buf *value, const cz_id *program, uint64_t entries,
                    uint64_t last)
{
    cz_id head = {{9}};

    czi_cbor_add_head(value, CZI_CBOR_ARRAY, 4);
    czi_cbor_add_string(value, CZI_CBOR_BYTES, program, sizeof *program);
    czi_cbor_add_head(value, CZI_CBOR_UINT, entries);
    czi_cbor_add_head(value, CZI_CBOR_UINT, last);
    czi_cbor_add_string(value, CZI_CBOR_BYTES, &head, sizeof head);
}

/* A store whose index was given this row too cannot be opened, and says what to do. */
static void expect_bad_row(const void *key, size_t key_len, const struct czi_buf *value,
                           const char *what)
{
    struct store s = store_new();
    struct fake f = fake("pay", options_label);
    struct czi_row row = {{key, key_len}, {value->data, value->len}};
    struct czi_ledger_options l = {.fs = s.fs,
                                   .memory_index = true,
                                   .index = s.index,
                                   .segment_size_max = UINT64_MAX};
    cz_options o = {.batch_max = 64, .backlog_max = 256};
    cz_engine *g = NULL;
    cz_error err = {0};

    begin(s.engine, &f);
    store_reopen(&s, true);
    assert_ok(s.index->ops->load(s.index, &row, 1, &err), err);
    fx_close(s.engine);
    assert_int_equal(czi_open_driven(&l, &o, &g, &err), CZ_CORRUPT);
    if (!strstr(err.detail, what) || !strstr(err.detail, "causality reindex"))
        fail_msg("%s", err.detail);
    s.index->ops->close(s.index);
    s.fs->ops->free(s.fs);
}

static void a_row_of_a_program_without_entries_is_corrupt(void **state)
{
    static const uint8_t key[] = {'q', 0, 0, 0, 0, 0, 0, 0, 1};
    struct fake f = fake("pay", options_label);
    CZI_AUTOBUF value = {0};

    (void)state;
    put_row(&value, &f.id, 0, 1);
    expect_bad_row(key, sizeof key, &value, "a row of table 'q' is malformed");
    value.len = 0;
    put_row(&value, &f.id, 1, 1);
    expect_bad_row(key, sizeof key - 1, &value, "a row of table 'q' is malformed");
    czi_buf_put_byte(&value, 0);
    expect_bad_row(key, sizeof key, &value, "a row of table 'q' is malformed");
}

static void two_rows_of_a_program_are_corrupt(void **state)
{
    static const uint8_t key[] = {'q', 0, 0, 0, 0, 0, 0, 0, 2};
    struct fake f = fake("pay", options_label);
    CZI_AUTOBUF value = {0};

    (void)state;
    put_row(&value, &f.id, 1, 2);
    expect_bad_row(key, sizeof key, &value, "is of the same program as another one");
}

static void a_task_of_a_program_without_a_log_is_corrupt(void **state)
{
    const cz_id other = {{7}};
    uint8_t key[37] = {'k'};
    CZI_AUTOBUF value = {0};

    (void)state;
    memcpy(key + 1, &other, sizeof other);
    czi_cbor_add_head(&value, CZI_CBOR_ARRAY, 3);
    czi_cbor_add_head(&value, CZI_CBOR_UINT, 1);
    czi_cbor_add_head(&value, CZI_CBOR_UINT, 1);
    czi_cbor_add_head(&value, CZI_CBOR_ARRAY, 2);
    czi_cbor_add_string(&value, CZI_CBOR_BYTES, &other, sizeof other);
    czi_cbor_add_head(&value, CZI_CBOR_ARRAY, 2);
    czi_cbor_add_head(&value, CZI_CBOR_UINT, 0);
    czi_cbor_add_head(&value, CZI_CBOR_UINT, 1);
    expect_bad_row(key, sizeof key, &value, "is of a program without a log");
}

/* ---- Names and memory -----------------------------------------------------------------------
 */

static void an_id_is_known_before_the_program_is_started(void **state)
{
    cz_program_spec spec = {.name = "pay", .label = "l1", .args = "args", .args_len = 4};
    struct fake f = fake("pay", "l1");
    cz_error err = {0};
    cz_id id;

    (void)state;
    assert_ok(cz_program_id(&spec, &id, &err), err);
    assert_memory_equal(&id, &f.id, sizeof id);
    spec.name = NULL;
    assert_int_equal(cz_program_id(&spec, &id, &err), CZ_INVALID);
    spec.name = "pay";
    spec.label = "";
    assert_int_equal(cz_program_id(&spec, &id, &err), CZ_INVALID);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(cz_program_state_name(CZ_PROGRAM_RUNNING), "running");
    assert_string_equal(cz_program_state_name(CZ_PROGRAM_MISFIT), "misfit");
    assert_null(cz_program_state_name(CZ_PROGRAM_MISFIT + 1));
    assert_null(cz_program_state_name(-1));
}

/* Each allocation of reading fails once; the engine goes on. */
static void reading_without_memory_is_an_error(void **state)
{
    static struct walk expected[3];
    struct fake fakes[3];
    cz_engine *g = busy(fakes, expected);
    bool failed = true;

    (void)state;
    for (int64_t skip = 0; failed; skip++) {
        struct log l = {.count = 0};
        cz_error err = {0};
        int rc;

        czi_buf_done(&g->reader.buf); /* so that it is needed anew */
        g->reader = (struct czi_finder){.ledger = g->reader.ledger};
        assert_non_null(czi_buf_reserve(&l.text, 1 << 20));
        czi_alloc_fail_after(skip);
        rc = cz_program_log(g, &fakes[2].id, log_entry, &l, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        assert_int_equal(rc, failed ? CZ_NOMEM : CZ_OK);
        if (!failed)
            assert_int_equal(l.count, expected[2].count);
        assert_true(failed || skip > 2);
        czi_buf_done(&l.text);
    }
    fx_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_tells_how_a_program_began),
        cmocka_unit_test(a_report_tells_how_a_program_ended),
        cmocka_unit_test(nobody_has_heard_of_a_program_without_an_effect),
        cmocka_unit_test(a_program_without_notes_has_no_name),
        cmocka_unit_test(programs_are_listed_in_the_order_of_their_first_entries),
        cmocka_unit_test(what_a_list_calls_can_end_it),
        cmocka_unit_test(a_log_tells_its_entries_oldest_first),
        cmocka_unit_test(what_a_log_calls_can_end_it),
        cmocka_unit_test(what_has_no_position_of_its_own_is_no_entry),
        cmocka_unit_test(every_way_of_walking_meets_the_same_entries),
        cmocka_unit_test(a_log_that_goes_on_after_reopening_is_one_chain),
        cmocka_unit_test(a_row_of_a_program_without_entries_is_corrupt),
        cmocka_unit_test(two_rows_of_a_program_are_corrupt),
        cmocka_unit_test(a_task_of_a_program_without_a_log_is_corrupt),
        cmocka_unit_test(an_id_is_known_before_the_program_is_started),
        cmocka_unit_test(states_have_names),
        cmocka_unit_test(reading_without_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
