/* format.h - the bytes of the simulated chain: what its keys sign, and what its facts claim.
 *
 * Layer: domain/simulated. Threads: pure functions without allocation. Both sides use it, the
 * chain that makes proofs and the adapter that checks them. docs/reference/domains.md has the
 * same for whoever writes another verifier.
 */
#ifndef CZI_SIM_FORMAT_H
#define CZI_SIM_FORMAT_H

#include "codec/ed25519.h"
#include "fact/fact.h"

/* ---- Parameters, headers, certificates -------------------------------------------------- */

/* What a store must know of a chain. */
struct czi_sim_parameters {
    struct czi_slice name;
    uint8_t key[CZI_PUBLIC_SIZE]; /* of its one validator */
    uint8_t genesis[32];          /* hash of the block at height 0 */
};

#define CZI_SIM_PARAMETERS_SIZE_MAX 128
size_t czi_sim_parameters_encode(const struct czi_sim_parameters *p,
                                 uint8_t out[CZI_SIM_PARAMETERS_SIZE_MAX]);
/* The name points into bytes. CZ_INVALID. */
CZI_MUST_USE int czi_sim_parameters_decode(struct czi_slice bytes,
                                           struct czi_sim_parameters *ret, cz_error *err);

struct czi_sim_header {
    struct czi_slice name;
    uint64_t height, time;
    uint64_t branch; /* reorganisations before it: what tells it from one that was dropped */
    uint8_t parent[32], events_root[32], state_root[32];
};

#define CZI_SIM_SIGNED_SIZE_MAX 320
/* The header with its signature; ret_hash: of the block. Returns the length. */
size_t czi_sim_header_sign(const struct czi_sim_header *h, const uint8_t seed[CZI_SEED_SIZE],
                           uint8_t out[CZI_SIM_SIGNED_SIZE_MAX], uint8_t ret_hash[32]);
/* Strict, and signed by the chain's validator. The name points into bytes. CZ_INVALID. */
CZI_MUST_USE int czi_sim_header_verify(const struct czi_sim_parameters *p,
                                       struct czi_slice bytes, struct czi_sim_header *ret,
                                       uint8_t ret_hash[32], cz_error *err);

/* The validator's word that a block is final. */
void czi_sim_certify(const struct czi_sim_header *h, const uint8_t hash[32],
                     const uint8_t seed[CZI_SEED_SIZE], uint8_t ret[CZI_SIGNATURE_SIZE]);
CZI_MUST_USE bool czi_sim_certified(const struct czi_sim_parameters *p,
                                    const struct czi_sim_header *h, const uint8_t hash[32],
                                    struct czi_slice certificate);

/* ---- Claims ----------------------------------------------------------------------------- */

#define CZI_SIM_CLAIM_MAX 3
/* "account/asset" */
#define CZI_SIM_NAME_MAX (2 * CZ_LABEL_SIZE_MAX + 1)

/* Whether a kind is proven in the tree of events, in that of state, or by the block alone. */
enum czi_sim_place { CZI_SIM_EVENT, CZI_SIM_STATE, CZI_SIM_BLOCK };
enum czi_sim_place czi_sim_place(enum cz_fact_kind kind);

/* Whether values are a claim of this kind: how many, which types, the names in bounds. */
CZI_MUST_USE bool czi_sim_claim_fits(enum cz_fact_kind kind, const struct czi_fact_value *claim,
                                     size_t count);

/* The event keys, each by its length. */
size_t czi_sim_event_key(struct czi_slice name, uint64_t event,
                         uint8_t out[CZI_EVENT_KEY_SIZE_MAX]);
/* Of state: the name, or its hash when it is too long. */
size_t czi_sim_name_key(struct czi_slice name, uint8_t out[CZI_EVENT_KEY_SIZE_MAX]);
/* Of a claim that fits, of state or time. */
size_t czi_sim_state_key(enum cz_fact_kind kind, const struct czi_fact_value *claim,
                         uint8_t out[CZI_EVENT_KEY_SIZE_MAX]);
/* Whether key is that of some event of the chain of this name. */
CZI_MUST_USE bool czi_sim_is_event_key(struct czi_slice name, struct czi_slice key);

/* The hash of a leaf: what is claimed. */
void czi_sim_leaf(enum cz_fact_kind kind, struct czi_slice key,
                  const struct czi_fact_value *claim, size_t count, uint8_t out[32]);

#endif
