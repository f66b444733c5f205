/* fact.h - a fact: an observation of a domain, with its proof, content-addressed (R5).
 *
 * Layer: fact. Threads: pure functions. What a proof must look like is the domain's affair;
 * here is what all facts share. Canonical bytes, DAG-CBOR, a tuple of exactly
 *
 *   [6, domain text, kind uint, [height uint, block hash bytes(32), time uint],
 *    finality uint, event key bytes, expires uint | null, trust uint, header link | null,
 *    proof [bytes …], claim [uint | bytes | text | null …],
 *    observer bytes(32) | null, signature bytes(64) | null]
 *
 * - The anchor is the block that the observation rests on. Whether that block belongs to the
 *   chain (the header) and whether the event is in the block (the proof) are two layers:
 *   `trust` says what vouches for the header, `header` names the block's fact, and is null in
 *   just those.
 * - The claim of a block's fact is [parent hash bytes(32), root bytes(32)…], at most
 *   CZI_BLOCK_ROOTS_MAX roots: what later proofs of inclusion are checked against.
 * - The event key survives a reorganisation: it names the event, or what the observation is
 *   about, and not where it stands.
 * - finality is what the proof itself shows about the anchor; the book knows what it is by now.
 * - expires is in the domain's time.
 * - The observer's Ed25519 signature is over the id that the fact has with null in its place.
 *   Both are there, or neither.
 * - The id is the BLAKE3 of the canonical bytes.
 */
#ifndef CZI_FACT_H
#define CZI_FACT_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/limits.h"

/* Whether a fact of this kind is about one event, which has one claim for ever; the others are
 * about something that may change with every block. */
#define CZI_KIND_IS_EVENT(kind)                                                                \
    ((kind) == CZ_FACT_BLOCK || (kind) == CZ_FACT_TRANSACTION || (kind) == CZ_FACT_DEPOSIT ||  \
     (kind) == CZ_FACT_WITHDRAWAL || (kind) == CZ_FACT_CUSTOM)

/* What vouches for the header. */
enum czi_fact_trust {
    CZI_TRUST_OPERATOR = 0, /* whoever recorded it took the header as given */
    CZI_TRUST_PINNED = 1,   /* the header has a hash that was given beforehand */
    CZI_TRUST_SIGNED = 2,   /* the domain's own keys have signed it */
};

struct czi_fact_value {
    enum czi_fact_value_type {
        CZI_VALUE_UINT,
        CZI_VALUE_BYTES,
        CZI_VALUE_TEXT,
        CZI_VALUE_NULL,
    } type;
    uint64_t number;        /* uint */
    struct czi_slice bytes; /* bytes and text */
};

/* Slices point into memory that the fact does not own. */
struct czi_fact {
    struct czi_slice domain;
    enum cz_fact_kind kind;
    uint64_t height, time;
    uint8_t block_hash[32];
    enum cz_finality finality;
    struct czi_slice event_key;
    bool has_expires;
    uint64_t expires;
    enum czi_fact_trust trust;
    bool has_header;
    cz_id header;
    size_t proof_count, claim_count;
    struct czi_slice proof[CZI_FACT_PROOF_ITEMS_MAX];
    struct czi_fact_value claim[CZI_FACT_CLAIM_ITEMS_MAX];
    struct czi_slice claim_bytes; /* canonical, of the whole claim; set by decoding */
    bool has_observer;
    uint8_t observer[32], signature[64];
};

/* Replaces what `out` holds by the canonical bytes. CZ_LIMIT, CZ_NOMEM. */
CZI_MUST_USE int czi_fact_encode(const struct czi_fact *f, struct czi_buf *out, cz_error *err);

/* Strict: exactly the tuple above, canonical, within the limits. Slices point into bytes.
 * CZ_INVALID with the byte offset, CZ_LIMIT. */
CZI_MUST_USE int czi_fact_decode(const void *bytes, size_t len, struct czi_fact *ret,
                                 cz_error *err);

cz_id czi_fact_id(const void *bytes, size_t len);

/* Signs: sets observer and signature. CZ_LIMIT, CZ_NOMEM. */
CZI_MUST_USE int czi_fact_sign(struct czi_fact *f, const uint8_t seed[32], cz_error *err);
/* Whether the signature is the observer's; a fact without observer has none to check. Cost: an
 * encoding and 40 us. CZ_BAD_OBSERVER. */
CZI_MUST_USE int czi_fact_check_signature(const struct czi_fact *f, cz_error *err);

/* ---- Blocks ----------------------------------------------------------------------------- */

#define CZI_BLOCK_ROOTS_MAX 4

/* What a block's fact says, for proofs of inclusion: the lower of the two layers. */
struct czi_block {
    uint64_t height, time;
    uint8_t hash[32], parent[32];
    uint8_t roots[CZI_BLOCK_ROOTS_MAX][32];
    uint8_t root_count;
    uint8_t trust; /* enum czi_fact_trust */
};
/* CZ_INVALID unless f is a block's fact with a well-formed claim. */
CZI_MUST_USE int czi_fact_block(const struct czi_fact *f, struct czi_block *ret, cz_error *err);

#endif
