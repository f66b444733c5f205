/* test_guests.c - guests in effects: what they change, who may, what receipts say. */
#include "codec/blake3.h"
#include "engine/engine.h"
#include "engine/guests.h"
#include "guest_mix.h"
#include "guest_script.h"

#include "resource/resource.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* ---- A store with a code, data and balances ------------------------------------------------
 */

#define DATA 4u
#define BALANCES 3u

static struct {
    cz_engine *engine;
    cz_id code, data[DATA], balances[BALANCES], origin;
    uint64_t nonce;
    uint8_t *elf;
    size_t elf_len;
    cz_result result;
    cz_error err;
} w;

static cz_effect *begin(void)
{
    cz_effect *e = cz_effect_new();

    cz_effect_set_origin(e, &w.origin);
    cz_effect_set_nonce(e, ++w.nonce);
    return e;
}

static enum cz_reason apply(cz_effect *e)
{
    uint64_t ticket;

    assert_ok(cz_submit_effect(w.engine, e, NULL, NULL, &ticket, &w.err), w.err);
    cz_effect_free(e);
    assert_ok(cz_wait(w.engine, ticket, 60000, &w.result, &w.err), w.err);
    return w.result.reason;
}

static void create(const char *label, enum cz_kind kind, cz_quantity q, const void *data,
                   size_t len, cz_id *ret)
{
    cz_creation c = {.creator = cz_operator(),
                     .controller = {{0}},
                     .label = label,
                     .kind = kind,
                     .quantity = q,
                     .asset = kind == CZ_FUNGIBLE ? "gold" : NULL,
                     .data = data,
                     .data_len = len};
    cz_effect *e = begin();

    assert_ok(cz_effect_create(e, &c, &w.err), w.err);
    assert_int_equal(apply(e), CZ_APPLIED);
    assert_ok(cz_resource_id(&c.creator, label, ret, &w.err), w.err);
}

static void open_store(unsigned threads)
{
    cz_options o = {.threads = threads};

    memset(&w, 0, sizeof w);
    memset(&w.origin, 7, sizeof w.origin);
    assert_ok(cz_open(NULL, &o, &w.engine, &w.err), w.err);
}

