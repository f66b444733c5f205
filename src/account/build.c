/* build.c - effects of accounts: ids by convention, and what each usual thing takes.
 *
 * Layer: account. Threads: any; an effect belongs to one. Nothing here decides whether an
 * effect is allowed: that is the ledger's, when it applies. What is declared beside what
 * operations imply:
 *
 *   the account that must authorise    read; written when it has a limit for what leaves it
 *   the account that is credited       read, so that it must exist: a balance that was opened
 *                                      for an id that is no account would be anybody's
 *   capabilities above one presented   read; written when they have a ceiling
 *
 * Effects of accounts that have nothing to do with each other share no resource, and nothing
 * that is shared by all is ever declared: they proceed in parallel.
 */
#include "account/account.h"

#include "base/error.h"

/* ---- Ids -------------------------------------------------------------------------------- */

#define OUTBOX_LABEL "outbox"

int cz_account_id(const char *label, cz_id *ret, cz_error *err)
{
    cz_id creator = cz_operator();

    return cz_resource_id(&creator, label, ret, err);
}

int cz_account_balance(const cz_id *account, const char *asset, cz_id *ret, cz_error *err)
{
    return cz_resource_id(account, asset, ret, err);
}

cz_id cz_account_outbox(const cz_id *account)
{
    return czi_identity_id(account, (struct czi_slice){(const uint8_t *)OUTBOX_LABEL,
                                                       sizeof OUTBOX_LABEL - 1});
}

int cz_account_reserve(const cz_id *account, const char *asset, cz_id *ret, cz_error *err)
{
    cz_id outbox = cz_account_outbox(account);

    return cz_resource_id(&outbox, asset, ret, err);
}

/* ---- What all share --------------------------------------------------------------------- */

/* An answer that a program's log gives back must still be one. */
static int expect(const struct czi_account_answer *a, size_t len, cz_error *err)
{
    return a->len >= len
               ? CZ_OK
               : czi_fail(err, CZ_CORRUPT, "an answer about accounts of %u bytes", a->len);
}

int czi_account_declare(cz_engine *engine, cz_effect *e, const cz_id *account,
                        const char *asset, cz_error *err)
{
    struct czi_account_question q = {.what = CZI_ASK_ACCOUNT, .id = *account, .asset = asset};
    struct czi_account_answer a = {0};
    int rc = czi_account_look_up(engine, &q, &a, err);

    if (!rc)
        rc = expect(&a, 1, err);
    return rc ? rc
              : cz_effect_access(e, account,
                                 a.bytes[0] & CZI_ACCOUNT_LIMITED ? CZ_WRITE : CZ_READ, err);
}

/* An empty balance or reserve in its canonical place, unless it is there. */
static int open_fungible(cz_effect *e, const cz_id *owner, const char *asset, cz_error *err)
{
    cz_creation c = {.creator = *owner,
                     .controller = *owner,
                     .label = asset,
                     .kind = CZ_FUNGIBLE,
                     .asset = asset,
                     .if_absent = true};

    return cz_effect_create(e, &c, err);
}

/* The asset's name at the end of an answer. */
static void asset_of(const struct czi_account_answer *a, size_t at,
                     char ret[CZ_ASSET_SIZE_MAX + 1])
{
    size_t len = CZI_MIN(a->len - at, (size_t)CZ_ASSET_SIZE_MAX);

    memcpy(ret, a->bytes + at, len);
    ret[len] = 0;
}

static cz_id id_at(const struct czi_account_answer *a, size_t at)
{
    cz_id id;

    memcpy(&id, a->bytes + at, sizeof id);
    return id;
}

/* ---- The account itself ----------------------------------------------------------------- */

int cz_account_create(cz_effect *e, const char *label, const cz_policy *policy, cz_error *err)
{
    uint8_t bytes[CZ_POLICY_SIZE_MAX];
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .label = label,
                     .kind = CZ_ACCOUNT,
                     .data = bytes};
    int rc = cz_policy_encode(policy, bytes, &c.data_len, err);

    return rc ? rc : cz_effect_create(e, &c, err);
}

int cz_account_set_policy(cz_engine *engine, cz_effect *e, const cz_id *account,
                          const cz_policy *policy, cz_error *err)
{
    uint8_t bytes[CZ_POLICY_SIZE_MAX];
    size_t len = 0;
    int rc = cz_policy_encode(policy, bytes, &len, err);

    /* Refuses what is there and no account. */
    if (!rc)
        rc = czi_account_declare(engine, e, account, NULL, err);
    return rc ? rc : cz_effect_write(e, account, bytes, len, err);
}

int cz_account_open(cz_effect *e, const cz_id *account, const char *asset, cz_error *err)
{
    int rc = cz_effect_access(e, account, CZ_READ, err);

    return rc ? rc : open_fungible(e, account, asset, err);
}

