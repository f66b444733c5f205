/* chain.h - inside a simulated chain (sim.h).
 *
 * Layer: domain/simulated. Thread: one at a time. The same seed and the same calls give the
 * same bytes: keys follow from name and seed, time from the heights.
 *
 * Events and values of state are entries, which never change and live as long as the chain.
 * What is submitted waits in a queue; the next block takes the queue and keeps it, so that it
 * can be queued again when the block is dropped. Blocks without changes of state share their
 * parent's.
 */
#ifndef CZI_SIM_CHAIN_H
#define CZI_SIM_CHAIN_H

#include "causality/sim.h"
#include "domain/simulated/format.h"
#include "domain/simulated/merkle.h"

struct czi_sim_entry {
    uint64_t event; /* its number; 0: it is state */
    enum cz_fact_kind kind;
    uint8_t key_len;
    uint8_t key[CZI_EVENT_KEY_SIZE_MAX];
    size_t claim_count;
    struct czi_fact_value claim[CZI_SIM_CLAIM_MAX]; /* strings lie behind the entry */
};

struct czi_sim_list {
    struct czi_sim_entry **at;
    size_t count, room;
};

/* Ascending by kind, then by key. */
struct czi_sim_state {
    struct czi_sim_list entries;
    struct czi_sim_tree tree;
};

struct czi_sim_block {
    struct czi_sim_header header;
    uint8_t hash[32];
    uint8_t signed_header[CZI_SIM_SIGNED_SIZE_MAX];
    size_t signed_len;
    struct czi_sim_list events, changes; /* what it took from the queue */
    struct czi_sim_tree events_tree;
    struct czi_sim_state *state;
    bool owns_state;
};

struct cz_sim_chain {
    char name[CZI_DOMAIN_SIZE_MAX + 1];
    uint8_t seed[CZI_SEED_SIZE]; /* the validator's */
    struct czi_sim_parameters parameters;
    uint8_t parameter_bytes[CZI_SIM_PARAMETERS_SIZE_MAX];
    size_t parameter_len;
    struct czi_sim_block *blocks; /* by height */
    size_t block_count, block_room;
    struct czi_sim_list entries;         /* all there ever were; owned */
    struct czi_sim_list events, changes; /* the queue */
    uint64_t event_count, branch, interval, price_age;
    uint64_t final_height;
};

/* As cz_sim_facts: blocks says which facts are wanted, those of blocks or all others. */
enum czi_sim_part { CZI_SIM_BLOCKS, CZI_SIM_OTHERS, CZI_SIM_ALL };
CZI_MUST_USE int czi_sim_emit(const cz_sim_chain *chain, uint64_t from, enum czi_sim_part part,
                              const uint8_t *seed, cz_sim_fact_fn fn, void *arg, cz_error *err);

#endif
