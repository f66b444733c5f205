/* guest.h - the guest SDK: what a RISC-V program that runs in causality can ask for.
 *
 * Needs no C library: only headers. The host uses the same numbers. A *guest* is
 * a static RV64IMAC ELF (docs/reference/vm.md). It runs in one of three ways:
 *
 *   effect   as the operation `run` or `call` of an effect: in the ledger, at the effect's
 *            position, on the resources that the effect declares (or, called, that it opens).
 *            What it writes is applied when it exits with 0 and when all else holds, and
 * dropped otherwise (R17). program  as a program on a host: it forks tasks, performs effects,
 * waits, holds guards, and goes on after a crash where it was (R13, R16). plain    `causality
 * vm run`: exit, input, output, log, hash and signatures only.
 *
 * Calls: `ecall` with the number in a7, arguments in a0 to a5, result in a0; all other
 * registers stay. A result below 0 is minus a CZ_* code: what a program can expect to happen.
 * What it must not do (wild pointers, an index that was not given to it, writing what it may
 * only read, a number that is none, or none in this way of running) is a *trap*: the run is
 * over, nothing of it is applied.
 */
#ifndef CAUSALITY_GUEST_H
#define CAUSALITY_GUEST_H

/* For the names of kinds, states, codes and so on; a guest calls none of its functions. */
#include "causality/causality.h"

/* name, number, gas, gas for each 64 bytes moved or begun, ways: e effect, p program, v plain.
 * Gas beside the one for the ecall instruction itself. */
