/* swap_world.h - a world in which two parties swap: two simulated chains, a ledger between
 * them, the program of swap.c, and somebody who pays outside what the outbox says.
 *
 * Everything follows from the seed. swap_outcomes.c shows what can become of a swap in it, and
 * tests/sim/test_swap.c tries all of it, with crashes anywhere.
 */
#ifndef SWAP_WORLD_H
#define SWAP_WORLD_H

#include <causality/causality.h>
#include <causality/sim.h>

enum { MOON, SUN, SIDES };

/* A chain, and the party who pays there. */
struct side {
    const char *domain, *asset, *party;
    uint64_t amount;
    cz_sim_chain *chain;
    uint64_t event;       /* of the deposit; 0: none was made */
    bool owed;            /* the deposit stands, and came in time: set by who knows */
    uint64_t back, forth; /* paid out on this chain, to whom it came from or to the other */
};

/* Something that was paid outside, once, whatever the ledger forgets. */
struct payment {
    char reference[CZ_REFERENCE_SIZE];
    int side;
    uint64_t event, amount;
    bool back;
};
#define PAYMENTS_MAX 8

struct swap_world {
    cz_sim_world *sim;
    cz_engine *engine;
    cz_host *host;
    const cz_program_def *programs;
    const char *name; /* of the program: the first of those, or the guest */
    char guest_name[CZ_ID_TEXT_SIZE];
    struct side sides[SIDES];
    struct payment payments[PAYMENTS_MAX];
    unsigned payment_count;
    cz_id account, capability, program;
    char args[512];
    uint64_t crashes;
    /* Set before swap_world_init: */
    void (*say)(struct swap_world *w, const char *what); /* NULL: nobody listens */
    const void *guest; /* a RISC-V program that does the same, to run instead; NULL: none */
    size_t guest_len;
};

/* Blocks that must be built on one so that it is final, and their distance in time. */
#define SWAP_FINAL 2
#define SWAP_INTERVAL 10

/* Of the program's host. */
extern const uint8_t swap_secret[32];

/* Of examples/swap.c. */
const cz_program_def *cz_module_programs(void);

/* Deadlines are times of MOON's. Ends the process when something that must work does not. */
void swap_world_init(struct swap_world *w, const cz_sim_options *options,
                     const cz_program_def *programs, uint64_t claim, uint64_t refund,
                     uint64_t end);
void swap_world_done(struct swap_world *w);

/* The party of a side pays into the escrow; the next block has it. */
void swap_deposit(struct swap_world *w, int side);
/* The newest blocks of a chain are dropped, with other ones in their place. */
void swap_reorg(struct swap_world *w, int side, uint64_t depth, bool reinclude);
/* The operator decides that a frozen chain is as it says now. */
void swap_resolve(struct swap_world *w, int side);
void swap_mine(struct swap_world *w, int side);
/* The ledger hears what the chain says, and the program does what follows. */
void swap_observe(struct swap_world *w, int side);
/* Both chains have a block, and the ledger hears of it. */
void swap_tick(struct swap_world *w);
/* Pays outside what stands in the outbox and is not disputed, and rests on no chain that
 * contradicts itself; closes what is proven to be paid.
 */
void swap_pay(struct swap_world *w);
/* The power goes, and comes back; the program goes on where it was. */
void swap_crash(struct swap_world *w);
/* The time of MOON's newest block. */
uint64_t swap_time(const struct swap_world *w);
/* Whether the program has ended; its state and value. */
bool swap_ended(struct swap_world *w, cz_program_report *ret);
/* How much of a side's asset the escrow and its outbox's reserve hold. */
cz_quantity swap_held(struct swap_world *w, int side, bool reserve);
/* NULL, or what is wrong: value that came from nowhere or went there twice, a party with both
 * legs; at the end also half a swap, or a deposit that is with nobody. */
const char *swap_wrong(struct swap_world *w, bool at_end);

#endif
