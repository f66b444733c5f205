/* test_export.c - export: one CAR file in which everything recorded is found from the root. */
#include "codec/car.h"
#include "replay_fixture.h"

#define BLOCKS_MAX 1024
/* In no resource's log: rejected, and EVENT, FORK, SEE and AFTER, which write nothing. */
#define REST_EFFECTS (REJECTED + 4)

static const cz_check_options two = {.threads = 2};

static int keep(void *arg, const void *data, size_t len, cz_error *err)
{
    (void)err;
    czi_buf_put(arg, data, len);
    return CZ_OK;
}

struct state {
    struct sample sample;
    struct czi_fs *fs;
    struct czi_buf file;
    cz_export_report report;
    struct czi_id_table ids; /* of all blocks */
    struct czi_slice blocks[BLOCKS_MAX];
};

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    struct czi_car car;
    struct czi_slice block;
    bool more = true;
    cz_id id;
    cz_error err = {0};

    s->fs = sample_fs(&s->sample);
    assert_ok(czi_export_car(s->fs, &two, keep, &s->file, &s->report, &err), err);
    assert_ok(czi_car_open(&car, s->file.data, s->file.len, &err), err);
    assert_int_equal(car.root_count, 1);
    assert_ok(czi_car_root(&car, 0, &id, &err), err);
    assert_memory_equal(&id, &s->report.root, sizeof id);
    for (;;) {
        assert_ok(czi_car_next(&car, &more, &id, &block, &err), err);
        if (!more)
            break;
        /* Each block once. */
        assert_int_equal(czi_id_table_find(&s->ids, &id), CZI_ID_NONE);
        assert_true(s->ids.count < CZI_COUNTOF(s->blocks));
        s->blocks[s->ids.count] = block;
        assert_int_not_equal(czi_id_table_insert(&s->ids, &id), CZI_ID_NONE);
    }
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;

    s->fs->ops->free(s->fs);
    czi_buf_done(&s->file);
    czi_id_table_done(&s->ids);
    free(s);
    return 0;
}

static struct czi_slice block_of(struct state *s, const void *id)
{
    uint32_t n = czi_id_table_find(&s->ids, id);

    if (n == CZI_ID_NONE)
        fail_msg("a link leads nowhere");
    return s->blocks[n];
}

struct reach {
    struct state *s;
    bool seen[BLOCKS_MAX];
    unsigned count, outside, enveloped;
};

static unsigned tag_of(const struct czi_slice *block);

/* Whether a link leads to a receipt that an envelope holds. */
static bool is_enveloped(const struct state *s, const void *link)
{
    for (uint32_t i = 0; i < s->ids.count; i++) {
        struct czi_cbor c = czi_cbor(s->blocks[i].data, s->blocks[i].len);
        struct czi_slice receipt;
        uint8_t hash[32];

        if (tag_of(&s->blocks[i]) != 9)
            continue;
        czi_cbor_array_of(&c, 3);
        (void)czi_cbor_uint(&c);
        receipt = czi_cbor_bytes(&c);
        czi_blake3(receipt.data, receipt.len, hash);
        if (memcmp(hash, link, sizeof hash) == 0)
            return true;
    }
    return false;
}

/* What the sample names and its store never saw: facts that are left out. */
static bool is_outside(const void *link)
{
    static const cz_id left_out = {{1, 2, 3}};

    return memcmp(link, &left_out, sizeof left_out) == 0;
}

static void visit(void *arg, const cz_id *link)
{
    struct reach *r = arg;
    struct czi_slice block;
    uint32_t n = czi_id_table_find(&r->s->ids, link);

    if (is_outside(link)) {
        r->outside++;
        return;
    }
    if (is_enveloped(r->s, link)) {
        r->enveloped++;
        return;
    }
    block = block_of(r->s, link);
    if (r->seen[n])
        return;
    r->seen[n] = true;
    r->count++;
    czi_cbor_links(block.data, block.len, visit, r);
}

/* 0: a log node, which has none. */
static unsigned tag_of(const struct czi_slice *block)
{
    struct czi_cbor c = czi_cbor(block->data, block->len);

    (void)czi_cbor_array(&c);
    return czi_cbor_peek(&c) == CZI_CBOR_UINT ? (unsigned)czi_cbor_uint_max(&c, 31) : 0;
}

