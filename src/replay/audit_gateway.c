/* audit_gateway.c - what comes into accounts and leaves them, against the facts that prove it.
 *
 * Layer: replay. Thread: the one that audits. Rules: docs/reference/formats.md.
 */
#include "replay/audit.h"

/* ---- Time and facts -----------------------------------------------------------------------
 */

bool czi_audit_time(const struct czi_auditor *a, struct czi_slice domain, uint64_t *ret)
{
    const struct czi_domain_time *at = czi_time_map_find(czi_book_time(a->core->book), domain);

    if (at)
        *ret = at->time;
    return at != NULL;
}

int czi_audit_when(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    uint64_t time;

    if (!czi_audit_time(a, op->text, &time))
        return czi_audit_found(a, err, "it asks for the time of a domain that has none");
    if (time < op->not_before || time > op->not_after)
        return czi_audit_found(a, err, "it is %s for the time that it asks for",
                               time < op->not_before ? "too early" : "too late");
    return CZ_OK;
}

/* What a fact says, and whose it is. */
struct says {
    struct czi_slice domain;
    struct czi_statement statement;
};

static bool is_text(struct czi_slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

/* A cited fact that holds, and is a statement of this kind; purpose NULL: any. */
static int read_fact(struct czi_auditor *a, unsigned place, enum cz_fact_kind kind,
                     const char *purpose, struct says *ret, cz_error *err)
{
    const struct czi_dependency *d = &a->citing.facts[place];
    struct czi_entry_info entry;
    struct czi_domain_info domain;
    uint32_t number;
    cz_id id;

    memcpy(&id, d->fact, sizeof id);
    number = czi_book_find(a->core->book, &id);
    if (!(a->citing.holds >> place & 1) || number == CZI_ID_NONE)
        return czi_audit_found(a, err, "fact %u of the effect does not hold", place);
    czi_book_entry(a->core->book, number, &entry);
    if (entry.kind != kind || !czi_book_statement(a->core->book, number, &ret->statement))
        return czi_audit_found(a, err, "fact %u of the effect does not say such a thing",
                               place);
    if (purpose && (!d->terms.purpose.data || !is_text(d->terms.purpose, purpose)))
        return czi_audit_found(a, err, "fact %u is not cited as a %s", place, purpose);
    czi_book_domain_info(a->core->book, entry.domain, &domain);
    ret->domain = (struct czi_slice){(const uint8_t *)domain.name, strlen(domain.name)};
    return CZ_OK;
}

/* Each serves one operation. */
static int use_up(struct czi_auditor *a, unsigned place, cz_error *err)
{
    if (a->facts_used >> place & 1)
        return czi_audit_found(a, err, "fact %u of the effect is used a second time", place);
    a->facts_used |= UINT64_C(1) << place;
    return CZ_OK;
}

int czi_audit_unused(struct czi_auditor *a, cz_error *err)
{
    for (unsigned i = 0; i < a->citing.fact_count; i++) {
        struct czi_slice purpose = a->citing.facts[i].terms.purpose;
        bool deposited = purpose.data && is_text(purpose, "deposit");
        bool withdrawn = purpose.data && is_text(purpose, "withdrawal");
        struct czi_entry_info entry;
        cz_id id;

        if ((!deposited && !withdrawn) || !(a->citing.holds >> i & 1) || a->facts_used >> i & 1)
            continue;
        memcpy(&id, a->citing.facts[i].fact, sizeof id);
        czi_book_entry(a->core->book, czi_book_find(a->core->book, &id), &entry);
        if (entry.kind == (deposited ? CZ_FACT_DEPOSIT : CZ_FACT_WITHDRAWAL))
            return czi_audit_found(a, err, "fact %u of the effect is used up for nothing", i);
    }
    return CZ_OK;
}

/* Whether an asset is "<domain>:<asset>", with the first colon; without `asset` any of the
 * domain. */
static bool is_asset_of(const char *name, struct czi_slice domain,
                        const struct czi_slice *asset)
{
    const char *colon = strchr(name, ':');

    if (!colon || !domain.data || (size_t)(colon - name) != domain.len ||
        memcmp(name, domain.data, domain.len) != 0)
        return false;
    return !asset || is_text(*asset, colon + 1);
}

static const char *asset_of(const struct czi_auditor *a, unsigned i)
{
    return a->core->assets[a->declared[i].asset].name;
}

static void change_supply(struct czi_auditor *a, uint32_t asset, unsigned __int128 change)
{
    a->supply[a->supply_count].asset = asset;
    a->supply[a->supply_count++].change = change;
}

static int need_fungible(struct czi_auditor *a, unsigned i, cz_error *err)
{
    const struct czi_declared *d = &a->declared[i];

    if (!d->exists || d->kind != CZ_FUNGIBLE || d->state != CZ_ACTIVE)
        return czi_audit_found(a, err, "access %u is no active fungible", i);
    return CZ_OK;
}

/* ---- Deposits -----------------------------------------------------------------------------
 */

/* Whether a text names this resource: its id, or the operator's label. */
static bool names(struct czi_slice text, const uint8_t *id)
{
    char id_text[CZ_ID_TEXT_SIZE];
    cz_id is, named;

    memcpy(&is, id, sizeof is);
    cz_id_print(&is, id_text);
    if (is_text(text, id_text))
        return true;
    if (czi_label_problem(text))
        return false;
    is = cz_operator();
    named = czi_identity_id(&is, text);
    return czi_id_equal(&named, id);
}

int czi_audit_deposit(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    struct czi_declared *d = &a->declared[op->a];
    struct says says = {0};
    const uint8_t *account;
    bool reserve;
    int rc = need_fungible(a, op->a, err);

    if (!rc)
        rc = read_fact(a, op->fact, CZ_FACT_DEPOSIT, "deposit", &says, err);
    if (!rc)
        rc = use_up(a, op->fact, err);
    if (rc)
        return rc;
    d->touched = true;
    account = czi_audit_account(a, op->a, &reserve);
    if (!account || reserve)
        return czi_audit_found(a, err, "a deposit goes to access %u, which is no account's",
                               op->a);
    if (!is_asset_of(asset_of(a, op->a), says.domain, &says.statement.asset))
        return czi_audit_found(a, err, "the deposit is of another asset than access %u", op->a);
    if (!names(says.statement.account, account) &&
        !names(says.statement.account,
               czi_effect_access_id(a->pending->bytes, &a->pending->view, op->a)))
        return czi_audit_found(a, err, "the deposit is another account's");
    d->quantity += says.statement.amount;
    change_supply(a, d->asset, says.statement.amount);
    return CZ_OK;
}

/* ---- Withdrawals --------------------------------------------------------------------------
 */

static int need_outbox(struct czi_auditor *a, unsigned i, struct czi_outbox *ret, cz_error *err)
{
    const struct czi_declared *d = &a->declared[i];

    if (!d->exists || d->kind != CZ_OUTBOX || d->state != CZ_ACTIVE)
        return czi_audit_found(a, err, "access %u is no active outbox", i);
    if (czi_outbox_read(czi_audit_data(a, i), ret, NULL) != CZ_OK)
        return czi_audit_found(a, err, "the bytes of outbox %u are none", i);
    return CZ_OK;
}

/* The outbox's own for that asset. */
static int need_reserve(struct czi_auditor *a, unsigned i, unsigned outbox, cz_error *err)
{
    const uint8_t *box = czi_effect_access_id(a->pending->bytes, &a->pending->view, outbox);
    int rc = need_fungible(a, i, err);

    if (rc)
        return rc;
    a->declared[i].touched = true;
    if (!a->declared[i].controlled || !czi_id_equal(czi_audit_controller(a, i), box) ||
        !czi_id_equal(czi_audit_creator(a, i), box) ||
        !is_text(czi_audit_label(a, i), asset_of(a, i)))
        return czi_audit_found(a, err, "access %u is not the reserve of outbox %u", i, outbox);
    return CZ_OK;
}

static int keep_outbox(struct czi_auditor *a, unsigned i, const struct czi_outbox *o,
                       cz_error *err)
{
    CZI_AUTOBUF bytes = {0};

    czi_outbox_put(&bytes, o);
    return czi_audit_derive(a, i, &bytes, err);
}

/* From what, whose and into which reserve. */
static int check_withdrawal(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    bool reserve = false;
    const uint8_t *account;
    int rc = need_fungible(a, op->a, err);

    if (rc)
        return rc;
    a->declared[op->a].touched = true;
    account = czi_audit_account(a, op->a, &reserve);
    if (!account || reserve || !czi_id_equal(account, czi_audit_controller(a, op->b)))
        return czi_audit_found(a, err, "access %u is not of the outbox's account", op->a);
    if (!czi_audit_is_external(a, a->declared[op->a].asset))
        return czi_audit_found(a, err, "access %u is of no domain's asset", op->a);
    rc = need_reserve(a, op->c, op->b, err);
    if (!rc && a->declared[op->a].asset != a->declared[op->c].asset)
        rc = czi_audit_found(a, err, "the reserve, access %u, is of another asset", op->c);
    if (!rc)
        rc = czi_audit_authorise(a, account, CZ_RIGHT_WITHDRAW, op->a, &op->quantity, err);
    return rc ? rc : czi_audit_leave(a, account, op->a, op->quantity, err);
}

int czi_audit_withdraw(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    const char *asset;
    struct czi_withdrawal w = {.number = a->withdrawals++,
                               .quantity = op->quantity,
                               .destination = op->text};
    struct czi_outbox o;
    int rc = need_outbox(a, op->b, &o, err);

    if (!rc)
        rc = check_withdrawal(a, op, err);
    if (rc)
        return rc;
    asset = asset_of(a, op->a);
    w.asset = (struct czi_slice){(const uint8_t *)asset, strlen(asset)};
    czi_blake3(a->pending->bytes, a->pending->len, w.effect);
    if (!czi_outbox_add(&o, &w))
        return czi_audit_found(a, err, "outbox %u is full", op->b);
    a->declared[op->a].quantity -= (unsigned __int128)op->quantity;
    a->declared[op->c].quantity += (unsigned __int128)op->quantity;
    return keep_outbox(a, op->b, &o, err);
}

static bool is_reference(const struct czi_withdrawal *w, struct czi_slice text, bool named)
{
    char is[CZI_REFERENCE_SIZE_MAX];
    size_t len = named ? czi_withdrawal_name(w, is) : czi_withdrawal_reference(w, is);

    return text.data && text.len == len && memcmp(text.data, is, len) == 0;
}

/* Takes the withdrawal that a fact names out of its outbox and reserve. named: by effect and
 * number alone. */
static int close_withdrawal(struct czi_auditor *a, const struct czi_op *op,
                            const struct says *says, bool named, cz_quantity *ret,
                            cz_error *err)
{
    struct czi_withdrawal *w = NULL;
    struct czi_outbox o;
    uint8_t effect[32];
    uint32_t number;
    int rc = need_outbox(a, op->a, &o, err);

    if (!rc)
        rc = need_reserve(a, op->b, op->a, err);
    if (rc)
        return rc;
    if (czi_withdrawal_parse(says->statement.account, effect, &number))
        w = czi_outbox_find(&o, effect, number);
    if (!w || !is_reference(w, says->statement.account, named))
        return czi_audit_found(a, err, "outbox %u has no withdrawal that the fact names",
                               op->a);
    if (!is_text(w->asset, asset_of(a, op->b)) ||
        !is_asset_of(asset_of(a, op->b), says->domain, named ? NULL : &says->statement.asset))
        return czi_audit_found(a, err, "the withdrawal is of another asset than access %u",
                               op->b);
    *ret = w->quantity;
    a->declared[op->b].quantity -= (unsigned __int128)w->quantity;
    czi_outbox_remove(&o, w);
    return keep_outbox(a, op->a, &o, err);
}

int czi_audit_confirm(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    struct says says = {0};
    cz_quantity quantity = 0;
    int rc = read_fact(a, op->fact, CZ_FACT_WITHDRAWAL, "withdrawal", &says, err);

    if (!rc)
        rc = use_up(a, op->fact, err);
    if (!rc)
        rc = close_withdrawal(a, op, &says, false, &quantity, err);
    if (rc)
        return rc;
    if (quantity != (cz_quantity)says.statement.amount)
        return czi_audit_found(a, err, "what was paid is not as much as was withdrawn");
    change_supply(a, a->declared[op->b].asset, -(unsigned __int128)quantity);
    return CZ_OK;
}

int czi_audit_release(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    bool reserve = false;
    const uint8_t *account;
    struct says says = {0};
    cz_quantity quantity = 0;
    int rc = read_fact(a, op->fact, CZ_FACT_REGISTER, NULL, &says, err);

    if (!rc)
        rc = close_withdrawal(a, op, &says, true, &quantity, err);
    if (!rc)
        rc = need_fungible(a, op->c, err);
    if (rc)
        return rc;
    a->declared[op->c].touched = true;
    account = czi_audit_account(a, op->c, &reserve);
    if (!account || reserve || !czi_id_equal(account, czi_audit_controller(a, op->a)) ||
        a->declared[op->c].asset != a->declared[op->b].asset)
        return czi_audit_found(a, err, "access %u is not of the outbox's account and asset",
                               op->c);
    a->declared[op->c].quantity += (unsigned __int128)quantity;
    return CZ_OK;
}
