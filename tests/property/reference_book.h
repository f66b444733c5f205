/* reference_book.h - the rules of fact logs in plain code: items in an array, searched from one
 * end to the other; no tree, row or hash table.
 *
 * The rules are those of docs/reference/formats.md. Items come decoded (fact/item.h); beside
 * that it shares with the engine BLAKE3 and the functions that put one CBOR item.
 */
#ifndef CZI_REFERENCE_BOOK_H
#define CZI_REFERENCE_BOOK_H

#include "fact/depend.h"
#include "fact/item.h"

enum ref_standing { REF_STANDS, REF_RETRACTED, REF_HELD };

/* What is kept of an item. */
struct ref_item {
    cz_id id, key, claim; /* key: of domain, kind and event key; claim: of its bytes */
    cz_id target;         /* of a retraction */
    enum czi_item_type type;
    size_t domain;
    enum ref_standing standing;
    /* Of a fact. */
    enum cz_fact_kind kind;
    enum cz_finality finality;
    unsigned trust;
    uint64_t height, time, expires; /* UINT64_MAX: never */
    uint8_t hash[32], parent[32];
    size_t block; /* the fact of its block; of a block's its own number */
};

/* Heights up to here are settled so. */
struct ref_mark {
    bool any;
    uint64_t height;
};

#define REF_DOMAINS_MAX 4
struct ref_domain {
    char name[CZI_DOMAIN_SIZE_MAX + 1], adapter[CZI_DOMAIN_SIZE_MAX + 1];
    uint8_t parameters[64];
    size_t parameters_len;
    struct czi_domain_policy policy;
    uint64_t sequence;
    uint8_t observers[4][32];
    unsigned observer_count;
    struct ref_mark safe, final;
    bool frozen;
    size_t contradicts[2];
    bool in_time; /* the time map has an entry: */
    uint64_t height, time, safe_height, final_height;
    uint8_t hash[32];
    /* Its log. */
    uint8_t head[32];
    uint64_t item_count;
};

/* All zero is an empty one. */
struct ref_book {
    struct ref_item *items;
    cz_id *uses; /* events, with what they were used up for */
    size_t count, use_count, domain_count;
    struct ref_domain domains[REF_DOMAINS_MAX]; /* in the order in which they became known */
};

#define REF_NONE SIZE_MAX

void ref_book_free(struct ref_book *b);
size_t ref_book_find(const struct ref_book *b, const void *id);
/* The reason, and nothing has changed; or CZ_APPLIED. */
enum cz_reason ref_book_take(struct ref_book *b, const struct czi_item *item, const cz_id *id);
/* The block that stands at a height; the highest one. REF_NONE. */
size_t ref_book_at(const struct ref_book *b, size_t domain, uint64_t height);
size_t ref_book_head(const struct ref_book *b, size_t domain);
/* Which of the dependencies hold, as bits; the first reason why a required one does not. */
enum cz_reason ref_book_check(const struct ref_book *b, const struct czi_dependency *all,
                              unsigned count, uint64_t *ret_holds);
void ref_book_consume(struct ref_book *b, const struct czi_dependency *d);
/* The snapshot's id; all zero when the map is empty. */
cz_id ref_book_time(const struct ref_book *b);

#endif
