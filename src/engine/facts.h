/* facts.h - what the rooms above need to tell of facts.
 *
 * Layer: engine.
 */
#ifndef CZI_FACTS_H
#define CZI_FACTS_H

#include "engine/cite.h"

/* An item for the public; bytes may be empty. Strings are the book's. */
void czi_fact_describe(const struct czi_book *book, uint32_t number, struct czi_slice bytes,
                       cz_fact *ret);
/* CZI_ID_NONE: there is none. */
uint32_t czi_domain_named(const struct czi_book *book, const char *name);
/* CZ_NOT_FOUND. */
int czi_fact_missing(const cz_id *id, cz_error *err);

#endif
