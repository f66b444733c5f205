/* account.h - what those who make effects of accounts ask the engine, and who answers.
 *
 * Layer: account. Threads: any. The functions of causality.h that add to effects (build.c,
 * capability.c) look nothing up themselves: they ask the questions below, all of them here. So
 * a program's host can answer in the engine's place, log the answers, and give the same ones
 * when the program goes on; what was added to the effect is then the same to the byte.
 *
 * An answer says as little as is needed. What is always there (ids by convention) and what may
 * be done again at no harm (opening a balance that is there) is not asked: so whoever makes an
 * effect twice, not knowing whether the first one arrived, makes the same bytes.
 */
#ifndef CZI_ACCOUNT_H
#define CZI_ACCOUNT_H

#include "resource/policy.h"

enum czi_account_ask {
    /* id: an account, asset. Answer: one byte, enum czi_account_flag. */
    CZI_ASK_ACCOUNT,
    /* id: a capability. Answer: its account's id, its holder, and then for itself and all
     * above it, upwards: id, and a byte that is 1 when it has a ceiling. */
    CZI_ASK_CAPABILITY,
    /* id: a deposit's fact. Answer: a byte that is 1 when it credits an account's balance,
     * which may have to be opened; the id of what is credited; the account's id, when it is
     * one; the asset's name. */
    CZI_ASK_DEPOSIT,
    /* id: an account, fact: a fact. Answer: a byte that is 1 when the fact confirms a
     * withdrawal, 0 when it releases one; the asset's name. */
    CZI_ASK_WITHDRAWAL,
};

enum czi_account_flag {
    CZI_ACCOUNT_EXISTS = 1,
    CZI_ACCOUNT_LIMITED = 2, /* how much of the asset may leave it is limited */
};

struct czi_account_question {
    enum czi_account_ask what;
    cz_id id, fact;
    const char *asset; /* NULL: none */
};

#define CZI_ACCOUNT_ANSWER_MAX (64 + CZ_DELEGATION_MAX * 33)
struct czi_account_answer {
    uint16_t len;
    uint8_t bytes[CZI_ACCOUNT_ANSWER_MAX];
};
_Static_assert(CZI_ACCOUNT_ANSWER_MAX >= 1 + 32 + 32 + CZ_ASSET_SIZE_MAX, "a deposit's fits");

/* Who answers for the calling thread: NULL, the engine. Returns who did before. */
struct czi_account_hook {
    int (*answer)(void *arg, cz_engine *engine, const struct czi_account_question *question,
                  struct czi_account_answer *ret, cz_error *err);
    void *arg;
};
const struct czi_account_hook *czi_account_set_hook(const struct czi_account_hook *hook);

/* The way of all questions. CZ_NOT_FOUND, CZ_WRONG_TYPE; CZ_WRONG_FACT the fact is about
 * something else; CZ_NO_WITHDRAWAL. An account that is not there is no error: the effect may
 * make it. */
CZI_MUST_USE int czi_account_look_up(cz_engine *engine,
                                     const struct czi_account_question *question,
                                     struct czi_account_answer *ret, cz_error *err);
/* The engine's answer, whatever the hook. */
CZI_MUST_USE int czi_account_answer(cz_engine *engine,
                                    const struct czi_account_question *question,
                                    struct czi_account_answer *ret, cz_error *err);

/* What a fact says of accounts: a deposit, a withdrawal, or a register that refuses one. */
struct czi_account_said {
    enum cz_fact_kind kind;
    bool is_fact; /* not another item of a fact log */
    bool fits;    /* its claim has the form of its kind; only then: */
    bool refuses;
    uint64_t amount;
    size_t text_len, asset_len;
    char text[256];                    /* the account, or the register's name */
    char asset[CZ_ASSET_SIZE_MAX + 1]; /* "<domain>:<asset>" */
};
/* CZ_NOT_FOUND. */
CZI_MUST_USE int czi_account_hear(cz_engine *engine, const cz_id *fact,
                                  struct czi_account_said *ret, cz_error *err);

/* What an account has. Strings are the engine's, and stay as long as it is open. */
struct czi_account_parts {
    cz_id account, outbox;
    const char *label;
    enum cz_state state;
    bool has_outbox;
    struct czi_buf data;         /* the policy's bytes */
    struct czi_buf holdings;     /* of cz_holding, by asset, then id */
    struct czi_buf capabilities; /* of cz_id: that stand, by id */
};
/* CZ_NOT_FOUND, CZ_WRONG_TYPE. *ret is to be given to done in any case. */
CZI_MUST_USE int czi_account_parts_load(cz_engine *engine, const cz_id *account,
                                        struct czi_account_parts *ret, cz_error *err);
void czi_account_parts_done(struct czi_account_parts *p);

/* ---- Parts of effects ------------------------------------------------------------------- */

/* Declares an account, from which so much of an asset is about to leave: written when it has a
 * limit for it, else read. */
CZI_MUST_USE int czi_account_declare(cz_engine *engine, cz_effect *e, const cz_id *account,
                                     const char *asset, cz_error *err);

#endif
