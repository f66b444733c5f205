/* limits.h - every bound on what a user controls, with its reason (R18).
 *
 * Layer: base. Each constant has a test in tests/unit/test_limits.c that reaches it.
 * Hitting one is CZ_LIMIT (or CZ_BUSY for the backlog) with the limit's name in the detail.
 */
#ifndef CZI_LIMITS_H
#define CZI_LIMITS_H

/* Labels are shown in terminals and stored per resource; 128 holds
 * "ethereum:0x<40>:0x<40>" (94 bytes) with room for longer domain names. */
#define CZI_LABEL_SIZE_MAX 128

/* An asset is a label too, and is compared as text. */
#define CZI_ASSET_SIZE_MAX 128

/* Accesses of one effect: settlement nets of tens of parties fit; the scratch of an effect
 * stays on a few cache lines and lookups are linear. */
#define CZI_ACCESSES_MAX 64

/* Operations of one effect: several per access, still checked in one screenful. */
#define CZI_OPERATIONS_MAX 256

/* Operations that a guest's run may ask for, so that with a write of each window they are no
 * more than CZI_OPERATIONS_MAX. */
#define CZI_RUN_OPERATIONS_MAX 192

/* Bytes that these hold beside the windows: all windows once, at their largest. */
#define CZI_RUN_BYTES_MAX (4u * 1024u * 1024u)

/* Codes that invoke each other, the first included: each has a memory of its own. */
#define CZI_RUN_DEPTH_MAX 8

/* Facts and explicit predecessors that one effect may cite. */
#define CZI_CITATIONS_MAX 64

/* Keys that sign one effect: several accounts of several owners each. */
#define CZI_SIGNATURES_MAX 16u

/* Bytes of one data resource, and of one `write`. */
#define CZI_DATA_SIZE_MAX (64u * 1024u)

/* Canonical bytes of one effect: one full data write plus everything else. */
#define CZI_EFFECT_SIZE_MAX (128u * 1024u)

/* The same of an effect that declares nothing: the largest input with everything else; what it
 * touched follows it in memory, at offsets of 16 bits. */
#define CZI_OPEN_EFFECT_SIZE_MAX (60u * 1024u)

/* Canonical bytes of one fact: a header, a transaction of the largest size that nodes
 * relay (128 KiB) and its trie proof. */
#define CZI_FACT_SIZE_MAX (512u * 1024u)

/* Byte strings of one fact's proof: an Ethereum trie proof has at most 65 nodes (a key has 64
 * nibbles), and a header beside it. */
#define CZI_FACT_PROOF_ITEMS_MAX 68

/* Values of one fact's claim: a transfer has 8. */
#define CZI_FACT_CLAIM_ITEMS_MAX 16

/* The name of a domain is part of labels and is shown in lists. */
#define CZI_DOMAIN_SIZE_MAX 32

/* A fact's event key: a hash and an index, with room for domains with wider ones. */
#define CZI_EVENT_KEY_SIZE_MAX 64

/* What a dependency consumes a fact's event for: a short name of the use and its user. */
#define CZI_PURPOSE_SIZE_MAX 64

/* Keys that may observe one domain. */
#define CZI_OBSERVERS_MAX 64

/* An adapter's own parameters of a domain: keys and a hash to begin from. */
#define CZI_DOMAIN_PARAMETERS_MAX 4096

/* What a person says about a retraction or a decision. */
#define CZI_NOTE_SIZE_MAX 256

/* Tasks that a program's vector clock tells apart, that is how wide it ever was at once. */
#define CZI_CLOCK_TASKS_MAX 64

/* Tasks of programs whose clocks are kept, at about 150 bytes each. */
#define CZI_PROGRAM_TASKS_MAX (1u << 24)

/* The name of a program, and what tells its instances apart: shown in lists, in one line. */
#define CZI_PROGRAM_NAME_MAX 63
#define CZI_PROGRAM_LABEL_MAX 64

/* Programs whose logs are kept, at about 120 bytes each: each has a task at least. */
#define CZI_PROGRAMS_MAX (1u << 24)

/* Events that the causal index keeps when nothing is said: 4 GiB. */
#define CZI_CAUSAL_EVENTS_DEFAULT (1u << 26)

/* Nesting of arrays and maps that a CBOR decoder follows: our own formats need 4. */
#define CZI_CBOR_DEPTH_MAX 64

