/* account_world.h - accounts with keys made from letters, over the world of fact_fixture.h.
 */
#ifndef CZI_ACCOUNT_WORLD_H
#define CZI_ACCOUNT_WORLD_H

#include "effect/effect.h"
#include "fact_fixture.h"

/* The seed of a key, and the key: one for each letter. */
static inline void ax_seed(char letter, uint8_t ret[32])
{
    memset(ret, letter, 32);
}

static inline void ax_key(char letter, uint8_t ret[32])
{
    uint8_t seed[32];

    ax_seed(letter, seed);
    cz_public_key(seed, ret);
}

static inline int ax_compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

/* `threshold` of the owners whose letters are given. */
static inline cz_policy ax_policy(const char *owners, unsigned threshold)
{
    cz_policy p = {.threshold = threshold, .owner_count = (unsigned)strlen(owners)};

    for (unsigned i = 0; i < p.owner_count; i++)
        ax_key(owners[i], p.owners[i]);
    qsort(p.owners, p.owner_count, 32, ax_compare_keys);
    return p;
}

static inline cz_policy ax_limited(const char *owners, const char *asset, cz_quantity quantity)
{
    cz_policy p = ax_policy(owners, 1);

    p.limit_count = 1;
    p.limits[0] =
        (cz_limit){.asset = asset, .quantity = quantity, .domain = "moon", .window = 100};
    return p;
}

static inline void ax_sign(cz_effect *e, const char *signers)
{
    cz_error err = {0};

    for (; *signers; signers++) {
        uint8_t seed[32];

        ax_seed(*signers, seed);
        assert_ok(cz_effect_sign(e, seed, &err), err);
    }
}

/* Signs, submits, frees; what became of it. */
static inline cz_result ax_run(struct fw *w, cz_effect *e, const char *signers)
{
    ax_sign(e, signers);
    return fw_run(w, e);
}

#define assert_applied(result)                                                                 \
    assert_string_equal(cz_reason_name((int)(result).reason), "applied")
#define assert_reason(result, name)                                                            \
    assert_string_equal(cz_reason_name((int)(result).reason), name)

static inline cz_id ax_account(struct fw *w, const char *label, const cz_policy *policy,
                               const char *signers)
{
    cz_effect *e = fw_effect(w);
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_account_create(e, label, policy, &err), err);
    assert_applied(ax_run(w, e, signers));
    assert_ok(cz_account_id(label, &id, &err), err);
    return id;
}

static inline cz_id ax_simple(struct fw *w, const char *label, char owner)
{
    char owners[2] = {owner, 0};
    cz_policy p = ax_policy(owners, 1);

    return ax_account(w, label, &p, owners);
}

static inline cz_id ax_balance(const cz_id *account, const char *asset)
{
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_account_balance(account, asset, &id, &err), err);
    return id;
}

/* What an account has of an asset; -1: it has no balance. */
static inline cz_quantity ax_holds(struct fw *w, const cz_id *account, const char *asset)
{
    cz_id id = ax_balance(account, asset);
    cz_resource r;

    return cz_resource_get(w->engine, &id, &r, NULL) == CZ_OK ? r.quantity : -1;
}

/* Deposits on the chain, and credits it. */
static inline cz_result ax_fund(struct fw *w, const char *name, uint64_t amount,
                                cz_id *ret_fact)
{
    cz_effect *e = fw_effect(w);
    cz_error err = {0};
    struct fw_fact f;
    uint64_t event;

    assert_ok(cz_sim_deposit(w->chain, name, "MOON", amount, &event, &err), err);
    fw_mine(w, 1);
    fw_observe(w);
    f = fw_deposit(w, event);
    assert_ok(cz_account_deposit(w->engine, e, &f.id, NULL, &err), err);
    if (ret_fact)
        *ret_fact = f.id;
    return fw_run(w, e);
}

static inline cz_effect *ax_transfer(struct fw *w, const cz_id *from, const cz_id *to,
                                     cz_quantity quantity)
{
    cz_effect *e = fw_effect(w);
    cz_error err = {0};

    assert_ok(cz_account_transfer(w->engine, e, from, to, "moon:MOON", quantity, &err), err);
    return e;
}

static inline cz_effect *ax_withdraw(struct fw *w, const cz_id *from, cz_quantity quantity,
                                     const char *destination)
{
    cz_effect *e = fw_effect(w);
    cz_error err = {0};

    assert_ok(cz_account_withdraw(w->engine, e, from, "moon:MOON", quantity, destination, &err),
              err);
    return e;
}

/* The fact that a withdrawal was paid outside. */
static inline cz_id ax_paid(struct fw *w, const cz_id *effect, uint32_t number,
                            const char *destination, uint64_t amount)
{
    cz_withdrawal wd = {.effect = *effect, .number = number, .destination = destination};
    char reference[CZ_REFERENCE_SIZE], name[24];
    cz_error err = {0};
    uint64_t event;

    cz_withdrawal_reference(&wd, reference);
    assert_ok(cz_sim_withdrawal(w->chain, reference, "MOON", amount, &event, &err), err);
    fw_mine(w, 1);
    fw_observe(w);
    (void)snprintf(name, sizeof name, "%llu", (unsigned long long)event);
    return fw_fact(w, CZ_FACT_WITHDRAWAL, name).id;
}

/* The fact that it never will be. */
static inline cz_id ax_refused(struct fw *w, const cz_id *effect, uint32_t number)
{
    char id[CZ_ID_TEXT_SIZE], name[CZ_REFERENCE_SIZE];
    cz_error err = {0};

    cz_id_print(effect, id);
    (void)snprintf(name, sizeof name, "%s/%u", id, (unsigned)number);
    assert_ok(cz_sim_register(w->chain, name, "refused", 7, &err), err);
    fw_mine(w, 1);
    fw_observe(w);
    return fw_fact(w, CZ_FACT_REGISTER, name).id;
}

static inline cz_result ax_close(struct fw *w, const cz_id *account, const cz_id *fact)
{
    cz_effect *e = fw_effect(w);
    cz_error err = {0};

    assert_ok(cz_account_close(w->engine, e, account, fact, &err), err);
    return fw_run(w, e);
}

/* A grant of everything, to be narrowed. */
static inline cz_grant ax_grant(const cz_id *account, char holder, unsigned rights)
{
    cz_grant g = {.account = *account, .rights = rights};

    ax_key(holder, g.holder);
    return g;
}

static inline cz_id ax_capability(struct fw *w, const char *label, const cz_grant *grant,
                                  const char *signers)
{
    cz_effect *e = fw_effect(w);
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_account_grant(w->engine, e, label, grant, &id, &err), err);
    assert_applied(ax_run(w, e, signers));
    return id;
}

#endif
