/* audit_authority.c - whether an effect that applied was authorised (R14).
 *
 * Layer: replay. Thread: the one that audits.
 *
 * Nothing of engine/authority.c is used. The rules are those of docs/reference/formats.md; from
 * the keys that signed, the capabilities that were presented and the time map each operation is
 * judged anew on what the recorded effects before it made of accounts and capabilities. The
 * bytes that follow from an operation (what is spent) are made with the functions of
 * resource/policy.h, and so come to be compared with the recorded hashes.
 */
#include "replay/audit.h"

/* ---- Resources as the effect sees them ----------------------------------------------------
 */

uint32_t czi_audit_access(const struct czi_auditor *a, const uint8_t *id)
{
    for (unsigned i = 0; i < a->count; i++)
        if (czi_id_equal(czi_effect_access_id(a->pending->bytes, &a->pending->view, i), id))
            return i;
    return CZI_ID_NONE;
}

static const struct czi_resource_name *name_of(const struct czi_auditor *a, unsigned i)
{
    return czi_resource_name(&a->core->resources, a->declared[i].slot);
}

const uint8_t *czi_audit_creator(const struct czi_auditor *a, unsigned i)
{
    return a->declared[i].created ? a->declared[i].creation.creator
                                  : name_of(a, i)->creator.bytes;
}

const uint8_t *czi_audit_controller(const struct czi_auditor *a, unsigned i)
{
    return a->declared[i].created ? a->declared[i].creation.controller
                                  : name_of(a, i)->controller.bytes;
}

struct czi_slice czi_audit_label(const struct czi_auditor *a, unsigned i)
{
    const char *label;

    if (a->declared[i].created)
        return a->declared[i].creation.label;
    label = name_of(a, i)->label;
    return (struct czi_slice){(const uint8_t *)label, strlen(label)};
}

struct czi_slice czi_audit_data(const struct czi_auditor *a, unsigned i)
{
    if (a->declared[i].has_data)
        return a->declared[i].data;
    return (struct czi_slice){name_of(a, i)->data, name_of(a, i)->data_len};
}

int czi_audit_derive(struct czi_auditor *a, unsigned i, struct czi_buf *bytes, cz_error *err)
{
    struct czi_buf old = a->derived[i];

    if (bytes->failed)
        return czi_nomem(err, "what an operation derives");
    a->derived[i] = *bytes;
    *bytes = old;
    a->declared[i].has_data = true;
    a->declared[i].touched = true;
    a->declared[i].data = czi_buf_slice(&a->derived[i]);
    return CZ_OK;
}

/* Any resource, also one that is not declared; kind CZI_KIND_LAST + 1: there is none. */
struct seen {
    uint8_t kind;
    const uint8_t *controller;
    struct czi_slice data;
};

static struct seen see(const struct czi_auditor *a, const uint8_t *id)
{
    uint32_t i = czi_audit_access(a, id), slot;
    const struct czi_resource_name *n;

    if (i != CZI_ID_NONE)
        return a->declared[i].exists
                   ? (struct seen){a->declared[i].kind, czi_audit_controller(a, i),
                                   czi_kind_has_data(a->declared[i].kind)
                                       ? czi_audit_data(a, i)
                                       : (struct czi_slice){0}}
                   : (struct seen){.kind = CZI_KIND_LAST + 1};
    slot = czi_id_table_find(&a->core->resources.ids, id);
    if (slot == CZI_ID_NONE)
        return (struct seen){.kind = CZI_KIND_LAST + 1};
    n = czi_resource_name(&a->core->resources, slot);
    return (struct seen){czi_resource_at(&a->core->resources, slot)->kind, n->controller.bytes,
                         (struct czi_slice){n->data, n->data_len}};
}

const uint8_t *czi_audit_account(const struct czi_auditor *a, unsigned i, bool *ret_reserve)
{
    const uint8_t *controller;
    struct seen master;

    *ret_reserve = false;
    if (!a->declared[i].controlled)
        return NULL;
    controller = czi_audit_controller(a, i);
    master = see(a, controller);
    *ret_reserve = master.kind == CZ_OUTBOX;
    return *ret_reserve ? master.controller : controller;
}

