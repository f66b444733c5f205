/* account.c - what programs do with accounts: deposits and withdrawals, made of operations.
 *
 * The ids are those of cz_account_balance, cz_account_outbox and cz_account_reserve.
 */
#include <causality/guest.h>

static const uint8_t no_withdrawals[] = {0x82, 20, 0x80};

void czg_account_id(const char *label, cz_id *to)
{
    static const cz_id nobody;
    cz_id operator_id;

    czg_resource_id(&nobody, "operator", 8, &operator_id);
    czg_resource_id(&operator_id, label, strlen(label), to);
}

int64_t czg_emit_access(const cz_id *id, enum cz_access mode)
{
    struct cz_guest_op op = {.code = CZ_OP_ACCESS, .a = CZG_PTR(id), .mode = mode};

    return czg_emit(&op);
}

/* What an owner creates and controls, unless it is there. */
static int64_t create(const cz_id *owner, const char *label, enum cz_kind kind,
                      const char *asset)
{
    struct cz_guest_op op = {.code = CZ_OP_CREATE,
                             .b = CZG_PTR(owner),
                             .c = CZG_PTR(owner),
                             .text = CZG_PTR(label),
                             .text_len = strlen(label),
                             .mode = kind,
                             .has = 1};

    if (asset) {
        op.asset = CZG_PTR(asset);
        op.asset_len = strlen(asset);
    } else {
        op.data = CZG_PTR(no_withdrawals);
        op.data_len = sizeof no_withdrawals;
    }
    return czg_emit(&op);
}

int64_t czg_emit_balance(const cz_id *account, const char *asset)
{
    int64_t rc = czg_emit_access(account, CZ_READ);

    return rc ? rc : create(account, asset, CZ_FUNGIBLE, asset);
}

int64_t czg_emit_use(const cz_id *capability, enum cz_access mode)
{
    struct cz_guest_op op = {.code = CZ_OP_USE, .a = CZG_PTR(capability), .mode = mode};

    return czg_emit(&op);
}

int64_t czg_emit_when(const char *domain, uint64_t not_before, uint64_t not_after)
{
    struct cz_guest_op op = {.code = CZ_OP_WHEN,
                             .text = CZG_PTR(domain),
                             .text_len = strlen(domain),
                             .not_before = not_before,
                             .not_after = not_after};

    return czg_emit(&op);
}

int64_t czg_emit_depend(const cz_id *fact, enum cz_fact_policy policy,
                        enum cz_finality finality, const char *purpose)
{
    struct cz_guest_op op = {.code = CZ_OP_DEPEND,
                             .fact = CZG_PTR(fact),
                             .mode = policy,
                             .state = finality,
                             .text = CZG_PTR(purpose),
                             .text_len = purpose ? strlen(purpose) : 0};

    return czg_emit(&op);
}

int64_t czg_emit_withdraw(const cz_id *account, const char *asset, cz_quantity quantity,
                          const char *destination)
{
    cz_id balance, outbox, reserve;
    struct cz_guest_op op = {.code = CZ_OP_WITHDRAW,
                             .a = CZG_PTR(&balance),
                             .b = CZG_PTR(&outbox),
                             .c = CZG_PTR(&reserve),
                             .quantity = {(uint64_t)quantity, (uint64_t)(quantity >> 64)},
                             .text = CZG_PTR(destination),
                             .text_len = strlen(destination)};
    int64_t rc = czg_emit_access(account, CZ_READ);

    czg_resource_id(account, asset, strlen(asset), &balance);
    czg_resource_id(account, "outbox", 6, &outbox);
    czg_resource_id(&outbox, asset, strlen(asset), &reserve);
    if (!rc)
        rc = create(account, "outbox", CZ_OUTBOX, NULL);
    if (!rc)
        rc = create(&outbox, asset, CZ_FUNGIBLE, asset);
    return rc ? rc : czg_emit(&op);
}

int64_t czg_await_deposit(const struct cz_guest_query *query, const cz_id *account,
                          const char *asset, struct cz_guest_fact *to)
{
    cz_id balance;
    struct cz_guest_op deposit = {.code = CZ_OP_DEPOSIT,
                                  .a = CZG_PTR(&balance),
                                  .fact = CZG_PTR(to->id)};
    struct cz_guest_result result = {.reason = 0};
    int64_t rc = czg_join(czg_await_fact(query), NULL);

    if (!rc)
        rc = czg_fact_seen(to);
    if (rc)
        return rc;
    czg_resource_id(account, asset, strlen(asset), &balance);
    rc = czg_emit_balance(account, asset);
    if (!rc)
        rc = czg_emit_depend((const cz_id *)to->id, CZ_STILL_TRUE, CZ_SEEN, "deposit");
    if (!rc)
        rc = czg_emit(&deposit);
    if (!rc)
        rc = czg_perform(&result);
    /* Somebody else had it credited. */
    return rc == -CZ_REJECTED && result.reason == CZ_EVENT_CONSUMED ? 0 : rc;
}
