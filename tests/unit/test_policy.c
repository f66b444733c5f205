/* test_policy.c - the data of accounts, capabilities and outboxes: canonical bytes as policy.h
 * says, and what changes them. Expected bytes are built here, field by field.
 */
#include "base/limits.h"
#include "codec/dag_cbor.h"
#include "resource/policy.h"
#include "test.h"

static struct czi_slice text(const char *s)
{
    return (struct czi_slice){(const uint8_t *)s, strlen(s)};
}
static void put_text(struct czi_buf *b, const char *s)
{
    czi_cbor_add_string(b, CZI_CBOR_TEXT, s, strlen(s));
}
static void put_uint(struct czi_buf *b, uint64_t v)
{
    czi_cbor_add_head(b, CZI_CBOR_UINT, v);
}
static void put_array(struct czi_buf *b, uint64_t n)
{
    czi_cbor_add_head(b, CZI_CBOR_ARRAY, n);
}
static void put_null(struct czi_buf *b)
{
    czi_buf_put_byte(b, 0xf6);
}
/* So many equal bytes: an id or key; n other than 32 makes a wrong one. */
static void put_fill(struct czi_buf *b, uint8_t fill, size_t n)
{
    uint8_t bytes[64];

    memset(bytes, fill, sizeof bytes);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, bytes, n);
}
static void fill(uint8_t out[32], uint8_t with)
{
    memset(out, with, 32);
}

/* ---- Accounts --------------------------------------------------------------------------- */

struct account_form {
    unsigned tag, threshold, owners, limits;
    const char *asset, *domain;
    cz_quantity quantity, spent;
    uint64_t window, number;
    bool owners_descend, same_owner, same_asset, short_key;
};
static const struct account_form good_account = {
    .tag = 18,
    .threshold = 2,
    .owners = 3,
    .limits = 2,
    .asset = "b",
    .domain = "d",
    .quantity = 9,
    .spent = 9,
    .window = 60,
    .number = 7,
};

static void put_account(struct czi_buf *b, const struct account_form *f)
{
    put_array(b, 4);
    put_uint(b, f->tag);
    put_uint(b, f->threshold);
    put_array(b, f->owners);
    for (unsigned i = 0; i < f->owners; i++)
        put_fill(b,
                 (uint8_t)(f->same_owner       ? 5
                           : f->owners_descend ? 90 - i
                                               : i + 1),
                 f->short_key ? 31 : 32);
    put_array(b, f->limits);
    for (unsigned i = 0; i < f->limits; i++) {
        char asset[200];

        snprintf(asset, sizeof asset, f->same_asset ? "%s" : "%s%02u", f->asset, i);
        put_array(b, 6);
        put_text(b, asset);
        czi_cbor_add_quantity(b, f->quantity);
        put_text(b, f->domain);
        put_uint(b, f->window);
        put_uint(b, f->number);
        czi_cbor_add_quantity(b, f->spent);
    }
}

static int read_account(const struct account_form *f, cz_error *err)
{
    CZI_AUTOBUF b = {0};
    struct czi_policy p;

    put_account(&b, f);
    return czi_policy_read(czi_buf_slice(&b), &p, err);
}

static void an_account_is_what_its_bytes_say(void **state)
{
    CZI_AUTOBUF bytes = {0}, again = {0};
    struct czi_policy p;
    cz_error err = {0};
    uint8_t key[32];

    (void)state;
    put_account(&bytes, &good_account);
    assert_ok(czi_policy_read(czi_buf_slice(&bytes), &p, &err), err);
    assert_int_equal(p.threshold, 2);
    assert_int_equal(p.owner_count, 3);
    fill(key, 3);
    assert_memory_equal(p.owners[2], key, 32);
    assert_int_equal(p.limit_count, 2);
    assert_memory_equal(p.limits[1].asset.data, "b01", 3);
    assert_true(p.limits[1].quantity == 9 && p.limits[1].spent == 9);
    assert_int_equal(p.limits[0].window, 60);
    assert_int_equal(p.limits[0].number, 7);
    assert_int_equal(p.limits[0].domain.len, 1);
    assert_false(czi_policy_is_new(&p));
    czi_policy_put(&again, &p);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.data, bytes.data, bytes.len);
}

