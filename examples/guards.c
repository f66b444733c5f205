/* guards.c - two parties, two resources: a wait, a deadlock that is refused, an effect that
 * waits, and a commit that lets everybody go on.
 *
 *     causality -C DIR init && build/examples/guards DIR
 *
 * It pauses before the end, so that `causality -C DIR wait-graph` in another terminal shows who
 * holds what and who waits; the end of its input or a line lets it go on.
 */
#include <causality/causality.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cz_engine *engine;
static cz_id invoice, account;
static pthread_barrier_t both_hold_one;

static void check(int rc, const cz_error *err)
{
    if (!rc)
        return;
    (void)fprintf(stderr, "%s\n", err->detail);
    exit(1);
}

/* Guards lie in the scope that uses them: whatever happens, they end with it. */
static int write_text(cz_guard *guard, const char *text, cz_error *err)
{
    cz_contents c;
    int rc = cz_guard_contents(guard, &c, err);

    if (rc)
        return rc;
    (void)printf("  was '%.*s' at version %llu, becomes '%s'\n", (int)c.data_len,
                 (const char *)c.data, (unsigned long long)c.version, text);
    c.data = (const uint8_t *)text;
    c.data_len = strlen(text);
    rc = cz_guard_update(guard, &c, err);
    return rc ? rc : cz_guard_commit(guard, NULL, err);
}

/* Holds the account and wants the invoice too. */
static void *bob(void *arg)
{
    cz_claim first = {account, CZ_WRITE, CZ_TYPED(CZ_DATA)};
    cz_claim second = {invoice, CZ_WRITE, CZ_TYPED(CZ_DATA)};
    cz_error err = {0};
    CZ_GUARD(a);
    CZ_GUARD(b);

    (void)arg;
    check(cz_thread_name(engine, "bob", &err), &err);
    check(cz_acquire(engine, &first, CZ_FOREVER, &a, &err), &err);
    (void)pthread_barrier_wait(&both_hold_one);
    check(cz_acquire(engine, &second, CZ_FOREVER, &b, &err), &err); /* until alice commits */
    (void)printf("bob has both:\n");
    check(write_text(&b, "settled", &err), &err);
    check(write_text(&a, "debited", &err), &err);
    return NULL;
}

static void wait_for_bob(void)
{
    size_t waiting = 0;
    cz_error err = {0};

    while (!waiting) {
        check(cz_waiters(engine, &invoice, NULL, 0, &waiting, &err), &err);
        (void)sched_yield();
    }
}

/* Holds the invoice; to ask for the account now would be to wait for ever. */
static uint64_t alice(cz_effect *reminder)
{
    cz_claim mine = {invoice, CZ_WRITE, CZ_TYPED(CZ_DATA)};
    cz_claim his = {account, CZ_WRITE, CZ_TYPED(CZ_DATA)};
    cz_error err = {0};
    uint64_t ticket;
    CZ_GUARD(a);
    CZ_GUARD(b);

    check(cz_thread_name(engine, "alice", &err), &err);
    check(cz_acquire(engine, &mine, CZ_FOREVER, &a, &err), &err);
    (void)pthread_barrier_wait(&both_hold_one);
    wait_for_bob();
    if (cz_acquire(engine, &his, CZ_FOREVER, &b, &err) == CZ_DEADLOCK)
        (void)printf("alice is refused: %s\n", err.detail);
    check(cz_submit_effect(engine, reminder, NULL, NULL, &ticket, &err), &err);
    (void)printf("an effect on the invoice waits behind bob; Enter goes on\n");
    (void)fflush(stdout);
    (void)getchar();
    (void)printf("alice commits:\n");
    check(write_text(&a, "paid", &err), &err);
    return ticket;
}

int main(int argc, char **argv)
{
    cz_creation c = {.kind = CZ_DATA, .data = (const uint8_t *)"open", .data_len = 4};
    cz_effect *reminder = cz_effect_new();
    cz_error err = {0};
    pthread_t thread;
    cz_result result;
    cz_stats stats;
    uint64_t ticket;

    if (argc != 2 || !reminder) {
        (void)fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return 2;
    }
    check(cz_open(argv[1], NULL, &engine, &err), &err);
    c.creator = c.controller = cz_operator();
    c.label = "invoice";
    check(cz_register(engine, &c, &invoice, &err), &err);
    c.label = "account";
    check(cz_register(engine, &c, &account, &err), &err);
    check(cz_stats_get(engine, &stats, &err), &err);
    cz_effect_set_origin(reminder, &account);
    cz_effect_set_nonce(reminder, stats.positions); /* a new one each time */
    check(cz_effect_write(reminder, &invoice, "reminded", 8, &err), &err);

    (void)pthread_barrier_init(&both_hold_one, NULL, 2);
    (void)pthread_create(&thread, NULL, bob, NULL);
    ticket = alice(reminder);
    (void)pthread_join(thread, NULL);
    check(cz_wait(engine, ticket, CZ_FOREVER, &result, &err), &err);
    (void)printf("the effect came last, at position %llu\n",
                 (unsigned long long)result.position);
    cz_effect_free(reminder);
    check(cz_close(engine, &err), &err);
    return 0;
}
