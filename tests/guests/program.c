/* program.c - a guest that is a program, for tests: does what the first byte of its input says.
 *
 * What it finds it tells by its value (RETURN) and by the effects that it performs; it ends
 * with 100 and more when something is not as it should be.
 */
#include <causality/guest.h>

struct input {
    char what, rest[7];
    uint64_t n;
    cz_id a, b, c, counter;
    uint64_t name_len;
    char name[64]; /* of a program */
};
static const struct input *in;

static void check(bool holds, int64_t line)
{
    if (!holds)
        czg_exit(line);
}
#define CHECK(condition) check(condition, 1000 + __LINE__)

static int64_t pay(const cz_id *from, const cz_id *to, uint64_t n, struct cz_guest_result *ret)
{
    struct cz_guest_op op = {.code = CZ_OP_TRANSFER,
                             .a = CZG_PTR(from),
                             .b = CZG_PTR(to),
                             .quantity = {n, 0}};
    int64_t rc = czg_emit(&op);

    return rc ? rc : czg_perform(ret);
}

static int64_t nap(uint64_t ms)
{
    struct cz_guest_deadline d = {.after_ms = ms};

    return czg_sleep(&d);
}

/* ---- Everything, for crashes: as `parent` of tests/unit/test_host_crash.c ---------------- */

static int64_t pay_branch(uint64_t to)
{
    struct cz_guest_result r = {0};
    int64_t rc = pay(&in->a, (const cz_id *)to, 1, &r);

    return rc ? rc : (int64_t)r.reason;
}

static int64_t count_branch(uint64_t argument)
{
    struct cz_guest_claim claim = {CZG_PTR(&in->counter), CZ_WRITE};
    volatile uint8_t *window = (volatile uint8_t *)CZ_GUEST_WINDOW(0);
    int64_t rc;

    (void)argument;
    while ((rc = czg_acquire(&claim, 1)) == -CZ_BUSY)
        (void)czg_join(nap(1), NULL);
    if (rc)
        return rc;
    rc = czg_join(nap(2), NULL);
    if (rc)
        return rc;
    window[0]++;
    rc = window[0] - '0';
    CHECK(czg_commit(NULL) == 0);
    return rc;
}

static int64_t everything(void)
{
    uint64_t both[] = {(uint64_t)czg_fork(pay_branch, CZG_PTR(&in->b)),
                       (uint64_t)czg_fork(pay_branch, CZG_PTR(&in->c))};
    struct cz_guest_deadline late = {.after_ms = 50};
    struct cz_guest_info info;
    uint64_t sleeps[2], three[3], values[3], first = 9;
    int64_t winner;

    CHECK(czg_join(czg_barrier(both, 2), NULL) == 0);
    CHECK(czg_read(&in->c, &info, NULL, 0) == 0);
    CHECK(info.quantity[0] == 1 && info.kind == CZ_FUNGIBLE);
    sleeps[0] = (uint64_t)nap(50);
    sleeps[1] = (uint64_t)nap(5);
    CHECK(czg_join(czg_race(CZ_RACE_ANY, sleeps, 2), NULL) == 0);
    winner = czg_winner();
    CHECK(czg_join(czg_timeout(&late, czg_fork(pay_branch, CZG_PTR(&in->b))), &first) == 0);
    for (unsigned i = 0; i < 3; i++)
        three[i] = (uint64_t)czg_fork(count_branch, i);
    for (unsigned i = 0; i < 3; i++)
        CHECK(czg_join((int64_t)three[i], &values[i]) == 0);
    czg_send("done", 4);
    czg_return((uint64_t)winner + 10 * first + 100 * (values[0] + values[1] + values[2]) +
               (czg_random() & 0));
    return 0;
}

/* ---- Tasks ---------------------------------------------------------------------------------
 */

static int64_t nothing(uint64_t argument)
{
    return (int64_t)argument;
}

static int64_t sleep_long(uint64_t argument)
{
    int64_t rc = czg_join(nap(argument), NULL);

    return rc;
}

static int64_t spin(uint64_t argument)
{
    for (volatile uint64_t i = argument; i; i++)
        continue;
    return 0;
}

