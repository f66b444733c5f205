/* authority.c - see authority.h. */
#include "engine/authority.h"

#include "resource/policy.h"

/* ---- What is where -------------------------------------------------------------------------
 */

/* A resource, declared or not. */
struct seen {
    struct work *work; /* NULL: it is not declared */
    bool exists, controlled;
    uint8_t kind, state;
    const uint8_t *controller;
    struct czi_slice data;
};

static struct seen see(struct general *g, const uint8_t *id)
{
    struct seen s = {.work = czi_work_find(g, id)};
    const struct czi_resource_name *n;
    const struct czi_resource *x;
    uint32_t slot;

    if (s.work && !s.work->exists)
        return s;
    if (s.work) {
        x = &s.work->now;
        s.controller = czi_work_controller(g, s.work);
        if (czi_kind_has_data(x->kind))
            s.data = czi_work_data(g, s.work);
    } else {
        slot = czi_id_table_find(&g->core->resources.ids, id);
        if (slot == CZI_ID_NONE || !czi_resource_at(&g->core->resources, slot)->position)
            return s;
        x = czi_resource_at(&g->core->resources, slot);
        n = czi_resource_name(&g->core->resources, slot);
        s.controller = n->controller.bytes;
        s.data = (struct czi_slice){n->data, n->data_len};
    }
    s.exists = true;
    s.kind = x->kind;
    s.state = x->state;
    s.controlled = x->controlled;
    return s;
}

static uint8_t blame(struct general *g, const uint8_t *id, uint8_t reason)
{
    g->blame.id = id;
    return reason;
}

int czi_controller_kind(struct general *g, const uint8_t *id)
{
    struct seen s = see(g, id);

    return s.exists ? s.kind : -1;
}

enum czi_owner_kind czi_owner_of(struct general *g, const struct work *w,
                                 const uint8_t **ret_account)
{
    struct seen s;

    *ret_account = NULL;
    if (!w->now.controlled)
        return CZI_NOBODY;
    *ret_account = czi_work_controller(g, w);
    s = see(g, *ret_account);
    if (s.exists && s.kind == CZ_CODE)
        return CZI_CODE;
    if (!s.exists || s.kind != CZ_OUTBOX)
        return CZI_ACCOUNT;
    *ret_account = s.controller;
    return CZI_RESERVE;
}

/* What a code controls: that code itself may. */
static uint8_t by_code(struct general *g, const uint8_t *code, const uint8_t *concerned)
{
    return g->actor && czi_id_equal(g->actor, code) ? CZ_APPLIED
                                                    : blame(g, concerned, CZ_CODE_ONLY);
}

/* ---- Signatures and presented capabilities -------------------------------------------------
 */

static const uint8_t *signers(const struct general *g)
{
    const struct czi_pending *p = g->pending;

    return czi_effect_signer(p->bytes, p->len, &p->view, 0);
}

static bool has_signed(const struct general *g, const uint8_t *key)
{
    const uint8_t *signer = signers(g);

    for (unsigned i = 0; i < g->pending->view.signature_count; i++)
        if (czi_id_equal(signer + (size_t)i * CZI_SIGNER_SIZE, key))
            return true;
    return false;
}

/* Whether enough of a policy's owners have signed. */
static uint8_t signers_fault(struct general *g, const struct czi_policy *p)
{
    unsigned count = g->pending->view.signature_count,
             n = count ? czi_policy_signers(p, signers(g), CZI_SIGNER_SIZE, count) : 0;

    g->blame.needed = p->threshold;
    g->blame.signed_by = n;
    if (n >= p->threshold)
        return CZ_APPLIED;
    return !count ? CZ_UNSIGNED : !n ? CZ_WRONG_KEY : CZ_BELOW_THRESHOLD;
}

