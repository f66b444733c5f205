/* domain.h - what an adapter does for its domains: it checks proofs.
 *
 * Layer: domain. Threads: pure functions of bytes; they know no store, no network and no clock,
 * so that audit and replay call them too. What the store's state says (is the block recorded,
 * canonical, final) is the book's affair (fact/book.h).
 */
#ifndef CZI_DOMAIN_H
#define CZI_DOMAIN_H

#include "fact/item.h"

struct czi_adapter {
    const char *name;
    /* Whether these parameters are what the adapter wants of a domain's item. CZ_INVALID. */
    int (*parameters)(struct czi_slice parameters, cz_error *err);
    /* A block's fact: the proof shows that this is a block of the domain, and anchor, event
     * key, claim, finality and trust are what it says. CZ_BAD_HEADER. */
    int (*header)(struct czi_slice parameters, const struct czi_fact *f, cz_error *err);
    /* Any other fact, against the block that it rests on: CZ_BAD_INCLUSION. Anchor, trust and
     * finality agree with the block; that is checked before. */
    int (*inclusion)(struct czi_slice parameters, const struct czi_fact *f,
                     const struct czi_block *block, cz_error *err);
    /* A retraction: evidence that the block of `height` and `hash` is not the one, given only
     * if the adapter can judge. NULL: it wants none and takes none. CZ_BAD_HEADER. */
    int (*retraction)(struct czi_slice parameters, const struct czi_retraction *r,
                      uint64_t height, const uint8_t hash[32], cz_error *err);
};

extern const struct czi_adapter czi_adapter_ethereum, czi_adapter_simulated;

/* NULL: there is none of that name. */
const struct czi_adapter *czi_adapter_find(struct czi_slice name);

/* All that can be checked of an item without the store's state, besides its encoding:
 * signature, then the proof. block: what the fact rests on; NULL for others. target: of a
 * retraction, the anchor of what is retracted (its height and hash; NULL when it is not known).
 * The first fault is returned, with a detail that begins with the layer. Cost: a signature and
 * a proof, 40 to 100 us. */
CZI_MUST_USE int czi_item_verify(const struct czi_item *item, const struct czi_adapter *adapter,
                                 struct czi_slice parameters, const struct czi_block *block,
                                 const struct czi_block *target, cz_error *err);

#endif