static void a_malformed_account_is_refused(void **state)
{
    static const char label129[] =
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
        "56789012345678901234567890123456789012345678";
    struct account_form f[17];
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(f); i++)
        f[i] = good_account;
    f[n++].tag = 19;
    f[n++].threshold = 0;
    f[n++].threshold = 4;
    f[n].threshold = 1;
    f[n++].owners = 0;
    f[n++].owners = CZ_OWNERS_MAX + 1;
    f[n++].limits = CZ_LIMITS_MAX + 1;
    f[n++].owners_descend = true;
    f[n++].same_owner = true;
    f[n++].same_asset = true;
    f[n++].short_key = true;
    f[n++].asset = "\n";
    f[n++].asset = label129;
    f[n++].domain = "";
    f[n++].domain = "123456789012345678901234567890123";
    f[n++].window = 0;
    f[n++].quantity = 8; /* less than is spent */
    f[n].quantity = -1;
    f[n++].spent = -2;
    assert_int_equal(n, CZI_COUNTOF(f));
    for (size_t i = 0; i < n; i++) {
        cz_error err = {0};

        if (read_account(&f[i], &err) != CZ_INVALID)
            fail_msg("form %zu was read", i);
        assert_string_not_equal(err.detail, "");
    }
}

static void the_most_that_an_account_may_have_is_read(void **state)
{
    struct account_form f = good_account;
    char asset[CZ_ASSET_SIZE_MAX + 1] = {0};
    cz_error err = {0};
    CZI_AUTOBUF b = {0};

    (void)state;
    memset(asset, 'x', sizeof asset - 3);
    f.owners = f.threshold = CZ_OWNERS_MAX;
    f.limits = CZ_LIMITS_MAX;
    f.asset = asset;
    f.domain = "12345678901234567890123456789012";
    f.quantity = f.spent = (cz_quantity)(~(unsigned __int128)0 >> 1);
    f.window = f.number = UINT64_MAX;
    assert_ok(read_account(&f, &err), err);
    put_account(&b, &f);
    assert_true(b.len <= CZ_POLICY_SIZE_MAX);
}

/* Every prefix, every extra byte, and every byte replaced: read as the same bytes or not. */
static void assert_no_other_form(const struct czi_buf *b,
                                 int (*again)(struct czi_slice in, struct czi_buf *out))
{
    CZI_AUTOBUF copy = {0};

    for (size_t len = 0; len < b->len; len++) {
        CZI_AUTOBUF out = {0};

        assert_int_equal(again((struct czi_slice){b->data, len}, &out), CZ_INVALID);
    }
    czi_buf_put(&copy, b->data, b->len);
    czi_buf_put_byte(&copy, 0);
    {
        CZI_AUTOBUF out = {0};

        assert_int_equal(again(czi_buf_slice(&copy), &out), CZ_INVALID);
    }
    copy.len--;
    for (size_t at = 0; at < b->len; at++) {
        for (unsigned v = 0; v < 256; v += at % 7 + 1) {
            CZI_AUTOBUF out = {0};

            copy.data[at] = (uint8_t)v;
            if (again(czi_buf_slice(&copy), &out) == CZ_OK) {
                assert_int_equal(out.len, copy.len);
                assert_memory_equal(out.data, copy.data, copy.len);
            }
        }
        copy.data[at] = b->data[at];
    }
}

static int account_again(struct czi_slice in, struct czi_buf *out)
{
    struct czi_policy p;
    int rc = czi_policy_read(in, &p, NULL);

    if (!rc)
        czi_policy_put(out, &p);
    return rc;
}

static void an_account_has_one_form(void **state)
{
    CZI_AUTOBUF b = {0};

    (void)state;
    put_account(&b, &good_account);
    assert_no_other_form(&b, account_again);
}

static void limits_are_ordered_bytewise_and_shorter_first(void **state)
{
    static const struct {
        const char *first, *second;
        bool ok;
    } cases[] = {{"a", "ab", true},  {"ab", "b", true},  {"ab", "a", false},
                 {"b", "ab", false}, {"a", "a", false},  {"a", "\xc3\xa9", true},
                 {"B", "a", true},   {"aaa", "b", true}, {"\xc3\xa9", "z", false}};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        struct czi_policy p, q = {.threshold = 1, .owner_count = 1, .limit_count = 2};
        CZI_AUTOBUF b = {0};
        uint8_t key[32];

        fill(key, 1);
        q.owners[0] = key;
        q.limits[0] = (struct czi_limit){text(cases[i].first), text("d"), 1, 0, 1, 0};
        q.limits[1] = (struct czi_limit){text(cases[i].second), text("d"), 1, 0, 1, 0};
        czi_policy_put(&b, &q);
        assert_int_equal(czi_policy_read(czi_buf_slice(&b), &p, NULL) == CZ_OK, cases[i].ok);
    }
}