static uint8_t read_policy(struct general *g, const uint8_t *account, struct czi_policy *ret,
                           bool whatever_state)
{
    struct seen s = see(g, account);

    g->blame = (struct czi_blame){.id = account, .op = g->blame.op};
    if (!s.work || !s.exists)
        return CZ_UNDECLARED;
    if (s.state != CZ_ACTIVE && !whatever_state)
        return CZ_WRONG_STATE;
    CZI_CHECK(!czi_policy_read(s.data, ret, NULL));
    return CZ_APPLIED;
}

static uint8_t owners(struct general *g, const uint8_t *account)
{
    struct czi_policy p;
    uint8_t reason = read_policy(g, account, &p, false);

    return reason ? reason : signers_fault(g, &p);
}

static void read_grant(struct general *g, const struct work *w, struct czi_grant *ret)
{
    CZI_CHECK(!czi_grant_read(czi_work_data(g, w), ret, NULL));
}

/* The capability above one; all that were presented have theirs declared. */
static struct work *above(struct general *g, const struct czi_grant *grant)
{
    struct work *w = grant->parent ? czi_work_find(g, grant->parent) : NULL;

    CZI_CHECK(!grant->parent || w);
    return w;
}

/* Whether a presented capability and all above it allow a quantity, which they have spent
 * then. */
static bool spend(struct general *g, struct work *w, cz_quantity q)
{
    struct work *links[CZ_DELEGATION_MAX];
    struct czi_grant grants[CZ_DELEGATION_MAX];
    unsigned n = 0;

    for (; w; w = above(g, &grants[n++])) {
        CZI_CHECK(n < CZ_DELEGATION_MAX);
        links[n] = w;
        read_grant(g, w, &grants[n]);
        if (grants[n].has_ceiling && q > grants[n].ceiling - grants[n].spent)
            return false;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!grants[i].has_ceiling)
            continue;
        grants[i].spent += q;
        g->spare.len = 0;
        czi_grant_put(&g->spare, &grants[i]);
        czi_work_derive(g, links[i]);
    }
    return true;
}

static bool fits(const struct czi_grant *grant, const uint8_t *id, struct czi_slice asset)
{
    if (grant->resource)
        return czi_id_equal(grant->resource, id);
    return !grant->asset.data ||
           (grant->asset.len == asset.len &&
            (!asset.len || memcmp(grant->asset.data, asset.data, asset.len) == 0));
}

/* Whether the account's owners have signed, or a presented capability gives the right to the
 * resource. q: what counts against ceilings, or NULL. */
static uint8_t authorise(struct general *g, const uint8_t *account, unsigned right,
                         const struct work *w, const cz_quantity *q)
{
    static const uint8_t steps[] = {CZ_OTHER_RESOURCE, CZ_RIGHT_MISSING, CZ_OVER_CEILING};
    uint8_t reason = owners(g, account);
    int furthest = -1;

    if (reason != CZ_UNSIGNED && reason != CZ_WRONG_KEY && reason != CZ_BELOW_THRESHOLD)
        return reason;
    for (unsigned i = 0; i < g->presented_count; i++) {
        struct work *capability = &g->works[g->presented[i]];
        struct czi_grant grant;
        int step = 2;

        read_grant(g, capability, &grant);
        if (!czi_id_equal(grant.account, account))
            continue;
        if (!fits(&grant, czi_work_id(g, w), czi_work_asset(g, w)))
            step = 0;
        else if (!(grant.rights & right))
            step = 1;
        else if (!q || spend(g, capability, *q))
            return CZ_APPLIED;
        if (step <= furthest)
            continue;
        furthest = step;
        g->blame = (struct czi_blame){.id = czi_work_id(g, capability), .op = g->blame.op};
    }
    return furthest < 0 ? reason : steps[furthest];
}

/* ---- What leaves an account ---------------------------------------------------------------
 */