static int64_t wild(uint64_t address)
{
    *(volatile uint64_t *)address = 1;
    return 0;
}

/* As many tasks as there may be, each of which tries the same. */
static int64_t bomb(uint64_t depth)
{
    uint64_t mine[64];
    uint64_t made = 0, below, value;
    int64_t f = 0;

    while (made < 64 && (f = czg_fork(bomb, depth + 1)) > 0)
        mine[made++] = (uint64_t)f;
    CHECK(f == -CZ_LIMIT);
    below = made;
    for (unsigned i = 0; i < made; i++)
        if (czg_join((int64_t)mine[i], &value) == 0)
            below += value;
    return (int64_t)below;
}

/* Each forks one that is deeper, with a stack of its own. */
static int64_t deep(uint64_t left)
{
    uint64_t value = 0;
    int64_t f;

    if (!left)
        return 0;
    f = czg_fork(deep, left - 1);
    if (f < 0)
        return f;
    return czg_join(f, &value) ? -CZ_INVALID : (int64_t)value + 1;
}

static int64_t local_bytes(uint64_t n)
{
    volatile uint8_t bytes[40000];

    for (size_t i = 0; i < sizeof bytes; i += 64)
        bytes[i] = (uint8_t)n;
    (void)czg_yield();
    for (size_t i = 0; i < sizeof bytes; i += 64)
        if (bytes[i] != (uint8_t)n)
            return -CZ_INVALID;
    return (int64_t)n;
}

static int64_t stacks(void)
{
    uint64_t futures[20], sum = 0, value;

    for (unsigned i = 0; i < 20; i++)
        futures[i] = (uint64_t)czg_fork(local_bytes, i + 1);
    for (unsigned i = 0; i < 20; i++) {
        CHECK(czg_join((int64_t)futures[i], &value) == 0);
        sum += value;
    }
    czg_return(sum);
    return 0;
}

/* Numbers that are none of its futures, and those that were used up. */
static int64_t stale_elsewhere(uint64_t future)
{
    return czg_join((int64_t)future, NULL) == -CZ_STALE ? 1 : 0;
}

static int64_t forged(void)
{
    int64_t f = czg_fork(nothing, 7);
    uint64_t value = 0, twice[] = {(uint64_t)f, (uint64_t)f};

    for (uint64_t n = 0; n < 70; n++)
        if ((int64_t)n != f)
            CHECK(czg_join((int64_t)n, NULL) == -CZ_STALE);
    CHECK(czg_join(f ^ INT64_MIN, NULL) == -CZ_STALE);
    CHECK(czg_join(f + 1024, NULL) == -CZ_STALE);
    CHECK(czg_cancel(-1) == -CZ_STALE);
    CHECK(czg_barrier(twice, 2) == -CZ_STALE);
    CHECK(czg_join(czg_fork(stale_elsewhere, (uint64_t)f), &value) == 0 && value == 1);
    CHECK(czg_join(f, &value) == 0 && value == 7);
    CHECK(czg_join(f, &value) == -CZ_STALE);
    CHECK(czg_race(7, twice, 1) == -CZ_INVALID);
    CHECK(czg_commit(NULL) == -CZ_STALE && czg_release() == -CZ_STALE);
    return 0;
}

/* As many futures as there may be, again and again. */
static int64_t many_futures(void)
{
    uint64_t made = 0, all[1100];

    for (unsigned round = 0; round < 3; round++) {
        int64_t f = 0;

        for (made = 0; made < 1100 && (f = nap(1000000)) > 0; made++)
            all[made] = (uint64_t)f;
        CHECK(made == 1024 && f == -CZ_LIMIT);
        f = czg_race(CZ_RACE_OK, all, 1024);
        CHECK(f > 0);
        CHECK(czg_cancel(f) == 0);
    }
    for (unsigned i = 0; i < 3000; i++)
        CHECK(czg_cancel(czg_fork(nothing, i)) == 0);
    czg_return(made);
    return 0;
}