static int set_up(void **state)
{
    cz_effect *e;

    (void)state;
    open_store(2);
    w.elf = script_read_file(GUESTS "/mix.elf", &w.elf_len);
    e = begin();
    assert_ok(cz_effect_deploy(e, w.elf, w.elf_len, &w.code, &w.err), w.err);
    assert_int_equal(apply(e), CZ_APPLIED);
    for (unsigned i = 0; i < DATA; i++) {
        uint64_t words[8] = {0, 0, i};
        char label[] = "data 0";

        label[5] = (char)('0' + i);
        create(label, CZ_DATA, 0, words, sizeof words, &w.data[i]);
    }
    for (unsigned i = 0; i < BALANCES; i++) {
        char label[] = "gold 0";

        label[5] = (char)('0' + i);
        create(label, CZ_FUNGIBLE, 100, NULL, 0, &w.balances[i]);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_ok(cz_close(w.engine, &w.err), w.err);
    free(w.elf);
    return 0;
}

/* ---- Mixing --------------------------------------------------------------------------------
 */

static struct mix mix(uint64_t flags, unsigned data, unsigned balances)
{
    struct mix m = {.flags = flags,
                    .data_count = data,
                    .fungible_count = balances,
                    .amount = 10,
                    .loops = 10,
                    .label = 0x6162636465666768};

    for (unsigned i = 0; i < data; i++)
        memcpy(m.ids[i], &w.data[i], 32);
    for (unsigned i = 0; i < balances; i++)
        memcpy(m.ids[data + i], &w.balances[i], 32);
    return m;
}

static void add_run(cz_effect *e, const struct mix *m, uint64_t gas)
{
    cz_guest_access accesses[16];
    size_t n = (size_t)(m->data_count + m->fungible_count);

    if (m->flags & MIX_OPEN) {
        assert_ok(cz_effect_call(e, &w.code, gas, m, mix_size(m), &w.err), w.err);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(&accesses[i].resource, m->ids[i], 32);
        accesses[i].mode = CZ_WRITE;
    }
    assert_ok(cz_effect_run(e, &w.code, gas, accesses, n, m, mix_size(m), &w.err), w.err);
}

static enum cz_reason run(const struct mix *m)
{
    cz_effect *e = begin();

    add_run(e, m, 1000000);
    return apply(e);
}

static uint64_t count_of(unsigned i)
{
    cz_resource r;
    uint64_t n;

    assert_ok(cz_resource_get(w.engine, &w.data[i], &r, &w.err), w.err);
    assert_int_equal(r.data_len, 64);
    memcpy(&n, r.data, sizeof n);
    return n;
}

/* ---- Claims --------------------------------------------------------------------------------
 */

static void what_a_guest_stores_is_the_resources_data(void **state)
{
    struct mix m = mix(0, 2, 0);

    (void)state;
    assert_int_equal(run(&m), CZ_APPLIED);
    assert_int_equal(run(&m), CZ_APPLIED);
    assert_int_equal(count_of(0), 2);
    assert_int_equal(count_of(1), 2);
    assert_int_equal(count_of(2), 0);
}

static void an_open_effect_changes_the_same(void **state)
{
    struct mix m = mix(MIX_OPEN, 2, 2);

    (void)state;
    assert_int_equal(run(&m), CZ_APPLIED);
    assert_int_equal(run(&m), CZ_APPLIED);
    assert_int_equal(count_of(0), 2);
    assert_int_equal(count_of(1), 2);
}

/* ---- Codes and what they control -----------------------------------------------------------
 */

static enum cz_reason create_code(const void *bytes, size_t len, const char *label,
                                  enum cz_kind kind)
{
    cz_creation c = {.label = label, .kind = kind, .data = bytes, .data_len = len};
    cz_effect *e = begin();

    assert_ok(cz_effect_create(e, &c, &w.err), w.err);
    return apply(e);
}

static void a_code_is_named_by_its_bytes_and_loads(void **state)
{
    char label[CZI_CODE_LABEL_SIZE];
    uint8_t *other = malloc(w.elf_len + 1);
    cz_id hash;

    (void)state;
    memcpy(other, w.elf, w.elf_len);
    other[w.elf_len] = 1; /* another file, that loads as well */
    czi_blake3(other, w.elf_len, hash.bytes);
    czi_code_label(&hash, label);
    assert_int_equal(create_code(other, w.elf_len + 1, label, CZ_CODE), CZ_EXISTS);
    label[10]++;
    assert_int_equal(create_code(other, w.elf_len + 1, label, CZ_CODE), CZ_BAD_CODE);
    czi_blake3(other, w.elf_len + 1, hash.bytes);
    czi_code_label(&hash, label);
    assert_int_equal(create_code(other, w.elf_len + 1, label, CZ_DATA), CZ_BAD_CODE);
    assert_int_equal(create_code(other, w.elf_len + 1, label, CZ_CODE), CZ_APPLIED);
    czi_blake3("no elf", 6, hash.bytes);
    czi_code_label(&hash, label);
    assert_int_equal(create_code("no elf", 6, label, CZ_CODE), CZ_BAD_CODE);
    free(other);
}

static void a_code_never_changes(void **state)
{
    cz_effect *e = begin();

    (void)state;
    assert_ok(cz_effect_write(e, &w.code, "x", 1, &w.err), w.err);
    assert_int_equal(apply(e), CZ_WRONG_KIND);
    e = begin();
    assert_ok(cz_effect_archive(e, &w.code, &w.err), w.err);
    assert_int_equal(apply(e), CZ_WRONG_KIND);
    e = begin();
    assert_ok(cz_effect_lock(e, &w.code, &w.err), w.err);
    assert_int_equal(apply(e), CZ_WRONG_KIND);
}

static void what_is_no_code_does_not_run(void **state)
{
    struct mix m = mix(0, 1, 0), open = mix(MIX_OPEN, 1, 0);
    cz_id code = w.code, absent = {{5}};

    (void)state;
    w.code = w.data[3];
    assert_int_equal(run(&m), CZ_NOT_CODE);
    assert_int_equal(run(&open), CZ_NOT_CODE);
    w.code = absent;
    assert_int_equal(run(&m), CZ_UNKNOWN_RESOURCE);
    assert_int_equal(run(&open), CZ_UNKNOWN_RESOURCE);
    w.code = code;
}

static cz_id own(const struct mix *m)
{
    return czi_identity_id(&w.code, (struct czi_slice){(const uint8_t *)&m->label, 8});
}

static void what_a_code_controls_only_its_runs_change(void **state)
{
    struct mix m = mix(MIX_OPEN | MIX_OWN, 0, 0);
    cz_guest_access access = {.mode = CZ_WRITE};
    cz_resource r;
    cz_effect *e;

    (void)state;
    assert_int_equal(run(&m), CZ_APPLIED);
    access.resource = own(&m);
    assert_ok(cz_resource_get(w.engine, &access.resource, &r, &w.err), w.err);
    assert_memory_equal(&r.controller, &w.code, sizeof(cz_id));
    e = begin();
    assert_ok(cz_effect_write(e, &access.resource, "x", 1, &w.err), w.err);
    assert_int_equal(apply(e), CZ_CODE_ONLY);
    e = begin();
    assert_ok(cz_effect_archive(e, &access.resource, &w.err), w.err);
    assert_int_equal(apply(e), CZ_CODE_ONLY);
    e = begin(); /* to name it is to change its version */
    assert_ok(cz_effect_access(e, &access.resource, CZ_WRITE, &w.err), w.err);
    assert_ok(cz_effect_transfer(e, &w.balances[0], &w.balances[1], 1, &w.err), w.err);
    assert_int_equal(apply(e), CZ_CODE_ONLY);
    m.flags = 0; /* its code runs, and leaves it as it is */
    e = begin();
    assert_ok(cz_effect_run(e, &w.code, 100000, &access, 1, &m, mix_size(&m), &w.err), w.err);
    assert_int_equal(apply(e), CZ_APPLIED);
    e = begin(); /* behind a run of its code others may not change it either */
    assert_ok(cz_effect_run(e, &w.code, 100000, &access, 1, &m, mix_size(&m), &w.err), w.err);
    assert_ok(cz_effect_write(e, &access.resource, "x", 1, &w.err), w.err);
    assert_int_equal(apply(e), CZ_CODE_ONLY);
}

static void nobody_creates_in_the_name_of_a_code(void **state)
{
    cz_creation c = {.creator = w.code, .label = "mine", .kind = CZ_DATA};
    cz_effect *e = begin();

    (void)state;
    assert_ok(cz_effect_create(e, &c, &w.err), w.err);
    assert_int_equal(apply(e), CZ_CODE_ONLY);
    c.creator = cz_operator();
    c.controller = w.code;
    e = begin();
    assert_ok(cz_effect_create(e, &c, &w.err), w.err);
    assert_int_equal(apply(e), CZ_CODE_ONLY);
    c = (cz_creation){.creator = w.code,
                      .controller = w.code,
                      .label = "gold",
                      .asset = "gold",
                      .kind = CZ_FUNGIBLE};
    e = begin(); /* not even an empty balance in its place, as accounts let it be made */
    assert_ok(cz_effect_create(e, &c, &w.err), w.err);
    assert_int_equal(apply(e), CZ_CODE_ONLY);
}

static void a_code_may_run_in_the_effect_that_deploys_it(void **state)
{
    size_t len;
    uint8_t *elf = script_read_file(GUESTS "/player.elf", &len);
    cz_guest_access access = {.resource = w.data[0], .mode = CZ_WRITE};
    static struct script script;
    cz_effect *e = begin();
    cz_id player;
    cz_resource r;

    (void)state;
    script_begin(&script);
    (void)script_call(&script, CZ_CALL_RESIZE, 0, 5, 0, 0);
    script_end(&script, 0, true);
    assert_ok(cz_effect_deploy(e, elf, len, &player, &w.err), w.err);
    assert_ok(cz_effect_run(e, &player, 100000, &access, 1, script.bytes, script.len, &w.err),
              w.err);
    assert_int_equal(apply(e), CZ_APPLIED);
    assert_ok(cz_resource_get(w.engine, &w.data[0], &r, &w.err), w.err);
    assert_int_equal(r.data_len, 5);
    free(elf);
}

/* ---- What would be -------------------------------------------------------------------------
 */

struct seen {
    unsigned calls;
    cz_guest_trace trace;
    cz_guest_touch touches[4];
};

static int look(void *arg, const cz_guest_trace *trace)
{
    struct seen *s = arg;

    s->calls++;
    s->trace = *trace;
    assert_true(trace->touch_count <= 4);
    memcpy(s->touches, trace->touches, trace->touch_count * sizeof s->touches[0]);
    return 77;
}

static void trying_tells_what_is_tracked_and_changes_nothing(void **state)
{
    uint64_t flags[] = {0, MIX_OPEN};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct mix m = mix(flags[i], 1, 2);
        struct seen s = {0};
        cz_effect *e = begin();
        unsigned data = flags[i] ? 1 : 0; /* what is open begins with the code */
        uint8_t root[32], after[32];

        add_run(e, &m, 100000);
        assert_ok(cz_root(w.engine, root, &w.err), w.err);
        assert_int_equal(cz_guest_try(w.engine, e, look, &s, &w.err), 77);
        assert_ok(cz_root(w.engine, after, &w.err), w.err);
        assert_memory_equal(root, after, sizeof root);
        assert_int_equal(s.calls, 1);
        assert_int_equal(s.trace.reason, CZ_APPLIED);
        assert_int_equal(s.trace.run.status, CZ_GUEST_EXITED);
        assert_true(s.trace.instructions > 0 && s.trace.instructions < s.trace.run.gas);
        assert_int_equal(s.trace.operations, 2);
        assert_int_equal(s.trace.touch_count, 4);
        assert_memory_equal(&s.touches[data].resource, &w.data[0], 32);
        assert_true(s.touches[data].read && s.touches[data].written);
        assert_true(s.touches[data].loads == 1 && s.touches[data].stores == 1);
        assert_int_equal(apply(e), CZ_APPLIED);
    }
    assert_int_equal(count_of(0), 2);
}

