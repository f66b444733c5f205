/* gateway.c - how external value comes in and goes out: deposits, withdrawals, and what closes
 * them; see general.h.
 *
 * An external asset is "<domain>:<asset>". Which domain that is must not depend on what domains
 * there are, or one could issue another one's assets: it is what stands before the first colon,
 * and a domain with a colon in its name has none.
 */
#include "codec/blake3.h"
#include "engine/authority.h"
#include "resource/policy.h"

#include <stdio.h>

#define DEPOSITED "deposit"
#define WITHDRAWN "withdrawal"

static uint8_t blame(struct general *g, const struct work *w, uint8_t reason)
{
    g->blame.id = czi_work_id(g, w);
    return reason;
}

static bool same_text(struct czi_slice a, struct czi_slice b)
{
    return a.len == b.len && (!a.len || memcmp(a.data, b.data, a.len) == 0);
}

static bool is_text(struct czi_slice s, const char *text)
{
    return same_text(s, (struct czi_slice){(const uint8_t *)text, strlen(text)});
}

bool czi_asset_domain(struct czi_slice asset, struct czi_slice *ret)
{
    const uint8_t *colon = asset.len ? memchr(asset.data, ':', asset.len) : NULL;

    if (!colon)
        return false;
    *ret = (struct czi_slice){asset.data, (size_t)(colon - asset.data)};
    return true;
}

bool czi_is_external(const struct czi_book *book, struct czi_slice asset)
{
    struct czi_slice domain;

    return czi_asset_domain(asset, &domain) && czi_book_domain(book, domain) != CZI_ID_NONE;
}

/* ---- Facts ---------------------------------------------------------------------------------
 */

/* What a cited fact says. */
struct said {
    struct czi_statement statement;
    char domain[CZI_DOMAIN_SIZE_MAX + 1];
};

static bool has_purpose(const struct general *g, unsigned place, const char *purpose)
{
    struct czi_slice p = g->citing.facts[place].terms.purpose;

    return p.data && is_text(p, purpose);
}

/* A cited fact of a kind, for a purpose (NULL: whatever), that holds. */
static uint8_t read_fact(struct general *g, unsigned place, unsigned kind, const char *purpose,
                         struct said *ret)
{
    const struct czi_book *book = g->core->book;
    struct czi_entry_info entry;
    struct czi_domain_info domain;
    uint32_t n;

    g->blame.id = g->citing.facts[place].fact;
    if (!(g->citing.holds >> place & 1) || (purpose && !has_purpose(g, place, purpose)))
        return CZ_WRONG_FACT;
    n = czi_book_find(book, (const cz_id *)(const void *)g->citing.facts[place].fact);
    CZI_CHECK(n != CZI_ID_NONE);
    if (!czi_book_statement(book, n, &ret->statement) || ret->statement.kind != kind)
        return CZ_WRONG_FACT;
    czi_book_entry(book, n, &entry);
    czi_book_domain_info(book, entry.domain, &domain);
    (void)snprintf(ret->domain, sizeof ret->domain, "%s", domain.name);
    return CZ_APPLIED;
}

/* Each serves one operation: another fact of the same event is refused as it is cited. */
static uint8_t use_up(struct general *g, unsigned place)
{
    if (g->facts_used >> place & 1)
        return CZ_EVENT_CONSUMED;
    g->facts_used |= UINT64_C(1) << place;
    return CZ_APPLIED;
}

uint8_t czi_gateway_unused(const struct general *g)
{
    for (unsigned i = 0; i < g->citing.fact_count; i++) {
        struct czi_entry_info entry;
        bool deposited = has_purpose(g, i, DEPOSITED), withdrawn = has_purpose(g, i, WITHDRAWN);

        if ((!deposited && !withdrawn) || !(g->citing.holds >> i & 1) || g->facts_used >> i & 1)
            continue;
        czi_book_entry(g->core->book,
                       czi_book_find(g->core->book,
                                     (const cz_id *)(const void *)g->citing.facts[i].fact),
                       &entry);
        if (entry.kind == (deposited ? CZ_FACT_DEPOSIT : CZ_FACT_WITHDRAWAL))
            return CZ_WRONG_FACT;
    }
    return CZ_APPLIED;
}

/* Whether an external asset is what its domain calls `name`. */
static bool is_asset_of(struct czi_slice asset, const struct said *s)
{
    struct czi_slice domain, name;

    if (!czi_asset_domain(asset, &domain) || !is_text(domain, s->domain))
        return false;
    name = (struct czi_slice){asset.data + domain.len + 1, asset.len - domain.len - 1};
    return s->statement.kind == CZ_FACT_REGISTER || same_text(name, s->statement.asset);
}

/* ---- Deposits ------------------------------------------------------------------------------
 */