static void every_block_is_canonical_and_is_reached_from_the_root(void **state)
{
    struct reach r = {.s = *state};
    cz_error err = {0};

    for (uint32_t i = 0; i < r.s->ids.count; i++)
        assert_ok(czi_cbor_validate(r.s->blocks[i].data, r.s->blocks[i].len, &err), err);
    visit(&r, &r.s->report.root);
    /* LEAVE, LEAVE_UP and AFTER leave the same one out; CITE_NONE is in an envelope. */
    assert_int_equal(r.outside, 3);
    assert_int_equal(r.enveloped, 1); /* LOST, from its program's log */
    for (uint32_t i = 0; i < r.s->ids.count; i++)
        if (!r.seen[i])
            assert_int_equal(tag_of(&r.s->blocks[i]), 17); /* a time map that no effect saw */
}

static void a_time_map_comes_behind_the_item_that_made_it(void **state)
{
    struct state *s = *state;
    unsigned maps = 0;

    for (uint32_t i = 1; i < s->ids.count; i++)
        if (tag_of(&s->blocks[i]) == 17) {
            maps++;
            assert_int_equal(tag_of(&s->blocks[i - 1]), 0); /* the item's log node */
            assert_in_range(tag_of(&s->blocks[i - 2]), 6, 16);
        }
    assert_true(maps > 5);
}

static void every_kind_of_block_is_there_as_often_as_recorded(void **state)
{
    struct state *s = *state;
    unsigned tags[32] = {0}, receipts = POSITIONS - CITE_FAULTS, items;

    for (uint32_t i = 0; i < s->ids.count; i++)
        tags[tag_of(&s->blocks[i])]++;
    /* The other effects lie in envelopes. Of those in the full form four are TWICE, STALE, GONE
     * and FROZEN. */
    assert_int_equal(tags[9], CITE_FAULTS);
    assert_int_equal(tags[1] + tags[13] + tags[5], receipts);
    assert_int_equal(tags[5], 1);
    assert_int_equal(tags[3] + tags[26], receipts);
    assert_int_equal(tags[26], 2);  /* MISRUN and MISCALL */
    assert_int_equal(tags[13], 10); /* CREDIT … REST but EARLY to LATEST, and STALE and TWICE */
    assert_int_equal(tags[4], RESOURCES);
    assert_int_equal(tags[7], 1);  /* root */
    assert_int_equal(tags[8], 1);  /* page */
    assert_int_equal(tags[23], 1); /* page of programs */
    assert_int_equal(tags[15], 3); /* domains: one is given another policy */
    assert_int_equal(tags[16], 1); /* the decision */
    items = tags[6] + tags[14] + tags[15] + tags[16];
    assert_int_equal(items, s->sample.items);
    assert_true(tags[14] >= 2); /* retractions */
    /* a: 5 writes besides its creation with b, b: 2 more, d 3, c 2; p and q are created and
     * written together all along, and a and b but for lock and unlock: nodes that are alike are
     * one. a+b created 1; PAY 1; then b's log parts: LOCK 1, UNLOCK 1; READ, FOLLOW and TOUCH 2
     * each; p+q: MAKE_PQ 1, MOVE 1, CITE 1, and 8 of those with a domain; d 3; c 2. A
     * program's: EVENT to LOST. */
    assert_int_equal(tags[0], 4 + 6 + 3 + 8 + 3 + 2 + items + REST_EFFECTS + LOST - EVENT + 1);
    assert_int_equal(s->report.blocks, s->ids.count);
    assert_int_equal(s->report.bytes, s->file.len);
}

/* Goes along a log from its head to its beginning; returns its length. */
static unsigned log_length(struct state *s, cz_id head)
{
    for (unsigned n = 1;; n++) {
        struct czi_slice block = block_of(s, head.bytes);
        struct czi_cbor c = czi_cbor(block.data, block.len);

        czi_cbor_array_of(&c, 2);
        if (czi_cbor_null(&c))
            return n;
        head = czi_cbor_link(&c);
        assert_null(c.what);
    }
}

static void check_programs(struct state *s, cz_id page)
{
    struct czi_slice block = block_of(s, page.bytes);
    struct czi_cbor c = czi_cbor(block.data, block.len);
    cz_id program = resource_id("program"), id;

    czi_cbor_array_of(&c, 2);
    assert_int_equal(czi_cbor_uint(&c), 23);
    assert_int_equal(czi_cbor_array(&c), 1);
    czi_cbor_array_of(&c, 3);
    id = czi_cbor_bytes32(&c);
    assert_memory_equal(&id, &program, sizeof id);
    assert_int_equal(czi_cbor_uint(&c), LOST - EVENT + 1);
    assert_int_equal(log_length(s, czi_cbor_link(&c)), LOST - EVENT + 1);
    assert_int_equal(czi_cbor_end(&c, NULL), CZ_OK);
}