bool czi_audit_is_external(const struct czi_auditor *a, uint32_t asset)
{
    const char *name = a->core->assets[asset].name, *colon = strchr(name, ':');

    return colon && czi_book_domain(a->core->book,
                                    (struct czi_slice){(const uint8_t *)name,
                                                       (size_t)(colon - name)}) != CZI_ID_NONE;
}

/* ---- Owners -------------------------------------------------------------------------------
 */

static unsigned signers_of(const struct czi_auditor *a, const struct czi_policy *p)
{
    const struct czi_pending *e = a->pending;

    return czi_policy_signers(p, czi_effect_signer(e->bytes, e->len, &e->view, 0),
                              CZI_SIGNER_SIZE, e->view.signature_count);
}

static bool has_signed(const struct czi_auditor *a, const uint8_t *key)
{
    const struct czi_pending *e = a->pending;

    for (unsigned i = 0; i < e->view.signature_count; i++)
        if (czi_id_equal(czi_effect_signer(e->bytes, e->len, &e->view, i), key))
            return true;
    return false;
}

/* Whether enough owners of an account have signed; it must be declared, and active unless it is
 * its own lifecycle that they decide about. */
static int ask_owners(struct czi_auditor *a, const uint8_t *account, bool lifecycle, bool *ret,
                      cz_error *err)
{
    uint32_t i = czi_audit_access(a, account);
    struct czi_policy p;

    if (i == CZI_ID_NONE || !a->declared[i].exists)
        return czi_audit_found(a, err, "an account that decides is not declared");
    if (a->declared[i].kind != CZ_ACCOUNT || (a->declared[i].state != CZ_ACTIVE && !lifecycle))
        return czi_audit_found(a, err, "access %u decides, but is no active account", i);
    if (czi_policy_read(czi_audit_data(a, i), &p, err))
        return czi_audit_found(a, err, "access %u is no account", i);
    *ret = signers_of(a, &p) >= p.threshold;
    return CZ_OK;
}

static int too_few(const struct czi_auditor *a, const char *what, cz_error *err)
{
    return czi_audit_found(a, err, "it is not authorised: too few owners signed to %s", what);
}

static int owners_only(struct czi_auditor *a, const uint8_t *account, const char *what,
                       cz_error *err)
{
    bool good = false;
    int rc = ask_owners(a, account, false, &good, err);

    return rc || good ? rc : too_few(a, what, err);
}

/* ---- Capabilities -------------------------------------------------------------------------
 */

/* A capability and those above it, lowest first. */
struct chain {
    const uint8_t *ids[CZ_DELEGATION_MAX];
    struct czi_grant grants[CZ_DELEGATION_MAX];
    unsigned count;
};

static int read_chain(struct czi_auditor *a, const uint8_t *id, struct chain *ret,
                      cz_error *err)
{
    for (ret->count = 0; id; ret->count++) {
        struct seen x = see(a, id);

        if (ret->count == CZ_DELEGATION_MAX)
            return czi_audit_found(a, err, "more than %d capabilities are above one another",
                                   CZ_DELEGATION_MAX);
        if (x.kind != CZ_CAPABILITY ||
            czi_grant_read(x.data, &ret->grants[ret->count], NULL) != CZ_OK)
            return czi_audit_found(a, err, "what should be a capability is none");
        ret->ids[ret->count] = id;
        id = ret->grants[ret->count].parent;
    }
    return CZ_OK;
}

