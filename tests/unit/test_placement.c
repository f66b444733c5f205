/* test_placement.c - groups of resources that are used together: how they are found, kept and
 * applied, and that nothing else changes by them (R1).
 */
#include "engine/engine.h"
#include "engine/placement.h"
#include "platform/simulated.h"
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

static cz_id number_id(unsigned n)
{
    struct czi_rng r = czi_rng(n + 1);
    cz_id id;

    for (unsigned i = 0; i < 4; i++) {
        uint64_t v = czi_rng_next(&r);

        memcpy(id.bytes + (size_t)8 * i, &v, 8);
    }
    return id;
}

/* ---- Counting and grouping -----------------------------------------------------------------
 */

static void use(struct czi_pairs *p, const unsigned *numbers, unsigned count)
{
    cz_id ids[CZI_ACCESSES_MAX];
    const uint8_t *pointers[CZI_ACCESSES_MAX];
    cz_error err = {0};

    for (unsigned i = 0; i < count; i++) {
        ids[i] = number_id(numbers[i]);
        pointers[i] = ids[i].bytes;
    }
    assert_ok(czi_pairs_note(p, pointers, count, &err), err);
}
#define USE(p, ...)                                                                            \
    do {                                                                                       \
        const unsigned numbers_[] = {__VA_ARGS__};                                             \
        use((p), numbers_, CZI_COUNTOF(numbers_));                                             \
    } while (0)

static unsigned group_of(const struct czi_placement *p, unsigned n)
{
    cz_id id = number_id(n);

    return czi_placement_group(p, &id);
}

static struct czi_pairs begin_pairs(void)
{
    struct czi_pairs p;
    cz_error err = {0};

    assert_ok(czi_pairs_init(&p, 0, 0, &err), err);
    return p;
}

static struct czi_placement suggest(struct czi_pairs *p, unsigned group_max)
{
    struct czi_placement placement = {0};
    cz_error err = {0};

    assert_ok(czi_placement_suggest(p, group_max, &placement, &err), err);
    return placement;
}

static void what_is_used_together_is_in_one_group_the_most_used_first(void **state)
{
    struct czi_pairs pairs = begin_pairs();
    struct czi_placement p;

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        USE(&pairs, 1, 2, 3);
        USE(&pairs, 7, 8);
        USE(&pairs, 8, 7);
    }
    USE(&pairs, 5);    /* alone */
    USE(&pairs, 1, 7); /* once */
    p = suggest(&pairs, 256);
    /* 1, 2, 3 were used 16 times, 7 and 8 21 times. */
    assert_int_equal(group_of(&p, 7), 1);
    assert_int_equal(group_of(&p, 8), 1);
    for (unsigned n = 1; n <= 3; n++)
        assert_int_equal(group_of(&p, n), 2);
    assert_int_equal(group_of(&p, 5), 0);
    assert_int_equal(group_of(&p, 99), 0);
    assert_int_equal(p.ids.count, 5);
    czi_placement_done(&p);
    czi_pairs_done(&pairs);
}

/* Families of four that pay a fee each time: the till is in every effect. */
static void what_everybody_uses_does_not_hold_everybody_together(void **state)
{
    enum { TILL = 1000 };
    struct czi_pairs pairs = begin_pairs();
    struct czi_placement p;

    (void)state;
    for (unsigned i = 0; i < 4000; i++) {
        unsigned family = i % 50, a = i / 50 % 4;

        USE(&pairs, 4 * family + a, 4 * family + (a + 1) % 4, TILL);
    }
    p = suggest(&pairs, 4);
    for (unsigned family = 0; family < 50; family++)
        for (unsigned a = 1; a < 4; a++)
            assert_int_equal(group_of(&p, 4 * family + a), group_of(&p, 4 * family));
    assert_int_equal(group_of(&p, TILL), 0);
    czi_placement_done(&p);
    czi_pairs_done(&pairs);
}

