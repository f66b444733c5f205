/* policy.c - see policy.h. */
#include "resource/policy.h"

#include "base/error.h"
#include "codec/cid.h"
#include "codec/dag_cbor.h"

#include <stdio.h>

#define RIGHTS_ALL                                                                             \
    (CZ_RIGHT_DEBIT | CZ_RIGHT_WITHDRAW | CZ_RIGHT_WRITE | CZ_RIGHT_LIFECYCLE |                \
     CZ_RIGHT_CREATE | CZ_RIGHT_DELEGATE)

/* The largest number of a withdrawal: an effect has no more operations. */
#define NUMBER_MAX (CZI_OPERATIONS_MAX - 1)
_Static_assert(NUMBER_MAX <= 999, "a reference has at most 128 bytes, as adapters want it");

/* ---- What all three have in common ---------------------------------------------------------
 */

static void begin(struct czi_cbor *c, unsigned elements, unsigned tag)
{
    czi_cbor_array_of(c, elements);
    if (czi_cbor_uint(c) != tag)
        czi_cbor_fail(c, "these are not the bytes of a resource of this kind");
}

static const uint8_t *read_id(struct czi_cbor *c)
{
    struct czi_slice s = czi_cbor_bytes(c);

    if (!c->what && s.len != sizeof(cz_id))
        czi_cbor_fail(c, "an id or key has 32 bytes");
    return s.data;
}

static const uint8_t *read_optional_id(struct czi_cbor *c)
{
    return czi_cbor_null(c) ? NULL : read_id(c);
}

static struct czi_slice read_asset(struct czi_cbor *c)
{
    struct czi_slice s = czi_cbor_text(c);
    const char *problem = c->what ? NULL : czi_label_problem(s);

    if (problem)
        czi_cbor_fail(c, problem);
    return s;
}

static const char *domain_problem(struct czi_slice s)
{
    if (!s.len || s.len > CZI_DOMAIN_SIZE_MAX)
        return "a domain's name has 1 to 32 bytes";
    return memchr(s.data, 0, s.len) ? "a domain's name has a zero byte" : NULL;
}

static struct czi_slice read_domain(struct czi_cbor *c)
{
    struct czi_slice s = czi_cbor_text(c);
    const char *problem = c->what ? NULL : domain_problem(s);

    if (problem)
        czi_cbor_fail(c, problem);
    return s;
}

static cz_quantity read_quantity(struct czi_cbor *c)
{
    cz_quantity q = czi_cbor_quantity(c);

    if (!c->what && q < 0)
        czi_cbor_fail(c, "a quantity is negative");
    return q;
}

static void put_optional_id(struct czi_buf *out, const uint8_t *id)
{
    if (id)
        czi_cbor_add_string(out, CZI_CBOR_BYTES, id, sizeof(cz_id));
    else
        czi_buf_put_byte(out, 0xf6);
}

