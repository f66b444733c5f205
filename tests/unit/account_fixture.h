/* account_fixture.h - a store that knows the chain "moon", with accounts, keys, and effects
 * that are tried: what must be refused is refused before anything changes. As in
 * fact_fixture.h, each story is told again by replay and audit when it ends.
 */
#ifndef CZI_ACCOUNT_FIXTURE_H
#define CZI_ACCOUNT_FIXTURE_H

#include "codec/ed25519.h"
#include "fact_fixture.h"
#include "resource/policy.h"

#define MOON "moon:MOON"
#define KEYS 8
#define K(i) (1u << (i)) /* key number i signs */

/* Key number i. */
static inline void af_seed(unsigned i, uint8_t out[32])
{
    memset(out, 0, 32);
    out[0] = (uint8_t)(i + 1);
}
static inline void af_key(unsigned i, uint8_t out[32])
{
    uint8_t seed[32];

    af_seed(i, seed);
    czi_ed25519_public(seed, out);
}

/* ---- Trying effects ---------------------------------------------------------------------- */

static inline void af_root(struct fw *w, uint8_t out[32])
{
    cz_error err = {0};

    assert_ok(cz_root(w->engine, out, &err), err);
}

/* Signs, submits, frees. The reason; a refused effect leaves no trace in any resource, and one
 * that is asked for beforehand gets the same answer as far as authority goes. */
static inline uint8_t af_go(struct fw *w, cz_effect *e, unsigned keys)
{
    uint8_t before[32], after[32], seed[32];
    cz_error err = {0};
    cz_result r = {0};
    int asked, rc;

    for (unsigned i = 0; i < KEYS; i++)
        if (keys & K(i)) {
            af_seed(i, seed);
            assert_ok(cz_effect_sign(e, seed, &err), err);
        }
    asked = cz_authorised(w->engine, e, &err);
    af_root(w, before);
    rc = cz_perform(w->engine, e, &r, &err);
    if (rc && rc != CZ_REJECTED)
        assert_ok(rc, err);
    assert_int_equal(asked, r.reason >= CZ_UNKNOWN_DOMAIN ? (int)r.reason : CZ_OK);
    if (r.reason) {
        af_root(w, after);
        assert_memory_equal(after, before, sizeof after);
    }
    cz_effect_free(e);
    return (uint8_t)r.reason;
}

/* Effect `e`, made by statements, signed by some keys, must end so. */
#define EXPECT(w, reason, keys, ...)                                                           \
    do {                                                                                       \
        cz_effect *e = fw_effect(w);                                                           \
        uint8_t is;                                                                            \
        __VA_ARGS__;                                                                           \
        is = af_go(w, e, keys);                                                                \
        if (is != (reason))                                                                    \
            fail_msg("%s:%d: %s, expected %s", __FILE__, __LINE__, cz_reason_name(is),         \
                     cz_reason_name(reason));                                                  \
    } while (0)
#define APPLY(w, keys, ...) EXPECT(w, CZ_APPLIED, keys, __VA_ARGS__)

#define AF_ADD(name, call, ...)                                                                \
    static inline void name(cz_effect *e, __VA_ARGS__)                                         \
    {                                                                                          \
        cz_error err = {0};                                                                    \
                                                                                               \
        assert_ok(call, err);                                                                  \
    }
AF_ADD(reads, cz_effect_access(e, &id, CZ_READ, &err), cz_id id)
AF_ADD(writes, cz_effect_access(e, &id, CZ_WRITE, &err), cz_id id)
AF_ADD(transfer, cz_effect_transfer(e, &a, &b, q, &err), cz_id a, cz_id b, cz_quantity q)
AF_ADD(move, cz_effect_move(e, &a, &b, q, &err), cz_id a, cz_id b, cz_quantity q)
AF_ADD(put_data, cz_effect_write(e, &id, data, strlen(data), &err), cz_id id, const char *data)
AF_ADD(put_bytes, cz_effect_write(e, &id, data, len, &err), cz_id id, const void *data,
       size_t len)
AF_ADD(requires, cz_effect_require(e, &id, &r, &err), cz_id id, cz_requirement r)
AF_ADD(locks, cz_effect_lock(e, &id, &err), cz_id id)
AF_ADD(unlocks, cz_effect_unlock(e, &id, &err), cz_id id)
AF_ADD(freezes, cz_effect_freeze(e, &id, &err), cz_id id)
AF_ADD(unfreezes, cz_effect_unfreeze(e, &id, &err), cz_id id)
AF_ADD(consumes, cz_effect_consume(e, &id, &err), cz_id id)
AF_ADD(archives, cz_effect_archive(e, &id, &err), cz_id id)
AF_ADD(uses, cz_effect_use(e, &id, mode, &err), cz_id id, enum cz_access mode)
AF_ADD(creates, cz_effect_create(e, &c, &err), cz_creation c)
AF_ADD(when, cz_effect_when(e, domain, from, to, &err), const char *domain, uint64_t from,
       uint64_t to)