static void the_root_leads_to_heads_that_hash_to_the_stores_root(void **state)
{
    struct state *s = *state;
    struct czi_slice block = block_of(s, s->report.root.bytes), page, domain;
    struct czi_cbor c = czi_cbor(block.data, block.len), p;
    struct czi_blake3 h;
    uint8_t root[32];
    cz_id claimed, link, head;

    czi_cbor_array_of(&c, 9);
    assert_int_equal(czi_cbor_uint(&c), 7);
    assert_int_equal(czi_cbor_uint(&c), POSITIONS);
    assert_int_equal(czi_cbor_uint(&c), s->sample.items);
    claimed = czi_cbor_bytes32(&c);
    assert_memory_equal(&claimed, s->sample.root, 32);
    assert_int_equal(czi_cbor_array(&c), 1);
    link = czi_cbor_link(&c);
    page = block_of(s, link.bytes);
    p = czi_cbor(page.data, page.len);
    czi_cbor_array_of(&p, 2);
    assert_int_equal(czi_cbor_uint(&p), 8);
    assert_int_equal(czi_cbor_array(&p), 6);
    czi_blake3_init(&h);
    for (unsigned i = 0; i < 6; i++) {
        czi_cbor_array_of(&p, 2);
        link = czi_cbor_link(&p);
        head = czi_cbor_link(&p);
        czi_blake3_update(&h, &link, 32);
        czi_blake3_update(&h, &head, 32);
        (void)log_length(s, head);
    }
    czi_blake3_final(&h, root);
    assert_memory_equal(root, s->sample.root, 32);
    /* Domains by the order in which they became known. */
    assert_int_equal(czi_cbor_array(&c), 2);
    for (unsigned i = 0; i < 2; i++) {
        static const char *const names[] = {"ethereum", "moon"};
        uint64_t items;

        czi_cbor_array_of(&c, 3);
        domain = czi_cbor_text(&c);
        assert_int_equal(domain.len, strlen(names[i]));
        assert_memory_equal(domain.data, names[i], domain.len);
        items = czi_cbor_uint(&c);
        assert_int_equal(items, i ? s->sample.items - 3 : 3);
        assert_int_equal(log_length(s, czi_cbor_link(&c)), items);
    }
    assert_int_equal(czi_cbor_uint(&c), REST_EFFECTS);
    assert_int_equal(log_length(s, czi_cbor_link(&c)), REST_EFFECTS);
    assert_int_equal(czi_cbor_array(&c), 1);
    check_programs(s, czi_cbor_link(&c));
    assert_int_equal(czi_cbor_end(&c, NULL), CZ_OK);
}

static void an_empty_store_is_a_root_alone(void **state)
{
    struct czi_buf file = {0};
    struct czi_fs *fs;
    cz_export_report r;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &fs, &err), err);
    assert_ok(czi_ledger_create(fs, &err), err);
    assert_ok(czi_export_car(fs, NULL, keep, &file, &r, &err), err);
    assert_int_equal(r.blocks, 1);
    czi_buf_done(&file);
    fs->ops->free(fs);
}

/* A program's first effect creates a resource: both logs, and for one that creates nothing the
 * program's and that of effects in no resource's log, have one node together. */
static void a_node_that_a_programs_log_shares_stands_once(void **state)
{
    cz_creation c = {.label = "new", .kind = CZ_DATA};
    struct czi_ledger_options store = {.memory_index = true, .segment_size_max = UINT64_MAX};
    cz_options o = {.ordered = true, .backlog_max = 64};
    cz_error err = {0};

    (void)state;
    for (unsigned creates = 0; creates < 2; creates++) {
        struct sample s = {.nonce = 0};
        struct czi_buf file = {0};
        cz_id program = resource_id("program");
        cz_effect *e = new_effect(&s);
        cz_export_report r;

        assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &store.fs, &err), err);
        assert_ok(czi_ledger_create(store.fs, &err), err);
        assert_ok(czi_open_driven(&store, &o, &s.engine, &err), err);
        cz_effect_set_program(e, &program, 1);
        if (creates)
            assert_ok(cz_effect_create(e, &c, &err), err);
        run_effect(&s, e, CZ_APPLIED);
        assert_ok(cz_close(s.engine, &err), err);
        assert_ok(czi_export_car(store.fs, NULL, keep, &file, &r, &err), err);
        /* Root, page of programs, effect, receipt, node; page and identity of the resource. */
        assert_int_equal(r.blocks, creates ? 7 : 5);
        czi_buf_done(&file);
        store.fs->ops->free(store.fs);
    }
}

