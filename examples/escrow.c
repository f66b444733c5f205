/* escrow.c - money is held until the goods are there, an arbiter decides, or the time is over.
 *
 *     causality program run escrow.so escrow --label LABEL ARGUMENTS
 *
 * The buyer pays into an account of buyer and seller together, which has given this program a
 * capability to withdraw. Three things are raced: the carrier's domain shows that the parcel
 * was delivered, the arbiter writes "seller" or "buyer" into a data resource of his, or the
 * payment's domain comes to the deadline. The first decides, and the payment is one effect.
 *
 * Arguments: "ACCOUNT CAPABILITY DOMAIN ASSET AMOUNT BUYER SELLER CARRIER PARCEL VERDICT
 * DEADLINE": buyer and seller are destinations in DOMAIN, PARCEL a register of CARRIER's, and
 * CAPABILITY is its label, VERDICT the id of the arbiter's resource.
 */
#include <causality/causality.h>

#include <stdio.h>
#include <string.h>

struct escrow {
    char account[65], domain[33], asset[33], buyer[61], seller[61], carrier[33], parcel[65];
    unsigned long long amount, deadline;
    cz_id id, capability, verdict;
};

static int read_arguments(struct escrow *s, const char *text, cz_error *err)
{
    char capability[65], verdict[60];

    if (sscanf(text, "%64s %64s %32s %32s %llu %60s %60s %32s %64s %59s %llu", s->account,
               capability, s->domain, s->asset, &s->amount, s->buyer, s->seller, s->carrier,
               s->parcel, verdict, &s->deadline) != 11)
        return cz_error_set(err, CZ_INVALID, "escrow: 11 arguments are needed, see escrow.c");
    if (cz_account_id(s->account, &s->id, err) ||
        cz_resource_id(&s->id, capability, &s->capability, err) ||
        cz_id_parse(verdict, &s->verdict, err))
        return err->code;
    return CZ_OK;
}

/* True of the arbiter's resource as soon as it says anything. */
static bool is_decided(void *arg, const cz_resource *r)
{
    (void)arg;
    return r->data_len > 0;
}

/* *ret_seller: who gets it. */
static int decide(cz_program *p, struct escrow *s, bool *ret_seller, cz_error *err)
{
    cz_fact_query delivered = {.domain = s->carrier,
                               .kind = CZ_FACT_REGISTER,
                               .account = s->parcel,
                               .value = "delivered"};
    cz_watch_spec verdict = {.resource = &s->verdict,
                             .resource_is = is_decided,
                             .with_data = true};
    cz_deadline deadline = {.domain = s->domain, .time = s->deadline};
    cz_future ways[3];
    cz_resource says;
    size_t way;
    int rc;

    ways[0] = cz_fact_future(p, &delivered);
    ways[1] = cz_watch_future(p, &verdict);
    ways[2] = cz_sleep_future(p, &deadline);
    rc = cz_race(p, ways, 3, &way, NULL, err);
    if (!rc && way == 1)
        rc = cz_program_read(p, &s->verdict, &says, err);
    if (!rc)
        *ret_seller = way == 0 || (way == 1 && says.data_len == strlen("seller") &&
                                   !memcmp(says.data, "seller", says.data_len));
    return rc;
}

static int pay(cz_program *p, const struct escrow *s, const cz_id *deposit, const char *to,
               cz_error *err)
{
    cz_dependency still = {*deposit, CZ_STILL_TRUE, .finality = CZ_FINAL};
    cz_engine *engine = cz_program_engine(p);
    char asset[67];
    CZ_EFFECT(e);
    int rc = cz_account_use(engine, e, &s->capability, err);

    (void)snprintf(asset, sizeof asset, "%s:%s", s->domain, s->asset);
    if (!rc)
        rc = cz_effect_depend(e, &still, err);
    if (!rc)
        rc = cz_account_withdraw(engine, e, &s->id, asset, s->amount, to, err);
    return rc ? rc : cz_program_perform(p, e, NULL, err);
}

static int escrow(cz_program *p, const void *args, size_t len, cz_error *err)
{
    struct escrow s = {0};
    cz_fact_query deposit = {.account = s.account, .finality = CZ_FINAL};
    cz_fact_seen seen;
    bool seller = false;
    int rc = len ? read_arguments(&s, args, err) : CZ_INVALID;

    deposit.domain = s.domain;
    deposit.asset = s.asset;
    deposit.amount = s.amount;
    if (!rc)
        rc = cz_await_deposit(p, &deposit, &seen, err);
    if (!rc)
        rc = decide(p, &s, &seller, err);
    if (!rc)
        rc = pay(p, &s, &seen.id, seller ? s.seller : s.buyer, err);
    cz_program_return(p, seller); /* 1: the seller was paid, 0: the buyer has it back */
    return rc;
}

static const cz_program_def programs[] = {{"escrow", 1, escrow, "held until delivered"}, {0}};
CZ_MODULE(programs)