AF_ADD(cites, cz_effect_depend(e, &d, &err), cz_dependency d)
AF_ADD(deposits, cz_effect_deposit(e, &to, &fact, &err), cz_id to, cz_id fact)
AF_ADD(withdraws, cz_effect_withdraw(e, &from, &box, &reserve, q, destination, &err),
       cz_id from, cz_id box, cz_id reserve, cz_quantity q, const char *destination)
AF_ADD(confirms, cz_effect_confirm(e, &box, &reserve, &fact, &err), cz_id box, cz_id reserve,
       cz_id fact)
AF_ADD(releases, cz_effect_release(e, &box, &reserve, &to, &fact, &err), cz_id box,
       cz_id reserve, cz_id to, cz_id fact)

/* ---- What accounts have ------------------------------------------------------------------ */

static inline cz_id af_id(cz_id creator, const char *label)
{
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_resource_id(&creator, label, &id, &err), err);
    return id;
}

static inline cz_creation af_creation(cz_id owner, const char *label, enum cz_kind kind,
                                      const char *asset, cz_quantity q)
{
    return (cz_creation){.creator = owner,
                         .controller = owner,
                         .label = label,
                         .kind = kind,
                         .asset = asset,
                         .quantity = q,
                         .data = (const uint8_t *)"",
                         .data_len = 0};
}

/* An empty balance, or reserve, where it belongs. */
static inline cz_creation af_balance(cz_id owner, const char *asset)
{
    return af_creation(owner, asset, CZ_FUNGIBLE, asset, 0);
}

/* A policy with keys number first and on. */
static inline cz_policy af_policy(unsigned threshold, unsigned first, unsigned count)
{
    cz_policy p = {.threshold = threshold, .owner_count = count};

    for (unsigned i = 0; i < count; i++) {
        unsigned at = i;
        uint8_t key[32];

        af_key(first + i, key);
        for (; at && memcmp(p.owners[at - 1], key, 32) > 0; at--)
            memcpy(p.owners[at], p.owners[at - 1], 32);
        memcpy(p.owners[at], key, 32);
    }
    return p;
}

/* Bytes live until the next call but one. */
static inline cz_creation af_account(const char *label, const cz_policy *p)
{
    static uint8_t bytes[2][CZ_POLICY_SIZE_MAX];
    static unsigned turn;
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .label = label,
                     .kind = CZ_ACCOUNT,
                     .data = bytes[++turn % 2]};
    cz_error err = {0};

    assert_ok(cz_policy_encode(p, bytes[turn % 2], &c.data_len, &err), err);
    return c;
}

static inline cz_grant af_grant(cz_id account, unsigned holder, unsigned rights)
{
    cz_grant g = {.account = account, .rights = rights};

    af_key(holder, g.holder);
    return g;
}

/* Created by the operator, so that anybody may choose the label. */
static inline cz_creation af_capability(const char *label, const cz_grant *g)
{
    static uint8_t bytes[4][CZ_GRANT_SIZE_MAX];
    static unsigned turn;
    cz_creation c = {.creator = cz_operator(),
                     .controller = g->account,
                     .label = label,
                     .kind = CZ_CAPABILITY,
                     .data = bytes[++turn % 4]};
    cz_error err = {0};

    assert_ok(cz_grant_encode(g, bytes[turn % 4], &c.data_len, &err), err);
    return c;
}

static inline cz_quantity af_quantity(struct fw *w, cz_id id)
{
    cz_error err = {0};
    cz_resource r;

    assert_ok(cz_resource_get(w->engine, &id, &r, &err), err);
    return r.quantity;
}

/* ---- A usual world ----------------------------------------------------------------------- */

/* alice: two of the keys 0, 1, 2; bob: key 3. Of "gold" alice has 1000, bob 100. */
struct af {
    struct fw w;
    cz_id alice, bob, alice_gold, bob_gold;
};

static inline void af_open_in(struct af *f, struct czi_fs *fs)
{
    cz_policy alice = af_policy(2, 0, 3), bob = af_policy(1, 3, 1);
    struct fw *w = &f->w;

    fw_open_in(w, fs, true, NULL);
    f->alice = fx_id("alice");
    f->bob = fx_id("bob");
    f->alice_gold = af_id(f->alice, "gold");
    f->bob_gold = af_id(f->bob, "gold");
    APPLY(w, K(0) | K(1), creates(e, af_account("alice", &alice)));
    APPLY(w, K(3), creates(e, af_account("bob", &bob)));
    APPLY(w, K(0) | K(2), reads(e, f->alice),
          creates(e, af_creation(f->alice, "gold", CZ_FUNGIBLE, "gold", 1000)));
    APPLY(w, K(3), reads(e, f->bob),
          creates(e, af_creation(f->bob, "gold", CZ_FUNGIBLE, "gold", 100)));
}

static inline void af_open(struct af *f)
{
    af_open_in(f, NULL);
}

/* A capability of alice's, signed by two owners. */
static inline cz_id af_give(struct af *f, const char *label, const cz_grant *g)
{
    APPLY(&f->w, K(0) | K(1), reads(e, f->alice), creates(e, af_capability(label, g)));
    return fx_id(label);
}

#endif