static void no_group_is_larger_than_it_may_be(void **state)
{
    struct czi_pairs pairs = begin_pairs();
    unsigned sizes[CZ_PLACEMENT_GROUPS_MAX + 1] = {0};
    struct czi_placement p;

    (void)state;
    for (unsigned i = 0; i < 300; i++) /* one long chain */
        for (unsigned k = 0; k < 2; k++)
            USE(&pairs, i, i + 1);
    p = suggest(&pairs, 7);
    for (unsigned i = 0; i <= 300; i++)
        sizes[group_of(&p, i)]++;
    for (unsigned g = 1; g <= CZ_PLACEMENT_GROUPS_MAX; g++)
        assert_true(sizes[g] <= 7 && sizes[g] != 1);
    assert_in_range(p.ids.count, 200, 301);
    czi_placement_done(&p);
    p = suggest(&pairs, 1);
    assert_int_equal(p.ids.count, 0);
    czi_placement_done(&p);
    czi_pairs_done(&pairs);
}

/* 70,000 couples: there are not as many numbers. */
static void groups_share_numbers_when_there_are_too_many(void **state)
{
    enum { COUPLES = 70000 };
    struct czi_pairs pairs = begin_pairs();
    struct czi_placement p;
    unsigned highest = 0;

    (void)state;
    for (unsigned i = 0; i < COUPLES; i++)
        USE(&pairs, 2 * i, 2 * i + 1);
    p = suggest(&pairs, 256);
    assert_int_equal(p.ids.count, 2 * COUPLES);
    for (unsigned i = 0; i < COUPLES; i++) {
        assert_int_equal(group_of(&p, 2 * i), group_of(&p, 2 * i + 1));
        highest = CZI_MAX(highest, group_of(&p, 2 * i));
    }
    assert_int_equal(highest, COUPLES / 2);
    czi_placement_done(&p);
    /* When none may be larger, the last ones have no group. */
    p = suggest(&pairs, 2);
    assert_int_equal(p.ids.count, 2 * CZ_PLACEMENT_GROUPS_MAX);
    assert_int_equal(group_of(&p, 0), 1);
    assert_int_equal(group_of(&p, 2 * COUPLES - 1), 0);
    czi_placement_done(&p);
    czi_pairs_done(&pairs);
}

/* Ten couples in far more noise than there is room for. */
static void counting_is_bounded_and_keeps_what_is_frequent(void **state)
{
    enum { PAIRS = 256, RESOURCES = 512 };
    struct czi_rng r = czi_rng(test_env("CAUSALITY_SEED", 1));
    struct czi_placement p;
    struct czi_pairs pairs;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_pairs_init(&pairs, PAIRS, RESOURCES, &err), err);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned noise = 1000 + (unsigned)czi_rng_below(&r, 100000), couple = i % 10;

        USE(&pairs, noise, noise + 1, noise + 2);
        USE(&pairs, 2 * couple, 2 * couple + 1);
        assert_true(pairs.pair_count <= PAIRS && pairs.ids.count <= RESOURCES);
    }
    p = suggest(&pairs, 2);
    for (unsigned couple = 0; couple < 10; couple++) {
        assert_int_not_equal(group_of(&p, 2 * couple), 0);
        assert_int_equal(group_of(&p, 2 * couple), group_of(&p, 2 * couple + 1));
    }
    czi_placement_done(&p);
    czi_pairs_done(&pairs);
}

/* The bounds of limits.h themselves, with pairs that are all different. */
static void pairs_and_resources_have_bounds(void **state)
{
    struct czi_pairs pairs = begin_pairs();
    unsigned numbers[16];

    (void)state;
    assert_int_equal(pairs.pairs_max, CZI_PLACEMENT_PAIRS_MAX);
    assert_int_equal(pairs.resources_max, CZI_PLACEMENT_RESOURCES_MAX);
    for (unsigned i = 0; i < CZI_PLACEMENT_RESOURCES_MAX / 16 + 10; i++) {
        for (unsigned k = 0; k < 16; k++)
            numbers[k] = 16 * i + k;
        use(&pairs, numbers, 16);
        assert_true(pairs.pair_count <= CZI_PLACEMENT_PAIRS_MAX);
        assert_true(pairs.ids.count <= CZI_PLACEMENT_RESOURCES_MAX);
    }
    czi_pairs_done(&pairs);
}