/* The text is the id, or the label that the operator would make it with. */
static bool is_named(struct czi_slice text, const uint8_t *id)
{
    char copy[CZI_STATEMENT_TEXT_MAX + 1] = {0};
    cz_id maker = cz_operator(), named;

    if (text.len > CZI_STATEMENT_TEXT_MAX)
        return false;
    memcpy(copy, text.data, text.len);
    if (cz_id_parse(copy, &named, NULL) != CZ_OK) {
        if (czi_label_problem(text))
            return false;
        named = czi_identity_id(&maker, text);
    }
    return czi_id_equal(&named, id);
}

static uint8_t add_quantity(struct work *w, cz_quantity q)
{
    return __builtin_add_overflow(w->now.quantity, q, &w->now.quantity) ? CZ_OVERFLOW
                                                                        : CZ_APPLIED;
}

uint8_t czi_deposit(struct general *g, struct work *to, const struct czi_op *op)
{
    const uint8_t *account;
    enum czi_owner_kind owner;
    struct said said;
    uint8_t reason;

    if (to->now.kind != CZ_FUNGIBLE)
        return blame(g, to, CZ_WRONG_KIND);
    if (to->now.state != CZ_ACTIVE)
        return blame(g, to, CZ_WRONG_STATE);
    reason = read_fact(g, op->fact, CZ_FACT_DEPOSIT, DEPOSITED, &said);
    if (!reason)
        reason = use_up(g, op->fact);
    if (reason)
        return reason;
    owner = czi_owner_of(g, to, &account);
    if (owner != CZI_ACCOUNT)
        return blame(g, to, owner == CZI_RESERVE ? CZ_UNPROVEN : CZ_DIRECT_OWNERSHIP);
    if (!is_asset_of(czi_work_asset(g, to), &said) ||
        (!is_named(said.statement.account, czi_work_id(g, to)) &&
         !is_named(said.statement.account, account)))
        return CZ_WRONG_FACT;
    reason = add_quantity(to, said.statement.amount);
    return reason ? blame(g, to, reason)
                  : czi_change_supply(g, to->now.asset, said.statement.amount);
}

/* ---- Withdrawals ---------------------------------------------------------------------------
 */

static uint8_t open_outbox(struct general *g, struct work *w, struct czi_outbox *ret)
{
    if (w->now.kind != CZ_OUTBOX)
        return blame(g, w, CZ_WRONG_KIND);
    if (w->now.state != CZ_ACTIVE)
        return blame(g, w, CZ_WRONG_STATE);
    CZI_CHECK(!czi_outbox_read(czi_work_data(g, w), ret, NULL));
    return CZ_APPLIED;
}

static void keep_outbox(struct general *g, struct work *w, const struct czi_outbox *o)
{
    g->spare.len = 0;
    czi_outbox_put(&g->spare, o);
    czi_work_derive(g, w);
}

/* The reserve of an outbox in an asset. */
static uint8_t check_reserve(struct general *g, struct work *w, const struct work *outbox,
                             struct czi_slice asset)
{
    if (w->now.kind != CZ_FUNGIBLE)
        return blame(g, w, CZ_WRONG_KIND);
    if (!same_text(czi_work_asset(g, w), asset))
        return blame(g, w, CZ_WRONG_ASSET);
    if (!w->now.controlled || !czi_id_equal(czi_work_controller(g, w), czi_work_id(g, outbox)))
        return blame(g, w, CZ_UNPROVEN);
    return w->now.state == CZ_ACTIVE ? CZ_APPLIED : blame(g, w, CZ_WRONG_STATE);
}

/* The three belong together, and are what they must be. */
static uint8_t check_withdrawal(struct general *g, const struct czi_op *op,
                                const uint8_t **ret_account, struct czi_outbox *ret_outbox)
{
    struct work *from = &g->works[op->a], *outbox = &g->works[op->b];
    uint8_t reason;

    if (from->now.kind != CZ_FUNGIBLE)
        return blame(g, from, CZ_WRONG_KIND);
    if (from->now.state != CZ_ACTIVE)
        return blame(g, from, CZ_WRONG_STATE);
    if (czi_owner_of(g, from, ret_account) != CZI_ACCOUNT)
        return blame(g, from, CZ_UNPROVEN);
    reason = open_outbox(g, outbox, ret_outbox);
    if (reason)
        return reason;
    if (!czi_id_equal(czi_work_controller(g, outbox), *ret_account))
        return blame(g, outbox, CZ_UNPROVEN);
    if (!czi_is_external(g->core->book, czi_work_asset(g, from)))
        return blame(g, from, CZ_UNKNOWN_DOMAIN);
    return check_reserve(g, &g->works[op->c], outbox, czi_work_asset(g, from));
}

