/* generate.h - random streams of effects and items of fact logs from a seed, with what the
 * rules make of them, and what an engine made of them compared to it.
 */
#ifndef CZI_GENERATE_H
#define CZI_GENERATE_H

#include "engine/engine.h"
#include "reference.h"
#include "test.h"

#define GEN_ITEMS_MAX 400
#define GEN_RESOURCES_MAX 70

struct gen_item {
    struct ref_effect *effect; /* NULL: an item of a fact log */
    uint8_t *bytes;
    size_t len;
    cz_result expected;
};

struct gen_stream {
    struct gen_item items[GEN_ITEMS_MAX];
    size_t count;
    char labels[GEN_RESOURCES_MAX][24];
    struct ref_model model;
};

struct gen_options {
    uint64_t seed;
    size_t count;
    unsigned origin; /* the first of `origins` that propose */
    unsigned origins;
    bool create;       /* begins with creating most resources, and domains with some blocks */
    bool one_priority; /* all effects of an origin have the same one */
};

struct gen_stream *gen_stream(const struct gen_options *o);
/* Runs the model over the items in order. */
void gen_expect(struct gen_stream *s, enum ref_fault fault);
void gen_free(struct gen_stream *s);

/* One result against the one expected; what differs, or NULL. */
const char *gen_compare(const cz_result *expected, const cz_result *got);
/* The whole state: resources, root, supplies, facts, counts, logs. What differs, or NULL. */
const char *gen_compare_state(const struct ref_model *m, cz_engine *g, struct czi_rng *rng);

#endif
