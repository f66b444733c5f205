/* facts.c - a deposit on a chain is credited once, whatever the chain does: its block is
 * dropped, and it is included again. A price that has changed buys nothing.
 *
 *     causality -C DIR init && build/examples/facts DIR
 *
 * The chain is simulated, its proofs are real: `causality -C DIR fact list` shows what is
 * recorded.
 */
#include <causality/causality.h>
#include <causality/sim.h>

#include <stdio.h>
#include <stdlib.h>

static cz_engine *engine;
static cz_sim_chain *moon;

static void check(int rc, const cz_error *err)
{
    if (rc) {
        (void)fprintf(stderr, "%s\n", err->detail);
        exit(1);
    }
}

static cz_id account(const char *label, cz_quantity quantity)
{
    cz_creation c = {.label = label, .asset = "MOON", .quantity = quantity};
    cz_error err = {0};
    cz_id id;

    c.creator = c.controller = cz_operator();
    check(cz_register(engine, &c, &id, &err), &err);
    return id;
}

/* Moves from one account to another, on condition of a fact; says what became of it. */
static void pay(const char *what, const cz_id *from, const cz_id *to, cz_quantity quantity,
                const cz_dependency *on)
{
    static uint64_t nonce;
    cz_effect *e = cz_effect_new();
    cz_error err = {0};
    cz_result r;
    uint64_t ticket;

    cz_effect_set_origin(e, from);
    cz_effect_set_nonce(e, ++nonce);
    check(cz_effect_transfer(e, from, to, quantity, &err), &err);
    if (on)
        check(cz_effect_depend(e, on, &err), &err);
    (void)printf("%s: ", what);
    if (cz_propose(engine, e, NULL, NULL, &ticket, &err))
        (void)printf("%s\n", err.detail);
    else if (!cz_wait(engine, ticket, CZ_FOREVER, &r, &err))
        (void)printf("%s\n", cz_reason_text((int)r.reason));
    cz_effect_free(e);
}

static int take_id(void *arg, const cz_sim_fact *fact, cz_error *err)
{
    *(cz_id *)arg = fact->id;
    return err->code;
}

static cz_id fact_of(enum cz_fact_kind kind, const char *name)
{
    cz_error err = {0};
    cz_id id;

    check(cz_sim_fact_of(moon, kind, name, NULL, take_id, &id, &err), &err);
    return id;
}

static int print_dispute(void *arg, const cz_dispute *d)
{
    ++*(int *)arg;
    return printf("  disputed: the effect at position %llu, %s\n",
                  (unsigned long long)d->position,
                  d->direct ? "which cites the deposit" : "which follows from it") < 0;
}

static void disputes(const char *when)
{
    cz_error err = {0};
    int count = 0;

    (void)printf("%s\n", when);
    check(cz_disputed(engine, print_dispute, &count, &err), &err);
    if (!count)
        (void)printf("  nothing is disputed\n");
}

/* Another block takes the place of the deposit's; a moment later it is known to have it too. */
static void reorganise(void)
{
    cz_id dropped = fact_of(CZ_FACT_BLOCK, "1");
    const uint8_t *header;
    cz_error err = {0};
    size_t len;

    check(cz_sim_reorg(moon, 1, true, &err), &err);
    check(cz_sim_header(moon, 1, &header, &len, &err), &err);
    check(cz_fact_retract(engine, &dropped, header, len, "dropped", NULL, NULL, &err), &err);
    disputes("the chain drops the block:");
    check(cz_sim_observe(moon, engine, NULL, &err), &err);
    disputes("the deposit is in another block:");
}

int main(int argc, char **argv)
{
    cz_dependency credit = {.policy = CZ_STILL_TRUE, .purpose = "credit alice"};
    cz_dependency price = {.policy = CZ_STILL_TRUE};
    cz_id vault, alice, bob;
    cz_domain_spec domain;
    cz_error err = {.detail = "usage: facts DIR"};

    check(argc != 2, &err);
    check(cz_open(argv[1], NULL, &engine, &err), &err);
    vault = account("moon:vault", 1000);
    alice = account("moon:alice", 0);
    bob = account("moon:bob", 0);
    check(cz_sim_new("moon", 7, &moon, &err), &err);
    cz_sim_domain(moon, &domain);
    check(cz_domain_set(engine, &domain, &err), &err);

    check(cz_sim_deposit(moon, "alice", "MOON", 100, NULL, &err), &err);
    check(cz_sim_price(moon, "MOON/EUR", 5, &err), &err);
    check(cz_sim_mine(moon, 1, &err), &err);
    check(cz_sim_observe(moon, engine, NULL, &err), &err);
    credit.fact = fact_of(CZ_FACT_DEPOSIT, "1");
    pay("credit alice's deposit", &vault, &alice, 100, &credit);
    pay("credit it once more", &vault, &alice, 100, &credit);
    pay("alice pays bob", &alice, &bob, 30, NULL);
    reorganise();
    credit.fact = fact_of(CZ_FACT_DEPOSIT, "1");
    pay("credit it in its new block", &vault, &alice, 100, &credit);

    price.fact = fact_of(CZ_FACT_PRICE, "MOON/EUR");
    pay("bob sells at the price of 5", &bob, &vault, 10, &price);
    check(cz_sim_price(moon, "MOON/EUR", 9, &err), &err);
    check(cz_sim_mine(moon, 1, &err), &err);
    check(cz_sim_observe(moon, engine, NULL, &err), &err);
    pay("and once more at 5, when it is 9", &bob, &vault, 10, &price);
    cz_sim_free(moon);
    check(cz_close(engine, &err), &err);
    return 0;
}