static void only_an_effect_with_a_guest_can_be_tried(void **state)
{
    struct seen s = {0};
    cz_effect *e = begin();

    (void)state;
    assert_ok(cz_effect_transfer(e, &w.balances[0], &w.balances[1], 1, &w.err), w.err);
    assert_int_equal(cz_guest_try(w.engine, e, look, &s, &w.err), CZ_INVALID);
    assert_int_equal(s.calls, 0);
    cz_effect_free(e);
}

/* ---- Out of memory -------------------------------------------------------------------------
 */

/* The same as with memory, or the engine stops and says so. */
static void without_memory_nothing_wrong_comes_of_a_guest(void **state)
{
    for (int64_t n = 0, failed = 1; failed; n++) {
        struct mix m;
        cz_effect *e;
        uint64_t ticket;
        cz_result r = {0};
        int rc;

        assert_int_equal(set_up(state), 0);
        m = mix(n % 2 ? MIX_OPEN | MIX_OWN : 0, 2, 2);
        e = begin();
        add_run(e, &m, 100000);
        czi_alloc_fail_after(n / 2);
        rc = cz_submit_effect(w.engine, e, NULL, NULL, &ticket, &w.err);
        if (!rc)
            rc = cz_wait(w.engine, ticket, 60000, &r, &w.err);
        failed = czi_alloc_failed() || n % 2 == 0;
        czi_alloc_fail_after(-1);
        cz_effect_free(e);
        if (rc) {
            assert_true(rc == CZ_NOMEM || (rc == CZ_CLOSED && strstr(w.err.detail, "memory")));
        } else {
            assert_int_equal(r.reason, CZ_APPLIED);
            assert_int_equal(count_of(0), 1);
            assert_int_equal(count_of(1), 1);
        }
        (void)cz_close(w.engine, &w.err);
        free(w.elf);
    }
}