/* Bytewise; a shorter one comes before those that it begins. */
static int compare(struct czi_slice a, struct czi_slice b)
{
    int order = memcmp(a.data, b.data, CZI_MIN(a.len, b.len));

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool same_text(struct czi_slice a, struct czi_slice b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* ---- Accounts -------------------------------------------------------------------------------
 */

static void read_owners(struct czi_cbor *c, struct czi_policy *p)
{
    uint64_t n = czi_cbor_array(c);

    if (!c->what && (n == 0 || n > CZ_OWNERS_MAX))
        czi_cbor_fail(c, "an account has 1 to CZ_OWNERS_MAX (16) owners");
    for (; p->owner_count < n && !c->what; p->owner_count++) {
        const uint8_t *key = read_id(c);

        if (!c->what && p->owner_count && !czi_id_before(p->owners[p->owner_count - 1], key))
            czi_cbor_fail(c, "owners are not ascending, or one is there twice");
        p->owners[p->owner_count] = key;
    }
}

static void read_limit(struct czi_cbor *c, struct czi_limit *l)
{
    czi_cbor_array_of(c, 6);
    l->asset = read_asset(c);
    l->quantity = read_quantity(c);
    l->domain = read_domain(c);
    l->window = czi_cbor_uint(c);
    if (!c->what && l->window == 0)
        czi_cbor_fail(c, "a limit's window is zero");
    l->number = czi_cbor_uint(c);
    l->spent = read_quantity(c);
    if (!c->what && l->spent > l->quantity)
        czi_cbor_fail(c, "more is spent than the limit allows");
}

static void read_limits(struct czi_cbor *c, struct czi_policy *p)
{
    uint64_t n = czi_cbor_array(c);

    if (!c->what && n > CZ_LIMITS_MAX)
        czi_cbor_fail(c, "an account has at most CZ_LIMITS_MAX (16) limits");
    for (; p->limit_count < n && !c->what; p->limit_count++) {
        struct czi_limit *l = &p->limits[p->limit_count];

        read_limit(c, l);
        if (!c->what && p->limit_count && compare(l[-1].asset, l->asset) >= 0)
            czi_cbor_fail(c, "limits are not ascending by asset, or one is there twice");
    }
}

int czi_policy_read(struct czi_slice bytes, struct czi_policy *ret, cz_error *err)
{
    struct czi_cbor c = czi_cbor(bytes.data, bytes.len);
    struct czi_policy p = {0};
    int rc;

    begin(&c, 4, CZI_TAG_ACCOUNT);
    p.threshold = (unsigned)czi_cbor_uint_max(&c, CZ_OWNERS_MAX);
    read_owners(&c, &p);
    if (!c.what && (p.threshold == 0 || p.threshold > p.owner_count))
        czi_cbor_fail(&c, "the threshold is not from 1 to the number of owners");
    read_limits(&c, &p);
    rc = czi_cbor_end(&c, err);
    if (rc)
        return czi_wrap(err, rc, "account");
    *ret = p;
    return CZ_OK;
}

void czi_policy_put(struct czi_buf *out, const struct czi_policy *p)
{
    czi_cbor_add_head(out, CZI_CBOR_ARRAY, 4);
    czi_cbor_add_head(out, CZI_CBOR_UINT, CZI_TAG_ACCOUNT);
    czi_cbor_add_head(out, CZI_CBOR_UINT, p->threshold);
    czi_cbor_add_head(out, CZI_CBOR_ARRAY, p->owner_count);
    for (unsigned i = 0; i < p->owner_count; i++)
        czi_cbor_add_string(out, CZI_CBOR_BYTES, p->owners[i], sizeof(cz_id));
    czi_cbor_add_head(out, CZI_CBOR_ARRAY, p->limit_count);
    for (unsigned i = 0; i < p->limit_count; i++) {
        const struct czi_limit *l = &p->limits[i];

        czi_cbor_add_head(out, CZI_CBOR_ARRAY, 6);
        czi_cbor_add_string(out, CZI_CBOR_TEXT, l->asset.data, l->asset.len);
        czi_cbor_add_quantity(out, l->quantity);
        czi_cbor_add_string(out, CZI_CBOR_TEXT, l->domain.data, l->domain.len);
        czi_cbor_add_head(out, CZI_CBOR_UINT, l->window);
        czi_cbor_add_head(out, CZI_CBOR_UINT, l->number);
        czi_cbor_add_quantity(out, l->spent);
    }
}

bool czi_policy_is_new(const struct czi_policy *p)
{
    for (unsigned i = 0; i < p->limit_count; i++)
        if (p->limits[i].number || p->limits[i].spent)
            return false;
    return true;
}

unsigned czi_policy_signers(const struct czi_policy *p, const uint8_t *keys, size_t stride,
                            unsigned count)
{
    unsigned owner = 0, found = 0;

    for (unsigned i = 0; i < count; i++, keys += stride) {
        while (owner < p->owner_count && czi_id_before(p->owners[owner], keys))
            owner++;
        if (owner < p->owner_count && czi_id_equal(p->owners[owner], keys)) {
            found++;
            owner++;
        }
    }
    return found;
}

struct czi_limit *czi_policy_limit(struct czi_policy *p, struct czi_slice asset)
{
    for (unsigned i = 0; i < p->limit_count; i++)
        if (same_text(p->limits[i].asset, asset))
            return &p->limits[i];
    return NULL;
}

bool czi_limit_spend(struct czi_limit *l, uint64_t time, cz_quantity quantity)
{
    uint64_t number = time / l->window;
    cz_quantity spent = number > l->number ? 0 : l->spent;

    if (quantity > l->quantity - spent)
        return false;
    l->number = CZI_MAX(l->number, number);
    l->spent = spent + quantity;
    return true;
}

/* ---- Capabilities ---------------------------------------------------------------------------
 */

int czi_grant_read(struct czi_slice bytes, struct czi_grant *ret, cz_error *err)
{
    struct czi_cbor c = czi_cbor(bytes.data, bytes.len);
    struct czi_grant g = {0};
    int rc;

    begin(&c, 10, CZI_TAG_CAPABILITY);
    g.account = read_id(&c);
    g.parent = read_optional_id(&c);
    g.holder = read_id(&c);
    g.resource = read_optional_id(&c);
    if (!czi_cbor_null(&c))
        g.asset = read_asset(&c);
    if (!c.what && g.resource && g.asset.data)
        czi_cbor_fail(&c, "a capability is for a resource or an asset, not for both");
    g.rights = (unsigned)czi_cbor_uint_max(&c, RIGHTS_ALL);
    if (!c.what && g.rights == 0)
        czi_cbor_fail(&c, "a capability gives no right");
    g.has_ceiling = !czi_cbor_null(&c);
    if (g.has_ceiling)
        g.ceiling = read_quantity(&c);
    g.spent = read_quantity(&c);
    if (!c.what && g.spent > g.ceiling)
        czi_cbor_fail(&c, g.has_ceiling ? "more is spent than the ceiling allows"
                                        : "what is spent is counted with a ceiling only");
    g.expires = !czi_cbor_null(&c);
    if (g.expires) {
        czi_cbor_array_of(&c, 2);
        g.expire_domain = read_domain(&c);
        g.expire_time = czi_cbor_uint(&c);
    }
    rc = czi_cbor_end(&c, err);
    if (rc)
        return czi_wrap(err, rc, "capability");
    *ret = g;
    return CZ_OK;
}
_Static_assert((RIGHTS_ALL & (RIGHTS_ALL + 1)) == 0,
               "every number up to it is a set of rights");

void czi_grant_put(struct czi_buf *out, const struct czi_grant *g)
{
    czi_cbor_add_head(out, CZI_CBOR_ARRAY, 10);
    czi_cbor_add_head(out, CZI_CBOR_UINT, CZI_TAG_CAPABILITY);
    czi_cbor_add_string(out, CZI_CBOR_BYTES, g->account, sizeof(cz_id));
    put_optional_id(out, g->parent);
    czi_cbor_add_string(out, CZI_CBOR_BYTES, g->holder, sizeof(cz_id));
    put_optional_id(out, g->resource);
    if (g->asset.data)
        czi_cbor_add_string(out, CZI_CBOR_TEXT, g->asset.data, g->asset.len);
    else
        czi_buf_put_byte(out, 0xf6);
    czi_cbor_add_head(out, CZI_CBOR_UINT, g->rights);
    if (g->has_ceiling)
        czi_cbor_add_quantity(out, g->ceiling);
    else
        czi_buf_put_byte(out, 0xf6);
    czi_cbor_add_quantity(out, g->spent);
    if (g->expires) {
        czi_cbor_add_head(out, CZI_CBOR_ARRAY, 2);
        czi_cbor_add_string(out, CZI_CBOR_TEXT, g->expire_domain.data, g->expire_domain.len);
        czi_cbor_add_head(out, CZI_CBOR_UINT, g->expire_time);
    } else {
        czi_buf_put_byte(out, 0xf6);
    }
}

/* A resource's asset is not known here: for one resource only a capability for that one, or for
 * all, gives more. */
static bool is_target_within(const struct czi_grant *child, const struct czi_grant *parent)
{
    if (parent->resource)
        return child->resource && czi_id_equal(child->resource, parent->resource);
    if (parent->asset.data)
        return child->asset.data && same_text(child->asset, parent->asset);
    return true;
}

bool czi_grant_within(const struct czi_grant *child, const struct czi_grant *parent)
{
    return czi_id_equal(child->account, parent->account) && is_target_within(child, parent) &&
           !(child->rights & ~parent->rights) &&
           (!parent->has_ceiling ||
            (child->has_ceiling && child->ceiling <= parent->ceiling)) &&
           (!parent->expires ||
            (child->expires && same_text(child->expire_domain, parent->expire_domain) &&
             child->expire_time <= parent->expire_time));
}

/* ---- Outboxes -------------------------------------------------------------------------------
 */

/* By effect, then number. */
static int compare_places(const struct czi_withdrawal *w, const uint8_t effect[32],
                          uint32_t number)
{
    int order = memcmp(w->effect, effect, sizeof w->effect);

    return order ? order : (w->number > number) - (w->number < number);
}

const char *czi_destination_problem(struct czi_slice s)
{
    if (!s.len || s.len > CZ_DESTINATION_SIZE_MAX)
        return "a destination has 1 to CZ_DESTINATION_SIZE_MAX (60) bytes";
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] < 0x20 || s.data[i] == 0x7f)
            return "a destination has a control character";
    return NULL;
}

