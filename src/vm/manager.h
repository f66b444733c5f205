/* manager.h - VmResourceManager: a guest's run over resources (R17).
 *
 * Layer: vm. Thread: a manager belongs to one at a time. A pure function of what it is given:
 * many may run beside each other on the same state, as long as nobody changes that.
 *
 * Files: manager.c (runs, accesses, collecting), overlay.c (what a run has changed), calls.c
 * (which call, its gas, and calls about the guest itself), calls_resource.c, calls_emit.c,
 * calls_fact.c, invoke.c. What each call does: docs/reference/vm.md, Calls.
 *
 * The manager tracks every access, keeps the overlay (windows of the space, and a list of
 * operations), and says in the end what the run wants done, as operations of an effect. Nothing
 * outside changes meanwhile: rolling back is forgetting. Whoever embeds it, the engine or a
 * program's host, validates once more and applies all or nothing.
 */
#ifndef CZI_VM_MANAGER_H
#define CZI_VM_MANAGER_H

#include "effect/effect.h"
#include "fact/fact.h"
#include "timemap/time_map.h"
#include "vm/vm.h"

/* A resource as a run finds it; pointers stay while it runs. */
struct czi_found {
    bool exists;
    uint8_t kind, state;
    bool is_controlled;
    uint8_t controller[32];
    uint64_t version;
    uint64_t position; /* of its last write: who compares it later knows that nothing changed */
    cz_quantity quantity;
    struct czi_slice data, asset;
};
/* What the embedder answers. Called on the thread that runs; each must give the same answer
 * while a run lasts. */
struct czi_world {
    void *arg;
    /* Fills *ret, of all zero, also when it does not exist. */
    void (*find)(void *arg, const uint8_t id[32], struct czi_found *ret);
    /* The decoded code of a resource of kind code; NULL: it is none. Borrowed. */
    struct czi_code *(*code)(void *arg, const uint8_t id[32]);
    /* The i-th cited fact: its canonical bytes, finality and number; false: there is none. */
    bool (*fact)(void *arg, unsigned i, struct czi_slice *ret_bytes, cz_id *ret_id,
                 unsigned *ret_finality, uint64_t *ret_number);
    /* False: unknown domain. */
    bool (*time)(void *arg, struct czi_slice domain, struct cz_guest_time *ret);
    const uint8_t *origin;  /* 32 bytes */
    const uint8_t *signers; /* key_stride bytes each; keys first */
    unsigned signer_count, key_stride;
};

struct czi_access {
    uint8_t id[32];
    bool writable; /* may be written: declared so, or opened so */
    /* What really happened. */
    bool touched, read, written;
    bool ran;                /* of a code: it was invoked here, and exited with 0 */
    uint64_t found_position; /* czi_found.position; 0: it was not there */
    uint64_t loads, stores;  /* calls; 1 when there were none and its window was touched */
};

struct czi_run_input {
    struct czi_code *code;
    const uint8_t *code_id; /* 32 bytes: of the resource */
    struct czi_slice input;
    uint64_t gas;
    char way;      /* 'e' (0 too), 'p' or 'v': which calls there are (guest.h) */
    bool stepwise; /* one instruction at a time: slower, the same result */
    bool is_open;  /* it declares nothing: CZ_CALL_OPEN takes any id, up to the bound */
    /* Declared: the guest's indexes, in order. */
    const struct czi_access *accesses;
    unsigned access_count;
    const struct czi_world *world; /* NULL: way 'v' */
};