/* One of those that are used: it must be declared, and be good now. */
static int check_used(struct czi_auditor *a, const struct czi_grant *g, const uint8_t *id,
                      cz_error *err)
{
    uint32_t i = czi_audit_access(a, id);
    uint64_t time;

    if (i == CZI_ID_NONE)
        return czi_audit_found(a, err, "a capability above a used one is not declared");
    if (g->has_ceiling && i >= a->pending->view.write_count)
        return czi_audit_found(a, err, "capability %u has a ceiling, but is only read", i);
    if (a->declared[i].state != CZ_ACTIVE)
        return czi_audit_found(a, err, "capability %u is used, but %s", i,
                               cz_state_name(a->declared[i].state));
    if (g->expires && (!czi_audit_time(a, g->expire_domain, &time) || time > g->expire_time))
        return czi_audit_found(a, err, "capability %u is used, but expired", i);
    a->declared[i].touched = true;
    return CZ_OK;
}

int czi_audit_use(struct czi_auditor *a, unsigned i, cz_error *err)
{
    const uint8_t *id = czi_effect_access_id(a->pending->bytes, &a->pending->view, i);
    struct chain c = {.count = 0};
    int rc = read_chain(a, id, &c, err);

    if (!rc && !has_signed(a, c.grants[0].holder))
        rc = czi_audit_found(a, err, "capability %u is used, but its holder did not sign", i);
    for (unsigned k = 0; !rc && k < c.count; k++)
        rc = check_used(a, &c.grants[k], c.ids[k], err);
    if (!rc)
        a->presented[a->presented_count++] = (uint8_t)i;
    return rc;
}

static bool fits(const struct czi_auditor *a, const struct czi_grant *g, unsigned i)
{
    const char *asset;

    if (g->resource)
        return czi_id_equal(g->resource,
                            czi_effect_access_id(a->pending->bytes, &a->pending->view, i));
    if (!g->asset.data)
        return true;
    if (czi_kind_has_data(a->declared[i].kind))
        return false;
    asset = a->core->assets[a->declared[i].asset].name;
    return strlen(asset) == g->asset.len && memcmp(asset, g->asset.data, g->asset.len) == 0;
}

/* Against the ceilings of a capability and of all above it; *ret false: there is no room. */
static int spend(struct czi_auditor *a, unsigned capability, cz_quantity quantity, bool *ret,
                 cz_error *err)
{
    uint32_t accesses[CZ_DELEGATION_MAX]; /* ids of the chain lie in bytes that change */
    struct chain c = {.count = 0};
    int rc =
        read_chain(a, czi_effect_access_id(a->pending->bytes, &a->pending->view, capability),
                   &c, err);

    *ret = true;
    for (unsigned k = 0; !rc && k < c.count; k++)
        accesses[k] = czi_audit_access(a, c.ids[k]);
    for (unsigned k = 0; !rc && k < c.count; k++)
        *ret &= !c.grants[k].has_ceiling || quantity <= c.grants[k].ceiling - c.grants[k].spent;
    for (unsigned k = 0; !rc && *ret && k < c.count; k++) {
        CZI_AUTOBUF bytes = {0};

        if (!c.grants[k].has_ceiling)
            continue;
        c.grants[k].spent += quantity;
        czi_grant_put(&bytes, &c.grants[k]);
        rc = czi_audit_derive(a, accesses[k], &bytes, err);
    }
    return rc;
}

static const char *right_name(enum cz_right right)
{
    static const struct {
        enum cz_right right;
        const char *name;
    } names[] = {
#define NAME(right, bit, name) {right, name},
        CZ_RIGHTS(NAME)
#undef NAME
    };
    unsigned i = 0;

    while (names[i].right != right)
        i++;
    return names[i].name;
}

int czi_audit_authorise(struct czi_auditor *a, const uint8_t *account, enum cz_right right,
                        unsigned i, const cz_quantity *quantity, cz_error *err)
{
    bool good = false;
    int rc = ask_owners(a, account, false, &good, err);

    for (unsigned k = 0; !rc && !good && k < a->presented_count; k++) {
        struct czi_grant g;

        if (czi_grant_read(czi_audit_data(a, a->presented[k]), &g, NULL) != CZ_OK)
            return czi_audit_found(a, err, "access %u is no capability", a->presented[k]);
        if (!czi_id_equal(g.account, account) || !fits(a, &g, i) || !(g.rights & right))
            continue;
        good = true;
        if (quantity)
            rc = spend(a, a->presented[k], *quantity, &good, err);
    }
    if (rc || good)
        return rc;
    return czi_audit_found(a, err,
                           "it is not authorised: neither owners nor a capability let it %s "
                           "access %u",
                           right_name(right), i);
}

