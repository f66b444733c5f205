/* account_model.h - the rules of accounts in small: written from docs/reference/formats.md
 * (Operations, Authority), with numbers for ids and masks for keys. Shares nothing with the
 * engine but the numbers of reasons, states and rights.
 *
 * One domain, whose time is `time`; two assets, of which AM_MOON is the domain's. The world's
 * resources are fixed but for capabilities, which effects create.
 */
#ifndef CZI_ACCOUNT_MODEL_H
#define CZI_ACCOUNT_MODEL_H

#include "causality/causality.h"

#define AM_OBJECTS 48
#define AM_FACTS 64
#define AM_OPS 6
#define AM_NOBODY (-1)

enum am_kind { AM_NONE, AM_ACCOUNT, AM_PURSE, AM_NOTE, AM_BOX, AM_RESERVE, AM_CAP };
enum { AM_GOLD, AM_MOON, AM_ASSETS };

struct am_limit {
    bool is;
    int64_t quantity, spent;
    uint64_t window, number;
};
struct am_policy {
    unsigned threshold, owners; /* a bit for each key */
    struct am_limit limits[AM_ASSETS];
};
struct am_cap {
    int account, parent, holder; /* parent: AM_NOBODY, holder: a key */
    int resource, asset;         /* AM_NOBODY: any */
    unsigned rights;
    bool has_ceiling, expires;
    int64_t ceiling, spent;
    uint64_t expire_time;
};
struct am_withdrawal {
    uint32_t effect, number;
    int asset;
    int64_t quantity;
};
struct am_object {
    enum am_kind kind; /* AM_NONE: it does not exist */
    enum cz_state state;
    int asset;
    int account; /* that controls it; AM_NOBODY */
    int box;     /* of a reserve */
    int64_t quantity;
    struct am_policy policy;
    struct am_cap cap;
    struct am_withdrawal open[CZ_WITHDRAWALS_MAX];
    unsigned open_count;
};

enum am_fact_kind { AM_DEPOSIT, AM_PAID, AM_REFUSED };
struct am_fact {
    enum am_fact_kind kind;
    int account; /* of a deposit */
    int asset;
    int64_t amount;
    uint32_t effect, number; /* that a payment or refusal names */
    bool used;
};

struct am_world {
    struct am_object objects[AM_OBJECTS];
    struct am_fact facts[AM_FACTS];
    int by_id[AM_OBJECTS]; /* all objects in the order of their ids */
    int fact_count;
    bool has_time;
    uint64_t time;
    int64_t supply[AM_ASSETS];
};

enum am_code {
    AM_TRANSFER, /* a, b, quantity */
    AM_WRITE,    /* a; of an account: policy */
    AM_LOCK,     /* a; and the other five in the order of opcodes */
    AM_UNLOCK,
    AM_FREEZE,
    AM_UNFREEZE,
    AM_CONSUME,
    AM_ARCHIVE,
    AM_USE,      /* a */
    AM_GRANT,    /* a: its place; cap */
    AM_WHEN,     /* from, to */
    AM_PAY_IN,   /* a, fact */
    AM_WITHDRAW, /* a, b, c, quantity */
    AM_CONFIRM,  /* a: box, b: reserve, fact */
    AM_RELEASE,  /* a, b, c, fact */
    AM_CODES,
};
struct am_op {
    enum am_code code;
    int a, b, c, fact;
    int64_t quantity;
    uint64_t from, to;
    struct am_policy policy;
    struct am_cap cap;
};
struct am_effect {
    uint32_t number; /* stands for its id */
    unsigned signers;
    uint8_t declared[AM_OBJECTS]; /* 0 no, 1 read, 2 written */
    uint8_t cited[AM_FACTS];      /* with the purpose of its kind */
    struct am_op ops[AM_OPS];
    int op_count;
};

/* The reason; the world changes only when it is CZ_APPLIED. */
int am_run(struct am_world *w, const struct am_effect *e);

#endif
