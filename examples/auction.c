/* auction.c - bids from outside, and a deadline that nobody can be late for unseen.
 *
 *     causality program run auction.so auction --label LABEL ARGUMENTS
 *
 * A bid is a deposit to the bidder's own balance in the auction's account. It counts if the
 * time of its block is not after the deadline: whenever we hear of it, and in whatever order.
 * The deadline is sealed by a final block after it, since then the chain can show no earlier
 * bid any more. The highest bid, of equal ones the first named, goes to the seller and all
 * others go back, in one effect.
 *
 * Arguments: "ACCOUNT CAPABILITY DOMAIN ASSET DEADLINE SELLER", and for each bidder
 * "BALANCE BACK": the label of his balance in the account, whose id he pays to, and where to a
 * lost bid goes back. CAPABILITY is a label too.
 */
#include <causality/causality.h>

#include <stdio.h>

#define BIDDERS_MAX 15

struct bidder {
    struct auction *auction;
    char balance[60], back[61];
    cz_id id;
    cz_fact_seen bid; /* amount 0: none */
};

struct auction {
    char account[65], domain[33], asset[33], seller[61];
    cz_id id, capability;
    unsigned long long deadline;
    unsigned count;
    struct bidder bidders[BIDDERS_MAX];
};

static int read_arguments(struct auction *a, const char *text, cz_error *err)
{
    char capability[65], label[65];
    int n = 0;

    if (sscanf(text, "%64s %64s %32s %32s %llu %60s%n", a->account, capability, a->domain,
               a->asset, &a->deadline, a->seller, &n) != 6 ||
        cz_account_id(a->account, &a->id, err) ||
        cz_resource_id(&a->id, capability, &a->capability, err))
        return cz_error_set(err, CZ_INVALID, "auction: see auction.c for the arguments");
    for (; a->count < BIDDERS_MAX; a->count++) {
        struct bidder *b = &a->bidders[a->count];

        text += n;
        if (sscanf(text, "%64s %60s%n", label, b->back, &n) != 2)
            break;
        b->auction = a;
        if (cz_resource_id(&a->id, label, &b->id, err))
            return err->code;
        cz_id_print(&b->id, b->balance);
    }
    return CZ_OK;
}

/* Every block up to the deadline is told completely, and final, once the time of one after it
 * is: that is the last thing that is told of a block. */
static int await_seal(cz_program *p, const struct auction *a, cz_error *err)
{
    cz_fact_query after = {.domain = a->domain,
                           .kind = CZ_FACT_TIME,
                           .time = a->deadline + 1,
                           .finality = CZ_FINAL};
    cz_fact_seen block;

    return cz_await_fact(p, &after, &block, err);
}

/* One a bidder: what is recorded already, or none. */
static int collect(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    struct bidder *b = arg;
    cz_fact_query bid = {.domain = b->auction->domain,
                         .kind = CZ_FACT_DEPOSIT,
                         .account = b->balance,
                         .asset = b->auction->asset,
                         .finality = CZ_FINAL};
    cz_deadline now = {.after_ms = 0};

    *ret = 0;
    if (cz_timeout(p, &now, cz_fact_future(p, &bid), ret, err))
        return err->code == CZ_TIMEOUT ? CZ_OK : err->code;
    return cz_await_deposit(p, &bid, &b->bid, err);
}

static int pay(cz_program *p, const struct auction *a, const struct bidder *winner,
               cz_error *err)
{
    cz_engine *engine = cz_program_engine(p);
    char asset[67];
    CZ_EFFECT(e);
    int rc = cz_account_use(engine, e, &a->capability, err);

    (void)snprintf(asset, sizeof asset, "%s:%s", a->domain, a->asset);
    for (const struct bidder *b = a->bidders; b < a->bidders + a->count && !rc; b++) {
        cz_dependency still = {b->bid.id, CZ_STILL_TRUE, .finality = CZ_FINAL};

        if (!b->bid.amount)
            continue;
        rc = cz_effect_depend(e, &still, err);
        if (!rc)
            rc = cz_account_withdraw_from(engine, e, &a->id, &b->id, asset, b->bid.amount,
                                          b == winner ? a->seller : b->back, err);
    }
    return rc ? rc : cz_program_perform(p, e, NULL, err);
}

static int auction(cz_program *p, const void *args, size_t len, cz_error *err)
{
    struct auction a = {0};
    cz_branch bids[BIDDERS_MAX];
    const struct bidder *best = NULL;
    bool any = false;
    int rc = len ? read_arguments(&a, args, err) : CZ_INVALID;

    for (unsigned i = 0; i < a.count; i++)
        bids[i] = (cz_branch){collect, &a.bidders[i]};
    if (!rc)
        rc = await_seal(p, &a, err);
    if (!rc)
        rc = cz_fork_join(p, bids, a.count, NULL, err);
    for (const struct bidder *b = a.bidders; b < a.bidders + a.count && !rc; b++) {
        any |= b->bid.amount > 0;
        if (b->bid.amount && b->bid.time <= a.deadline &&
            (!best || b->bid.amount > best->bid.amount))
            best = b;
    }
    cz_program_return(p, best ? best->bid.amount : 0);
    return rc || !any ? rc : pay(p, &a, best, err);
}

static const cz_program_def programs[] = {{"auction", 1, auction, "the highest bid"}, {0}};
CZ_MODULE(programs)