/* ---- Guards --------------------------------------------------------------------------------
 */

static uint64_t submit(cz_effect *e)
{
    uint64_t ticket;

    assert_ok(cz_submit_effect(w.engine, e, NULL, NULL, &ticket, &w.err), w.err);
    cz_effect_free(e);
    return ticket;
}

static void until_parked(uint64_t ticket)
{
    cz_result r;

    do
        assert_int_equal(cz_poll(w.engine, ticket, &r, &w.err), CZ_BUSY);
    while (!strstr(w.err.detail, "waits for a guard") && sched_yield() == 0);
}

static void expect(uint64_t ticket, enum cz_reason reason)
{
    cz_result r;

    assert_ok(cz_wait(w.engine, ticket, 60000, &r, &w.err), w.err);
    assert_int_equal(r.reason, reason);
}

static cz_guard acquire(unsigned i)
{
    cz_claim claim = {.resource = w.data[i], .mode = CZ_WRITE};
    cz_guard guard;

    assert_ok(cz_acquire(w.engine, &claim, CZ_FOREVER, &guard, &w.err), w.err);
    return guard;
}

static void an_open_effect_waits_for_the_guards_of_what_it_would_touch(void **state)
{
    struct mix m = mix(MIX_OPEN, 2, 0), other = mix(MIX_OPEN, 1, 0);
    cz_guard guard = acquire(1);
    cz_effect *e;
    uint64_t ticket;

    (void)state;
    assert_int_equal(run(&other), CZ_APPLIED); /* touches data 0 alone */
    e = begin();
    add_run(e, &m, 1000000);
    ticket = submit(e);
    until_parked(ticket);
    assert_int_equal(count_of(0), 1);
    assert_ok(cz_guard_abort(&guard, &w.err), w.err);
    expect(ticket, CZ_APPLIED);
    assert_int_equal(count_of(0), 2);
    assert_int_equal(count_of(1), 1);
}