/* ---- Limits -------------------------------------------------------------------------------
 */

int czi_audit_leave(struct czi_auditor *a, const uint8_t *account, unsigned from,
                    cz_quantity quantity, cz_error *err)
{
    const char *asset = a->core->assets[a->declared[from].asset].name;
    uint32_t i = czi_audit_access(a, account);
    CZI_AUTOBUF bytes = {0};
    struct czi_policy p;
    struct czi_limit *l;
    uint64_t time;

    if (i == CZI_ID_NONE || czi_policy_read(czi_audit_data(a, i), &p, NULL) != CZ_OK)
        return czi_audit_found(a, err, "the account that something leaves is not declared");
    l = czi_policy_limit(&p, (struct czi_slice){(const uint8_t *)asset, strlen(asset)});
    if (!l)
        return CZ_OK;
    if (i >= a->pending->view.write_count)
        return czi_audit_found(a, err, "account %u has a limit for %s, but is only read", i,
                               asset);
    if (!czi_audit_time(a, l->domain, &time) || !czi_limit_spend(l, time, quantity))
        return czi_audit_found(a, err, "more %s leaves account %u than its limit allows", asset,
                               i);
    czi_policy_put(&bytes, &p);
    return czi_audit_derive(a, i, &bytes, err);
}

/* ---- Operations ---------------------------------------------------------------------------
 */

/* What a code controls: its own runs may. */
static bool is_actor(const struct czi_auditor *a, const uint8_t *code)
{
    return a->actor && czi_id_equal(a->actor, code);
}

/* Whether the controller is a code, and whether that may do it. */
static bool by_code(const struct czi_auditor *a, unsigned i, bool *ret_may)
{
    const uint8_t *controller = czi_audit_controller(a, i);

    *ret_may = is_actor(a, controller);
    return a->declared[i].controlled && see(a, controller).kind == CZ_CODE;
}

/* Of what is controlled, and of none that only the gateway touches. */
static int ask_account(struct czi_auditor *a, unsigned i, enum cz_right right,
                       const cz_quantity *quantity, cz_error *err)
{
    bool reserve, may;
    const uint8_t *account = czi_audit_account(a, i, &reserve);

    if (reserve)
        return czi_audit_found(a, err, "access %u is an outbox's reserve", i);
    if (by_code(a, i, &may))
        return may ? CZ_OK : czi_audit_found(a, err, "access %u is another code's", i);
    return account ? czi_audit_authorise(a, account, right, i, quantity, err) : CZ_OK;
}

int czi_audit_may_debit(struct czi_auditor *a, unsigned from, unsigned to, cz_quantity quantity,
                        cz_error *err)
{
    bool reserve, may;
    const uint8_t *receiver = czi_audit_account(a, to, &reserve), *account;
    int rc;

    a->declared[from].touched = a->declared[to].touched = true;
    if (reserve)
        return czi_audit_found(a, err, "access %u is an outbox's reserve", to);
    rc = ask_account(a, from, CZ_RIGHT_DEBIT, &quantity, err);
    account = czi_audit_account(a, from, &reserve);
    if (rc || !account || by_code(a, from, &may) ||
        (receiver && czi_id_equal(receiver, account)))
        return rc;
    return czi_audit_leave(a, account, from, quantity, err);
}

int czi_audit_may_write(struct czi_auditor *a, unsigned i, struct czi_slice data, cz_error *err)
{
    struct czi_policy p;

    a->declared[i].touched = true;
    if (a->declared[i].kind == CZ_DATA)
        return ask_account(a, i, CZ_RIGHT_WRITE, NULL, err);
    if (a->declared[i].kind != CZ_ACCOUNT)
        return czi_audit_found(a, err, "access %u is written, but is a %s", i,
                               cz_kind_name(a->declared[i].kind));
    if (czi_policy_read(data, &p, NULL) || !czi_policy_is_new(&p))
        return czi_audit_found(a, err, "what is written to account %u is no new policy", i);
    return owners_only(a, czi_effect_access_id(a->pending->bytes, &a->pending->view, i),
                       "change the policy", err);
}

