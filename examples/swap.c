/* swap.c - a swap of two deposits on two domains that cannot go half way.
 *
 *     causality program run swap.so swap --label LABEL ARGUMENTS
 *
 * The escrow is an account for which both parties must sign; they have given this program a
 * capability to withdraw from it. Both legs are paid forth by one effect, not after the claim
 * deadline; or back, not before the refund deadline. Whichever is recorded first decides, so
 * nobody ever has both. Deadlines are in the first leg's domain time; money leaves by the
 * escrow's outbox, on condition that the deposits still stand.
 *
 * Arguments: "ACCOUNT CAPABILITY CLAIM REFUND END", and for each leg "DOMAIN ASSET AMOUNT BACK
 * FORTH": where to it is paid if the swap fails, and if not. CAPABILITY is its label, END the
 * time from which nobody waits for deposits.
 */
#include <causality/causality.h>

#include <stdio.h>

struct leg {
    struct swap *swap;
    char domain[33], asset[33], back[61], forth[61];
    unsigned long long amount;
    cz_fact_seen deposit;
    bool funded;
};

struct swap {
    struct leg legs[2];
    char account[65];
    cz_id escrow, capability;
    unsigned long long claim, refund, end;
};

/* Legs that are paid together. */
struct way {
    struct leg *legs;
    unsigned count;
    bool forth;
};

static int read_arguments(struct swap *s, const char *text, cz_error *err)
{
    struct leg *a = &s->legs[0], *b = &s->legs[1];
    char label[65];

    a->swap = b->swap = s;
    if (sscanf(text, "%64s %64s %llu %llu %llu %32s%32s%llu%60s%60s %32s%32s%llu%60s%60s",
               s->account, label, &s->claim, &s->refund, &s->end, a->domain, a->asset,
               &a->amount, a->back, a->forth, b->domain, b->asset, &b->amount, b->back,
               b->forth) != 15)
        return cz_error_set(err, CZ_INVALID, "swap: 15 arguments are needed, see swap.c");
    if (cz_account_id(s->account, &s->escrow, err))
        return err->code;
    return cz_resource_id(&s->escrow, label, &s->capability, err);
}

static int fund(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    struct leg *l = arg;
    cz_fact_query deposit = {.domain = l->domain, .asset = l->asset, .amount = l->amount};

    deposit.account = l->swap->account;
    deposit.finality = CZ_FINAL;
    l->funded = !cz_await_deposit(p, &deposit, &l->deposit, err);
    *ret = l->deposit.number;
    return l->funded ? CZ_OK : err->code;
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
        cz_dependency still = {l->deposit.id, CZ_STILL_TRUE, .finality = CZ_FINAL};

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

static int refund(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    struct leg *l = arg;
    struct way both = {l, 2, false}, single[] = {{l, 1, false}, {l + 1, 1, false}};
    cz_deadline time = {.domain = l->domain, .time = l->swap->refund};
    cz_future each[2];
    cz_result result;
    int rc = cz_sleep(p, &time, err);

    if (rc || (l[0].funded && l[1].funded && !pay(p, &both, &result, err)))
        return rc;
    time.time = l->swap->end;
    for (unsigned i = 0; i < 2; i++)
        each[i] = cz_timeout_future(p, &time, cz_fork(p, conclude, &single[i]));
    for (unsigned i = 0; i < 2 && !rc; i++)
        if ((rc = cz_join(p, each[i], ret, err)) == CZ_TIMEOUT)
            rc = CZ_OK; /* what comes later is the escrow's owners' affair */
    return rc;
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