static void signers_are_counted_once_each(void **state)
{
    static const struct {
        uint8_t keys[6];
        unsigned count, found;
    } cases[] = {{{0}, 0, 0},       {{2}, 1, 1},       {{1, 3, 5}, 3, 0},    {{2, 4, 6}, 3, 3},
                 {{1, 2, 7}, 3, 1}, {{2, 2, 2}, 3, 1}, {{3, 4, 5, 6}, 4, 2}, {{9}, 1, 0}};
    uint8_t owners[3][32];
    struct czi_policy p = {.threshold = 1, .owner_count = 3};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fill(owners[i], (uint8_t)(2 * i + 2));
        p.owners[i] = owners[i];
    }
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        uint8_t slots[6][96];

        for (unsigned k = 0; k < cases[i].count; k++)
            fill(slots[k], cases[i].keys[k]);
        assert_int_equal(czi_policy_signers(&p, slots[0], 96, cases[i].count), cases[i].found);
    }
}

static void a_limit_holds_for_each_window(void **state)
{
    /* window 60, 10 in each */
    static const struct {
        uint64_t time;
        int quantity;
        bool ok;
        uint64_t number;
        int spent;
    } steps[] = {
        {0, 4, true, 0, 4},      {59, 6, true, 0, 10},   {59, 1, false, 0, 10},
        {60, 11, false, 0, 10},  {60, 10, true, 1, 10},  {119, 0, true, 1, 10},
        {59, 1, false, 1, 10}, /* time went back: it is still window 1 */
        {6000, 3, true, 100, 3}, {60, 7, true, 100, 10}, {60, 1, false, 100, 10},
    };
    struct czi_limit l = {.quantity = 10, .window = 60};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(steps); i++) {
        assert_int_equal(czi_limit_spend(&l, steps[i].time, steps[i].quantity), steps[i].ok);
        assert_int_equal(l.number, steps[i].number);
        assert_true(l.spent == steps[i].spent);
    }
}

static void a_limit_does_not_overflow(void **state)
{
    cz_quantity most = (cz_quantity)(~(unsigned __int128)0 >> 1);
    struct czi_limit l = {.quantity = most, .window = 1};

    (void)state;
    assert_true(czi_limit_spend(&l, UINT64_MAX, most));
    assert_false(czi_limit_spend(&l, UINT64_MAX, most));
    assert_true(l.spent == most && l.number == UINT64_MAX);
}

static void the_public_policy_goes_round(void **state)
{
    cz_policy in = {.threshold = 1, .owner_count = 2, .limit_count = 2}, out;
    uint8_t bytes[CZ_POLICY_SIZE_MAX];
    char texts[CZ_POLICY_TEXTS_MAX];
    cz_error err = {0};
    size_t len;

    (void)state;
    fill(in.owners[0], 3);
    fill(in.owners[1], 4);
    in.limits[0] = (cz_limit){"gold", 100, "sim", 60, 0, 0};
    in.limits[1] = (cz_limit){"silver", 5, "eth", 3600, 2, 1};
    assert_ok(cz_policy_encode(&in, bytes, &len, &err), err);
    assert_ok(cz_policy_decode(bytes, len, texts, &out, &err), err);
    assert_int_equal(out.threshold, 1);
    assert_memory_equal(out.owners, in.owners, 64);
    assert_int_equal(out.limit_count, 2);
    assert_string_equal(out.limits[0].asset, "gold");
    assert_string_equal(out.limits[1].domain, "eth");
    assert_int_equal(out.limits[1].window, 3600);
    assert_int_equal(out.limits[1].number, 2);
    assert_true(out.limits[0].quantity == 100 && out.limits[1].spent == 1);
    in.limits[1].asset = "gold";
    assert_int_equal(cz_policy_encode(&in, bytes, &len, &err), CZ_INVALID);
    in.limits[1].asset = NULL;
    assert_int_equal(cz_policy_encode(&in, bytes, &len, &err), CZ_INVALID);
    in.limit_count = CZ_LIMITS_MAX + 1;
    assert_int_equal(cz_policy_encode(&in, bytes, &len, &err), CZ_INVALID);
    in.limit_count = 0;
    in.owner_count = CZ_OWNERS_MAX + 1;
    assert_int_equal(cz_policy_encode(&in, bytes, &len, &err), CZ_INVALID);
    assert_int_equal(cz_policy_decode(bytes, len - 1, texts, &out, &err), CZ_INVALID);
}