static int64_t codes(void)
{
    uint64_t value = 5;

    CHECK(czg_join(czg_fork(nothing, (uint64_t)-CZ_PROOF), &value) == -CZ_PROOF);
    CHECK(czg_join(czg_fork(nothing, (uint64_t)INT64_MIN), &value) == -CZ_REJECTED);
    CHECK(czg_join(czg_fork(nothing, (uint64_t)-25), &value) == -CZ_REJECTED);
    CHECK(value == 5);
    return 0;
}

static int64_t exits(uint64_t code)
{
    czg_exit((int64_t)code);
}

static int64_t task_exits(void)
{
    uint64_t value = 5;

    CHECK(czg_join(czg_fork(exits, 0), &value) == 0 && value == 0);
    CHECK(czg_join(czg_fork(exits, 3), NULL) == -CZ_REJECTED);
    return 0;
}

/* A task that is cancelled and goes on until it may not. */
static int64_t stubborn(void)
{
    int64_t f = czg_fork(spin, 1);
    uint64_t gas = czg_gas();

    CHECK(czg_yield() == 0);
    CHECK(czg_cancel(f) == 0);
    czg_return(gas - czg_gas());
    return 0;
}

/* What it was told when it was cancelled from outside. */
static int64_t told(void)
{
    int64_t rc = czg_join(nap(1000000), NULL);

    CHECK(rc == -CZ_CANCELLED);
    CHECK(czg_join(nap(1), NULL) == -CZ_CANCELLED);
    CHECK(pay(&in->a, &in->b, 1, NULL) == -CZ_CANCELLED);
    return in->n ? -rc : 0;
}

/* ---- Effects -------------------------------------------------------------------------------
 */

static int64_t pays(void)
{
    struct cz_guest_result r = {0};
    int64_t rc = pay(&in->a, &in->b, in->n, &r);

    czg_return(r.position * 100 + r.reason);
    return rc == -CZ_REJECTED ? 0 : -rc;
}

static int64_t pays_later(void)
{
    struct cz_guest_op op = {.code = CZ_OP_TRANSFER,
                             .a = CZG_PTR(&in->a),
                             .b = CZG_PTR(&in->b),
                             .quantity = {in->n, 0}};
    uint64_t position = 0;

    CHECK(czg_emit(&op) == 0);
    CHECK(czg_join(czg_perform_future(), &position) == 0);
    czg_return(position);
    return 0;
}

static int64_t bad_operations(void)
{
    struct cz_guest_op op = {.code = 999};
    char text[200];

    CHECK(czg_emit(&op) == -CZ_INVALID);
    op.code = 12; /* a note is the host's */
    CHECK(czg_emit(&op) == -CZ_INVALID);
    op = (struct cz_guest_op){.code = CZ_OP_ACCESS, .a = CZG_PTR(&in->a), .mode = 2};
    CHECK(czg_emit(&op) == -CZ_INVALID);
    op = (struct cz_guest_op){.code = CZ_OP_WHEN, .text = CZG_PTR(text), .text_len = 200};
    CHECK(czg_emit(&op) == -CZ_LIMIT);
    op = (struct cz_guest_op){.code = CZ_OP_WRITE,
                              .a = CZG_PTR(&in->counter),
                              .data_len = 1 << 20};
    CHECK(czg_emit(&op) == -CZ_LIMIT);
    op = (struct cz_guest_op){.code = CZ_OP_RUN, .a = CZG_PTR(&in->a), .access_count = 65};
    CHECK(czg_emit(&op) == -CZ_LIMIT);
    op = (struct cz_guest_op){.code = CZ_OP_TRANSFER,
                              .a = CZG_PTR(&in->a),
                              .b = CZG_PTR(&in->b)};
    CHECK(czg_emit(&op) == -CZ_INVALID); /* of nothing */
    return pays();
}

/* Performs what was emitted: its reason. */
static int64_t reason(void)
{
    struct cz_guest_result r = {.reason = 12345};
    int64_t rc = czg_perform(&r);

    CHECK(rc == (r.reason ? -CZ_REJECTED : 0));
    return (int64_t)r.reason;
}