enum czi_run_status {
    CZI_RUN_EXITED,  /* value: exit code; 0: what it did shall be applied */
    CZI_RUN_TRAPPED, /* value: trap_value; trap, pc */
    CZI_RUN_NO_GAS,
    CZI_RUN_NOMEM, /* the machine's, not the guest's: nothing may depend on it */
};
/* Valid until the manager's next run. */
struct czi_run_result {
    enum czi_run_status status;
    uint8_t trap;
    uint64_t value, pc;
    uint64_t gas;                      /* used: instructions + calls */
    uint64_t instructions;             /* of that */
    struct czi_slice output, messages; /* messages: each varint length, bytes */
    /* What was touched, the code itself and the codes invoked included (read): in the order of
     * indexes when declared (all of them); when open by first opening. */
    const struct czi_access *accesses;
    unsigned access_count;
    /* What it wants done, in order: creations, then the rest as it came, then a write for each
     * changed window by index. czi_op.a, b, c are places in accesses. Of exit 0 only. */
    const struct czi_op *ops;
    const uint8_t *const *op_actors; /* of each, 32 bytes: the id of the code that made it */
    unsigned op_count;
    char detail[160]; /* for people: "store to 0x1a00010: resource 0 is declared read" */
};

/* As receipts have it; what it points to is the result's. Not of CZI_RUN_NOMEM. */
cz_guest_run czi_guest_run_of(const struct czi_run_result *r);

struct czi_vm_manager;
CZI_MUST_USE int czi_vm_manager_new(struct czi_vm_manager **ret, cz_error *err);
void czi_vm_manager_free(struct czi_vm_manager *m); /* NULL: no-op */
/* Cost: about 0.15 us and what the guest does. Never fails: see status. */
void czi_vm_manager_run(struct czi_vm_manager *m, const struct czi_run_input *in,
                        struct czi_run_result *ret);

/* The record's names, for embedders that drive a hart themselves (src/program/guest*.c), and
 * used by czi_vm_manager_run. */
/* Begins with nothing bound. */
CZI_MUST_USE int czi_vm_manager_begin(struct czi_vm_manager *m, const struct czi_run_input *in,
                                      cz_error *err);
struct czi_space *czi_vm_manager_space(struct czi_vm_manager *m);
/* Binds one more resource, that is not bound yet, at the next index; its place. CZ_LIMIT. */
CZI_MUST_USE int czi_vm_manager_bind(struct czi_vm_manager *m, const uint8_t id[32],
                                     bool writable, const struct czi_found *found,
                                     unsigned *ret_index, cz_error *err);
/* And forgets what was done to them. */
void czi_vm_manager_unbind_all(struct czi_vm_manager *m);
/* Carries out a call of the run's way (EXIT excepted; of way 'p' those that are also in e):
 * registers, gas, trap. *ret: CZI_STOP_NONE, go on; CZI_STOP_GAS, CZI_STOP_TRAP (pc is the
 * ecall again; with CZI_TRAP_NONE: out of memory). False: it is none of those, and nothing was
 * done. */
bool czi_vm_manager_call(struct czi_vm_manager *m, struct czi_hart *h, enum czi_stop *ret);
/* What was said about the last trap of a call, for people; "": nothing. */
const char *czi_vm_manager_detail(const struct czi_vm_manager *m);
struct czi_slice czi_vm_manager_output(const struct czi_vm_manager *m);
struct czi_slice czi_vm_manager_messages(const struct czi_vm_manager *m);
/* For calls that an embedder carries out itself. Takes what the table asks for the number and
 * so many bytes; false: *ret is CZI_STOP_GAS and gas is 0, or CZI_STOP_TRAP when no memory has
 * so many. The second one is that trap: pc is the ecall again. */
CZI_MUST_USE bool czi_call_pay(struct czi_hart *h, unsigned number, uint64_t size,
                               enum czi_stop *ret);
enum czi_stop czi_call_trap(struct czi_hart *h, enum czi_trap trap, uint64_t value);
/* Notes an access; false when it is not declared so, which traps. */
CZI_MUST_USE bool czi_track_resource_access(struct czi_vm_manager *m, unsigned index,
                                            enum cz_access mode);
/* Whether all that was touched was declared so: CZ_OK, or CZ_INVALID with a detail. */
CZI_MUST_USE int czi_validate_resource_access(const struct czi_run_result *r,
                                              const struct czi_run_input *in, cz_error *err);
/* The overlay as operations, and what was touched, into the result: what the run wants applied.
 */
void czi_collect_effects(struct czi_vm_manager *m, struct czi_run_result *ret);

#endif
