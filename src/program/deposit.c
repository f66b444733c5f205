/* deposit.c - a program that waits for money from outside.
 *
 * Layer: program. Thread: a program's task. Of public functions alone.
 */
#include "causality/causality.h"

int cz_await_deposit(cz_program *p, const cz_fact_query *query, cz_fact_seen *ret,
                     cz_error *err)
{
    cz_fact_query deposit = *query;
    cz_result result = {0};
    cz_fact_seen seen;
    CZ_EFFECT(credit);
    int rc;

    deposit.kind = CZ_FACT_DEPOSIT;
    rc = cz_await_fact(p, &deposit, &seen, err);
    if (!rc)
        rc = cz_account_deposit(cz_program_engine(p), credit, &seen.id, NULL, err);
    if (!rc)
        rc = cz_program_perform(p, credit, &result, err);
    /* Somebody else had it credited. */
    if (rc == CZ_REJECTED && result.reason == CZ_EVENT_CONSUMED)
        rc = CZ_OK;
    if (!rc)
        *ret = seen;
    return rc;
}