/* Nesting of RLP lists: a block needs 4 (access lists in transactions in a body). */
#define CZI_RLP_DEPTH_MAX 64

/* Entries in one batch. Measured: below 1,024 the fsync dominates, beyond 8,192 the working
 * set leaves the L2 cache. */
#define CZI_BATCH_ENTRIES_MAX 8192u

/* What batch_max is when nothing is said: its arrays stay in the second-level cache (measured
 * with bench transfers: 2,048 runs at 1.2 times the rate of 8,192 in mode log). */
#define CZI_BATCH_ENTRIES_DEFAULT 2048u

/* Accesses in one batch, for each entry that it may have: a transfer has two. A batch closes
 * early when the next effect could exceed it. */
#define CZI_BATCH_ACCESSES_EACH 4u

/* Effects with guests in one batch: what all of them may put out fits a frame with the rest. */
#define CZI_BATCH_GUESTS_MAX 2048u

/* Decoded codes that are kept between runs: 100 of the largest size. */
#define CZI_CODES_BYTES_MAX (64u * 1024u * 1024u)

/* What a thread keeps of guests that ran before their turn: about 1 KB for each of a batch. */
#define CZI_KEEP_BYTES_MAX (16u * 1024u * 1024u)

/* Entries of a batch that are looked at for guests that could run ahead: as many runs take a
 * millisecond, beside which the looking is a hundredth. */
#define CZI_WAVE_ENTRIES_MAX 1024u

/* Canonical bytes in one batch: small batches keep a crash's redo short. At least one
 * effect or fact of the largest size fits. */
#define CZI_BATCH_BYTES_MAX (4u * 1024u * 1024u)

/* Batches in flight between planning and the disk: one each in execute, seal, persist and
 * one to even them out. */
#define CZI_BATCHES_IN_FLIGHT 4u

/* Submissions that wait for admission; beyond it the caller gets CZ_BUSY (R11). */
#define CZI_BACKLOG_MAX 65536u

/* Commits of guards under way at the same time, beside the backlog: effects that wait for a
 * guard may fill the backlog, and must not keep its holder from committing. */
#define CZI_COMMITS_MAX 256u

/* Guards that are held at the same time, at 72 bytes each. */
#define CZI_GUARDS_MAX (1u << 20)

/* Engines open in one process: a guard names its engine by a place in a table. */
#define CZI_ENGINES_MAX 1024u

/* Bytes of waiting submissions. */
#define CZI_BACKLOG_BYTES_MAX (64u * 1024u * 1024u)

/* Results that cz_poll can still answer; older ones are found by effect id. */
#define CZI_RESULTS_KEPT 131072u

/* Priorities, lowest number first served (R11). */
#define CZI_PRIORITIES 4u

/* A waiting priority is served once after this many admissions went past it (R11). */
#define CZI_AGEING_ADMISSIONS 64u

/* Owners that wait in the queues of locks at the same time, at 128 bytes each: 256 MiB. */
#define CZI_WAITING_MAX (1u << 21)

/* Resources in one store: 2^26 at about 250 bytes each is what a 24 GiB machine holds. */
#define CZI_RESOURCES_MAX (1u << 26)

/* Watches that have not ended, at about 250 bytes each: a sleeper for each of as many guards.
 */
#define CZI_WATCHES_MAX (1u << 20)

/* Origins (proposers) whose last nonce is kept. */
#define CZI_ORIGINS_MAX (1u << 26)

/* Distinct assets and domains: each has a supply or a log head in memory. */
#define CZI_ASSETS_MAX (1u << 20)
#define CZI_DOMAINS_MAX 4096u

/* Places in a code's text that its analysis tells apart, at about 300 bytes each while it
 * lasts; a code with more is one of which nothing is known. */
#define CZI_ANALYSE_PLACES_MAX 4096u

/* Codes whose accesses are predicted, at about 6 KiB each: 6 MiB. */
#define CZI_PREDICT_CODES_MAX 1024u

/* Rules that predict the accesses of one code: a few for each of those that a run may have, in
 * each way of running it. */
#define CZI_PREDICT_RULES_MAX 64u

/* Resources that a placement can put into groups, at 34 bytes each in its file, and pairs of
 * them that are counted to find it, at 24 bytes each. */
#define CZI_PLACEMENT_RESOURCES_MAX (1u << 20)
#define CZI_PLACEMENT_PAIRS_MAX (1u << 20)