/* ---- Capabilities ----------------------------------------------------------------------- */

struct grant_form {
    unsigned tag, account_len, parent_len, holder_len, resource_len; /* 0: null */
    const char *asset;
    uint64_t rights;
    bool has_ceiling;
    cz_quantity ceiling, spent;
    const char *domain;
    uint64_t time;
};
static const struct grant_form good_grant = {
    .tag = 19,
    .account_len = 32,
    .parent_len = 32,
    .holder_len = 32,
    .asset = "gold",
    .rights = 63,
    .has_ceiling = true,
    .ceiling = 10,
    .spent = 10,
    .domain = "sim",
    .time = 5,
};

static void put_grant(struct czi_buf *b, const struct grant_form *f)
{
    put_array(b, 10);
    put_uint(b, f->tag);
    put_fill(b, 1, f->account_len);
    if (f->parent_len)
        put_fill(b, 2, f->parent_len);
    else
        put_null(b);
    put_fill(b, 3, f->holder_len);
    if (f->resource_len)
        put_fill(b, 4, f->resource_len);
    else
        put_null(b);
    if (f->asset)
        put_text(b, f->asset);
    else
        put_null(b);
    put_uint(b, f->rights);
    if (f->has_ceiling)
        czi_cbor_add_quantity(b, f->ceiling);
    else
        put_null(b);
    czi_cbor_add_quantity(b, f->spent);
    if (!f->domain) {
        put_null(b);
        return;
    }
    put_array(b, 2);
    put_text(b, f->domain);
    put_uint(b, f->time);
}

static int grant_again(struct czi_slice in, struct czi_buf *out)
{
    struct czi_grant g;
    int rc = czi_grant_read(in, &g, NULL);

    if (!rc)
        czi_grant_put(out, &g);
    return rc;
}

static void a_capability_is_what_its_bytes_say(void **state)
{
    CZI_AUTOBUF full = {0}, least = {0};
    struct grant_form f = {.tag = 19, .account_len = 32, .holder_len = 32, .rights = 4};
    struct czi_grant g;
    cz_error err = {0};

    (void)state;
    put_grant(&full, &good_grant);
    assert_ok(czi_grant_read(czi_buf_slice(&full), &g, &err), err);
    assert_true(g.account[0] == 1 && g.parent[31] == 2 && g.holder[5] == 3 && !g.resource);
    assert_int_equal(g.asset.len, 4);
    assert_int_equal(g.rights, 63);
    assert_true(g.has_ceiling && g.ceiling == 10 && g.spent == 10 && g.expires);
    assert_int_equal(g.expire_time, 5);
    put_grant(&least, &f);
    assert_ok(czi_grant_read(czi_buf_slice(&least), &g, &err), err);
    assert_true(!g.parent && !g.resource && !g.asset.data && !g.has_ceiling && !g.expires);
    assert_no_other_form(&full, grant_again);
    assert_no_other_form(&least, grant_again);
}

static void a_malformed_capability_is_refused(void **state)
{
    struct grant_form f[13];
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(f); i++)
        f[i] = good_grant;
    f[n++].tag = 18;
    f[n++].account_len = 31;
    f[n++].parent_len = 33;
    f[n++].holder_len = 31;
    f[n].asset = NULL;
    f[n++].resource_len = 33;
    f[n++].resource_len = 32; /* besides an asset */
    f[n++].asset = "";
    f[n++].rights = 0;
    f[n++].rights = 64;
    f[n++].spent = 11;
    f[n++].spent = -1;
    f[n++].has_ceiling = false; /* and 10 are spent */
    f[n++].domain = "";
    assert_int_equal(n, CZI_COUNTOF(f));
    for (size_t i = 0; i < n; i++) {
        CZI_AUTOBUF b = {0}, out = {0};

        put_grant(&b, &f[i]);
        if (grant_again(czi_buf_slice(&b), &out) != CZ_INVALID)
            fail_msg("form %zu was read", i);
    }
}