#define CZ_GUEST_CALLS(X)                                                                      \
    /* (code): ends the run; 0 is success. Of a task that was forked: ends that task. */       \
    X(CZ_CALL_EXIT, 93, 0, 0, "epv")                                                           \
    /* Itself and what it was given. */                                                        \
    X(CZ_CALL_INPUT, 1024, 20, 4, "epv")       /* (to, offset, size) -> bytes copied */        \
    X(CZ_CALL_INPUT_LENGTH, 1025, 5, 0, "epv") /* () -> bytes; they lie at CZ_GUEST_INPUT */   \
    X(CZ_CALL_OUTPUT, 1026, 40, 8, "epv")      /* (from, size): appends to the output */       \
    X(CZ_CALL_LOG, 1027, 40, 8, "epv")   /* (from, size): one message, kept with the run */    \
    X(CZ_CALL_HASH, 1028, 60, 40, "epv") /* (enum cz_guest_hash, from, size, to 32) */         \
    X(CZ_CALL_VERIFY, 1029, 40000, 40, "epv") /* (key 32, from, size, signature 64) -> 1, 0 */ \
    X(CZ_CALL_GAS, 1030, 5, 0, "epv")         /* () -> gas left */                             \
    X(CZ_CALL_SELF, 1031, 10, 4, "epv")       /* (to 32): code's id; plain: zeroes */          \
    X(CZ_CALL_ORIGIN, 1032, 10, 4, "ep")      /* (to 32): effect's origin; program's id */     \
    X(CZ_CALL_SIGNER, 1033, 10, 4, "ep")      /* (i, to 32) -> 0, -CZ_NOT_FOUND: i-th key that \
                                                 signed the effect; 0 of a program: its own */ \
    X(CZ_CALL_WAY, 1034, 5, 0, "epv")         /* () -> 'e', 'p' or 'v' */                      \
    /* Resources, by index. */                                                                 \
    X(CZ_CALL_OPEN, 1040, 100, 0, "e")   /* (id 32, enum cz_access) -> index */                \
    X(CZ_CALL_INFO, 1041, 30, 4, "ep")   /* (index, to struct cz_guest_info) */                \
    X(CZ_CALL_LENGTH, 1042, 10, 0, "ep") /* (index) -> bytes */                                \
    X(CZ_CALL_LOAD, 1043, 30, 8, "ep")   /* (index, offset, to, size) -> bytes copied */       \
    X(CZ_CALL_STORE, 1044, 60, 16, "ep") /* (index, offset, from, size): grows it if need be,  \
                                            with zeroes before offset */                       \
    X(CZ_CALL_RESIZE, 1045, 60, 8, "ep") /* (index, size): cut, or grown with zeroes */        \
    X(CZ_CALL_ALLOCATE, 1046, 400, 8, "ep") /* (index, struct cz_guest_new): creates it */     \
    X(CZ_CALL_TRANSFER, 1047, 200, 0, "ep") /* (index, index, quantity low, high) */           \
    X(CZ_CALL_EMIT, 1048, 200, 8, "ep")   /* (struct cz_guest_op): an operation of the effect  \
                                             at hand; program: of the one in the making */     \
    X(CZ_CALL_INVOKE, 1049, 1000, 8, "e") /* (struct cz_guest_invoke) -> 0, -CZ_REJECTED */    \
    /* Outside, as proven. */                                                                  \
    X(CZ_CALL_FACT, 1056, 100, 8, "e")      /* (i, to struct cz_guest_fact): i-th cited one */ \
    X(CZ_CALL_FACT_BYTES, 1057, 60, 8, "e") /* (i, offset, to, size) -> bytes copied of its    \
                                              canonical form; its length with size 0 */        \
    X(CZ_CALL_TIME, 1058, 100, 0, "ep")     /* (name, size, to struct cz_guest_time) */        \
    /* Programs: tasks and futures. A future is a number above 0, of this program. */          \
    X(CZ_CALL_FORK, 1072, 500, 0, "p")    /* (function, argument) -> future; its value is      \
                                             what the function returns, if that is >= 0 */     \
    X(CZ_CALL_JOIN, 1073, 200, 0, "p")    /* (future, to value 8 or 0) -> 0 or -code */        \
    X(CZ_CALL_BARRIER, 1074, 300, 0, "p") /* (futures, count) -> future */                     \
    X(CZ_CALL_RACE, 1075, 300, 0, "p")    /* (enum cz_race_mode: any or ok, futures, count)    \
                                             -> future; value of the winner */                 \
    X(CZ_CALL_WINNER, 1076, 10, 0, "p")   /* () -> index in the race joined last, or -code */  \
    X(CZ_CALL_TIMEOUT, 1077, 300, 0, "p") /* (struct cz_guest_deadline, future) -> future */   \
    X(CZ_CALL_SLEEP, 1078, 300, 0, "p")   /* (struct cz_guest_deadline) -> future */           \
    X(CZ_CALL_WATCH, 1079, 500, 0, "p")   /* (struct cz_guest_watch) -> future */              \
    X(CZ_CALL_CANCEL, 1080, 200, 0, "p")  /* (future): and joins it */                         \
    X(CZ_CALL_YIELD, 1081, 50, 0, "p")    /* () */                                             \
    X(CZ_CALL_AWAIT_FACT, 1082, 500, 0, "p") /* (struct cz_guest_query) -> future; its value   \
                                              is the fact's number in the store */             \
    X(CZ_CALL_FACT_SEEN, 1083, 100, 8, "p")  /* (to struct cz_guest_fact): the one of the      \
                                               future of AWAIT_FACT that was joined last */    \
    /* Programs: effects, other programs, resources. */                                        \
    X(CZ_CALL_PERFORM, 1088, 1000, 0, "p") /* (to struct cz_guest_result or 0): the effect in  \
                                              the making; waits -> 0, -CZ_REJECTED, -code */   \
    X(CZ_CALL_PERFORM_FUTURE, 1089, 1000, 0, "p") /* () -> future; value: its position */      \
    X(CZ_CALL_CALL_PROGRAM, 1090, 1000, 8, "p")   /* (struct cz_guest_spec) -> future */       \
    X(CZ_CALL_READ, 1091, 300, 8, "p")    /* (id 32, to struct cz_guest_info, to, size) ->     \
                                             bytes copied, -CZ_NOT_FOUND */                    \
    X(CZ_CALL_ACQUIRE, 1092, 500, 0, "p") /* (struct cz_guest_claim[], count): guards of all;  \
                                             they have the indexes 0 to count-1 then */        \
    X(CZ_CALL_COMMIT, 1093, 1000, 0, "p") /* (to struct cz_guest_result or 0): applies what    \
                                             was done to them as one effect; releases */       \
    X(CZ_CALL_RELEASE, 1094, 100, 0, "p") /* (): all, and drops what was done to them */       \
    X(CZ_CALL_RETURN, 1095, 10, 0, "p")   /* (value): of the program's report */               \
    X(CZ_CALL_RANDOM, 1096, 20, 0, "p") /* () -> number that follows from the program's id */  \
    X(CZ_CALL_SEND, 1097, 200, 8, "p")  /* (from, size): cz_program_emit */

enum cz_guest_call {
#define CZ_DECLARE(name, number, gas, gas_64, ways) name = number,
    CZ_GUEST_CALLS(CZ_DECLARE)
#undef CZ_DECLARE
};