uint8_t czi_authorise_leaving(struct general *g, const uint8_t *account, struct czi_slice asset,
                              cz_quantity q)
{
    struct work *w = czi_work_find(g, account);
    const struct czi_domain_time *at;
    struct czi_policy p;
    struct czi_limit *limit;

    CZI_CHECK(w && !czi_policy_read(czi_work_data(g, w), &p, NULL));
    limit = czi_policy_limit(&p, asset);
    if (!limit)
        return CZ_APPLIED;
    g->blame = (struct czi_blame){.id = account, .op = g->blame.op};
    if (!czi_work_written(g, w))
        return CZ_UNDECLARED;
    at = czi_time_map_find(czi_book_time(g->core->book), limit->domain);
    if (!at || !czi_limit_spend(limit, at->time, q))
        return CZ_RATE_LIMIT;
    g->spare.len = 0;
    czi_policy_put(&g->spare, &p);
    czi_work_derive(g, w);
    czi_work_touch(g, w);
    return CZ_APPLIED;
}

uint8_t czi_authorise_debit(struct general *g, struct work *from, struct work *to,
                            cz_quantity q)
{
    const uint8_t *account, *other;
    enum czi_owner_kind owner = czi_owner_of(g, from, &account),
                        receiver = czi_owner_of(g, to, &other);
    uint8_t reason;

    if (owner == CZI_RESERVE || receiver == CZI_RESERVE)
        return blame(g, czi_work_id(g, owner == CZI_RESERVE ? from : to), CZ_UNPROVEN);
    if (owner == CZI_NOBODY)
        return CZ_APPLIED;
    if (owner == CZI_CODE)
        return by_code(g, account, czi_work_id(g, from));
    reason = authorise(g, account, CZ_RIGHT_DEBIT, from, &q);
    if (reason || (other && czi_id_equal(account, other)))
        return reason;
    return czi_authorise_leaving(g, account, czi_work_asset(g, from), q);
}

uint8_t czi_authorise_withdrawal(struct general *g, struct work *from, const uint8_t *account,
                                 cz_quantity q)
{
    return authorise(g, account, CZ_RIGHT_WITHDRAW, from, &q);
}

/* ---- What is neither debited nor withdrawn -------------------------------------------------
 */

static uint8_t controlled(struct general *g, const struct work *w, unsigned right)
{
    const uint8_t *account;
    enum czi_owner_kind owner = czi_owner_of(g, w, &account);

    if (owner == CZI_RESERVE)
        return blame(g, czi_work_id(g, w), CZ_UNPROVEN);
    if (owner == CZI_CODE)
        return by_code(g, account, czi_work_id(g, w));
    return owner == CZI_NOBODY ? CZ_APPLIED : authorise(g, account, right, w, NULL);
}

uint8_t czi_authorise_write(struct general *g, struct work *w, struct czi_slice data)
{
    struct czi_policy p;

    if (w->now.kind != CZ_ACCOUNT)
        return controlled(g, w, CZ_RIGHT_WRITE);
    if (czi_policy_read(data, &p, NULL) || !czi_policy_is_new(&p))
        return blame(g, czi_work_id(g, w), CZ_BAD_POLICY);
    return owners(g, czi_work_id(g, w));
}

/* The code that controls it ran, and did not change it this time. */
static bool is_of_guest(struct general *g, const struct work *w)
{
    const uint8_t *code;

    return g->ran && czi_owner_of(g, w, &code) == CZI_CODE && czi_guest_has_run(g, code);
}

uint8_t czi_authorise_untouched(struct general *g)
{
    for (unsigned i = 0; i < g->pending->view.write_count; i++) {
        const struct work *w = &g->works[i];
        uint8_t reason = CZ_APPLIED;

        if (!w->exists || g->touched >> i & 1)
            continue;
        if (w->now.kind == CZ_ACCOUNT)
            reason = owners(g, czi_work_id(g, w));
        else if (w->now.controlled && !is_of_guest(g, w))
            reason = controlled(g, w, CZ_RIGHT_WRITE);
        if (reason)
            return reason;
    }
    return CZ_APPLIED;
}

