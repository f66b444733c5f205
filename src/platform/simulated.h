/* simulated.h - a file system in memory, with the durability of POSIX and faults on command.
 *
 * Layer: platform. Threads: any (one mutex inside). Implements struct czi_fs_ops; used by the
 * engine without a directory (volatile) and by every crash and fault test (durable).
 * The fault model stands above the code in simulated.c.
 */
#ifndef CZI_SIMULATED_H
#define CZI_SIMULATED_H

#include "platform/platform.h"

enum czi_sim_mode {
    CZI_SIM_VOLATILE, /* sync is a no-op, nothing is tracked, no crash possible: fast */
    CZI_SIM_DURABLE,  /* tracks what is on disk; the last synced state costs a second copy */
};

/* An empty tree; its root exists. */
CZI_MUST_USE int czi_fs_simulated(enum czi_sim_mode mode, struct czi_fs **ret, cz_error *err);

struct czi_sim_fault {
    /* So many operations succeed from now on; the next one fails. Counted are open, read,
     * write, truncate, sync, lock, rename, remove, make_dir, sync_dir and list. */
    uint64_t after;
    /* Everything after it fails too, as if the power went off during the operation. */
    bool power_off;
    /* Chooses how it fails: disk full or device error, how much of a write is kept, whether a
     * failed sync loses its data. */
    uint64_t seed;
};
/* Only in durable mode. NULL disarms. */
void czi_sim_arm(struct czi_fs *fs, const struct czi_sim_fault *fault);
/* Only in durable mode: the power is off from now on; all operations fail, without effect. */
void czi_sim_power_off(struct czi_fs *fs);
/* True when the armed fault has happened. */
bool czi_sim_fired(struct czi_fs *fs);

/* What a disk may hold when the power goes off now: a new file system, independent of the old
 * one, on which nothing is armed and everything is synced. Only in durable mode. */
CZI_MUST_USE int czi_sim_crash(struct czi_fs *fs, uint64_t seed, struct czi_fs **ret,
                               cz_error *err);

#endif