/* Whoever holds it or one above it that is declared may end it. */
static int may_revoke(struct czi_auditor *a, unsigned i, cz_error *err)
{
    struct chain c = {.count = 0};
    int rc =
        read_chain(a, czi_effect_access_id(a->pending->bytes, &a->pending->view, i), &c, err);

    for (unsigned k = 0; !rc && k < c.count; k++)
        if (czi_audit_access(a, c.ids[k]) != CZI_ID_NONE && has_signed(a, c.grants[k].holder))
            return CZ_OK;
    return rc ? rc : owners_only(a, c.grants[0].account, "revoke a capability", err);
}

/* Also of a locked one, or it could never be unlocked. */
static int may_move_account(struct czi_auditor *a, unsigned i, cz_error *err)
{
    bool good = false;
    int rc = ask_owners(a, czi_effect_access_id(a->pending->bytes, &a->pending->view, i), true,
                        &good, err);

    return rc || good ? rc : too_few(a, "change the account's state", err);
}

int czi_audit_may_move(struct czi_auditor *a, unsigned i, unsigned code, cz_error *err)
{
    const struct czi_declared *d = &a->declared[i];
    struct czi_outbox o;

    a->declared[i].touched = true;
    if (d->kind == CZ_CODE)
        return czi_audit_found(a, err, "the state of code %u is changed", i);
    if (code == CZI_OP_CONSUME && d->kind == CZ_FUNGIBLE && d->quantity != 0 &&
        czi_audit_is_external(a, d->asset))
        return czi_audit_found(a, err, "external value of %s is consumed",
                               a->core->assets[d->asset].name);
    if (d->kind == CZ_ACCOUNT)
        return may_move_account(a, i, err);
    if (d->kind == CZ_OUTBOX && (code == CZI_OP_CONSUME || code == CZI_OP_ARCHIVE) &&
        (czi_outbox_read(czi_audit_data(a, i), &o, NULL) || o.count))
        return czi_audit_found(a, err, "outbox %u ends with withdrawals in it", i);
    if (d->kind != CZ_CAPABILITY)
        return ask_account(a, i, CZ_RIGHT_LIFECYCLE, NULL, err);
    if (code == CZI_OP_CONSUME)
        return may_revoke(a, i, err);
    return owners_only(a, czi_audit_controller(a, i), "suspend a capability", err);
}

/* Its controller is a code that ran. */
static bool has_run(const struct czi_auditor *a, unsigned i)
{
    for (unsigned k = 0; k < a->ran_count && a->declared[i].controlled; k++)
        if (czi_id_equal(a->ran[k], czi_audit_controller(a, i)))
            return true;
    return false;
}

int czi_audit_untouched(struct czi_auditor *a, cz_error *err)
{
    int rc = CZ_OK;

    for (unsigned i = 0; i < a->pending->view.write_count && !rc; i++) {
        const struct czi_declared *d = &a->declared[i];

        if (!d->exists || d->touched || has_run(a, i))
            continue;
        if (d->kind == CZ_ACCOUNT)
            rc = owners_only(a, czi_effect_access_id(a->pending->bytes, &a->pending->view, i),
                             "declare the account written", err);
        else
            rc = ask_account(a, i, CZ_RIGHT_WRITE, NULL, err);
    }
    return rc;
}

/* ---- Creations ----------------------------------------------------------------------------
 */

static int may_create_account(struct czi_auditor *a, unsigned i, cz_error *err)
{
    struct czi_policy p;

    if (czi_policy_read(a->declared[i].data, &p, NULL) || !czi_policy_is_new(&p))
        return czi_audit_found(a, err, "the bytes of account %u are no new policy", i);
    if (signers_of(a, &p) < p.threshold)
        return czi_audit_found(a, err, "too few of its owners signed the new account %u", i);
    return CZ_OK;
}