/* It waits for data 0, which named data 2 and then names data 1, which is held too. An effect
 * of the same origin comes behind it all the same. */
static void what_it_would_touch_may_change_while_it_waits(void **state)
{
    struct mix m = mix(MIX_OPEN | MIX_FOLLOW, 1, 0), other = mix(MIX_OPEN, 1, 0);
    cz_guard zero = acquire(0), one = acquire(1);
    uint64_t words[8] = {100};
    cz_contents contents;
    cz_effect *e = begin();
    uint64_t first, second;

    (void)state;
    memcpy(&words[2], &w.data[2], 32);
    memcpy(other.ids[0], &w.data[3], 32);
    assert_ok(cz_guard_contents(&zero, &contents, &w.err), w.err);
    contents.data = (const uint8_t *)words;
    contents.data_len = sizeof words;
    assert_ok(cz_guard_update(&zero, &contents, &w.err), w.err);
    assert_ok(cz_guard_commit(&zero, NULL, &w.err), w.err);
    zero = acquire(0);
    add_run(e, &m, 1000000);
    first = submit(e);
    until_parked(first);
    e = begin();
    add_run(e, &other, 1000000);
    second = submit(e);
    until_parked(second);
    memcpy(&words[2], &w.data[1], 32);
    assert_ok(cz_guard_contents(&zero, &contents, &w.err), w.err);
    contents.data = (const uint8_t *)words;
    contents.data_len = sizeof words;
    assert_ok(cz_guard_update(&zero, &contents, &w.err), w.err);
    assert_ok(cz_guard_commit(&zero, NULL, &w.err), w.err);
    assert_int_equal(count_of(0), 100); /* the engine rested: it did not go on */
    until_parked(first);
    until_parked(second);
    assert_ok(cz_guard_abort(&one, &w.err), w.err);
    expect(first, CZ_APPLIED);
    expect(second, CZ_APPLIED);
    assert_int_equal(count_of(0), 101);
    assert_int_equal(count_of(3), 1);
}

static void guards_cannot_apply_an_open_effect(void **state)
{
    struct mix m = mix(MIX_OPEN, 1, 0);
    cz_guard guard = acquire(0);
    cz_effect *e = begin();

    (void)state;
    add_run(e, &m, 1000000);
    assert_int_equal(cz_guards_apply(&guard, 1, e, NULL, &w.err), CZ_INVALID);
    cz_effect_free(e);
    assert_ok(cz_guard_abort(&guard, &w.err), w.err);
}