static void the_same_store_gives_the_same_bytes(void **state)
{
    struct state *s = *state;
    const cz_check_options one = {.threads = 1};
    struct czi_buf again = {0};
    cz_export_report r;
    cz_error err = {0};

    assert_ok(czi_export_car(s->fs, &one, keep, &again, &r, &err), err);
    assert_int_equal(again.len, s->file.len);
    assert_memory_equal(again.data, s->file.data, again.len);
    czi_buf_done(&again);
}

static int refuse(void *arg, const void *data, size_t len, cz_error *err)
{
    (void)arg;
    (void)data;
    (void)len;
    return czi_fail(err, CZ_IO, "no room");
}

static void an_error_of_the_sink_ends_it(void **state)
{
    struct state *s = *state;
    cz_export_report r;
    cz_error err = {0};

    assert_int_equal(czi_export_car(s->fs, &two, refuse, NULL, &r, &err), CZ_IO);
    assert_string_equal(err.detail, "no room");
}

static int count_call(void *arg, const void *data, size_t len, cz_error *err)
{
    (void)data;
    (void)len;
    (void)err;
    ++*(unsigned *)arg;
    return CZ_OK;
}

static void nothing_is_written_of_a_damaged_store(void **state)
{
    struct state *s = *state;
    struct forger *f = calloc(1, sizeof *f);
    struct czi_fs *fs;
    cz_export_report r;
    unsigned calls = 0;
    cz_error err = {0};

    forge_open(f, s->fs);
    forged_post(f, PAY, "a")->version++;
    fs = forge_write(f);
    assert_int_equal(czi_export_car(fs, &two, count_call, &calls, &r, &err), CZ_CORRUPT);
    assert_int_equal(calls, 0);
    fs->ops->free(fs);
    forge_done(f);
    free(f);
}

static void running_out_of_memory_anywhere_is_an_error_and_leaks_nothing(void **state)
{
    struct state *s = *state;
    bool failed = true;

    for (int64_t n = 0; failed; n++) {
        cz_export_report r;
        unsigned calls = 0;
        cz_error err = {0};
        int rc;

        czi_alloc_fail_after(n);
        rc = czi_export_car(s->fs, &two, count_call, &calls, &r, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        assert_int_equal(rc, failed ? CZ_NOMEM : CZ_OK);
    }
}

/* For tests/e2e/car/read-car: writes the sample's export to the file that is named. */
static int write_file(const char *path)
{
    void *state;
    struct state *s;
    FILE *f = fopen(path, "wb");
    bool ok;

    (void)set_up(&state);
    s = state;
    ok = f && fwrite(s->file.data, 1, s->file.len, f) == s->file.len;
    ok = f && fclose(f) == 0 && ok;
    (void)tear_down(&state);
    return ok ? 0 : 1;
}

static int print_program(void *arg, const cz_program_report *r)
{
    char id[65], head[65];

    (void)arg;
    czi_hex(id, &r->id, sizeof r->id);
    czi_hex(head, &r->head, sizeof r->head);
    return printf("%s %llu %s\n", id, (unsigned long long)r->entries, head) < 0;
}

/* For tests/property/verify.py: makes the sample's store and prints its root, and the head of
 * each program's log. */
static int write_store(const char *path)
{
    struct sample s;
    char hex[65];
    cz_error err = {0};

    make_store(path, &s);
    czi_hex(hex, s.root, sizeof s.root);
    if (puts(hex) < 0)
        return 1;
    assert_ok(cz_open(path, &(cz_options){.read_only = true}, &s.engine, &err), err);
    assert_ok(cz_program_list(s.engine, print_program, NULL, &err), err);
    return cz_close(s.engine, &err);
}

#define EXPORTED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPORTED(every_block_is_canonical_and_is_reached_from_the_root),
        EXPORTED(a_time_map_comes_behind_the_item_that_made_it),
        EXPORTED(every_kind_of_block_is_there_as_often_as_recorded),
        EXPORTED(the_root_leads_to_heads_that_hash_to_the_stores_root),
        cmocka_unit_test(an_empty_store_is_a_root_alone),
        cmocka_unit_test(a_node_that_a_programs_log_shares_stands_once),
        EXPORTED(the_same_store_gives_the_same_bytes),
        EXPORTED(an_error_of_the_sink_ends_it),
        EXPORTED(nothing_is_written_of_a_damaged_store),
        EXPORTED(running_out_of_memory_anywhere_is_an_error_and_leaks_nothing),
    };

    if (argc == 3 && !strcmp(argv[1], "--write"))
        return write_file(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "--store"))
        return write_store(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