/* What a delegated capability may give. */
static int check_delegation(struct czi_auditor *a, unsigned i, const struct czi_grant *g,
                            bool owners, cz_error *err)
{
    uint32_t parent = czi_audit_access(a, g->parent);
    bool presented = false;
    struct chain c = {.count = 0};
    int rc;

    if (parent == CZI_ID_NONE)
        return czi_audit_found(a, err, "the parent of capability %u is not declared", i);
    rc = read_chain(a, g->parent, &c, err);
    if (rc)
        return rc;
    for (unsigned k = 0; k < a->presented_count; k++)
        presented |= a->presented[k] == parent;
    if (!owners && (!presented || !(c.grants[0].rights & CZ_RIGHT_DELEGATE)))
        return czi_audit_found(a, err, "nobody who may delegates capability %u", i);
    if (!czi_grant_within(g, &c.grants[0]))
        return czi_audit_found(a, err, "capability %u gives more than its parent", i);
    if (c.count >= CZ_DELEGATION_MAX)
        return czi_audit_found(a, err, "more than %d capabilities are above one another",
                               CZ_DELEGATION_MAX);
    return CZ_OK;
}

static int may_grant(struct czi_auditor *a, unsigned i, cz_error *err)
{
    bool owners = false;
    struct czi_grant g;
    int rc;

    if (czi_grant_read(a->declared[i].data, &g, NULL) || g.spent)
        return czi_audit_found(a, err, "the bytes of capability %u are no new grant", i);
    if (!czi_id_equal(g.account, czi_audit_controller(a, i)))
        return czi_audit_found(a, err, "capability %u is not controlled by its account", i);
    rc = ask_owners(a, g.account, false, &owners, err);
    if (rc)
        return rc;
    if (g.parent)
        return check_delegation(a, i, &g, owners, err);
    return owners ? CZ_OK
                  : czi_audit_found(a, err, "too few owners signed the new capability %u", i);
}

static int may_create_outbox(struct czi_auditor *a, unsigned i, cz_error *err)
{
    struct czi_slice label = czi_audit_label(a, i);
    struct czi_outbox o;

    if (czi_outbox_read(a->declared[i].data, &o, NULL) || o.count)
        return czi_audit_found(a, err, "the bytes of outbox %u are not of an empty one", i);
    if (see(a, czi_audit_controller(a, i)).kind != CZ_ACCOUNT ||
        !czi_id_equal(czi_audit_controller(a, i), czi_audit_creator(a, i)) || label.len != 6 ||
        memcmp(label.data, "outbox", 6) != 0)
        return czi_audit_found(a, err, "outbox %u is not an account's", i);
    return CZ_OK;
}

/* An empty balance or reserve in its canonical place: anybody may make it. */
static bool is_free(const struct czi_op *op)
{
    return op->kind == CZ_FUNGIBLE && op->quantity == 0 &&
           czi_id_equal(op->creator, op->controller) && op->label.len == op->asset.len &&
           memcmp(op->label.data, op->asset.data, op->label.len) == 0;
}

/* An account in whose name something is created. */
static int ask_party(struct czi_auditor *a, const uint8_t *party, unsigned i, cz_error *err)
{
    unsigned kind = see(a, party).kind;

    if (kind == CZ_OUTBOX)
        return czi_audit_found(a, err, "an outbox has no other than reserves, access %u", i);
    if (kind == CZ_CODE && !is_actor(a, party))
        return czi_audit_found(a, err, "access %u is created in the name of a code", i);
    if (kind == CZ_ACCOUNT)
        return czi_audit_authorise(a, party, CZ_RIGHT_CREATE, i, NULL, err);
    return CZ_OK;
}

static int ask_parties(struct czi_auditor *a, unsigned i, cz_error *err)
{
    int rc = ask_party(a, a->declared[i].creation.creator, i, err);

    return rc ? rc : ask_party(a, a->declared[i].creation.controller, i, err);
}