static void without_memory_counting_and_grouping_say_so(void **state)
{
    struct czi_pairs pairs;
    struct czi_placement p = {0};
    cz_error err = {0};
    int rc = CZ_NOMEM;

    (void)state;
    for (int64_t skip = 0; rc; skip++) {
        czi_alloc_fail_after(skip);
        rc = czi_pairs_init(&pairs, 64, 64, &err);
        for (unsigned i = 0; !rc && i < 200; i++) {
            cz_id a = number_id(i), b = number_id(i % 3);
            const uint8_t *ids[] = {a.bytes, b.bytes};

            rc = czi_pairs_note(&pairs, ids, i < 3 ? 1 : 2, &err);
        }
        if (!rc)
            rc = czi_placement_suggest(&pairs, 4, &p, &err);
        czi_alloc_fail_after(-1);
        assert_true(rc == CZ_OK || rc == CZ_NOMEM);
        czi_pairs_done(&pairs);
    }
    czi_placement_done(&p);
}

/* ---- The file ------------------------------------------------------------------------------
 */

static struct czi_placement some_groups(unsigned count)
{
    struct czi_placement p = {0};
    cz_error err = {0};

    for (unsigned i = 0; i < count; i++) {
        cz_id id = number_id(i);

        assert_ok(czi_placement_add(&p, &id, (uint16_t)(i % 300 + 1), &err), err);
    }
    return p;
}

static void assert_same(const struct czi_placement *a, const struct czi_placement *b)
{
    assert_int_equal(a->ids.count, b->ids.count);
    for (uint32_t i = 0; i < a->ids.count; i++)
        assert_int_equal(a->groups[i], czi_placement_group(b, czi_id_table_id(&a->ids, i)));
}

static void what_is_written_is_read(void **state)
{
    static const unsigned counts[] = {0, 1, 1000};
    struct czi_fs *fs;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &fs, &err), err);
    for (size_t i = 0; i < CZI_COUNTOF(counts); i++) {
        struct czi_placement p = some_groups(counts[i]), q = {0};

        assert_ok(czi_placement_read(fs, &q, &err), err);
        assert_int_equal(q.ids.count, i ? counts[i - 1] : 0);
        czi_placement_done(&q);
        assert_ok(czi_placement_write(fs, &p, &err), err);
        assert_ok(czi_placement_read(fs, &q, &err), err);
        assert_same(&p, &q);
        czi_placement_done(&p);
        czi_placement_done(&q);
    }
    fs->ops->free(fs);
}

static void each_changed_byte_of_the_file_is_found(void **state)
{
    struct czi_placement p = some_groups(3), q = {0};
    struct czi_fs *fs;
    struct czi_file *f;
    cz_error err = {0};
    uint64_t size;

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &fs, &err), err);
    assert_ok(czi_placement_write(fs, &p, &err), err);
    assert_ok(fs->ops->open(fs, "PLACEMENT", CZI_OPEN_WRITE, &f, &err), err);
    assert_ok(fs->ops->size(f, &size, &err), err);
    for (uint64_t at = 0; at < size; at++) {
        uint8_t byte, changed;
        size_t n;

        assert_ok(fs->ops->read(f, at, &byte, 1, &n, &err), err);
        changed = byte ^ 1;
        assert_ok(fs->ops->write(f, at, &changed, 1, &err), err);
        assert_int_equal(czi_placement_read(fs, &q, &err), CZ_CORRUPT);
        assert_non_null(strstr(err.detail, "placement apply"));
        assert_ok(fs->ops->write(f, at, &byte, 1, &err), err);
    }
    while (size--) {
        assert_ok(fs->ops->truncate(f, size, &err), err);
        assert_int_equal(czi_placement_read(fs, &q, &err), CZ_CORRUPT);
    }
    fs->ops->close(f);
    fs->ops->free(fs);
    czi_placement_done(&p);
}

static void a_crash_leaves_the_old_file_or_the_new_one(void **state)
{
    struct czi_placement old = some_groups(3), new = some_groups(5), q = {0};
    unsigned seen[2] = {0};
    cz_error err = {0};
    bool done = false;

    (void)state;
    for (uint64_t after = 0; !done; after++) {
        struct czi_sim_fault fault = {.after = after, .power_off = true, .seed = after};
        struct czi_fs *fs, *left;

        assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &fs, &err), err);
        assert_ok(czi_placement_write(fs, &old, &err), err);
        czi_sim_arm(fs, &fault);
        done = czi_placement_write(fs, &new, &err) == CZ_OK;
        assert_ok(czi_sim_crash(fs, after, &left, &err), err);
        assert_ok(czi_placement_read(left, &q, &err), err);
        assert_true(q.ids.count == 3 || q.ids.count == 5);
        assert_same(q.ids.count == 5 ? &new : &old, &q);
        assert_true(!done || q.ids.count == 5);
        seen[q.ids.count == 5]++;
        czi_placement_done(&q);
        left->ops->free(left);
        fs->ops->free(fs);
    }
    assert_true(seen[0] && seen[1]);
    czi_placement_done(&old);
    czi_placement_done(&new);
}

