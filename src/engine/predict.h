/* predict.h - which resources will an effect touch that declares none (docs/reference/vm.md,
 * "Predicted accesses").
 *
 * Layer: engine. Thread: the engine's. No I/O, clock or random source.
 *
 * A prediction is a hint: what is run beside what follows from it, a result never does (R1).
 * Too narrow costs a rerun, too wide costs parallelism. It comes from
 *   template  what the code says of itself (causality/guest.h), trusted until it errs;
 *   text      constants that reach the code's OPEN calls (vm/analyse.h);
 *   profile   rules that explain what earlier runs touched: an id in the input, an own resource
 *             with a label made of the input, an id that is always the same. Origin and first
 *             signer serve as the input does.
 * Every rule counts its hits and misses and is used while most of what it says comes true.
 *
 * Bounds: CZI_PREDICT_CODES_MAX profiles of CZI_PREDICT_RULES_MAX rules each; the profile that
 * was not used for longest makes room. Looking for new rules backs off while it finds none.
 * Nothing here fails: without memory nothing is predicted.
 */
#ifndef CZI_PREDICT_H
#define CZI_PREDICT_H

#include "vm/manager.h"

struct czi_predict_input {
    const uint8_t *code_id; /* 32 bytes: of the resource */
    /* What the code's file says, read when it is met for the first time; NULL: not known. */
    const struct czi_image *image;
    struct czi_slice input;
    const uint8_t *origin; /* 32 bytes: the effect's; NULL: unknown */
    const uint8_t *signer; /* the key that signed it first; NULL: none did */
};

enum czi_predict_source {
    CZI_PREDICT_TEMPLATE = 1,
    CZI_PREDICT_TEXT = 2,
    CZI_PREDICT_PROFILE = 4,
    CZI_PREDICT_ALL = 7,
};

struct czi_predicted {
    uint8_t id[32];
    bool write;
    uint16_t rule; /* the predictor's */
};
struct czi_prediction {
    uint32_t version; /* the predictor's */
    unsigned count;   /* of accesses, none twice, without the code itself */
    /* It is better run at its turn and not before: runs ahead of this code were in vain. */
    bool is_anything;
    struct czi_predicted accesses[CZ_OPEN_ACCESSES_MAX];
};

/* For tests: what is said instead of what is known. */
enum czi_predict_force {
    CZI_PREDICT_AS_KNOWN,
    CZI_PREDICT_NOTHING,
    CZI_PREDICT_WRONG,    /* as many ids as there is room for, that no resource has */
    CZI_PREDICT_ANYTHING, /* is_anything */
    CZI_PREDICT_RANDOM,   /* one of all these, or ids that were seen before, at random */
};

/* Who created a resource, and its label; false: there is none. Both stay for the call. */
typedef bool (*czi_predict_name_fn)(void *arg, const uint8_t id[32],
                                    const uint8_t **ret_creator, struct czi_slice *ret_label);

struct czi_predictor;
CZI_MUST_USE int czi_predictor_new(czi_predict_name_fn name, void *arg,
                                   struct czi_predictor **ret, cz_error *err);
void czi_predictor_free(struct czi_predictor *p); /* NULL: no-op */
/* Whose word counts: of enum czi_predict_source; all at first. */
void czi_predictor_use(struct czi_predictor *p, unsigned sources);
void czi_predictor_force(struct czi_predictor *p, enum czi_predict_force force, uint64_t seed);
/* What all profiles and the predictor itself take. */
size_t czi_predictor_bytes(const struct czi_predictor *p);

/* Cost: about 0.1 us and a hash of a label for each rule that needs one. */
void czi_predict(struct czi_predictor *p, const struct czi_predict_input *in,
                 struct czi_prediction *ret);

enum czi_predict_verdict {
    CZI_PREDICT_MISSED,
    CZI_PREDICT_HIT,      /* all that was touched was predicted, and all that was written so */
    CZI_PREDICT_TOO_WIDE, /* a hit, with more than that */
};
/* After a run at its position: what it touched (the code itself is left out), and what was
 * predicted for it (czi_predict of the same input; NULL: it was not asked). again: it had run
 * before its turn, in vain; ahead: it had, or had tried to. */
enum czi_predict_verdict czi_predict_learn(struct czi_predictor *p,
                                           const struct czi_predict_input *in,
                                           const struct czi_prediction *was,
                                           const struct czi_access *accesses, unsigned count,
                                           bool ahead, bool again);

#endif