static int64_t reason_of(uint64_t code, const cz_id *a, const cz_id *b, const cz_id *c)
{
    struct cz_guest_op op = {.code = code,
                             .a = CZG_PTR(a),
                             .b = CZG_PTR(b),
                             .c = CZG_PTR(c),
                             .fact = CZG_PTR(&in->a),
                             .quantity = {1, 0},
                             .text = CZG_PTR("nowhere"),
                             .text_len = 7,
                             .not_after = 9,
                             .has = 2,
                             .version = 9};

    CHECK(czg_emit(&op) == 0);
    return reason();
}

static void depend(const char *purpose)
{
    struct cz_guest_op op = {.code = CZ_OP_DEPEND,
                             .fact = CZG_PTR(&in->a),
                             .mode = CZ_STILL_TRUE,
                             .text = CZG_PTR(purpose),
                             .text_len = strlen(purpose)};

    CHECK(czg_emit(&op) == 0);
}

/* Every operation that there is reaches the ledger, which says what is wrong with it. */
static int64_t operations(void)
{
    const cz_id *a = &in->a, *b = &in->b, *c = &in->c;
    struct cz_guest_op access = {.code = CZ_OP_ACCESS, .a = CZG_PTR(c), .mode = CZ_READ};

    CHECK(reason_of(CZ_OP_MOVE, a, b, c) == CZ_WRONG_KIND);
    CHECK(reason_of(CZ_OP_LOCK, a, b, c) == 0 && reason_of(CZ_OP_UNLOCK, a, b, c) == 0);
    CHECK(reason_of(CZ_OP_FREEZE, a, b, c) == 0 && reason_of(CZ_OP_UNFREEZE, a, b, c) == 0);
    CHECK(reason_of(CZ_OP_UNLOCK, a, b, c) == CZ_WRONG_STATE);
    CHECK(reason_of(CZ_OP_REQUIRE, a, b, c) == CZ_REQUIRE_VERSION);
    CHECK(reason_of(CZ_OP_WHEN, a, b, c) == CZ_UNKNOWN_DOMAIN);
    CHECK(reason_of(CZ_OP_USE, a, b, c) != 0);
    CHECK(reason_of(CZ_OP_WITHDRAW, a, b, c) != 0);
    CHECK(czg_perform(NULL) == -CZ_INVALID); /* nothing to do */
    depend("purpose");
    CHECK(reason_of(CZ_OP_TRANSFER, a, b, c) == CZ_UNKNOWN_FACT);
    depend("deposit");
    CHECK(reason_of(CZ_OP_DEPOSIT, a, b, c) == CZ_UNKNOWN_FACT);
    depend("withdrawal");
    CHECK(reason_of(CZ_OP_CONFIRM, a, b, c) == CZ_UNKNOWN_FACT);
    depend("withdrawal");
    CHECK(reason_of(CZ_OP_RELEASE, a, b, c) == CZ_UNKNOWN_FACT);
    CHECK(czg_emit(&access) == 0);
    CHECK(reason_of(CZ_OP_TRANSFER, a, b, c) == 0);
    CHECK(reason_of(CZ_OP_ARCHIVE, c, b, c) == 0);
    CHECK(reason_of(CZ_OP_CONSUME, &in->counter, b, c) == 0);
    return 0;
}

/* Creates a resource, and writes it with one effect; then reads it. */
static int64_t creates(void)
{
    static const char label[] = "of a guest", text[] = "written";
    cz_id self, id;
    struct cz_guest_info info;
    char back[32];
    struct cz_guest_op op = {.code = CZ_OP_CREATE,
                             .text = CZG_PTR(label),
                             .text_len = sizeof label - 1,
                             .b = CZG_PTR(&self),
                             .mode = CZ_DATA,
                             .data = CZG_PTR("first"),
                             .data_len = 5};

    czg_origin(&self);
    czg_resource_id(&self, label, sizeof label - 1, &id);
    CHECK(czg_read(&id, &info, back, sizeof back) == -CZ_NOT_FOUND);
    CHECK(czg_emit(&op) == 0);
    op = (struct cz_guest_op){.code = CZ_OP_WRITE,
                              .a = CZG_PTR(&id),
                              .data = CZG_PTR(text),
                              .data_len = sizeof text};
    CHECK(czg_emit(&op) == 0);
    CHECK(czg_perform(NULL) == 0);
    CHECK(czg_read(&id, &info, back, sizeof back) == (int64_t)sizeof text);
    CHECK(memcmp(back, text, sizeof text) == 0 && info.version == 1);
    CHECK(czg_read(&id, NULL, back, 3) == 3);
    return 0;
}