static void read_withdrawal(struct czi_cbor *c, struct czi_withdrawal *w)
{
    const char *problem;
    cz_id effect;

    czi_cbor_array_of(c, 5);
    effect = czi_cbor_bytes32(c);
    memcpy(w->effect, effect.bytes, sizeof w->effect);
    w->number = (uint32_t)czi_cbor_uint_max(c, NUMBER_MAX);
    w->asset = read_asset(c);
    w->quantity = read_quantity(c);
    if (!c->what && w->quantity == 0)
        czi_cbor_fail(c, "a withdrawal of nothing");
    w->destination = czi_cbor_text(c);
    problem = c->what ? NULL : czi_destination_problem(w->destination);
    if (problem)
        czi_cbor_fail(c, problem);
}

int czi_outbox_read(struct czi_slice bytes, struct czi_outbox *ret, cz_error *err)
{
    struct czi_cbor c = czi_cbor(bytes.data, bytes.len);
    uint64_t n;
    int rc;

    ret->count = 0;
    begin(&c, 2, CZI_TAG_OUTBOX);
    n = czi_cbor_array(&c);
    if (!c.what && n > CZ_WITHDRAWALS_MAX)
        czi_cbor_fail(&c, "an outbox has at most CZ_WITHDRAWALS_MAX (64) withdrawals");
    for (; ret->count < n && !c.what; ret->count++) {
        struct czi_withdrawal *w = &ret->open[ret->count];

        read_withdrawal(&c, w);
        if (!c.what && ret->count && compare_places(w - 1, w->effect, w->number) >= 0)
            czi_cbor_fail(&c, "withdrawals are not ascending, or one is there twice");
    }
    rc = czi_cbor_end(&c, err);
    return rc ? czi_wrap(err, rc, "outbox") : CZ_OK;
}

