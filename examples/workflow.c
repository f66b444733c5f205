/* workflow.c - an order over three domains: a bank, a warehouse, a carrier; or the money back.
 *
 *     causality program run workflow.so order --label LABEL ARGUMENTS
 *
 * The customer's payment (bank) and the reservation (warehouse) are awaited at the same time.
 * Then another program, "ship", asks the carrier, again and again if need be. Only when the
 * carrier has the parcel is the merchant paid; if anything fails or takes too long, the
 * customer is, and the order says so. Whatever dies on the way goes on where it was.
 *
 * Arguments: "ACCOUNT CAPABILITY BANK ASSET AMOUNT MERCHANT CUSTOMER WAREHOUSE CARRIER ORDER
 * DEADLINE": the reservation is the register ORDER of WAREHOUSE with value "reserved", the
 * parcel that of CARRIER with "accepted", and DEADLINE is in the bank's time.
 */
#include <causality/causality.h>

#include <stdio.h>

struct order {
    char account[65], bank[33], asset[33], merchant[61], customer[61], warehouse[33],
        carrier[33], order[49];
    unsigned long long amount, deadline;
    cz_id id, capability;
    cz_fact_query payment;
    cz_fact_seen paid;
};

static int read_arguments(struct order *o, const char *text, cz_error *err)
{
    char capability[65];

    if (sscanf(text, "%64s %64s %32s %32s %llu %60s %60s %32s %32s %48s %llu", o->account,
               capability, o->bank, o->asset, &o->amount, o->merchant, o->customer,
               o->warehouse, o->carrier, o->order, &o->deadline) != 11)
        return cz_error_set(err, CZ_INVALID, "order: 11 arguments are needed, see workflow.c");
    o->payment = (cz_fact_query){o->bank, CZ_FACT_DEPOSIT, o->account, o->asset,
                                 NULL,    o->amount,       0,          CZ_FINAL};
    if (cz_account_id(o->account, &o->id, err))
        return err->code;
    return cz_resource_id(&o->id, capability, &o->capability, err);
}

/* A program of its own: the carrier has the parcel. Arguments: "CARRIER ORDER". */
static int await_carrier(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    cz_fact_seen seen;
    int rc = cz_await_fact(p, arg, &seen, err);

    *ret = seen.height;
    return rc;
}

static int ship(cz_program *p, const void *args, size_t len, cz_error *err)
{
    char carrier[33], order[49];
    cz_fact_query accepted = {.domain = carrier,
                              .kind = CZ_FACT_REGISTER,
                              .account = order,
                              .value = "accepted"};
    cz_retry retry = {.attempts = 5,
                      .deadline = {.after_ms = 60000},
                      .delay_ms = 1000,
                      .delay_max_ms = 8000,
                      .jitter_percent = 50};
    cz_branch await = {await_carrier, &accepted};
    uint64_t height = 0;
    int rc;

    if (!len || sscanf(args, "%32s %48s", carrier, order) != 2)
        return cz_error_set(err, CZ_INVALID, "ship: carrier and order are needed");
    rc = cz_timeout_with_retry(p, &retry, &await, &height, err);
    cz_program_return(p, height);
    return rc;
}

static int await_payment(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    struct order *o = arg;
    int rc = cz_await_deposit(p, &o->payment, &o->paid, err);

    *ret = o->paid.amount;
    return rc;
}

/* Payment and stock, then the carrier. */
static int deliver(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    struct order *o = arg;
    cz_fact_query reserved = {.domain = o->warehouse,
                              .kind = CZ_FACT_REGISTER,
                              .account = o->order,
                              .value = "reserved"};
    cz_future both[] = {cz_fork(p, await_payment, o), cz_fact_future(p, &reserved)};
    char text[128];
    int rc = cz_barrier(p, both, 2, err), n;

    n = snprintf(text, sizeof text, "%s %s", o->carrier, o->order);
    if (!rc)
        rc = cz_invoke(p, &(cz_program_spec){"ship", 0, cz_program_label(p), text, (size_t)n},
                       ret, err);
    return rc;
}

static int pay(cz_program *p, const struct order *o, const char *to, cz_error *err)
{
    cz_dependency still = {o->paid.id, CZ_STILL_TRUE, .finality = CZ_FINAL};
    cz_engine *engine = cz_program_engine(p);
    char asset[67];
    CZ_EFFECT(e);
    int rc = cz_account_use(engine, e, &o->capability, err);

    (void)snprintf(asset, sizeof asset, "%s:%s", o->bank, o->asset);
    if (!rc)
        rc = cz_effect_depend(e, &still, err);
    if (!rc)
        rc = cz_account_withdraw(engine, e, &o->id, asset, o->amount, to, err);
    return rc ? rc : cz_program_perform(p, e, NULL, err);
}

static int order(cz_program *p, const void *args, size_t len, cz_error *err)
{
    struct order o = {0};
    cz_deadline deadline = {.domain = o.bank}, now = {.after_ms = 0};
    uint64_t paid;
    int rc = len ? read_arguments(&o, args, err) : CZ_INVALID, delivered;

    if (rc)
        return rc;
    deadline.time = o.deadline;
    delivered = cz_timeout(p, &deadline, cz_fork(p, deliver, &o), NULL, err);
    cz_program_return(p, delivered == CZ_OK); /* 1: delivered, 0: cancelled */
    if (delivered && !cz_timeout(p, &now, cz_fact_future(p, &o.payment), NULL, err))
        rc = await_payment(p, &o, &paid, err); /* it came in time all the same */
    if (!rc && (delivered == CZ_OK || o.paid.amount))
        rc = pay(p, &o, delivered == CZ_OK ? o.merchant : o.customer, err);
    return rc;
}

static const cz_program_def programs[] = {{"order", 1, order, "paid once the parcel is sent"},
                                          {"ship", 1, ship, "the carrier has the parcel"},
                                          {0}};
CZ_MODULE(programs)