uint8_t czi_withdraw(struct general *g, const struct czi_op *op)
{
    struct work *from = &g->works[op->a], *outbox = &g->works[op->b],
                *reserve = &g->works[op->c];
    struct czi_withdrawal w = {.number = g->withdrawals,
                               .asset = czi_work_asset(g, from),
                               .destination = op->text,
                               .quantity = op->quantity};
    const uint8_t *account;
    struct czi_outbox o;
    uint8_t reason = check_withdrawal(g, op, &account, &o);

    if (!reason)
        reason = czi_authorise_withdrawal(g, from, account, op->quantity);
    if (reason)
        return reason;
    if (from->now.quantity < op->quantity)
        return blame(g, from, CZ_OVERDRAFT);
    reason = add_quantity(reserve, op->quantity);
    if (!reason)
        reason = czi_authorise_leaving(g, account, w.asset, op->quantity);
    if (reason)
        return reason;
    czi_blake3(g->pending->bytes, g->pending->len, w.effect);
    if (!czi_outbox_add(&o, &w))
        return blame(g, outbox, CZ_OUTBOX_FULL);
    keep_outbox(g, outbox, &o);
    from->now.quantity -= op->quantity;
    g->withdrawals++;
    return CZ_APPLIED;
}

/* ---- Closing -------------------------------------------------------------------------------
 */

/* The open withdrawal that a fact names: a withdrawal's by the whole reference, a refusal by
 * the name alone. */
static struct czi_withdrawal *find_named(struct czi_outbox *o, const struct czi_statement *s)
{
    char text[CZI_REFERENCE_SIZE_MAX];
    struct czi_withdrawal *w;
    uint8_t effect[32];
    uint32_t number;
    size_t len;

    if (!czi_withdrawal_parse(s->account, effect, &number))
        return NULL;
    w = czi_outbox_find(o, effect, number);
    if (!w)
        return NULL;
    len = s->kind == CZ_FACT_REGISTER ? czi_withdrawal_name(w, text)
                                      : czi_withdrawal_reference(w, text);
    return same_text(s->account, (struct czi_slice){(const uint8_t *)text, len}) ? w : NULL;
}

/* Takes the withdrawal that a fact names out of its outbox and reserve. *ret: how much it is.
 */
static uint8_t close_withdrawal(struct general *g, const struct czi_op *op,
                                const struct said *said, cz_quantity *ret)
{
    struct work *outbox = &g->works[op->a], *reserve = &g->works[op->b];
    struct czi_withdrawal *w;
    struct czi_outbox o;
    uint8_t reason = open_outbox(g, outbox, &o);

    if (reason)
        return reason;
    w = find_named(&o, &said->statement);
    if (!w)
        return blame(g, outbox, CZ_NO_WITHDRAWAL);
    reason = check_reserve(g, reserve, outbox, w->asset);
    if (reason)
        return reason;
    if (!is_asset_of(w->asset, said) ||
        (said->statement.kind == CZ_FACT_WITHDRAWAL && said->statement.amount != w->quantity))
        return blame(g, outbox, CZ_WRONG_FACT);
    if (reserve->now.quantity < w->quantity)
        return blame(g, reserve, CZ_OVERDRAFT);
    *ret = w->quantity;
    reserve->now.quantity -= *ret;
    czi_outbox_remove(&o, w);
    keep_outbox(g, outbox, &o);
    return CZ_APPLIED;
}

uint8_t czi_confirm(struct general *g, const struct czi_op *op)
{
    struct said said;
    cz_quantity q;
    uint8_t reason = read_fact(g, op->fact, CZ_FACT_WITHDRAWAL, WITHDRAWN, &said);

    if (!reason)
        reason = use_up(g, op->fact);
    if (!reason)
        reason = close_withdrawal(g, op, &said, &q);
    return reason ? reason : czi_change_supply(g, g->works[op->b].now.asset, -q);
}

uint8_t czi_release(struct general *g, const struct czi_op *op)
{
    struct work *outbox = &g->works[op->a], *to = &g->works[op->c];
    const uint8_t *account;
    struct said said;
    cz_quantity q;
    uint8_t reason = read_fact(g, op->fact, CZ_FACT_REGISTER, NULL, &said);

    if (!reason)
        reason = close_withdrawal(g, op, &said, &q);
    if (reason)
        return reason;
    if (to->now.kind != CZ_FUNGIBLE)
        return blame(g, to, CZ_WRONG_KIND);
    if (to->now.asset != g->works[op->b].now.asset)
        return blame(g, to, CZ_WRONG_ASSET);
    if (to->now.state != CZ_ACTIVE)
        return blame(g, to, CZ_WRONG_STATE);
    if (czi_owner_of(g, to, &account) != CZI_ACCOUNT ||
        !czi_id_equal(account, czi_work_controller(g, outbox)))
        return blame(g, to, CZ_UNPROVEN);
    return add_quantity(to, q);
}