/* Pairs of (child, parent) that differ from a pair that fits in one thing. */
static void a_child_gives_no_more_than_its_parent(void **state)
{
    static const uint8_t a[32] = {1}, b[32] = {2};
    struct czi_grant parent = {.account = a,
                               .holder = a,
                               .rights = 7,
                               .has_ceiling = true,
                               .ceiling = 10,
                               .expires = true,
                               .expire_domain = text("d"),
                               .expire_time = 5},
                     child = parent, c;

    (void)state;
    child.holder = b;
    child.parent = a;
    assert_true(czi_grant_within(&child, &parent));
#define WITH(change, fits)                                                                     \
    c = child;                                                                                 \
    change;                                                                                    \
    assert_int_equal(czi_grant_within(&c, &parent), fits)
    WITH(c.account = b, false);
    WITH(c.rights = 3, true);
    WITH(c.rights = 8, false);
    WITH(c.rights = 15, false);
    WITH(c.ceiling = 11, false);
    WITH(c.ceiling = 9, true);
    WITH(c.has_ceiling = false, false);
    WITH(c.expires = false, false);
    WITH(c.expire_time = 6, false);
    WITH(c.expire_time = 4, true);
    WITH(c.expire_domain = text("e"), false);
    WITH(c.resource = a, true);
    WITH(c.asset = text("x"), true);
    parent.has_ceiling = parent.expires = false;
    WITH(c.has_ceiling = true, true);
    WITH(c.expires = false, true);
    parent.resource = a;
    WITH(c.resource = NULL, false);
    WITH(c.resource = b, false);
    WITH(c.resource = a, true);
    WITH(c.asset = text("x"), false);
    parent.resource = NULL;
    parent.asset = text("x");
    WITH(c.asset = text("x"), true);
    WITH(c.asset = text("xy"), false);
    WITH(c.asset = text("y"), false);
    WITH(c.resource = a, false);
    WITH(c.rights = 7, false);
#undef WITH
}

static void the_public_grant_goes_round(void **state)
{
    cz_grant in = {.has_parent = true,
                   .has_resource = true,
                   .rights = 3,
                   .has_ceiling = true,
                   .ceiling = 10,
                   .spent = 2,
                   .expire_domain = "sim",
                   .expire_time = 9},
             out;
    uint8_t bytes[CZ_GRANT_SIZE_MAX];
    char texts[CZ_GRANT_TEXTS_MAX];
    cz_error err = {0};
    size_t len;

    (void)state;
    fill(in.account.bytes, 1);
    fill(in.parent.bytes, 2);
    fill(in.holder, 3);
    fill(in.resource.bytes, 4);
    assert_ok(cz_grant_encode(&in, bytes, &len, &err), err);
    assert_ok(cz_grant_decode(bytes, len, texts, &out, &err), err);
    assert_memory_equal(&out.account, &in.account, 32);
    assert_memory_equal(&out.parent, &in.parent, 32);
    assert_memory_equal(&out.resource, &in.resource, 32);
    assert_memory_equal(out.holder, in.holder, 32);
    assert_true(out.has_parent && out.has_resource && out.has_ceiling && !out.asset);
    assert_true(out.ceiling == 10 && out.spent == 2 && out.rights == 3);
    assert_string_equal(out.expire_domain, "sim");
    assert_int_equal(out.expire_time, 9);
    in.asset = "gold";
    assert_int_equal(cz_grant_encode(&in, bytes, &len, &err), CZ_INVALID);
    in.has_resource = false;
    assert_ok(cz_grant_encode(&in, bytes, &len, &err), err);
    assert_ok(cz_grant_decode(bytes, len, texts, &out, &err), err);
    assert_string_equal(out.asset, "gold");
}

/* ---- Outboxes --------------------------------------------------------------------------- */

struct outbox_form {
    unsigned tag, count, number, effect_len;
    const char *asset, *destination;
    cz_quantity quantity;
    bool same, descend;
};
static const struct outbox_form good_outbox = {
    .tag = 20,
    .count = 3,
    .effect_len = 32,
    .asset = "sim:gold",
    .destination = "bob",
    .quantity = 7,
};

static void put_outbox(struct czi_buf *b, const struct outbox_form *f)
{
    put_array(b, 2);
    put_uint(b, f->tag);
    put_array(b, f->count);
    for (unsigned i = 0; i < f->count; i++) {
        put_array(b, 5);
        put_fill(b, (uint8_t)(f->same ? 1 : f->descend ? 90 - i : i / 2), f->effect_len);
        put_uint(b, f->number + (f->same ? 0 : i % 2));
        put_text(b, f->asset);
        czi_cbor_add_quantity(b, f->quantity);
        put_text(b, f->destination);
    }
}