/* Its holder, or that of a declared one above it. */
static bool is_given_up(struct general *g, const struct work *w)
{
    struct czi_grant grant;
    struct seen s;

    read_grant(g, w, &grant);
    for (unsigned n = 0; n < CZ_DELEGATION_MAX; n++) {
        if (n == 0 || s.work)
            if (has_signed(g, grant.holder))
                return true;
        if (!grant.parent)
            break;
        s = see(g, grant.parent);
        if (!s.exists || s.kind != CZ_CAPABILITY || czi_grant_read(s.data, &grant, NULL))
            break;
    }
    return false;
}

uint8_t czi_authorise_lifecycle(struct general *g, struct work *w, unsigned code)
{
    struct czi_policy p;
    uint8_t reason;

    switch (w->now.kind) {
    case CZ_ACCOUNT: /* also of a locked one, or it could never be unlocked */
        reason = read_policy(g, czi_work_id(g, w), &p, true);
        return reason ? reason : signers_fault(g, &p);
    case CZ_CAPABILITY:
        if (code == CZI_OP_CONSUME && is_given_up(g, w))
            return CZ_APPLIED;
        return owners(g, czi_work_controller(g, w));
    default:
        return controlled(g, w, CZ_RIGHT_LIFECYCLE);
    }
}

uint8_t czi_authorise_use(struct general *g, struct work *w)
{
    const struct czi_domain_time *at;
    struct czi_grant grant;

    if (w->now.kind != CZ_CAPABILITY)
        return blame(g, czi_work_id(g, w), CZ_WRONG_KIND);
    read_grant(g, w, &grant);
    g->blame.id = czi_work_id(g, w);
    if (!has_signed(g, grant.holder))
        return g->pending->view.signature_count ? CZ_WRONG_KEY : CZ_UNSIGNED;
    for (struct work *link = w; link;) {
        read_grant(g, link, &grant);
        g->blame.id = czi_work_id(g, link);
        if (grant.has_ceiling && !czi_work_written(g, link))
            return CZ_UNDECLARED;
        if (link->now.state != CZ_ACTIVE)
            return CZ_REVOKED;
        at = grant.expires
                 ? czi_time_map_find(czi_book_time(g->core->book), grant.expire_domain)
                 : NULL;
        if (grant.expires && (!at || at->time > grant.expire_time))
            return CZ_CAPABILITY_EXPIRED;
        czi_work_touch(g, link);
        link = grant.parent ? czi_work_find(g, grant.parent) : NULL;
        if (grant.parent && (!link || !link->exists))
            return blame(g, grant.parent, CZ_UNDECLARED);
    }
    for (unsigned i = 0; i < g->presented_count; i++)
        if (g->presented[i] == czi_work_place(g, w))
            return CZ_APPLIED;
    g->presented[g->presented_count++] = (uint8_t)czi_work_place(g, w);
    return CZ_APPLIED;
}

/* ---- Creating ------------------------------------------------------------------------------
 */

bool czi_is_canonical(const struct czi_op *op)
{
    return op->kind == CZ_FUNGIBLE && op->quantity == 0 &&
           czi_id_equal(op->creator, op->controller) && op->label.len == op->asset.len &&
           memcmp(op->label.data, op->asset.data, op->label.len) == 0;
}

/* An account, outbox or code in whose name something is created. */
static uint8_t party(struct general *g, const uint8_t *id, const struct work *w)
{
    int kind = czi_controller_kind(g, id);

    if (kind == CZ_OUTBOX)
        return blame(g, id, CZ_UNPROVEN);
    if (kind == CZ_CODE)
        return by_code(g, id, id);
    return kind == CZ_ACCOUNT ? authorise(g, id, CZ_RIGHT_CREATE, w, NULL) : CZ_APPLIED;
}

static uint8_t create_account(struct general *g, const struct work *w, const struct czi_op *op)
{
    struct czi_policy p;

    g->blame.id = czi_work_id(g, w);
    if (czi_policy_read(op->data, &p, NULL) || !czi_policy_is_new(&p))
        return CZ_BAD_POLICY;
    return signers_fault(g, &p);
}