static struct {
    uint64_t ticket;
    atomic_bool holds, goes;
    int rc;
    cz_error err;
} waiter;

static void *hold_and_wait(void *arg)
{
    cz_guard guard = acquire(2);
    cz_result result;

    atomic_store(&waiter.holds, true);
    while (!atomic_load(&waiter.goes))
        (void)sched_yield();
    waiter.rc = cz_wait(w.engine, waiter.ticket, CZ_FOREVER, &result, &waiter.err);
    (void)cz_release(&guard, NULL);
    return arg;
}

static void until_one_waits(void)
{
    cz_lock_stats stats;

    do
        assert_ok(cz_lock_stats_get(w.engine, &stats, &w.err), w.err);
    while (stats.waiting == 0 && sched_yield() == 0);
}

/* It waits for data 0, and when it has that needs data 2, whose holder waits for it by now. */
static void who_waits_for_what_comes_to_need_ones_own_guard_is_told(void **state)
{
    struct mix m = mix(MIX_OPEN | MIX_FOLLOW, 1, 0);
    cz_guard zero = acquire(0);
    uint64_t words[8] = {0};
    cz_effect *e = begin();
    cz_contents contents;
    pthread_t thread;

    (void)state;
    memset(&waiter, 0, sizeof waiter);
    assert_int_equal(pthread_create(&thread, NULL, hold_and_wait, NULL), 0);
    while (!atomic_load(&waiter.holds))
        (void)sched_yield();
    add_run(e, &m, 1000000);
    waiter.ticket = submit(e);
    until_parked(waiter.ticket);
    atomic_store(&waiter.goes, true);
    until_one_waits();
    memcpy(&words[2], &w.data[2], 32);
    assert_ok(cz_guard_contents(&zero, &contents, &w.err), w.err);
    contents.data = (const uint8_t *)words;
    contents.data_len = sizeof words;
    assert_ok(cz_guard_update(&zero, &contents, &w.err), w.err);
    assert_ok(cz_guard_commit(&zero, NULL, &w.err), w.err);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(waiter.rc, CZ_DEADLOCK);
    assert_non_null(strstr(waiter.err.detail, "waits for"));
    expect(waiter.ticket, CZ_APPLIED);
    assert_int_equal(count_of(0), 1);
}

/* ---- Names ---------------------------------------------------------------------------------
 */

/* Whoever knows a code's bytes knows its id, and may make something in its name before it is
 * there. The code can tell. */
static int take_output(void *arg, const cz_guest_trace *trace)
{
    assert_int_equal(trace->reason, CZ_APPLIED);
    assert_int_equal(trace->run.output_len, 16);
    memcpy(arg, trace->run.output, 16);
    return 0;
}

static void what_was_made_before_a_code_is_not_its_own(void **state)
{
    static struct script script;
    cz_creation c = {.label = "abcdefgh", .kind = CZ_DATA, .data = (const uint8_t *)"x"};
    cz_guest_access access = {.mode = CZ_READ};
    uint64_t results[2] = {7, 7};
    cz_effect *e = begin();
    cz_id player;

    (void)state;
    c.data_len = 1;
    free(w.elf);
    w.elf = script_read_file(GUESTS "/player.elf", &w.elf_len);
    assert_ok(cz_code_id(w.elf, w.elf_len, &player, &w.err), w.err);
    c.creator = c.controller = player;
    assert_ok(cz_effect_create(e, &c, &w.err), w.err);
    assert_int_equal(apply(e), CZ_APPLIED);
    assert_ok(cz_resource_id(&player, c.label, &access.resource, &w.err), w.err);
    e = begin();
    assert_ok(cz_effect_deploy(e, w.elf, w.elf_len, &player, &w.err), w.err);
    assert_int_equal(apply(e), CZ_APPLIED);
    script_begin(&script);
    (void)script_call(&script, CZ_CALL_INFO, 0, SCRIPT_ROOM, 0, 0);
    (void)script_load(&script, SCRIPT_ROOM + offsetof(struct cz_guest_info, is_own), 8);
    script_end(&script, 0, false);
    e = begin();
    assert_ok(cz_effect_run(e, &player, 100000, &access, 1, script.bytes, script.len, &w.err),
              w.err);
    assert_ok(cz_guest_try(w.engine, e, take_output, results, &w.err), w.err);
    cz_effect_free(e);
    assert_int_equal(results[0], 0);
    assert_int_equal(results[1], 0);
}