enum cz_guest_hash { CZ_HASH_BLAKE3, CZ_HASH_SHA256, CZ_HASH_KECCAK256 };

/* ---- Memory ------------------------------------------------------------------------- */

/* All that a guest can address. Nothing is mapped but what is named here; page 0 never. */
#define CZ_GUEST_PAGE 4096u
#define CZ_GUEST_IMAGE 0x00001000u /* its segments, then the heap up to CZ_GUEST_IMAGE_END */
#define CZ_GUEST_IMAGE_END 0x01000000u
#define CZ_GUEST_STACKS 0x01000000u    /* of tasks, each with an unmapped page below it */
#define CZ_GUEST_STACK_TOP 0x01800000u /* of the first task; grows down */
#define CZ_GUEST_STACK_SIZE 0x00100000u
#define CZ_GUEST_TASK_STACK_SIZE 0x00010000u /* mapped part, of a task that was forked */
#define CZ_GUEST_TASKS_MAX 64u               /* at one time, with the first; until joined */
#define CZ_GUEST_RETURN 0x00000ff0u          /* where a forked task's function returns to */
#define CZ_GUEST_INPUT 0x01800000u           /* read */
#define CZ_GUEST_INPUT_MAX 32768u
#define CZ_GUEST_OUTPUT 0x01900000u /* read: what was put out so far */
#define CZ_GUEST_OUTPUT_MAX 4096u   /* of output and messages together */
/* The bytes of a resource with data, by its index: read, or read and write as declared. Its
 * length is the resource's; beyond it nothing is mapped, to the byte. */
#define CZ_GUEST_WINDOWS 0x01a00000u
#define CZ_GUEST_WINDOW_SIZE 0x00010000u
#define CZ_GUEST_WINDOWS_MAX 64u
#define CZ_GUEST_MEMORY_END 0x01e00000u
#define CZ_GUEST_WINDOW(index) (CZ_GUEST_WINDOWS + (uint64_t)(index) * CZ_GUEST_WINDOW_SIZE)

/* ---- What calls point to (little endian, naturally aligned, all 64 bits wide) -------- */

struct cz_guest_info {
    uint8_t id[32];
    uint64_t exists, mode; /* mode: enum cz_access */
    uint64_t kind, state;  /* enum cz_kind, enum cz_state */
    uint64_t version, length;
    uint64_t quantity[2]; /* low, high; two's complement */
    uint64_t is_own;      /* this code controls it */
};
struct cz_guest_new { /* its creator and controller are this code */
    uint64_t kind;    /* data or fungible */
    uint64_t label, label_len;
    uint64_t asset, asset_len; /* fungible */
    uint64_t length;           /* data: so many zeroes */
    uint64_t quantity[2];      /* fungible: issued with it */
};
/* What EMIT takes: operations of effects by their codes in docs/reference/formats.md, and two
 * that declare something. An effect's guest may use those marked e, of accesses of its own. */
enum cz_guest_op_code {
    CZ_OP_CREATE, /* text: label, b: creator, c: controller, mode: kind, asset, quantity, data;
                     has: 1 if absent. a is not needed */
    CZ_OP_TRANSFER,     /* e: a, b, quantity */
    CZ_OP_MOVE,         /* e: a, b, quantity */
    CZ_OP_WRITE,        /* e: a, data */
    CZ_OP_LOCK,         /* e: a */
    CZ_OP_UNLOCK,       /* e: a */
    CZ_OP_FREEZE,       /* e: a */
    CZ_OP_UNFREEZE,     /* e: a */
    CZ_OP_CONSUME,      /* e: a */
    CZ_OP_ARCHIVE,      /* e: a */
    CZ_OP_REQUIRE,      /* e: a, has, state, version, quantity */
    CZ_OP_USE,          /* a: capability, mode */
    CZ_OP_WHEN = 13,    /* text: domain, not_before, not_after */
    CZ_OP_DEPOSIT,      /* a, fact (which must be depended on with the purpose "deposit") */
    CZ_OP_WITHDRAW,     /* e: a from, b outbox, c reserve, quantity, text: destination */
    CZ_OP_CONFIRM,      /* a: outbox, b: reserve, fact */
    CZ_OP_RELEASE,      /* a: outbox, b: reserve, c: to, fact */
    CZ_OP_RUN,          /* a: code, gas, accesses, data: input */
    CZ_OP_CALL,         /* a: code, gas, data: input; then the effect names nothing else */
    CZ_OP_ACCESS = 256, /* declares: a, mode */
    CZ_OP_DEPEND, /* cites: fact, mode: enum cz_fact_policy, state: enum cz_finality, text:
                     purpose or none */
};
/* Pointers to ids are 0 where there is none. */
struct cz_guest_op {
    uint64_t code;
    uint64_t a, b, c; /* ids of resources, in the operation's order; use: the capability */
    uint64_t quantity[2];
    uint64_t data, data_len;         /* write; run: input */
    uint64_t text, text_len;         /* withdraw: destination; when: domain; create: label */
    uint64_t fact;                   /* id */
    uint64_t not_before, not_after;  /* when */
    uint64_t mode;                   /* use: enum cz_access; create: kind */
    uint64_t has, state, version;    /* require: bits 1 state, 2 version, 4 quantity */
    uint64_t asset, asset_len;       /* create */
    uint64_t gas;                    /* run */
    uint64_t accesses, access_count; /* run: struct cz_guest_claim[] */
};
/* Another code, on the same effect: it sees the resources that are named, as its indexes 0, 1…,
 * and no others. When it does not exit with 0 all that it did is undone. At most 8 codes deep,
 * the first included. */