/* ---- Guards --------------------------------------------------------------------------------
 */

static int64_t guards(void)
{
    struct cz_guest_claim claims[] = {{CZG_PTR(&in->counter), CZ_WRITE},
                                      {CZG_PTR(&in->a), CZ_WRITE},
                                      {CZG_PTR(&in->b), CZ_WRITE},
                                      {CZG_PTR(&in->c), CZ_READ}};
    struct cz_guest_claim twice[] = {claims[0], claims[0]};
    struct cz_guest_op call = {.code = CZ_OP_CALL, .a = CZG_PTR(&in->a), .gas = 1};
    struct cz_guest_info info;
    struct cz_guest_result r;
    char one = 0;

    CHECK(czg_acquire(twice, 2) == -CZ_INVALID);
    CHECK(czg_acquire(claims, 0) == -CZ_INVALID && czg_acquire(claims, 65) == -CZ_LIMIT);
    CHECK(czg_acquire(claims, 4) == 0);
    CHECK(czg_acquire(claims, 1) == -CZ_BUSY);
    CHECK(czg_length(0) == 1 && czg_load(0, 0, &one, 1) == 1 && one == '0');
    CHECK(czg_info(1, &info) == 0 && info.kind == CZ_FUNGIBLE && info.mode == CZ_WRITE);
    CHECK(czg_info(3, &info) == 0 && info.mode == CZ_READ);
    CHECK(pay(&in->a, &in->b, 1, NULL) == -CZ_DEADLOCK);
    CHECK(czg_emit(&call) == 0 && czg_perform(NULL) == -CZ_DEADLOCK);
    CHECK(czg_store(0, 0, "abc", 3) == 0);
    CHECK(czg_transfer(1, 2, 30) == 0);
    CHECK(czg_transfer(2, 1, 10) == 0);
    CHECK(czg_commit(&r) == 0 && r.reason == 0);
    CHECK(czg_release() == -CZ_STALE);
    /* Nothing done: nothing recorded. What is let go was not done. */
    CHECK(czg_acquire(claims, 2) == 0 && czg_length(0) == 3);
    CHECK(czg_commit(&r) == 0 && r.position == 0);
    CHECK(czg_acquire(claims, 2) == 0 && czg_resize(0, 0) == 0);
    CHECK(czg_release() == 0);
    CHECK(czg_read(&in->counter, &info, NULL, 0) == 0 && info.length == 3);
    return 0;
}

/* With an operation of its own beside what is done to the windows. */
static int64_t guards_and_operations(void)
{
    struct cz_guest_claim claims[] = {{CZG_PTR(&in->counter), CZ_WRITE},
                                      {CZG_PTR(&in->a), CZ_WRITE}};
    struct cz_guest_op lock = {.code = CZ_OP_LOCK, .a = CZG_PTR(&in->a)},
                       other = {.code = CZ_OP_LOCK, .a = CZG_PTR(&in->b)};

    CHECK(czg_acquire(claims, 2) == 0);
    *(volatile char *)CZ_GUEST_WINDOW(0) = '7';
    CHECK(czg_emit(&lock) == 0);
    CHECK(czg_commit(NULL) == 0);
    CHECK(czg_acquire(claims, 2) == 0);
    CHECK(czg_emit(&other) == 0);
    CHECK(czg_commit(NULL) == -CZ_INVALID); /* nothing guards it */
    return 0;
}

static int64_t window(uint64_t address)
{
    struct cz_guest_claim claim = {CZG_PTR(&in->counter), CZ_READ};

    CHECK(czg_acquire(&claim, 1) == 0);
    *(volatile uint8_t *)address = 1; /* traps */
    return 0;
}