/* The same, of a guest that opens its own through the SDK. */
static void a_guest_does_not_count_in_what_others_made_in_its_name(void **state)
{
    cz_creation c = {.label = "hgfedcba", .kind = CZ_DATA, .data = (const uint8_t *)"12345678"};
    struct mix m = mix(MIX_OPEN | MIX_OWN, 0, 0);
    cz_effect *e;
    cz_id code = w.code;

    (void)state;
    assert_memory_equal(&m.label, c.label, 8);
    c.data_len = 8;
    c.creator = c.controller = code;
    assert_ok(cz_close(w.engine, &w.err), w.err);
    free(w.elf);
    open_store(2);
    w.code = code;
    w.elf = script_read_file(GUESTS "/mix.elf", &w.elf_len);
    e = begin();
    assert_ok(cz_effect_create(e, &c, &w.err), w.err);
    assert_int_equal(apply(e), CZ_APPLIED);
    e = begin();
    assert_ok(cz_effect_deploy(e, w.elf, w.elf_len, &code, &w.err), w.err);
    assert_int_equal(apply(e), CZ_APPLIED);
    assert_int_equal(run(&m), CZ_GUEST_FAILED);
    m.label++; /* which nobody took */
    assert_int_equal(run(&m), CZ_APPLIED);
    assert_int_equal(run(&m), CZ_APPLIED);
}

/* ---- Bounds --------------------------------------------------------------------------------
 */

static void codes_beyond_the_bound_are_decoded_again(void **state)
{
    struct czi_codes c;
    struct czi_code *code = NULL, *first = NULL;
    struct czi_slice file;
    uint8_t id[32] = {0};
    uint32_t n = 0;

    (void)state;
    assert_ok(czi_codes_init(&c, &w.err), w.err);
    file.data = script_read_file(GUESTS "/mix.elf", &file.len);
    for (; c.bytes <= CZI_CODES_BYTES_MAX; n++) {
        memcpy(id, &n, sizeof n);
        assert_int_equal(czi_codes_get(&c, id, file, &code), CZ_OK);
        first = n ? first : code;
    }
    assert_true(czi_codes_overfull(&c));
    memset(id, 0, sizeof id); /* the first one is used again, so the second is the oldest */
    assert_int_equal(czi_codes_get(&c, id, file, &code), CZ_OK);
    assert_ptr_equal(code, first);
    czi_codes_trim(&c);
    assert_false(czi_codes_overfull(&c));
    assert_non_null(c.kept[0].code);
    assert_null(c.kept[1].code);
    assert_non_null(c.kept[2].code);
    id[0] = 1;
    assert_int_equal(czi_codes_get(&c, id, file, &code), CZ_OK);
    assert_ptr_equal(c.kept[1].code, code);
    czi_codes_done(&c);
    free((void *)(uintptr_t)file.data);
}

/* An entry of the batch at hand, prepared and still to be run, may be of a code that goes. */
static void who_is_to_run_ahead_keeps_no_code_that_was_dropped(void **state)
{
    struct mix m = mix(0, 1, 0);
    struct czi_slice file = {w.elf, w.elf_len};
    struct czi_guests *g;
    struct czi_ahead ahead = {.tried = false};
    uint8_t id[32] = {1};
    uint32_t n = 0;

    (void)state;
    assert_int_equal(run(&m), CZ_APPLIED);
    assert_ok(cz_flush(w.engine, &w.err), w.err);
    g = w.engine->step.core.guests;
    assert_int_equal(czi_codes_get(&g->codes, id, file, &ahead.code), CZ_OK);
    while (!czi_codes_overfull(&g->codes)) {
        struct czi_code *other;

        n++;
        memcpy(id + 4, &n, sizeof n);
        assert_int_equal(czi_codes_get(&g->codes, id, file, &other), CZ_OK);
    }
    czi_free(g->ahead);
    g->ahead = czi_alloc_zero(1, sizeof *g->ahead);
    *g->ahead = ahead;
    g->ahead_count = g->ahead_room = 1;
    czi_guests_trim(g);
    assert_false(czi_codes_overfull(&g->codes));
    assert_null(g->ahead[0].code);
}