static int outbox_again(struct czi_slice in, struct czi_buf *out)
{
    struct czi_outbox o;
    int rc = czi_outbox_read(in, &o, NULL);

    if (!rc)
        czi_outbox_put(out, &o);
    return rc;
}

static void an_outbox_is_what_its_bytes_say(void **state)
{
    CZI_AUTOBUF b = {0};
    struct czi_outbox o;
    cz_error err = {0};

    (void)state;
    put_outbox(&b, &good_outbox);
    assert_ok(czi_outbox_read(czi_buf_slice(&b), &o, &err), err);
    assert_int_equal(o.count, 3);
    assert_int_equal(o.open[1].number, 1);
    assert_int_equal(o.open[2].effect[0], 1);
    assert_true(o.open[2].quantity == 7);
    assert_int_equal(o.open[2].destination.len, 3);
    assert_no_other_form(&b, outbox_again);
}

static void a_malformed_outbox_is_refused(void **state)
{
    char destination[CZ_DESTINATION_SIZE_MAX + 2] = {0};
    struct outbox_form f[11];
    size_t n = 0;

    (void)state;
    memset(destination, 'x', sizeof destination - 1);
    for (size_t i = 0; i < CZI_COUNTOF(f); i++)
        f[i] = good_outbox;
    f[n++].tag = 18;
    f[n++].same = true;
    f[n++].descend = true;
    f[n++].effect_len = 31;
    f[n++].number = CZI_OPERATIONS_MAX;
    f[n++].asset = "";
    f[n++].quantity = 0;
    f[n++].quantity = -1;
    f[n++].destination = "";
    f[n++].destination = destination;
    f[n++].destination = "a\x7f";
    assert_int_equal(n, CZI_COUNTOF(f));
    for (size_t i = 0; i < n; i++) {
        CZI_AUTOBUF b = {0}, out = {0};

        put_outbox(&b, &f[i]);
        if (outbox_again(czi_buf_slice(&b), &out) != CZ_INVALID)
            fail_msg("form %zu was read", i);
    }
    destination[CZ_DESTINATION_SIZE_MAX] = 0;
    f[0] = good_outbox;
    f[0].destination = destination;
    {
        CZI_AUTOBUF b = {0}, out = {0};

        put_outbox(&b, &f[0]);
        assert_int_equal(outbox_again(czi_buf_slice(&b), &out), CZ_OK);
    }
}

static void an_outbox_holds_so_many_withdrawals_and_no_more(void **state)
{
    struct czi_outbox o = {0}, read;
    struct czi_withdrawal w = {.asset = text("sim:gold"),
                               .destination = text("bob"),
                               .quantity = 1};
    CZI_AUTOBUF b = {0};
    uint8_t effect[32] = {0};

    (void)state;
    for (unsigned i = 0; i < CZ_WITHDRAWALS_MAX; i++) {
        w.effect[0] = (uint8_t)(i * 37 % 5); /* in no order */
        w.number = CZ_WITHDRAWALS_MAX - i;
        assert_true(czi_outbox_add(&o, &w));
    }
    w.number = 200;
    assert_false(czi_outbox_add(&o, &w));
    assert_int_equal(o.count, CZ_WITHDRAWALS_MAX);
    czi_outbox_put(&b, &o);
    assert_int_equal(czi_outbox_read(czi_buf_slice(&b), &read, NULL), CZ_OK);
    effect[0] = 37 % 5;
    assert_non_null(czi_outbox_find(&o, effect, CZ_WITHDRAWALS_MAX - 1));
    assert_null(czi_outbox_find(&o, effect, CZ_WITHDRAWALS_MAX));
    czi_outbox_remove(&o, czi_outbox_find(&o, effect, CZ_WITHDRAWALS_MAX - 1));
    assert_null(czi_outbox_find(&o, effect, CZ_WITHDRAWALS_MAX - 1));
    assert_int_equal(o.count, CZ_WITHDRAWALS_MAX - 1);
    assert_true(czi_outbox_add(&o, &w));
}

static int one_more_than(void *arg, const cz_withdrawal *w)
{
    unsigned *seen = arg;

    assert_string_equal(w->asset, "sim:gold");
    assert_string_equal(w->destination, "bob");
    return ++*seen == 2 ? CZ_CANCELLED : CZ_OK;
}

