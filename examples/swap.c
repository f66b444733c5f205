/* swap.c - a swap of two deposits on two domains that cannot go half way.
 *
 *     causality program run swap.so swap --label LABEL ARGUMENTS
 *
 * The escrow is an account of both parties, who have given this program a capability to
 * withdraw from it. One effect pays both legs forth, not after the claim deadline; or back, not
 * before the refund deadline. Whichever is recorded first decides, so nobody ever has both.
 * Deadlines are in the first leg's domain time; payments need the deposits to stand still.
 *
 * Arguments: "ACCOUNT CAPABILITY CLAIM REFUND END", and for each leg "DOMAIN ASSET AMOUNT BACK
 * FORTH" (where to if it fails, and if not); CAPABILITY is a label, END ends all waiting.
 */
#include <causality/causality.h>

#include <stdio.h>

struct leg {
    struct swap *swap;
    char domain[33], asset[33], back[61], forth[61];
    unsigned long long amount;
    cz_fact_query deposit;
    cz_fact_seen paid; /* amount 0: not yet */
};

struct swap {
    struct leg legs[2];
    char account[65];
    cz_id escrow, capability;
    unsigned long long claim, refund, end;
};

struct way { /* legs that are paid together */
    struct leg *legs;
    unsigned count;
    bool forth;
};

static int read_arguments(struct swap *s, const char *text, cz_error *err)
{
    struct leg *a = &s->legs[0], *b = &s->legs[1];
    char label[65];

    if (sscanf(text, "%64s %64s %llu %llu %llu %32s%32s%llu%60s%60s %32s%32s%llu%60s%60s",
               s->account, label, &s->claim, &s->refund, &s->end, a->domain, a->asset,
               &a->amount, a->back, a->forth, b->domain, b->asset, &b->amount, b->back,
               b->forth) != 15)
        return cz_error_set(err, CZ_INVALID, "swap: 15 arguments are needed, see swap.c");
    for (struct leg *l = a; l <= b; l++) {
        l->swap = s;
        l->deposit = (cz_fact_query){l->domain, CZ_FACT_DEPOSIT, s->account, l->asset,
                                     NULL,      l->amount,       0,          CZ_FINAL};
    }
    if (cz_account_id(s->account, &s->escrow, err))
        return err->code;
    return cz_resource_id(&s->escrow, label, &s->capability, err);
}

static int fund(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    struct leg *l = arg;

    (void)ret;
    return cz_await_deposit(p, &l->deposit, &l->paid, err);
}

/* All legs of a way or none, within the time that it has. */
static int pay(cz_program *p, const struct way *w, cz_result *result, cz_error *err)
{
    const struct swap *s = w->legs->swap;
    cz_engine *engine = cz_program_engine(p);
    char asset[67];
    CZ_EFFECT(e);
    int rc = cz_account_use(engine, e, &s->capability, err);

    if (!rc)
        rc = cz_effect_when(e, s->legs[0].domain, w->forth ? 0 : s->refund,
                            w->forth ? s->claim : UINT64_MAX, err);
    for (const struct leg *l = w->legs; l < w->legs + w->count && !rc; l++) {
        cz_dependency still = {l->paid.id, CZ_STILL_TRUE, .finality = CZ_FINAL};

        (void)snprintf(asset, sizeof asset, "%s:%s", l->domain, l->asset);
        rc = cz_effect_depend(e, &still, err);
        if (!rc)
            rc = cz_account_withdraw(engine, e, &s->escrow, asset, l->amount,
                                     w->forth ? l->forth : l->back, err);
    }
    return rc ? rc : cz_program_perform(p, e, result, err);
}

/* Once all are funded; a deposit that was credited and retracted may come again. */
static int conclude(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    const struct way *w = arg;
    cz_branch funding[] = {{fund, w->legs}, {fund, w->legs + w->count - 1}};
    cz_result result = {0};
    int rc;

    do {
        rc = cz_fork_join(p, funding, w->count, NULL, err);
        if (!rc)
            rc = pay(p, w, &result, err);
    } while (rc == CZ_REJECTED &&
             (result.reason == CZ_NOT_CANONICAL || result.reason == CZ_BELOW_FINALITY));
    *ret = result.position;
    return rc;
}

static int refund_leg(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    struct leg *l = arg;
    struct way back = {l, 1, false};
    cz_deadline end = {.domain = l->swap->legs[0].domain, .time = l->swap->end};

    if (!l->paid.amount && cz_timeout(p, &end, cz_fact_future(p, &l->deposit), NULL, err))
        return err->code == CZ_TIMEOUT ? CZ_OK : err->code;
    return conclude(p, &back, ret, err);
}

static int refund(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    struct leg *l = arg;
    struct way both = {l, 2, false};
    cz_branch each[] = {{refund_leg, l}, {refund_leg, l + 1}};
    cz_deadline time = {.domain = l->domain, .time = l->swap->refund};
    cz_result result;
    int rc = cz_sleep(p, &time, err);

    *ret = time.time;
    if (rc || (l[0].paid.amount && l[1].paid.amount && !pay(p, &both, &result, err)))
        return rc;
    return cz_fork_join(p, each, 2, NULL, err);
}

static int swap(cz_program *p, const void *args, size_t len, cz_error *err)
{
    struct swap s = {0};
    struct way forth = {s.legs, 2, true};
    size_t way = 0;
    int rc = len ? read_arguments(&s, args, err) : CZ_INVALID;

    if (!rc) {
        cz_future ways[] = {cz_fork(p, conclude, &forth), cz_fork(p, refund, s.legs)};

        rc = cz_race_ok(p, ways, 2, &way, NULL, err);
    }
    cz_program_return(p, way); /* 0: settled, 1: refunded */
    return rc;
}

static const cz_program_def programs[] = {{"swap", 1, swap, "both or neither"}, {0}};
CZ_MODULE(programs)