static int check_ownership(struct czi_auditor *a, unsigned i, cz_error *err)
{
    const struct czi_declared *d = &a->declared[i];

    if (czi_id_table_find(&a->core->program_ids, d->creation.controller) != CZI_ID_NONE)
        return czi_audit_found(a, err, "access %u is controlled by a program", i);
    if (d->kind != CZ_FUNGIBLE || !czi_audit_is_external(a, d->asset))
        return CZ_OK;
    if (d->quantity != 0)
        return czi_audit_found(a, err, "external value of %s is created",
                               a->core->assets[d->asset].name);
    if (!d->controlled || see(a, d->creation.controller).kind == CZ_CODE)
        return czi_audit_found(a, err, "external value of %s would belong to no account",
                               a->core->assets[d->asset].name);
    return CZ_OK;
}

static bool is_code_name(const struct czi_op *op)
{
    static const uint8_t nobody[32];

    return czi_id_equal(op->creator, nobody) && op->label.len >= 5 &&
           memcmp(op->label.data, "code:", 5) == 0;
}

/* Named by its content, nobody's, and a program. */
static int may_create_code(struct czi_auditor *a, unsigned i, cz_error *err)
{
    static const uint8_t nobody[32];
    const struct czi_declared *d = &a->declared[i];
    struct czi_code *code;
    cz_id id;
    int rc;

    czi_blake3(d->data.data, d->data.len, id.bytes);
    id = czi_code_identity(&id);
    if (!czi_id_equal(d->creation.controller, nobody) ||
        !czi_id_equal(&id, czi_effect_access_id(a->pending->bytes, &a->pending->view, i)))
        return czi_audit_found(a, err, "code %u is not named by its content", i);
    rc = czi_code_new(d->data.data, d->data.len, &code, NULL);
    if (rc == CZ_NOMEM)
        return czi_nomem(err, "a code");
    if (rc)
        return czi_audit_found(a, err, "code %u is no program", i);
    czi_code_drop(code);
    return CZ_OK;
}

int czi_audit_may_create(struct czi_auditor *a, unsigned i, cz_error *err)
{
    struct czi_declared *d = &a->declared[i];
    unsigned master = see(a, d->creation.controller).kind;
    int rc;

    d->touched = true;
    d->controlled = master == CZ_ACCOUNT || master == CZ_OUTBOX || master == CZ_CODE;
    rc = check_ownership(a, i, err);
    if (rc)
        return rc;
    switch (d->kind) {
    case CZ_CAPABILITY:
        rc = may_grant(a, i, err);
        return rc ? rc : ask_party(a, d->creation.creator, i, err);
    case CZ_OUTBOX:
        return may_create_outbox(a, i, err);
    case CZ_ACCOUNT:
        rc = may_create_account(a, i, err);
        return rc ? rc : ask_parties(a, i, err);
    case CZ_CODE:
        return may_create_code(a, i, err);
    default:
        if (is_code_name(&d->creation))
            return czi_audit_found(a, err, "access %u has the name of a code", i);
        return is_free(&d->creation) && master != CZ_CODE ? CZ_OK : ask_parties(a, i, err);
    }
}

int czi_audit_create_again(struct czi_auditor *a, const struct czi_op *op, uint32_t asset,
                           cz_error *err)
{
    struct czi_declared *d = &a->declared[op->a];
    unsigned master = see(a, op->controller).kind;

    if (!op->if_absent || d->kind != op->kind ||
        (!czi_kind_has_data(op->kind) && d->asset != asset))
        return czi_audit_found(a, err, "it creates a resource that exists");
    if ((master == CZ_ACCOUNT || master == CZ_OUTBOX || master == CZ_CODE) &&
        (!d->controlled || !czi_id_equal(czi_audit_controller(a, op->a), op->controller)))
        return czi_audit_found(a, err, "access %u exists, and is not its account's", op->a);
    /* Nobody gets at a resource by creating it again. */
    d->touched |= is_free(op) && master != CZ_CODE;
    return CZ_OK;
}