/* ---- Applied to a store ---------------------------------------------------------------------
 */

/* Enough effects for closing to write the index: closing does not for less than 50,000. */
enum { ACCOUNTS = 1000, FAMILY = 8, EFFECTS = 52000, LATER = 500 };

struct world {
    char dir[32];
    cz_id accounts[ACCOUNTS];
    uint64_t nonce;
};

static void make_accounts(struct world *w, cz_engine *g)
{
    cz_error err = {0};

    for (unsigned i = 0; i < ACCOUNTS; i++) {
        CZ_EFFECT(e);
        char label[16];
        cz_creation c = {.creator = cz_operator(),
                         .controller = cz_operator(),
                         .label = label,
                         .kind = CZ_FUNGIBLE,
                         .asset = "EUR",
                         .quantity = 1000000};

        snprintf(label, sizeof label, "a%u", i);
        assert_ok(cz_resource_id(&c.creator, label, &w->accounts[i], &err), err);
        cz_effect_set_nonce(e, w->nonce++);
        assert_ok(cz_effect_create(e, &c, &err), err);
        assert_ok(cz_submit_effect(g, e, NULL, NULL, NULL, &err), err);
    }
}

/* Within families of eight, which are scattered over all accounts: i and i + 125 and so on. */
static void transfer_some(struct world *w, cz_engine *g, unsigned count)
{
    cz_id origin = {{9}};
    cz_error err = {0};

    for (unsigned i = 0; i < count; i++) {
        unsigned n = (unsigned)(w->nonce * 7919 % ACCOUNTS), step = ACCOUNTS / FAMILY;
        uint8_t bytes[CZI_TRANSFER_SIZE_MAX];
        size_t len = czi_transfer_encode(bytes, &origin, w->nonce++, CZ_NORMAL, &w->accounts[n],
                                         &w->accounts[(n + step) % ACCOUNTS], i % 5 + 1);
        int rc;

        while ((rc = cz_submit(g, bytes, len, NULL, NULL, NULL, &err)) == CZ_BUSY)
            assert_ok(cz_flush(g, &err), err);
        assert_ok(rc, err);
    }
}

static cz_engine *open_world(const struct world *w)
{
    cz_options options = {.threads = 1, .ordered = true};
    cz_engine *g;
    cz_error err = {0};

    assert_ok(cz_open(w->dir, &options, &g, &err), err);
    return g;
}

static void make_world(struct world *w)
{
    cz_engine *g;
    cz_error err = {0};

    *w = (struct world){.dir = "/tmp/test-placement-XXXXXX", .nonce = 1};
    assert_non_null(mkdtemp(w->dir));
    assert_ok(cz_init(w->dir, &err), err);
    g = open_world(w);
    make_accounts(w, g);
    transfer_some(w, g, EFFECTS);
    assert_ok(cz_close(g, &err), err);
}

static void drop_world(struct world *w)
{
    char command[64];

    snprintf(command, sizeof command, "rm -r %s", w->dir);
    assert_int_equal(system(command), 0);
}

static void read_root(const struct world *w, uint8_t root[32])
{
    cz_engine *g = open_world(w);
    cz_error err = {0};

    assert_ok(cz_root(g, root, &err), err);
    assert_ok(cz_close(g, &err), err);
}

struct group_members {
    unsigned groups[ACCOUNTS + 2], count;
    uint64_t weight;
    cz_id last;
    uint32_t last_group;
};
static int note_member(void *arg, uint32_t group, const cz_id *id, uint64_t weight)
{
    struct group_members *m = arg;

    assert_true(group >= m->last_group);
    if (group == m->last_group)
        assert_true(memcmp(&m->last, id, sizeof *id) < 0);
    m->last = *id;
    m->last_group = group;
    m->groups[group]++;
    m->weight += weight;
    m->count++;
    return CZ_OK;
}

