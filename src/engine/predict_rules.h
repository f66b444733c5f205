/* predict_rules.h - what the predictor keeps of a code: rules, and how often they came true.
 *
 * Layer: engine; for predict*.c only. Everything has a fixed size; nothing allocates but a
 * profile itself.
 */
#ifndef CZI_PREDICT_RULES_H
#define CZI_PREDICT_RULES_H

#include "base/limits.h"
#include "engine/predict.h"

/* What comes before and behind the part of a label, together. */
#define CZI_RULE_AFFIX_MAX 64
/* A part that goes on to the end. */
#define CZI_RULE_TO_END UINT16_MAX

/* A code does different things with different inputs, and most say which in the first byte. So
 * runs are counted by that byte, for the first few that are seen, and all together as class 0.
 * A class that has hardly been seen goes by all. */
#define CZI_RULE_CLASSES 8
#define CZI_RULE_CLASS_RUNS 4

enum czi_rule_base { CZI_BASE_INPUT, CZI_BASE_ORIGIN, CZI_BASE_SIGNER, CZI_BASES };

struct czi_rule_count {
    uint8_t runs, hits, writes; /* halved before they are too large: old runs fade */
};
struct czi_rule {
    uint8_t from, base;             /* enum cz_template_from, enum czi_rule_base */
    uint8_t source;                 /* enum czi_predict_source */
    uint8_t prefix_len, suffix_len; /* of affix: first and last */
    uint16_t offset, length;        /* the part of the base */
    uint8_t affix[CZI_RULE_AFFIX_MAX];
    struct czi_rule_count counts[CZI_RULE_CLASSES];
};
_Static_assert(CZI_PREDICT_RULES_MAX == 64, "a bit each");

struct czi_profile {
    cz_id code_id;
    uint64_t used;    /* the newest is the highest */
    uint32_t version; /* changes when a rule's place gets another rule */
    unsigned rule_count, class_count, hand;
    uint8_t first[CZI_RULE_CLASSES];   /* bytes of classes 1 to class_count */
    uint64_t active[CZI_RULE_CLASSES]; /* a bit each rule: it is used for this class */
    bool never_writes;
    /* Looking for rules: how many misses to let go by, how many next time, and what is left. */
    unsigned skip, back_off, tokens;
    uint32_t runs;
    /* Runs before their turn, those in vain, and how many runs no more are tried. */
    unsigned ahead, in_vain, hold;
    struct czi_rule rules[CZI_PREDICT_RULES_MAX];
};

#define CZI_PREDICT_WAYS 8
#define CZI_PREDICT_SETS (CZI_PREDICT_CODES_MAX / CZI_PREDICT_WAYS)

struct czi_predictor {
    czi_predict_name_fn name;
    void *name_arg;
    unsigned sources;
    enum czi_predict_force force;
    uint64_t random;
    uint64_t uses;
    uint32_t versions;
    size_t profile_count;
    unsigned seen_count;
    cz_id seen[CZ_OPEN_ACCESSES_MAX]; /* of the newest runs, while force needs some */
    struct czi_profile *profiles[CZI_PREDICT_SETS][CZI_PREDICT_WAYS];
};

/* The profile of a code, made if there is none; NULL: out of memory. */
struct czi_profile *czi_profile_of(struct czi_predictor *p, const struct czi_predict_input *in);
/* The class of an input; add: the first byte gets one, if there is one left. */
unsigned czi_profile_class(struct czi_profile *f, struct czi_slice input, bool add);

/* The id that a rule says; false: it says nothing of this input. */
bool czi_rule_id(const struct czi_rule *r, const struct czi_predict_input *in, uint8_t ret[32]);
struct czi_slice czi_rule_base(const struct czi_predict_input *in, unsigned base);
/* Whether both always say the same. */
bool czi_rule_same(const struct czi_rule *a, const struct czi_rule *b);
/* Adds a rule, in the place of the worst that is not used when there are too many. */
void czi_profile_add(struct czi_predictor *p, struct czi_profile *f,
                     const struct czi_rule *rule);
/* Counts a run of this class for a rule. */
void czi_profile_count(struct czi_profile *f, unsigned rule, unsigned class, bool hit,
                       bool write);
/* What the profile says, whatever is forced. */
void czi_profile_predict(const struct czi_predictor *p, const struct czi_profile *f,
                         const struct czi_predict_input *in, unsigned class,
                         struct czi_prediction *ret);
/* Rules of a code's own template and text. */
void czi_profile_read(struct czi_predictor *p, struct czi_profile *f,
                      const struct czi_image *image);

#endif