static uint8_t create_outbox(struct general *g, const struct work *w, const struct czi_op *op)
{
    static const char label[] = "outbox";
    struct czi_outbox o;

    g->blame.id = czi_work_id(g, w);
    if (!czi_id_equal(op->creator, op->controller) || op->label.len != sizeof label - 1 ||
        memcmp(op->label.data, label, sizeof label - 1) != 0 ||
        czi_controller_kind(g, op->controller) != CZ_ACCOUNT)
        return CZ_DIRECT_OWNERSHIP;
    return czi_outbox_read(op->data, &o, NULL) || o.count ? CZ_BAD_POLICY : CZ_APPLIED;
}

static bool is_presented(const struct general *g, const struct work *w)
{
    for (unsigned i = 0; i < g->presented_count; i++)
        if (&g->works[g->presented[i]] == w)
            return true;
    return false;
}

/* How many capabilities there are from one upwards. */
static unsigned depth_of(struct general *g, struct czi_grant grant)
{
    unsigned n = 1;

    while (grant.parent && n <= CZ_DELEGATION_MAX) {
        struct seen s = see(g, grant.parent);

        if (!s.exists || s.kind != CZ_CAPABILITY || czi_grant_read(s.data, &grant, NULL))
            break;
        n++;
    }
    return n;
}

static uint8_t create_delegated(struct general *g, const struct czi_grant *grant,
                                uint8_t of_owners)
{
    struct work *w = czi_work_find(g, grant->parent);
    struct czi_grant parent;

    if (!w || !w->exists)
        return blame(g, grant->parent, CZ_UNDECLARED);
    if (w->now.kind != CZ_CAPABILITY)
        return blame(g, grant->parent, CZ_WRONG_KIND);
    if (of_owners && !is_presented(g, w))
        return of_owners;
    g->blame = (struct czi_blame){.id = grant->parent, .op = g->blame.op};
    read_grant(g, w, &parent);
    if (of_owners && !(parent.rights & CZ_RIGHT_DELEGATE))
        return CZ_RIGHT_MISSING;
    return czi_grant_within(grant, &parent) && depth_of(g, parent) < CZ_DELEGATION_MAX
               ? CZ_APPLIED
               : CZ_NOT_ATTENUATED;
}

static uint8_t create_capability(struct general *g, const struct work *w,
                                 const struct czi_op *op)
{
    struct czi_grant grant;
    uint8_t reason;

    g->blame.id = czi_work_id(g, w);
    if (czi_grant_read(op->data, &grant, NULL) || grant.spent ||
        !czi_id_equal(grant.account, op->controller) ||
        czi_controller_kind(g, op->controller) != CZ_ACCOUNT)
        return CZ_BAD_POLICY;
    reason = owners(g, op->controller);
    if (reason && reason != CZ_UNSIGNED && reason != CZ_WRONG_KEY &&
        reason != CZ_BELOW_THRESHOLD)
        return reason;
    if (grant.parent)
        reason = create_delegated(g, &grant, reason);
    return reason ? reason : party(g, op->creator, w);
}

uint8_t czi_authorise_creation(struct general *g, struct work *w, const struct czi_op *op)
{
    uint8_t reason = CZ_APPLIED;

    switch (op->kind) {
    case CZ_CAPABILITY:
        return create_capability(g, w, op);
    case CZ_OUTBOX:
        return create_outbox(g, w, op);
    case CZ_ACCOUNT:
        reason = create_account(g, w, op);
        break;
    default:
        if (czi_is_canonical(op) && czi_controller_kind(g, op->controller) != CZ_CODE)
            return CZ_APPLIED;
    }
    if (!reason)
        reason = party(g, op->creator, w);
    if (!reason && !czi_id_equal(op->creator, op->controller))
        reason = party(g, op->controller, w);
    return reason;
}
