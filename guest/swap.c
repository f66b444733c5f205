/* swap.c - a swap of two deposits on two domains that cannot go half way, as a guest.
 *
 *     causality program run STORE swap.elf --label LABEL ARGUMENTS
 *
 * Program: what examples/swap.c does, with the same arguments: "ACCOUNT CAPABILITY CLAIM REFUND
 * END", and for each leg "DOMAIN ASSET AMOUNT BACK FORTH". One effect pays both legs forth, not
 * after the claim deadline; or back, not before the refund deadline.
 */
#include <causality/guest.h>

struct leg {
    char domain[33], asset[33], full[67], back[61], forth[61];
    uint64_t amount;
    struct cz_guest_query deposit;
    struct cz_guest_fact paid;
    bool is_paid;
};

struct way { /* legs that are paid together */
    struct leg *legs;
    unsigned count;
    bool forth;
};

static struct leg legs[2];
static char account_label[65], capability_label[65];
static cz_id escrow, capability;
static uint64_t claim, refund_time, end;

/* ---- Arguments --------------------------------------------------------------------------- */

static const uint8_t *at, *input_end;

static void word(char *to, size_t size)
{
    size_t len = 0;

    while (at < input_end && *at == ' ')
        at++;
    while (at < input_end && *at != ' ' && len + 1 < size)
        to[len++] = (char)*at++;
    to[len] = 0;
    if (!len || (at < input_end && *at != ' '))
        czg_fail("swap: 15 arguments are needed, see swap.c");
}

static uint64_t number(void)
{
    char text[21];
    uint64_t n = 0;

    word(text, sizeof text);
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9')
            czg_fail("swap: amounts and times are numbers");
        n = n * 10 + (uint64_t)(*c - '0');
    }
    return n;
}

static void read_leg(struct leg *l)
{
    size_t len;

    word(l->domain, sizeof l->domain);
    word(l->asset, sizeof l->asset);
    l->amount = number();
    word(l->back, sizeof l->back);
    word(l->forth, sizeof l->forth);
    len = strlen(l->domain);
    memcpy(l->full, l->domain, len);
    l->full[len] = ':';
    memcpy(l->full + len + 1, l->asset, strlen(l->asset) + 1);
    l->deposit = (struct cz_guest_query){.domain = CZG_PTR(l->domain),
                                         .domain_len = len,
                                         .kind = CZ_FACT_DEPOSIT,
                                         .account = CZG_PTR(account_label),
                                         .account_len = strlen(account_label),
                                         .asset = CZG_PTR(l->asset),
                                         .asset_len = strlen(l->asset),
                                         .amount = l->amount,
                                         .finality = CZ_FINAL};
}

static void read_arguments(const uint8_t *input, size_t len)
{
    at = input;
    input_end = input + len;
    word(account_label, sizeof account_label);
    word(capability_label, sizeof capability_label);
    claim = number();
    refund_time = number();
    end = number();
    czg_account_id(account_label, &escrow);
    czg_resource_id(&escrow, capability_label, strlen(capability_label), &capability);
    read_leg(&legs[0]);
    read_leg(&legs[1]);
}

/* ---- The swap ---------------------------------------------------------------------------- */

static int64_t fund(uint64_t leg)
{
    struct leg *l = (struct leg *)(uintptr_t)leg;
    int64_t rc = czg_await_deposit(&l->deposit, &escrow, l->full, &l->paid);

    l->is_paid |= rc == 0;
    return rc;
}

/* All legs of a way or none, within the time that it has. */
static int64_t pay(const struct way *w, struct cz_guest_result *result)
{
    int64_t rc = czg_emit_use(&capability, CZ_READ);

    if (!rc)
        rc = czg_emit_when(legs[0].domain, w->forth ? 0 : refund_time,
                           w->forth ? claim : UINT64_MAX);
    for (const struct leg *l = w->legs; l < w->legs + w->count && !rc; l++) {
        rc = czg_emit_depend((const cz_id *)l->paid.id, CZ_STILL_TRUE, CZ_FINAL, NULL);
        if (!rc)
            rc = czg_emit_withdraw(&escrow, l->full, (cz_quantity)l->amount,
                                   w->forth ? l->forth : l->back);
    }
    return rc ? rc : czg_perform(result);
}

static int64_t fund_all(const struct way *w)
{
    uint64_t both[2];
    int64_t all;

    for (unsigned i = 0; i < w->count; i++)
        both[i] = (uint64_t)czg_fork(fund, CZG_PTR(w->legs + i));
    all = czg_barrier(both, w->count);
    return czg_join(all, NULL);
}

/* Once all are funded; a deposit that was credited and retracted may come again. */
static int64_t conclude(uint64_t way)
{
    const struct way *w = (const struct way *)(uintptr_t)way;
    struct cz_guest_result result = {.reason = 0};
    int64_t rc;

    do {
        rc = fund_all(w);
        if (!rc)
            rc = pay(w, &result);
    } while (rc == -CZ_REJECTED &&
             (result.reason == CZ_NOT_CANONICAL || result.reason == CZ_BELOW_FINALITY));
    return rc;
}

static int64_t refund_leg(uint64_t leg)
{
    struct leg *l = (struct leg *)(uintptr_t)leg;
    struct way back = {l, 1, false};
    struct cz_guest_deadline until = {.domain = CZG_PTR(legs[0].domain),
                                      .domain_len = strlen(legs[0].domain),
                                      .time = end};
    int64_t rc = 0;

    if (!l->is_paid)
        rc = czg_join(czg_timeout(&until, czg_await_fact(&l->deposit)), NULL);
    if (rc)
        return rc == -CZ_TIMEOUT ? 0 : rc;
    return conclude(CZG_PTR(&back));
}

static int64_t refund(uint64_t unused)
{
    struct way both = {legs, 2, false};
    struct cz_guest_deadline time = {.domain = CZG_PTR(legs[0].domain),
                                     .domain_len = strlen(legs[0].domain),
                                     .time = refund_time};
    struct cz_guest_result result;
    uint64_t each[2];
    int64_t rc = czg_join(czg_sleep(&time), NULL);

    (void)unused;
    if (rc || (legs[0].is_paid && legs[1].is_paid && !pay(&both, &result)))
        return rc;
    each[0] = (uint64_t)czg_fork(refund_leg, CZG_PTR(&legs[0]));
    each[1] = (uint64_t)czg_fork(refund_leg, CZG_PTR(&legs[1]));
    return czg_join(czg_barrier(each, 2), NULL);
}

int64_t guest_main(const uint8_t *input, size_t len)
{
    static struct way forth = {legs, 2, true};
    uint64_t ways[2];
    int64_t rc;

    read_arguments(input, len);
    ways[0] = (uint64_t)czg_fork(conclude, CZG_PTR(&forth));
    ways[1] = (uint64_t)czg_fork(refund, 0);
    rc = czg_join(czg_race(CZ_RACE_OK, ways, 2), NULL);
    (void)czg_return((uint64_t)czg_winner()); /* 0: settled, 1: refunded */
    return rc ? 1 : 0;
}
