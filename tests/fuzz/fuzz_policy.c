/* fuzz_policy.c - the readers of the data of accounts, capabilities and outboxes over any
 * bytes.
 *
 * Properties: what is read is written as the same bytes; no bytes are two of the three; what
 * the public functions read, they write as the same bytes; references name what they are made
 * of.
 */
#include "codec/dag_cbor.h"
#include "fuzz.h"
#include "resource/policy.h"

#define MOST ((cz_quantity)(~(unsigned __int128)0 >> 1))

static void check_account(struct czi_slice in)
{
    static char texts[CZ_POLICY_TEXTS_MAX];
    uint8_t bytes[CZ_POLICY_SIZE_MAX];
    CZI_AUTOBUF again = {0};
    struct czi_policy p;
    cz_policy public;
    size_t len;

    if (czi_policy_read(in, &p, NULL))
        return;
    czi_policy_put(&again, &p);
    CZI_CHECK(again.len == in.len && memcmp(again.data, in.data, in.len) == 0);
    CZI_CHECK(!cz_policy_decode(in.data, in.len, texts, &public, NULL));
    CZI_CHECK(!cz_policy_encode(&public, bytes, &len, NULL));
    CZI_CHECK(len == in.len && memcmp(bytes, in.data, len) == 0);
    for (unsigned i = 0; i < p.limit_count; i++) {
        struct czi_limit l = p.limits[i];

        CZI_CHECK(czi_policy_limit(&p, l.asset) == &p.limits[i]);
        CZI_CHECK(l.quantity - l.spent == MOST ||
                  !czi_limit_spend(&l, 0, l.quantity - l.spent + 1));
        CZI_CHECK(czi_limit_spend(&l, 0, l.quantity - l.spent) && l.spent == l.quantity);
    }
}

static void check_grant(struct czi_slice in)
{
    char texts[CZ_GRANT_TEXTS_MAX];
    uint8_t bytes[CZ_GRANT_SIZE_MAX];
    CZI_AUTOBUF again = {0};
    struct czi_grant g;
    cz_grant public;
    size_t len;

    if (czi_grant_read(in, &g, NULL))
        return;
    czi_grant_put(&again, &g);
    CZI_CHECK(again.len == in.len && memcmp(again.data, in.data, in.len) == 0);
    CZI_CHECK(!cz_grant_decode(in.data, in.len, texts, &public, NULL));
    CZI_CHECK(!cz_grant_encode(&public, bytes, &len, NULL));
    CZI_CHECK(len == in.len && memcmp(bytes, in.data, len) == 0);
    CZI_CHECK(czi_grant_within(&g, &g));
}

static void check_outbox(struct czi_slice in)
{
    CZI_AUTOBUF again = {0};
    struct czi_outbox o;

    if (czi_outbox_read(in, &o, NULL))
        return;
    czi_outbox_put(&again, &o);
    CZI_CHECK(again.len == in.len && memcmp(again.data, in.data, in.len) == 0);
    for (unsigned i = 0; i < o.count; i++) {
        char text[CZI_REFERENCE_SIZE_MAX];
        uint8_t effect[32];
        uint32_t number;
        size_t len = czi_withdrawal_reference(&o.open[i], text);

        CZI_CHECK(
            czi_withdrawal_parse((struct czi_slice){(uint8_t *)text, len}, effect, &number));
        CZI_CHECK(czi_outbox_find(&o, effect, number) == &o.open[i]);
    }
    if (o.count) {
        struct czi_withdrawal w = o.open[o.count / 2];

        czi_outbox_remove(&o, &o.open[o.count / 2]);
        CZI_CHECK(!czi_outbox_find(&o, w.effect, w.number) && czi_outbox_add(&o, &w));
        again.len = 0;
        czi_outbox_put(&again, &o);
        CZI_CHECK(again.len == in.len && memcmp(again.data, in.data, in.len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct czi_slice in = {data, size};

    CZI_CHECK(czi_is_form(CZ_ACCOUNT, in) + czi_is_form(CZ_CAPABILITY, in) +
                  czi_is_form(CZ_OUTBOX, in) <=
              1);
    check_account(in);
    check_grant(in);
    check_outbox(in);
    return 0;
}

#define TEXT(s) ((struct czi_slice){(const uint8_t *)(s), sizeof(s) - 1})

static void seed_account(bool full, struct czi_buf *out)
{
    static const uint8_t keys[3][32] = {{1}, {2}, {3, 4}};
    struct czi_policy p = {.threshold = 1, .owner_count = 1, .owners = {keys[0]}};

    if (full) {
        p.threshold = 2;
        p.owner_count = 3;
        p.owners[1] = keys[1];
        p.owners[2] = keys[2];
        p.limit_count = 2;
        p.limits[0] = (struct czi_limit){TEXT("gold"), TEXT("sim"), 1000, 17, 3600, 4};
        p.limits[1] = (struct czi_limit){TEXT("sim:x"), TEXT("eth"), 5, 0, 1, 0};
    }
    czi_policy_put(out, &p);
}

static void seed_grant(bool full, struct czi_buf *out)
{
    static const uint8_t a[32] = {1}, b[32] = {2};
    struct czi_grant g = {.account = a, .holder = b, .rights = CZ_RIGHT_DEBIT};

    if (full) {
        g.parent = b;
        g.asset = TEXT("sim:gold");
        g.rights = 63;
        g.has_ceiling = g.expires = true;
        g.ceiling = 500;
        g.spent = 20;
        g.expire_domain = TEXT("sim");
        g.expire_time = 70000;
    } else {
        g.resource = a;
    }
    czi_grant_put(out, &g);
}

static void seed_outbox(unsigned count, struct czi_buf *out)
{
    struct czi_outbox o = {0};

    for (unsigned i = 0; i < count; i++) {
        struct czi_withdrawal w = {
            {(uint8_t)(i / 2)}, i % 2, TEXT("sim:gold"), TEXT("bob"), (cz_quantity)i + 1};

        CZI_CHECK(czi_outbox_add(&o, &w));
    }
    czi_outbox_put(out, &o);
}

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    if (i < 2)
        seed_account(i == 1, out);
    else if (i < 4)
        seed_grant(i == 3, out);
    else if (i < 7)
        seed_outbox((unsigned)(i - 4) * 3, out);
    else
        return false;
    return true;
}