static void the_journal_suggests_its_families_and_says_what_that_gives(void **state)
{
    struct world w;
    cz_placement_report r, shown;
    struct group_members m = {0}, none = {0};
    cz_error err = {0};

    (void)state;
    make_world(&w);
    assert_ok(cz_placement_suggest(w.dir, 0, note_member, &m, &r, &err), err);
    assert_int_equal(r.effects, ACCOUNTS + EFFECTS);
    assert_int_equal(r.resources, ACCOUNTS);
    assert_int_equal(r.grouped, ACCOUNTS);
    assert_int_equal(r.groups, ACCOUNTS / FAMILY);
    assert_int_equal(r.pairs, EFFECTS);
    assert_int_equal(r.together, EFFECTS);
    assert_int_equal(m.count, ACCOUNTS);
    assert_int_equal(m.weight, ACCOUNTS + 2 * EFFECTS);
    for (unsigned g = 1; g <= r.groups; g++)
        assert_int_equal(m.groups[g], FAMILY);
    /* Nothing is applied by that. */
    assert_ok(cz_placement_show(w.dir, note_member, &none, &shown, &err), err);
    assert_int_equal(shown.grouped + shown.groups + shown.together + none.count, 0);
    assert_int_equal(shown.pairs, EFFECTS);
    /* Pairs of two at most: less lies together. */
    assert_ok(cz_placement_suggest(w.dir, 2, NULL, NULL, &r, &err), err);
    assert_int_equal(r.groups, ACCOUNTS / 2);
    assert_in_range(r.together, EFFECTS / 3, EFFECTS / 2 + 1);
    drop_world(&w);
}

/* Slots of a family, by the engine's table. */
static void assert_neighbours(cz_engine *g, const struct world *w, bool expected)
{
    unsigned far = 0;

    for (unsigned i = 0; i < ACCOUNTS / FAMILY; i++) {
        uint32_t low = UINT32_MAX, high = 0;

        for (unsigned k = 0; k < FAMILY; k++) {
            uint32_t slot = czi_id_table_find(&g->step.core.resources.ids,
                                              &w->accounts[i + k * (ACCOUNTS / FAMILY)]);

            low = CZI_MIN(low, slot);
            high = CZI_MAX(high, slot);
        }
        far += high - low != FAMILY - 1;
    }
    if (expected)
        assert_int_equal(far, 0);
    else
        assert_int_equal(far, ACCOUNTS / FAMILY);
}

static void applying_moves_slots_and_changes_no_result(void **state)
{
    struct world w;
    cz_engine *g;
    cz_placement_report r;
    cz_journal_report replayed;
    cz_audit_report audited;
    uint8_t before[32], after[32], later[32];
    cz_error err = {0};

    (void)state;
    make_world(&w);
    read_root(&w, before);
    g = open_world(&w);
    assert_neighbours(g, &w, false);
    assert_int_equal(cz_placement_apply(w.dir, 0, &r, &err), CZ_BUSY);
    assert_ok(cz_close(g, &err), err);

    assert_ok(cz_placement_apply(w.dir, 0, &r, &err), err);
    assert_int_equal(r.groups, ACCOUNTS / FAMILY);
    read_root(&w, after); /* makes the index again, by groups */
    assert_memory_equal(before, after, 32);
    g = open_world(&w);
    assert_neighbours(g, &w, true);
    transfer_some(&w, g, LATER);
    assert_ok(cz_root(g, later, &err), err);
    assert_ok(cz_close(g, &err), err);

    assert_ok(cz_replay(w.dir, NULL, &replayed, &err), err);
    assert_memory_equal(replayed.root, later, 32);
    assert_true(replayed.index_compared);
    assert_ok(cz_audit(w.dir, NULL, &audited, &err), err);
    assert_memory_equal(audited.journal.root, later, 32);
    assert_ok(cz_placement_show(w.dir, NULL, NULL, &r, &err), err);
    assert_int_equal(r.grouped, ACCOUNTS);
    assert_int_equal(r.together, EFFECTS + LATER);
    drop_world(&w);
}

