/* sim.h - a simulated domain: a deterministic chain with real proofs; and a simulated world, in
 * which an engine, its disk and its clock follow from a seed.
 *
 * A chain with signed headers, Merkle proofs of inclusion, time, finality and reorganisations
 * on command, so that every path of a fact can be walked with proofs that really are checked,
 * in tests, simulations and examples. The same seed and the same calls give the same bytes. Its
 * facts are of the adapter "simulated"; docs/reference/domains.md has the formats.
 *
 *     cz_sim_chain *chain;
 *     cz_domain_spec domain;
 *     cz_sim_new("moon", 7, &chain, &err);
 *     cz_sim_domain(chain, &domain);              // how a store knows it
 *     cz_domain_set(engine, &domain, &err);
 *     cz_sim_deposit(chain, "alice", "MOON", 100, &n, &err);
 *     cz_sim_mine(chain, 1, &err);
 *     cz_sim_observe(chain, engine, NULL, &err);  // records what the chain says
 */
#ifndef CAUSALITY_SIM_H
#define CAUSALITY_SIM_H

#include "causality/causality.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One thread at a time. */
typedef struct cz_sim_chain cz_sim_chain;

/* name: of the domain, 1 to 32 bytes. Its validator's key follows from the seed. */
CZ_API CZ_MUST_USE int cz_sim_new(const char *name, uint64_t seed, cz_sim_chain **ret,
                                  cz_error *err);
CZ_API void cz_sim_free(cz_sim_chain *chain);
/* How a store knows this chain, with no observers and policy depths of 0; what it points to
 * lives as long as the chain. */
CZ_API void cz_sim_domain(const cz_sim_chain *chain, cz_domain_spec *ret);

/* What the next block will hold. Each event has a number of its own for ever, *ret_event, which
 * its event key is made of; a dropped block's events wait to be included again. */
CZ_API CZ_MUST_USE int cz_sim_deposit(cz_sim_chain *chain, const char *account,
                                      const char *asset, uint64_t amount, uint64_t *ret_event,
                                      cz_error *err);
CZ_API CZ_MUST_USE int cz_sim_withdrawal(cz_sim_chain *chain, const char *account,
                                         const char *asset, uint64_t amount,
                                         uint64_t *ret_event, cz_error *err);
CZ_API CZ_MUST_USE int cz_sim_transaction(cz_sim_chain *chain, const void *data, size_t len,
                                          uint64_t *ret_event, cz_error *err);
CZ_API CZ_MUST_USE int cz_sim_custom(cz_sim_chain *chain, const void *data, size_t len,
                                     uint64_t *ret_event, cz_error *err);
/* State, proven in each block from the next on, until it is set again. */
CZ_API CZ_MUST_USE int cz_sim_balance(cz_sim_chain *chain, const char *account,
                                      const char *asset, uint64_t amount, cz_error *err);
CZ_API CZ_MUST_USE int cz_sim_price(cz_sim_chain *chain, const char *pair, uint64_t price,
                                    cz_error *err);
CZ_API CZ_MUST_USE int cz_sim_register(cz_sim_chain *chain, const char *name, const void *value,
                                       size_t len, cz_error *err);

/* From one block to the next, in the chain's time; 10 unless set. */
CZ_API void cz_sim_interval(cz_sim_chain *chain, uint64_t interval);
/* How long after its block a price's fact expires; 0, as in the beginning: never. */
CZ_API void cz_sim_price_age(cz_sim_chain *chain, uint64_t age);
/* The first new block holds what waits. */
CZ_API CZ_MUST_USE int cz_sim_mine(cz_sim_chain *chain, uint64_t blocks, cz_error *err);
CZ_API uint64_t cz_sim_height(const cz_sim_chain *chain);
/* The validator's certificate that all up to a height is final. */
CZ_API CZ_MUST_USE int cz_sim_finalize(cz_sim_chain *chain, uint64_t height, cz_error *err);
/* The newest `depth` blocks are dropped, and one more than that is mined in their place, other
 * ones. reinclude: the first of them holds what the dropped ones held again, before what waits;
 * else that never happened. Also beyond what was finalized: that is how a chain breaks its
 * word. */
CZ_API CZ_MUST_USE int cz_sim_reorg(cz_sim_chain *chain, uint64_t depth, bool reinclude,
                                    cz_error *err);

/* One fact of the chain as it is now. Bytes live until the callback returns. */
typedef struct cz_sim_fact {
    cz_id id;
    enum cz_fact_kind kind;
    uint64_t height;
    uint64_t event; /* its number; 0: it is none */
    bool is_final;  /* a block's, with a certificate */
    const uint8_t *bytes;
    size_t len;
} cz_sim_fact;
typedef int (*cz_sim_fact_fn)(void *arg, const cz_sim_fact *fact, cz_error *err);
/* The facts of all blocks from a height on: first the block's, on which the others rest; once
 * more with its certificate if it is final; then its events, all state in it, and its time.
 * Height 0 is the genesis block, which has none. seed: NULL, or that of the observer who signs
 * them; then their ids, and the block that each one names, are those of signed facts. */
CZ_API CZ_MUST_USE int cz_sim_facts(const cz_sim_chain *chain, uint64_t from,
                                    const uint8_t *seed, cz_sim_fact_fn fn, void *arg,
                                    cz_error *err);
