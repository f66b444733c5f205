/* statement.h - what facts say that the ledger acts on: deposits, withdrawals, refusals.
 *
 * Layer: fact. Threads: pure functions. The kind decides, whichever adapter a domain has.
 * Claims (docs/reference/domains.md): deposit, withdrawal  [account text, asset text, amount
 * uint] register             [name text, value bytes]: a refusal when the value is "refused"
 */
#ifndef CZI_STATEMENT_H
#define CZI_STATEMENT_H

#include "fact/fact.h"

struct czi_statement {
    uint8_t kind;             /* CZ_FACT_DEPOSIT, CZ_FACT_WITHDRAWAL or CZ_FACT_REGISTER */
    struct czi_slice account; /* of a refusal: the name */
    struct czi_slice asset;   /* as the domain calls it; not of a refusal */
    uint64_t amount;
};

/* Canonical bytes of a claim that is a statement have no more. */
#define CZI_STATEMENT_TEXT_MAX 128
#define CZI_STATEMENT_SIZE_MAX (1 + 2 * (2 + CZI_STATEMENT_TEXT_MAX) + 9)

/* From the canonical bytes of a claim; slices point into them. False: it says nothing of the
 * kind. */
CZI_MUST_USE bool czi_statement_read(unsigned kind, struct czi_slice claim,
                                     struct czi_statement *ret);

#endif