/* ---- Outside -------------------------------------------------------------------------------
 */

static int64_t watches(void)
{
    struct cz_guest_watch w = {.kind = CZ_GUEST_WATCH_RESOURCE,
                               .resource = CZG_PTR(&in->counter),
                               .version = 1,
                               .deadline = {.after_ms = 1000}};
    uint64_t version = 0;
    int64_t rc;

    rc = czg_join(czg_watch(&w), &version);
    czg_return(version);
    return rc == -CZ_TIMEOUT ? 0 : -rc;
}

static int64_t times(void)
{
    struct cz_guest_watch w = {.kind = CZ_GUEST_WATCH_HEIGHT,
                               .domain = CZG_PTR("moon"),
                               .domain_len = 4,
                               .height = in->n};
    struct cz_guest_deadline d = {.domain = CZG_PTR("moon"), .domain_len = 4, .time = 35};
    struct cz_guest_time time;
    uint64_t height = 0;

    CHECK(czg_time("nowhere", 7, &time) == -CZ_NOT_FOUND);
    CHECK(czg_time("a\0b", 3, &time) == -CZ_INVALID);
    CHECK(czg_join(czg_watch(&w), &height) == 0 && height >= in->n);
    CHECK(czg_join(czg_sleep(&d), NULL) == 0);
    CHECK(czg_time("moon", 4, &time) == 0 && time.time >= 35);
    czg_return(time.height * 1000 + time.time);
    return 0;
}

static int64_t facts(void)
{
    struct cz_guest_query q = {.domain = CZG_PTR("moon"),
                               .domain_len = 4,
                               .kind = CZ_FACT_DEPOSIT,
                               .account = CZG_PTR("alice"),
                               .account_len = 5,
                               .asset = CZG_PTR("MOON"),
                               .asset_len = 4,
                               .amount = in->n};
    struct cz_guest_query bad = q;
    struct cz_guest_deadline late = {.after_ms = 1000000};
    struct cz_guest_fact fact;
    uint64_t number = 0, two[2];

    bad.value = CZG_PTR(in);
    bad.value_len = 257;
    CHECK(czg_await_fact(&bad) == -CZ_LIMIT);
    bad = q;
    bad.kind = 99;
    CHECK(czg_await_fact(&bad) == -CZ_INVALID);
    CHECK(czg_fact_seen(&fact) == -CZ_NOT_FOUND);
    two[0] = (uint64_t)nap(1000000);
    two[1] = (uint64_t)czg_await_fact(&q);
    CHECK(czg_join(czg_timeout(&late, czg_race(CZ_RACE_ANY, two, 2)), &number) == 0);
    CHECK(czg_fact_seen(&fact) == 0 && fact.number == number);
    CHECK(memcmp(fact.domain, "moon", 5) == 0 && memcmp(fact.account, "alice", 6) == 0);
    CHECK(memcmp(fact.asset, "MOON", 5) == 0 && fact.kind == CZ_FACT_DEPOSIT);
    CHECK(fact.amount[0] >= in->n);
    czg_return(fact.amount[0] * 100 + fact.height);
    return 0;
}

static int64_t calls_program(void)
{
    struct cz_guest_spec s = {.name = CZG_PTR(in->name),
                              .name_len = in->name_len,
                              .label = CZG_PTR("called"),
                              .label_len = 6,
                              .args = CZG_PTR(in),
                              .args_len = sizeof *in};
    struct input other = *in;
    uint64_t value = 0;
    int64_t rc;

    other.what = 'p';
    s.args = CZG_PTR(&other);
    rc = czg_join(czg_call_program(&s), &value);
    czg_return(value + 1000000);
    return -rc;
}

static int64_t says(void)
{
    CHECK(czg_log("hello", 5) == 0);
    CHECK(czg_send("there", 5) == 0);
    CHECK(czg_output("out", 3) == 0);
    CHECK(czg_send(in, CZ_EMIT_SIZE_MAX + 1) == -CZ_LIMIT);
    return in->n ? (int64_t)in->n : 0;
}