/* Each of many guests writes 64 KiB, which is more in all than is kept of runs ahead. */
static void what_cannot_be_kept_is_run_at_its_turn(void **state)
{
    enum { MANY = 2 * CZI_KEEP_BYTES_MAX / CZI_DATA_SIZE_MAX };
    static struct script script;
    cz_guest_access accesses[MANY];
    cz_submission all[MANY];
    cz_effect *effects[MANY];
    cz_result result;
    uint64_t ticket;
    cz_stats stats;
    cz_id player;
    cz_effect *e = begin();

    (void)state;
    free(w.elf);
    w.elf = script_read_file(GUESTS "/player.elf", &w.elf_len);
    assert_ok(cz_effect_deploy(e, w.elf, w.elf_len, &player, &w.err), w.err);
    assert_int_equal(apply(e), CZ_APPLIED);
    script_begin(&script);
    (void)script_call(&script, CZ_CALL_RESIZE, 0, CZI_DATA_SIZE_MAX, 0, 0);
    script_end(&script, 0, true);
    for (unsigned i = 0; i < MANY; i++) {
        char label[16];

        accesses[i].mode = CZ_WRITE;
        (void)snprintf(label, sizeof label, "large %u", i);
        create(label, CZ_DATA, 0, "x", 1, &accesses[i].resource);
    }
    for (unsigned i = 0; i < MANY; i++) {
        effects[i] = begin();
        assert_ok(cz_effect_run(effects[i], &player, 100000, &accesses[i], 1, script.bytes,
                                script.len, &w.err),
                  w.err);
        assert_ok(cz_effect_encode(effects[i], (const uint8_t **)&all[i].bytes, &all[i].len,
                                   &w.err),
                  w.err);
    }
    assert_ok(cz_submit_batch(w.engine, all, MANY, NULL, NULL, &ticket, NULL, &w.err), w.err);
    for (unsigned i = 0; i < MANY; i++) {
        assert_ok(cz_wait(w.engine, ticket + i, 60000, &result, &w.err), w.err);
        assert_int_equal(result.reason, CZ_APPLIED);
        cz_effect_free(effects[i]);
    }
    assert_ok(cz_stats_get(w.engine, &stats, &w.err), w.err);
    assert_int_equal(stats.guests, MANY);
    assert_true(w.engine->step.core.guests->window <= CZI_WAVE_ENTRIES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_guest_stores_is_the_resources_data, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_open_effect_changes_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_code_is_named_by_its_bytes_and_loads, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_code_never_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_code_does_not_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_code_controls_only_its_runs_change, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nobody_creates_in_the_name_of_a_code, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_code_may_run_in_the_effect_that_deploys_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(trying_tells_what_is_tracked_and_changes_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_an_effect_with_a_guest_can_be_tried, set_up,
                                        tear_down),
        cmocka_unit_test(without_memory_nothing_wrong_comes_of_a_guest),
        cmocka_unit_test_setup_teardown(
            an_open_effect_waits_for_the_guards_of_what_it_would_touch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_it_would_touch_may_change_while_it_waits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(guards_cannot_apply_an_open_effect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_waits_for_what_comes_to_need_ones_own_guard_is_told,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_made_before_a_code_is_not_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_guest_does_not_count_in_what_others_made_in_its_name,
                                        set_up, tear_down),
        cmocka_unit_test(codes_beyond_the_bound_are_decoded_again),
        cmocka_unit_test_setup_teardown(who_is_to_run_ahead_keeps_no_code_that_was_dropped,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_kept_is_run_at_its_turn, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