/* The same of one: an event by the text of its number; state, as it is in the newest block, by
 * its name ("account/asset", pair, register); the newest block's time (name ""); or a block by
 * the text of its height, which may give two. CZ_NOT_FOUND. */
CZ_API CZ_MUST_USE int cz_sim_fact_of(const cz_sim_chain *chain, enum cz_fact_kind kind,
                                      const char *name, const uint8_t *seed, cz_sim_fact_fn fn,
                                      void *arg, cz_error *err);
/* The header at a height, as evidence for cz_fact_retract; lives until the chain changes. */
CZ_API CZ_MUST_USE int cz_sim_header(const cz_sim_chain *chain, uint64_t height,
                                     const uint8_t **ret, size_t *ret_len, cz_error *err);

/* Brings a store's domain up to the chain: retracts the blocks that are no longer in it, with
 * the competing header as evidence, and records what is missing; but what the domain's policy
 * does not take yet, and prices that have expired, are left out. seed NULL, or the observer's.
 */
CZ_API CZ_MUST_USE int cz_sim_observe(const cz_sim_chain *chain, cz_engine *engine,
                                      const uint8_t *seed, cz_error *err);

/* ---- A world ------------------------------------------------------------------------ */

/* A store on a simulated disk, under a clock that stands still but when it is moved, with no
 * threads: nothing happens but in cz_sim_step, or while a call waits, which takes steps and,
 * when there are none, lets the clock go on. So a run, programs and crashes included, follows
 * from the seed and the calls alone, to the byte.
 *
 *     cz_sim_world_new(&(cz_sim_options){.seed = 7, .disorder = 200}, &world, &err);
 *     cz_sim_open(world, &engine, &err);
 *     …                             // schedulers, hosts, effects, watches: as on any engine
 *     cz_sim_crash_after(world, 100);
 *     do
 *         cz_sim_settle(world);
 *     while (cz_sim_advance(world, CZ_FOREVER));
 *     cz_scheduler_close(scheduler, &err);
 *     cz_sim_crash(world);
 *     cz_sim_open(world, &engine, &err); // what was acknowledged is there
 *
 * Whatever lives on an engine of a world (schedulers, hosts, contexts, other references) ends
 * before the engine does: before cz_sim_crash and cz_sim_world_free, which abort otherwise, and
 * before cz_close. A world, its engine and all on it belong to one thread. */
typedef struct cz_sim_world cz_sim_world;

typedef struct cz_sim_options {
    uint64_t seed;
    /* Of 1000 steps, how many choose among those that are ready at random instead of taking the
     * first: delays and reorderings. */
    unsigned disorder;
    const cz_options *engine; /* NULL: defaults; `threads` does not count */
} cz_sim_options;

/* A world with an empty store. options NULL: seed 0, no disorder. */
CZ_API CZ_MUST_USE int cz_sim_world_new(const cz_sim_options *options, cz_sim_world **ret,
                                        cz_error *err);
CZ_API void cz_sim_world_free(cz_sim_world *world); /* NULL: no-op */
/* Opens its store, or opens it again: what was on disk is there. The engine is the world's:
 * cz_sim_crash and cz_sim_world_free end it, if cz_close has not. CZ_BUSY: it is open. */
CZ_API CZ_MUST_USE int cz_sim_open(cz_sim_world *world, cz_engine **ret, cz_error *err);
/* One thing that can happen now happens: a batch is executed, sealed, written with those that
 * were sealed before it, or acknowledged; a task has its turn. Without disorder what was begun
 * comes first, and schedulers and hosts take turns. False: nothing is left to do at this time.
 */
CZ_API bool cz_sim_step(cz_sim_world *world);
/* Steps until nothing is left to do. */
CZ_API void cz_sim_settle(cz_sim_world *world);
/* The clock, in milliseconds since the world began; crashes do not stop it. */
CZ_API uint64_t cz_sim_now(const cz_sim_world *world);
/* It goes on to the next deadline of anything in the world, or by so much if that is less; what
 * is due can happen then, in steps. False: nothing waits for a time (then CZ_FOREVER does not
 * move it), or there is no power. */
CZ_API bool cz_sim_advance(cz_sim_world *world, uint64_t at_most_ms);
/* The power goes: the store is as what was synced left it, the rest partly written, as the seed
 * has it. The engine is gone; hosts on it must have been closed by cz_host_close, which records
 * nothing. cz_sim_open brings the power back. */
CZ_API void cz_sim_crash(cz_sim_world *world);
/* The power goes within the step that comes after so many less one, before, between or after
 * its operations of the disk; 0: now. From then on steps do nothing, and the engine is stopped:
 * who waits on it gets CZ_CLOSED, and what lives on it can be closed, before cz_sim_crash.
 * UINT64_MAX: it does not go. Steps count from now, or without power from the next opening. */
CZ_API void cz_sim_crash_after(cz_sim_world *world, uint64_t steps);
/* The power is gone. */
CZ_API bool cz_sim_crashed(const cz_sim_world *world);
/* How many steps were taken, in all. */
CZ_API uint64_t cz_sim_steps(const cz_sim_world *world);
/* Copies its store, as it is on its disk, to a directory that does not exist: for the command,
 * cz_open, cz_audit, cz_replay and cz_program_replay. CZ_BUSY while an engine of it is open. */
CZ_API CZ_MUST_USE int cz_sim_save(cz_sim_world *world, const char *dir, cz_error *err);

#ifdef __cplusplus
}
#endif

#endif
