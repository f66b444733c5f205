/* fact.h - a fact: an observation of a domain, with its proof, content-addressed (R5).
 *
 * Layer: fact. Threads: pure functions. What a proof must look like is the domain's affair;
 * here is what all facts share. Canonical bytes, DAG-CBOR, a tuple of exactly
 *
 *   [5, domain text, kind uint, [height uint, block hash bytes(32), time uint],
 *    finality uint, event key bytes, trust uint, header link | null,
 *    proof [bytes …], claim [uint | bytes | text | null …]]
 *
 * - The anchor is the block that the observation rests on. Whether that block belongs to the
 *   chain (the header) and whether the event is in the block (the proof) are two layers:
 *   `trust` says what vouches for the header, `header` names the fact that holds it, and is
 *   null when this fact is the header itself.
 * - The event key survives a reorganisation: it names the event, not where it stands.
 * - The id is the BLAKE3 of the canonical bytes.
 */
#ifndef CZI_FACT_H
#define CZI_FACT_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/limits.h"

enum czi_fact_kind {
    CZI_FACT_BLOCK = 1,       /* a block header */
    CZI_FACT_TRANSACTION = 2, /* something that a transaction in a block says */
};

/* How settled the anchor was when the fact was recorded. */
enum czi_finality {
    CZI_FINALITY_SEEN = 0,  /* a node gave it; nothing more is known */
    CZI_FINALITY_DEPTH = 1, /* blocks are built on it */
    CZI_FINALITY_SAFE = 2,
    CZI_FINALITY_FINAL = 3,
};

/* What vouches for the header. */
enum czi_fact_trust {
    CZI_TRUST_OPERATOR = 0, /* whoever recorded it took the header as given */
    CZI_TRUST_PINNED = 1,   /* the header has a hash that was given beforehand */
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
    enum czi_fact_kind kind;
    uint64_t height, time;
    uint8_t block_hash[32];
    enum czi_finality finality;
    struct czi_slice event_key;
    enum czi_fact_trust trust;
    bool has_header;
    cz_id header;
    size_t proof_count, claim_count;
    struct czi_slice proof[CZI_FACT_PROOF_ITEMS_MAX];
    struct czi_fact_value claim[CZI_FACT_CLAIM_ITEMS_MAX];
};

/* Replaces what `out` holds by the canonical bytes. CZ_LIMIT, CZ_NOMEM. */
CZI_MUST_USE int czi_fact_encode(const struct czi_fact *f, struct czi_buf *out, cz_error *err);

/* Strict: exactly the tuple above, canonical, within the limits. Slices point into bytes.
 * CZ_INVALID with the byte offset, CZ_LIMIT. */
CZI_MUST_USE int czi_fact_decode(const void *bytes, size_t len, struct czi_fact *ret,
                                 cz_error *err);

/* Only the domain's name, for what needs no more of a fact. */
CZI_MUST_USE int czi_fact_domain(const void *bytes, size_t len, struct czi_slice *ret,
                                 cz_error *err);

cz_id czi_fact_id(const void *bytes, size_t len);

#endif