void czi_outbox_put(struct czi_buf *out, const struct czi_outbox *o)
{
    czi_cbor_add_head(out, CZI_CBOR_ARRAY, 2);
    czi_cbor_add_head(out, CZI_CBOR_UINT, CZI_TAG_OUTBOX);
    czi_cbor_add_head(out, CZI_CBOR_ARRAY, o->count);
    for (unsigned i = 0; i < o->count; i++) {
        const struct czi_withdrawal *w = &o->open[i];

        czi_cbor_add_head(out, CZI_CBOR_ARRAY, 5);
        czi_cbor_add_string(out, CZI_CBOR_BYTES, w->effect, sizeof w->effect);
        czi_cbor_add_head(out, CZI_CBOR_UINT, w->number);
        czi_cbor_add_string(out, CZI_CBOR_TEXT, w->asset.data, w->asset.len);
        czi_cbor_add_quantity(out, w->quantity);
        czi_cbor_add_string(out, CZI_CBOR_TEXT, w->destination.data, w->destination.len);
    }
}

bool czi_outbox_add(struct czi_outbox *o, const struct czi_withdrawal *w)
{
    unsigned i = o->count;

    if (o->count == CZ_WITHDRAWALS_MAX)
        return false;
    for (; i && compare_places(&o->open[i - 1], w->effect, w->number) > 0; i--)
        o->open[i] = o->open[i - 1];
    CZI_CHECK(!i || compare_places(&o->open[i - 1], w->effect, w->number) != 0);
    o->open[i] = *w;
    o->count++;
    return true;
}