static void the_public_outbox_lists_until_told_to_end(void **state)
{
    CZI_AUTOBUF b = {0};
    unsigned seen = 0;
    cz_error err = {0};

    (void)state;
    put_outbox(&b, &good_outbox);
    assert_int_equal(cz_outbox_decode(b.data, b.len, one_more_than, &seen, &err), CZ_CANCELLED);
    assert_int_equal(seen, 2);
    assert_int_equal(cz_outbox_decode(b.data, b.len - 1, one_more_than, &seen, &err),
                     CZ_INVALID);
    assert_int_equal(seen, 2);
}

/* ---- References ------------------------------------------------------------------------- */

static void a_reference_names_its_withdrawal(void **state)
{
    cz_withdrawal w = {.number = 12, .destination = "a#b/3"};
    char reference[CZ_REFERENCE_SIZE], id[CZ_ID_TEXT_SIZE], expected[200];
    uint8_t effect[32];
    uint32_t number;

    (void)state;
    fill(w.effect.bytes, 77);
    cz_id_print(&w.effect, id);
    cz_withdrawal_reference(&w, reference);
    snprintf(expected, sizeof expected, "a#b/3#%s/12", id);
    assert_string_equal(reference, expected);
    assert_true(czi_withdrawal_parse(text(reference), effect, &number));
    assert_memory_equal(effect, w.effect.bytes, 32);
    assert_int_equal(number, 12);
    assert_true(czi_withdrawal_parse(text(strrchr(reference, '#') + 1), effect, &number));
    assert_true(czi_withdrawal_parse(text(reference + 1), effect, &number));
    assert_int_equal(number, 12);
}

static void what_is_no_reference_is_not_parsed(void **state)
{
    cz_id id = {{9}};
    char name[CZ_ID_TEXT_SIZE], t[200];
    static const char *const forms[] = {"%s",     "%s/",   "%s/01", "%s/256", "%s/1000",
                                        "%s/-1",  "x%s/1", "%s//1", "%s/1 ",  "%s 1",
                                        "# %s/1", "%sx/1", "/1",    "",       "#/1"};
    uint8_t effect[32];
    uint32_t number;

    (void)state;
    cz_id_print(&id, name);
    for (size_t i = 0; i < CZI_COUNTOF(forms); i++) {
        size_t len = 0;

        for (const char *f = forms[i]; *f; f++)
            if (f[0] == '%' && f[1] == 's') {
                memcpy(t + len, name, CZ_ID_TEXT_SIZE - 1);
                len += CZ_ID_TEXT_SIZE - 1;
                f++;
            } else {
                t[len++] = *f;
            }
        if (czi_withdrawal_parse((struct czi_slice){(uint8_t *)t, len}, effect, &number))
            fail_msg("\"%.*s\" was parsed", (int)len, t);
    }
    snprintf(t, sizeof t, "%s/255", name);
    assert_true(czi_withdrawal_parse(text(t), effect, &number));
    assert_int_equal(number, CZI_OPERATIONS_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_is_what_its_bytes_say),
        cmocka_unit_test(a_malformed_account_is_refused),
        cmocka_unit_test(the_most_that_an_account_may_have_is_read),
        cmocka_unit_test(an_account_has_one_form),
        cmocka_unit_test(limits_are_ordered_bytewise_and_shorter_first),
        cmocka_unit_test(signers_are_counted_once_each),
        cmocka_unit_test(a_limit_holds_for_each_window),
        cmocka_unit_test(a_limit_does_not_overflow),
        cmocka_unit_test(the_public_policy_goes_round),
        cmocka_unit_test(a_capability_is_what_its_bytes_say),
        cmocka_unit_test(a_malformed_capability_is_refused),
        cmocka_unit_test(a_child_gives_no_more_than_its_parent),
        cmocka_unit_test(the_public_grant_goes_round),
        cmocka_unit_test(an_outbox_is_what_its_bytes_say),
        cmocka_unit_test(a_malformed_outbox_is_refused),
        cmocka_unit_test(an_outbox_holds_so_many_withdrawals_and_no_more),
        cmocka_unit_test(the_public_outbox_lists_until_told_to_end),
        cmocka_unit_test(a_reference_names_its_withdrawal),
        cmocka_unit_test(what_is_no_reference_is_not_parsed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
