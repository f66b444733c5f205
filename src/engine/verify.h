/* verify.h - signatures of effects: what is checked, and on which threads.
 *
 * Layer: engine. A signature takes about 40 us, all the rest of an effect's way about one. So a
 * submission that is signed goes round: it waits in `waiting`, a verifier's thread takes it
 * with others (a *run*), and what has been verified goes to the engine's inbox. What is not
 * signed goes there at once, but never past what came before it and is still here.
 *
 *   submitter --> waiting --> run of a verifier --> inbox --> admission --> batch
 *             `------------ nothing is here -------^
 *
 * Invariants. (1) Runs go on in the order in which they were taken, so of one priority (or with
 * `ordered` of all) the order of arrival stays, and with it the order of an origin's nonces.
 * (2) `count` is what waits or is in a run; nothing passes by while it is not 0. (3) When
 * something waits and a run is free, a verifier is awake or has been signalled.
 *
 * A submission with a wrong signature goes on too, marked: its refusal is told in its turn, by
 * the thread that tells all results, and it reaches no state; not even its nonce is looked at.
 *
 * Limits: waiting and runs together never hold more than the engine has slots. Threads are
 * started by the first signed submission, options.threads of them. An engine that is driven by
 * hand has none: the submitter verifies.
 */
#ifndef CZI_VERIFY_H
#define CZI_VERIFY_H

#include "codec/ed25519.h"
#include "engine/admission.h"
#include "engine/core.h"

#include <stdatomic.h>

/* ---- Checking ---------------------------------------------------------------------------- */

/* One signature, and what it must be of. */
struct czi_signature {
    cz_id signed_id; /* the signing id of its effect */
    uint8_t key[CZI_PUBLIC_SIZE], signature[CZI_SIGNATURE_SIZE];
};

/* The i-th signature of an effect whose signing id is known. */
struct czi_signature czi_signature_of(const uint8_t *bytes, size_t len,
                                      const struct czi_effect_view *v, const cz_id *signing_id,
                                      unsigned i);
/* The number of the first that does not hold; count: all do. On several threads when that is
 * worth it. */
CZI_MUST_USE size_t czi_verify_signatures(const struct czi_signature *s, size_t count,
                                          unsigned threads);
/* Whether all signatures of an effect hold; it may have none. */
CZI_MUST_USE bool czi_verify_effect(const uint8_t *bytes, size_t len,
                                    const struct czi_effect_view *v);

/* ---- On the way in ----------------------------------------------------------------------- */

/* Signatures that a verifier takes at once: about 2.5 ms of work, beside which the lock costs
 * nothing, and short enough that what waits for its turn behind it does not wait long. */
#define CZI_VERIFY_RUN 64u

struct czi_run {
    uint32_t slots[CZI_VERIFY_RUN]; /* of submissions, signed or not */
    uint32_t count;
    bool done;
};

struct czi_verifying {
    atomic_bool started; /* all below is there */
    /* Under the engine's lock. */
    uint32_t count;               /* submissions in `waiting` and in runs */
    struct czi_admission waiting; /* most urgent first, as in the engine's own */
    struct czi_run *runs;         /* ring, oldest first */
    uint32_t run_room, first_run, run_count;
    uint32_t idle; /* verifiers that wait */
    struct czi_cond *work;
    struct czi_thread *threads[CZI_THREADS_MAX];
    unsigned thread_count;
};

/* Before the first signed submission; afterwards it costs nothing. CZ_NOMEM, CZ_IO: nothing
 * was started, and it may be tried again. Not under lock. */
CZI_MUST_USE int czi_verifying_start(cz_engine *g, cz_error *err);
/* Under lock: a submission that arrives, while it is signed or `count` is not 0. */
void czi_verifying_add(cz_engine *g, const struct czi_arrival *a);
/* Under lock: the engine stopped, or workers_stop was set. */
void czi_verifying_wake(cz_engine *g);
/* Not under lock, once nothing can be added; what is left is abandoned. */
void czi_verifying_join(cz_engine *g);
void czi_verifying_done(struct czi_verifying *v); /* of all zero: no-op */
/* Verifies a filled submission on the calling thread, and marks it. */
void czi_verify_pending(struct czi_pending *p);

#endif
