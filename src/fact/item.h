/* item.h - what a domain's fact log is made of: facts, and what is decided about them.
 *
 * Layer: fact. Threads: pure functions. Canonical tuples; a domain's name is always second:
 *
 *   fact        [6, …], see fact.h
 *   retraction  [14, domain text, fact link, note text, evidence [bytes …],
 *                observer bytes(32) | null, signature bytes(64) | null]
 *   domain      [15, name text, sequence uint, adapter text, parameters bytes,
 *                [safe depth uint, final depth uint, record depth uint, record finality uint],
 *                observers [bytes(32) …]]                            ascending, none twice
 *   decision    [16, domain text, keep link, drop link, note text]
 *
 * - A fact is never deleted: a retraction is appended (R7). Evidence is the adapter's affair: a
 *   competing header.
 * - All names have 1 to CZI_DOMAIN_SIZE_MAX bytes, an item at most CZI_FACT_SIZE_MAX.
 * - A domain's first item has sequence 0; each later one replaces policy and observers, never
 *   adapter and parameters. A depth of 0: no block gets so by depth alone.
 * - A decision ends a freeze: of the two items that contradict, one is kept.
 * - Signatures as in facts: over the id of the item with null in its place.
 */
#ifndef CZI_ITEM_H
#define CZI_ITEM_H

#include "fact/fact.h"

struct czi_cbor;

enum czi_item_type { CZI_ITEM_FACT, CZI_ITEM_RETRACTION, CZI_ITEM_DOMAIN, CZI_ITEM_DECISION };

#define CZI_EVIDENCE_ITEMS_MAX 4

struct czi_retraction {
    cz_id fact;
    struct czi_slice note;
    size_t evidence_count;
    struct czi_slice evidence[CZI_EVIDENCE_ITEMS_MAX];
    bool has_observer;
    uint8_t observer[32], signature[64];
};

/* Numbers of blocks built on a block. */
struct czi_domain_policy {
    uint64_t safe_depth, final_depth; /* from which on it is safe, final; 0: not by depth */
    uint64_t record_depth;            /* before facts that rest on it are taken */
    enum cz_finality record_finality; /* the same, as a level */
};

struct czi_domain_item {
    uint64_t sequence;
    struct czi_slice adapter, parameters;
    struct czi_domain_policy policy;
    uint32_t observer_count;
    uint8_t observers[CZI_OBSERVERS_MAX][32];
};

struct czi_decision {
    cz_id keep, drop;
    struct czi_slice note;
};

/* Slices point into memory that the item does not own. */
struct czi_item {
    enum czi_item_type type;
    struct czi_slice domain;
    union {
        struct czi_fact fact; /* its own domain is the same slice */
        struct czi_retraction retraction;
        struct czi_domain_item config;
        struct czi_decision decision;
    };
};

/* Replaces what out holds. CZ_LIMIT, CZ_NOMEM, CZ_INVALID. */
CZI_MUST_USE int czi_item_encode(const struct czi_item *item, struct czi_buf *out,
                                 cz_error *err);
/* Strict. CZ_INVALID with the byte offset, CZ_LIMIT. */
CZI_MUST_USE int czi_item_decode(const void *bytes, size_t len, struct czi_item *ret,
                                 cz_error *err);
/* The observers of a domain's item or row, ascending. */
void czi_item_read_observers(struct czi_cbor *c, struct czi_domain_item *d);
/* As of facts; items that have no observer are CZ_OK. */
CZI_MUST_USE int czi_item_sign(struct czi_item *item, const uint8_t seed[32], cz_error *err);
CZI_MUST_USE int czi_item_check_signature(const struct czi_item *item, cz_error *err);

#endif