struct czi_withdrawal *czi_outbox_find(struct czi_outbox *o, const uint8_t effect[32],
                                       uint32_t number)
{
    for (unsigned i = 0; i < o->count; i++)
        if (compare_places(&o->open[i], effect, number) == 0)
            return &o->open[i];
    return NULL;
}

void czi_outbox_remove(struct czi_outbox *o, struct czi_withdrawal *w)
{
    o->count--;
    memmove(w, w + 1, (size_t)(&o->open[o->count] - w) * sizeof *w);
}

/* A slash, any number, and the terminating zero. */
#define NUMBER_TEXT_SIZE 12

static size_t put_name(char *out, const uint8_t effect[32], uint32_t number)
{
    cz_id id;

    memcpy(id.bytes, effect, sizeof id.bytes);
    cz_id_print(&id, out);
    return CZ_ID_TEXT_SIZE - 1 +
           (size_t)snprintf(out + CZ_ID_TEXT_SIZE - 1, NUMBER_TEXT_SIZE, "/%u", number);
}

size_t czi_withdrawal_name(const struct czi_withdrawal *w, char *out)
{
    return put_name(out, w->effect, w->number);
}

size_t czi_withdrawal_reference(const struct czi_withdrawal *w, char *out)
{
    memcpy(out, w->destination.data, w->destination.len);
    out[w->destination.len] = '#';
    return w->destination.len + 1 + czi_withdrawal_name(w, out + w->destination.len + 1);
}

bool czi_withdrawal_parse(struct czi_slice text, uint8_t ret_effect[32], uint32_t *ret_number)
{
    size_t digits = 0, before;
    uint32_t number = 0;
    char id_text[CZ_ID_TEXT_SIZE] = {0};
    cz_id id;

    while (digits < text.len && text.data[text.len - digits - 1] >= '0' &&
           text.data[text.len - digits - 1] <= '9')
        digits++;
    before = text.len - digits;
    if (digits == 0 || digits > 3 || (digits > 1 && text.data[before] == '0') ||
        before < CZ_ID_TEXT_SIZE || text.data[before - 1] != '/')
        return false;
    for (size_t i = before; i < text.len; i++)
        number = number * 10 + (text.data[i] - '0');
    before -= CZ_ID_TEXT_SIZE;
    memcpy(id_text, text.data + before, CZ_ID_TEXT_SIZE - 1);
    if ((before && text.data[before - 1] != '#') || number > NUMBER_MAX ||
        cz_id_parse(id_text, &id, NULL))
        return false;
    memcpy(ret_effect, id.bytes, sizeof id.bytes);
    *ret_number = number;
    return true;
}

bool czi_is_form(unsigned kind, struct czi_slice bytes)
{
    struct czi_policy p;
    struct czi_grant g;
    struct czi_outbox o;

    switch (kind) {
    case CZ_ACCOUNT:
        return !czi_policy_read(bytes, &p, NULL);
    case CZ_CAPABILITY:
        return !czi_grant_read(bytes, &g, NULL);
    case CZ_OUTBOX:
        return !czi_outbox_read(bytes, &o, NULL);
    default:
        return true;
    }
}
