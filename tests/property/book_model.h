/* book_model.h - the book of facts, small, slow and as fact/book.h says it: lists that are
 * searched, and for each height of a small world whether it is safe and final.
 *
 * It shares no line with the book and takes the same items. Out of memory ends the test.
 */
#ifndef CZI_BOOK_MODEL_H
#define CZI_BOOK_MODEL_H

#include "fact/book.h"

/* The world of the model. */
enum {
    MODEL_HEIGHTS = 48,
    MODEL_ITEMS = 256,
    MODEL_DOMAINS = 4,
    MODEL_CLAIM_SIZE = 80,
    MODEL_USES = 128,
};

struct model_item {
    cz_id id;
    enum czi_item_type type;
    unsigned domain;
    enum czi_standing standing;
    uint32_t retracted_by;
    /* Of facts. */
    struct czi_fact fact; /* what it says; its slices are not to be used */
    uint8_t key[CZI_EVENT_KEY_SIZE_MAX], claim[MODEL_CLAIM_SIZE];
    size_t key_len, claim_len;
    uint8_t parent[32];
    uint32_t block; /* number of the block's fact */
    /* Of facts of blocks that stand no more. */
    enum cz_finality level;
    uint64_t depth;
};

struct model_domain {
    char name[CZI_DOMAIN_SIZE_MAX + 1];
    struct czi_domain_item config;
    bool safe[MODEL_HEIGHTS], final[MODEL_HEIGHTS];
    bool frozen;
    uint32_t contradicts[2];
    bool has_known;
    struct czi_domain_time known;
};

struct model_use {
    unsigned domain;
    enum cz_fact_kind kind;
    uint8_t key[CZI_EVENT_KEY_SIZE_MAX], purpose[CZI_PURPOSE_SIZE_MAX];
    size_t key_len, purpose_len;
};

struct model {
    struct model_item items[MODEL_ITEMS];
    uint32_t item_count;
    struct model_domain domains[MODEL_DOMAINS];
    unsigned domain_count;
    struct model_use uses[MODEL_USES];
    unsigned use_count;
};

uint32_t model_find(const struct model *m, const cz_id *id); /* CZI_ID_NONE */
uint8_t model_take(struct model *m, const struct czi_item *item, const cz_id *id);
uint8_t model_check(const struct model *m, const struct czi_dependency *all, unsigned i,
                    bool *ret_holds);
void model_consume(struct model *m, const struct czi_dependency *d);

/* Number of a block's fact that is the head, or CZI_ID_NONE. */
uint32_t model_head(const struct model *m, unsigned domain);
enum cz_finality model_finality(const struct model *m, uint32_t number, uint64_t *ret_depth);
uint32_t model_standing(const struct model *m, uint32_t number);

#endif