static void a_new_index_keeps_the_groups(void **state)
{
    struct world w;
    cz_placement_report r;
    cz_engine *g;
    uint8_t root[32];
    cz_error err = {0};

    (void)state;
    make_world(&w);
    assert_ok(cz_placement_apply(w.dir, 0, &r, &err), err);
    read_root(&w, root);
    assert_ok(cz_reindex(w.dir, &err), err);
    read_root(&w, root);
    g = open_world(&w);
    assert_neighbours(g, &w, true);
    assert_ok(cz_close(g, &err), err);
    /* And groups of one are none. */
    assert_ok(cz_placement_apply(w.dir, 1, &r, &err), err);
    assert_int_equal(r.grouped, 0);
    read_root(&w, root);
    g = open_world(&w);
    assert_neighbours(g, &w, false);
    assert_ok(cz_close(g, &err), err);
    drop_world(&w);
}

/* As a crash leaves it that comes after the file and before the index is thrown away: the index
 * is written by other groups than the file's, and a row must not be there under two keys. */
static void an_index_of_other_groups_is_made_again(void **state)
{
    struct world w;
    struct czi_placement p = {0};
    struct czi_fs *fs;
    cz_engine *g;
    uint8_t before[32], after[32];
    cz_journal_report replayed;
    cz_error err = {0};

    (void)state;
    make_world(&w);
    read_root(&w, before);
    for (unsigned i = 0; i < ACCOUNTS; i++)
        assert_ok(czi_placement_add(&p, &w.accounts[i], (uint16_t)(1 + i % (ACCOUNTS / FAMILY)),
                                    &err),
                  err);
    assert_ok(czi_fs_posix(w.dir, &fs, &err), err);
    assert_ok(czi_placement_write(fs, &p, &err), err);
    fs->ops->free(fs);
    czi_placement_done(&p);
    g = open_world(&w);
    assert_int_equal(g->saved_positions, 0); /* it began from the journal alone */
    assert_ok(cz_root(g, after, &err), err);
    assert_memory_equal(before, after, 32);
    assert_ok(cz_close(g, &err), err);
    g = open_world(&w);
    assert_int_equal(g->saved_positions, ACCOUNTS + EFFECTS);
    assert_neighbours(g, &w, true);
    assert_ok(cz_close(g, &err), err);
    assert_ok(cz_replay(w.dir, NULL, &replayed, &err), err);
    assert_memory_equal(replayed.root, before, 32);
    drop_world(&w);
}

static void a_store_with_a_damaged_file_says_what_to_do(void **state)
{
    char dir[] = "/tmp/test-placement-XXXXXX", path[64];
    cz_placement_report r;
    cz_engine *g;
    cz_error err = {0};
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_ok(cz_init(dir, &err), err);
    snprintf(path, sizeof path, "%s/PLACEMENT", dir);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fputs("causality placement 2\n", f) < 0, 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(cz_open(dir, NULL, &g, &err), CZ_CORRUPT);
    assert_non_null(strstr(err.detail, "PLACEMENT"));
    assert_int_equal(cz_placement_show(dir, NULL, NULL, &r, &err), CZ_CORRUPT);
    assert_ok(cz_placement_apply(dir, 0, &r, &err), err);
    assert_int_equal(r.effects + r.resources + r.pairs, 0);
    assert_ok(cz_open(dir, NULL, &g, &err), err);
    assert_ok(cz_close(g, &err), err);
    assert_int_equal(cz_placement_apply("/nowhere", 0, &r, &err), CZ_NOT_FOUND);
    snprintf(path, sizeof path, "rm -r %s", dir);
    assert_int_equal(system(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_used_together_is_in_one_group_the_most_used_first),
        cmocka_unit_test(what_everybody_uses_does_not_hold_everybody_together),
        cmocka_unit_test(no_group_is_larger_than_it_may_be),
        cmocka_unit_test(groups_share_numbers_when_there_are_too_many),
        cmocka_unit_test(counting_is_bounded_and_keeps_what_is_frequent),
        cmocka_unit_test(pairs_and_resources_have_bounds),
        cmocka_unit_test(without_memory_counting_and_grouping_say_so),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(each_changed_byte_of_the_file_is_found),
        cmocka_unit_test(a_crash_leaves_the_old_file_or_the_new_one),
        cmocka_unit_test(the_journal_suggests_its_families_and_says_what_that_gives),
        cmocka_unit_test(applying_moves_slots_and_changes_no_result),
        cmocka_unit_test(a_new_index_keeps_the_groups),
        cmocka_unit_test(an_index_of_other_groups_is_made_again),
        cmocka_unit_test(a_store_with_a_damaged_file_says_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