struct cz_guest_invoke {
    uint64_t code; /* id: an access of the effect; in an open effect, opened by this to read */
    uint64_t input, input_len;
    uint64_t indexes, count; /* of uint64_t: the caller's; | CZ_INVOKE_READ: to be read only */
    uint64_t gas;            /* at most; what it used is the caller's loss */
    uint64_t output, output_size;  /* where its output goes, cut to size */
    uint64_t ret_output, ret_code; /* written: bytes put out; its exit code, or one of these */
};
#define CZ_INVOKE_READ (UINT64_C(1) << 63)
#define CZ_INVOKE_TRAPPED UINT64_MAX
#define CZ_INVOKE_NO_GAS (UINT64_MAX - 1)
struct cz_guest_fact {
    uint8_t id[32];
    uint64_t kind, finality; /* enum cz_fact_kind, enum cz_finality */
    uint64_t height, time, number;
    uint64_t amount[2];
    uint8_t domain[32], account[128], asset[128]; /* text, filled up with zeroes */
};
struct cz_guest_time {
    uint64_t height, time;
    uint8_t hash[32];
};
struct cz_guest_deadline {
    uint64_t domain, domain_len, time, after_ms;
};
struct cz_guest_watch {
    uint64_t kind;              /* enum cz_guest_watch_kind */
    uint64_t resource, version; /* changes beyond this version */
    uint64_t domain, domain_len, height;
    struct cz_guest_deadline deadline; /* domain 0 and after_ms 0: none */
};
enum cz_guest_watch_kind { CZ_GUEST_WATCH_RESOURCE, CZ_GUEST_WATCH_HEIGHT };
struct cz_guest_query {
    uint64_t domain, domain_len, kind;
    uint64_t account, account_len, asset, asset_len, value, value_len;
    uint64_t amount, time, finality;
};
struct cz_guest_result {
    uint8_t effect[32];
    uint64_t position, reason;
};
struct cz_guest_spec {
    uint64_t name, name_len, label, label_len, args, args_len;
};
struct cz_guest_claim {
    uint64_t id, mode;
};

/* ---- Access template ---------------------------------------------------------------- */

/* What a code will touch, said in its section ".causality.access", for effects that call it
 * without declaring (docs/reference/vm.md, "Predicted accesses"). A hint: wrong ones cost time,
 * never a result. Each is one resource: its id, or the creator and a label. */
enum cz_template_from {
    CZ_TEMPLATE_INPUT_ID,  /* id: 32 bytes of the input at offset */
    CZ_TEMPLATE_OWN_LABEL, /* creator: this code; label: prefix + part of the input, up to its
                              first zero byte and the input's end; length 0: prefix alone */
    CZ_TEMPLATE_OWN_HEX,   /* the same, the part in hex, all of it */
    CZ_TEMPLATE_FIXED_ID,  /* id: prefix, 32 bytes */
};
struct cz_template_entry {
    uint8_t from, mode; /* enum cz_template_from, enum cz_access */
    uint8_t prefix_len; /* of prefix */
    uint8_t unused;
    uint16_t offset, length; /* of the part of the input; length 65535: to its end */
    uint8_t prefix[56];
};

#ifdef __riscv
/* ---- In a guest: calls as functions --------------------------------------------------- */
#include "causality/guest_calls.h"
#endif

#endif