/* Its id and key go into the register. */
static int64_t who(void)
{
    uint8_t mine[64] = {0}, more[32];
    struct cz_guest_op op = {.code = CZ_OP_WRITE,
                             .a = CZG_PTR(&in->counter),
                             .data = CZG_PTR(mine),
                             .data_len = sizeof mine};
    cz_id self;

    CHECK(czg_way() == 'p');
    czg_self(&self);
    CHECK(memcmp(&self, &in->a, sizeof self) == 0);
    czg_origin((cz_id *)mine);
    CHECK(czg_signer(0, mine + 32) == (in->n ? 0 : -CZ_NOT_FOUND));
    CHECK(czg_signer(1, more) == -CZ_NOT_FOUND);
    CHECK(czg_random() != czg_random());
    CHECK(czg_emit(&op) == 0);
    return czg_perform(NULL);
}

/* An effect that runs a code, and one that calls it. */
static int64_t runs(void)
{
    struct cz_guest_claim claim = {CZG_PTR(&in->counter), CZ_WRITE};
    struct cz_guest_op run = {.code = CZ_OP_RUN,
                              .a = CZG_PTR(&in->a),
                              .gas = 100000,
                              .accesses = CZG_PTR(&claim),
                              .access_count = 1,
                              .data = CZG_PTR("x"),
                              .data_len = 1};
    struct cz_guest_op call = run;
    struct cz_guest_result r;
    int64_t rc;

    CHECK(czg_emit(&run) == 0);
    rc = czg_perform(&r);
    call.code = CZ_OP_CALL;
    CHECK(czg_emit(&call) == 0);
    CHECK(czg_perform(NULL) == rc);
    czg_return(r.reason);
    return rc == -CZ_REJECTED ? 0 : -rc;
}

int64_t guest_main(const uint8_t *input, size_t len)
{
    static const struct {
        char what;
        int64_t (*fn)(void);
    } all[] = {{'e', everything},     {'s', stacks},
               {'F', forged},         {'M', many_futures},
               {'k', codes},          {'x', task_exits},
               {'u', stubborn},       {'t', told},
               {'p', pays},           {'l', pays_later},
               {'b', bad_operations}, {'c', creates},
               {'g', guards},         {'G', guards_and_operations},
               {'w', watches},        {'T', times},
               {'f', facts},          {'i', calls_program},
               {'y', says},           {'o', who},
               {'r', runs},           {'a', operations}};
    uint64_t value = 0;

    in = (const struct input *)input;
    if (len != sizeof *in)
        return 99;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].what == in->what)
            return all[i].fn();
    switch (in->what) {
    case 'B': /* fork bomb */
        value = (uint64_t)bomb(0);
        break;
    case 'D':
        CHECK(czg_join(czg_fork(deep, in->n), &value) == 0);
        break;
    case 'W': /* a trap in a task, while another sleeps */
        (void)czg_fork(sleep_long, 1000000000);
        return czg_join(czg_fork(wild, in->n), NULL);
    case 'X': /* a trap of the first, while others sleep */
        (void)czg_fork(sleep_long, 1000000000);
        (void)czg_yield();
        return wild(in->n);
    case 'O':
        return window(in->n);
    case 'S': /* without end */
        return spin(1);
    case 'L': /* leaves tasks behind */
        (void)czg_fork(sleep_long, 1000000000);
        (void)czg_fork(spin, 1);
        (void)czg_fork(nothing, 1);
        (void)czg_yield();
        return 0;
    case 'J': /* a function that is none */
        return czg_join(czg_fork((czg_task_fn)in->n, 0), NULL) == -CZ_STALE;
    case 'C': /* a call that is none */
        return czg_call(in->n, 0, 0, 0, 0, 0, 0);
    case 'P': /* wild pointers: call n with all its arguments wild */
        return czg_call(in->n, UINT64_MAX - 7, UINT64_MAX - 7, UINT64_MAX - 7, UINT64_MAX - 7,
                        0, 0);
    case 'Z': /* sleeps for ever */
        return czg_join(nap(UINT32_MAX), NULL);
    default:
        return 98;
    }
    czg_return(value);
    return 0;
}