/* A journal segment is sealed and indexed beyond this size: recovery re-executes at most
 * this much (about a second), and index work stays rare. */
#define CZI_SEGMENT_SIZE_MAX (256ull * 1024ull * 1024ull)

/* One journal frame: a full batch with its outcomes. */
#define CZI_FRAME_SIZE_MAX (32u * 1024u * 1024u)

/* A line of JSON Lines input: the largest data write in base64 with room. */
#define CZI_JSON_LINE_MAX (256u * 1024u)

/* Nesting of JSON effects: ours need 3 (effect, its list, an element). */
#define CZI_JSON_DEPTH_MAX 8u

/* A block file for import: mainnet's largest are near 2 MiB, in JSON below 16 MiB. */
#define CZI_BLOCK_FILE_MAX (64u * 1024u * 1024u)

/* Tasks that have begun and not ended, so that each has a stack: at least 4 KiB are touched,
 * so this many are 4 GiB. A task that is queued has none. */
#define CZI_TASK_STACKS_MAX (1u << 20)

/* Stacks when nothing is said: 1 GiB of addresses, of which a task that goes no deeper touches
 * 4 KiB. */
#define CZI_TASK_STACKS_DEFAULT 16384u

/* Tasks that were spawned and are not forgotten, at about 620 bytes each. */
#define CZI_TASKS_MAX (1u << 20)

/* Futures of programs that are not joined, at 192 bytes each: a million tasks that sleep are
 * twice as many. */
#define CZI_FUTURES_MAX (1u << 22)

/* Futures when nothing is said. */
#define CZI_FUTURES_DEFAULT (1u << 20)

/* Turns of one program in a row, so that one that forks and joins without end lets others, and
 * what comes from outside, have theirs. */
#define CZI_TURNS_MAX 64u

/* Programs that one host runs at the same time: each has a task, and a stack once it begins,
 * and takes about a kilobyte beside. */
#define CZI_INSTANCES_MAX (1u << 20)

/* Gas of a guest that is a program, over its whole life: about a quarter of an hour of work. */
#define CZI_PROGRAM_GAS_MAX UINT64_C(1000000000000)

/* Gas after which a guest's task lets the others have a turn: some 10 ms; each is an input of a
 * few bytes in its log. */
#define CZI_GUEST_TURN_GAS UINT64_C(10000000)

/* Gas that a guest's task may use after it was cancelled: one that never waits ends too. */
#define CZI_GUEST_CANCELLED_GAS UINT64_C(10000000)

/* Futures of one guest that are not used up, at about 72 bytes each, and as many of the host's.
 */
#define CZI_GUEST_FUTURES_MAX 1024u

/* Decoded codes that a host keeps for the next instance while none runs. */
#define CZI_GUEST_CODES_IDLE_MAX 16u

/* Memories of guests that have ended that a host keeps for the next: 30 MiB each at most. */
#define CZI_GUEST_SPACES_IDLE_MAX 4u

/* Bytes of a register that a guest awaits to be equal. */
#define CZI_GUEST_QUERY_VALUE_MAX 256u

/* Bytes of a task's stack when nothing is said: enough for printf and the like. */
#define CZI_TASK_STACK_SIZE_DEFAULT (64u << 10)

/* Bytes of one task's stack: what a thread gets from Linux. */
#define CZI_TASK_STACK_SIZE_MAX (8u << 20)

/* Threads that a store may use for execution, sealing and signature checks. */
#define CZI_THREADS_MAX 64u

/* A request to a running engine: a tag and a few arguments. */
#define CZI_CONTROL_MESSAGE_MAX 1024u

/* An answer of a running engine, which is copied in memory before it is sent. A waiting
 * request takes 16 bytes and its party's name, so one million with short names fit. */
#define CZI_CONTROL_ANSWER_MAX (64u * 1024u * 1024u)

/* Events in one causal index, at 40 bytes and more each; numbers from 2^31 on stand for other
 * things there. */
#define CZI_EVENTS_MAX 0x7fffffffu

/* Bytes of a guest's ELF file that is run alone, with names and what debuggers want: as much as
 * its image may take. As a resource it is data, and so smaller. */
#define CZI_ELF_SIZE_MAX (16u << 20)

/* Program headers of an ELF file: linkers write fewer than 16. */
#define CZI_ELF_HEADERS_MAX 64

#endif