/* ---- What comes, goes, and moves between ------------------------------------------------ */

int cz_account_transfer(cz_engine *engine, cz_effect *e, const cz_id *from, const cz_id *to,
                        const char *asset, cz_quantity quantity, cz_error *err)
{
    cz_id source, target;
    int rc = cz_account_balance(from, asset, &source, err);

    if (!rc)
        rc = cz_account_balance(to, asset, &target, err);
    if (!rc)
        rc = czi_account_declare(engine, e, from, asset, err);
    if (!rc)
        rc = cz_account_open(e, to, asset, err);
    return rc ? rc : cz_effect_transfer(e, &source, &target, quantity, err);
}

int cz_account_deposit(cz_engine *engine, cz_effect *e, const cz_id *fact,
                       const cz_dependency *terms, cz_error *err)
{
    struct czi_account_question q = {.what = CZI_ASK_DEPOSIT, .id = *fact};
    struct czi_account_answer a = {0};
    cz_dependency d = terms ? *terms : (cz_dependency){.policy = CZ_STILL_TRUE};
    char asset[CZ_ASSET_SIZE_MAX + 1];
    cz_id to, account;
    int rc = czi_account_look_up(engine, &q, &a, err);

    if (!rc)
        rc = expect(&a, 33, err);
    if (!rc && a.bytes[0])
        rc = expect(&a, 66, err);
    if (rc)
        return rc;
    to = id_at(&a, 1);
    if (a.bytes[0]) {
        account = id_at(&a, 33);
        asset_of(&a, 65, asset);
        rc = cz_account_open(e, &account, asset, err);
    }
    d.fact = *fact;
    d.purpose = "deposit";
    if (!rc)
        rc = cz_effect_depend(e, &d, err);
    return rc ? rc : cz_effect_deposit(e, &to, fact, err);
}

static int open_outbox(cz_effect *e, const cz_id *account, cz_error *err)
{
    /* No withdrawal is open: [20, []]. */
    static const uint8_t empty[] = {0x82, CZI_TAG_OUTBOX, 0x80};
    cz_creation c = {.creator = *account,
                     .controller = *account,
                     .label = OUTBOX_LABEL,
                     .kind = CZ_OUTBOX,
                     .data = empty,
                     .data_len = sizeof empty,
                     .if_absent = true};

    return cz_effect_create(e, &c, err);
}

int cz_account_withdraw(cz_engine *engine, cz_effect *e, const cz_id *account,
                        const char *asset, cz_quantity quantity, const char *destination,
                        cz_error *err)
{
    cz_id from;
    int rc = cz_account_balance(account, asset, &from, err);

    return rc ? rc
              : cz_account_withdraw_from(engine, e, account, &from, asset, quantity,
                                         destination, err);
}

int cz_account_withdraw_from(cz_engine *engine, cz_effect *e, const cz_id *account,
                             const cz_id *from, const char *asset, cz_quantity quantity,
                             const char *destination, cz_error *err)
{
    cz_id outbox = cz_account_outbox(account), reserve;
    int rc = cz_account_reserve(account, asset, &reserve, err);

    if (!rc)
        rc = czi_account_declare(engine, e, account, asset, err);
    if (!rc)
        rc = open_outbox(e, account, err);
    if (!rc)
        rc = open_fungible(e, &outbox, asset, err);
    return rc ? rc : cz_effect_withdraw(e, from, &outbox, &reserve, quantity, destination, err);
}

int cz_account_close(cz_engine *engine, cz_effect *e, const cz_id *account, const cz_id *fact,
                     cz_error *err)
{
    struct czi_account_question q = {.what = CZI_ASK_WITHDRAWAL, .id = *account, .fact = *fact};
    struct czi_account_answer a = {0};
    cz_dependency d = {.fact = *fact, .policy = CZ_STILL_TRUE};
    char asset[CZ_ASSET_SIZE_MAX + 1];
    cz_id outbox = cz_account_outbox(account), reserve, to;
    int rc = czi_account_look_up(engine, &q, &a, err);

    if (!rc)
        rc = expect(&a, 2, err);
    if (rc)
        return rc;
    asset_of(&a, 1, asset);
    /* A register's fact may say the same of another withdrawal's event key: it is not used up.
     */
    d.purpose = a.bytes[0] ? "withdrawal" : NULL;
    rc = cz_account_reserve(account, asset, &reserve, err);
    if (!rc)
        rc = cz_account_balance(account, asset, &to, err);
    if (!rc)
        rc = cz_effect_depend(e, &d, err);
    if (rc)
        return rc;
    return a.bytes[0] ? cz_effect_confirm(e, &outbox, &reserve, fact, err)
                      : cz_effect_release(e, &outbox, &reserve, &to, fact, err);
}
