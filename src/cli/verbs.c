/* verbs.c - the table of verbs: what help, usage and completions are made of. */
#include "cli/cli.h"

#define KINDS "fungible|position|data|account|capability|outbox|code"
#define THREADS {"threads", 't', "N", "threads to use, 1 to 64; all cores if not given", NULL}
#define STATES "active|locked|frozen|consumed|archived"

const struct czi_verb czi_verbs[] = {
    {.name = "init",
     .arguments = "[DIR]",
     .summary = "make an empty store",
     .args_max = 1,
     .run = czi_cli_init},
    {.name = "import",
     .arguments = "ethereum FILE…",
     .summary = "record verified blocks as facts, and their transfers as moves",
     .details =
         "A block is what eth_getBlockByNumber(n, true) answers; a file holds one, or many\n"
         "as JSON Lines. Nothing is recorded unless everything verifies.\n",
     .args_min = 2,
     .args_max = UINT8_MAX,
     .options = {{"trust", 0, "HASH", "the newest block's hash, which vouches for all", NULL},
                 THREADS},
     .run = czi_cli_import},
    {.name = "apply",
     .arguments = "FILE|-",
     .summary = "apply effects: JSON Lines or DAG-CBOR, see causality-effects(5)",
     .details =
         "A file is checked to its end before anything is applied; what comes through a\n"
         "pipe is applied as it comes. Applying the same effects again changes nothing.\n",
     .args_min = 1,
     .args_max = 1,
     .options = {{"threads", 't', "N", "threads of the engine, 1 to 64; all cores if not given",
                  NULL},
                 {"batch", 'b', "N", "largest number of effects in a batch, 1 to 8192", NULL},
                 {"format", 'f', "FORMAT",
                  "what FILE holds; seen at its first byte if not given", "json|cbor"},
                 {"propose", 'p', NULL,
                  "check the facts that each effect cites first, and note what is known",
                  NULL}},
     .run = czi_cli_apply},
    {.name = "show",
     .arguments = "NAME",
     .summary = "show a resource, an effect or a fact, by label or any unique prefix of its id",
     .args_min = 1,
     .args_max = 1,
     .run = czi_cli_show},
    {.name = "list",
     .arguments = "",
     .summary = "list resources, sorted by label",
     .options = {{"kind", 'k', "KIND", "only those of this kind", KINDS},
                 {"prefix", 'p', "TEXT", "only labels that begin with TEXT", NULL},
                 {"asset", 'a', "ASSET", "only those of this asset", NULL},
                 {"state", 's', "STATE", "only those in this state", STATES}},
     .run = czi_cli_list},
    {.name = "log",
     .arguments = "RESOURCE",
     .summary = "print what happened to a resource, oldest first",
     .args_min = 1,
     .args_max = 1,
     .run = czi_cli_log},
    {.name = "domain",
     .arguments = "add|list|show|resolve [NAME]",
     .summary = "the domains that the store knows: heads, policies, observers, freezes",
     .details = "add NAME makes a domain known, or changes what is asked of a known one.\n"
                "resolve NAME --keep ID ends a freeze: of two final facts that contradict, one "
                "stays.\n",
     .args_min = 1,
     .args_max = UINT8_MAX,
     .options = {{"adapter", 'a', "ADAPTER", "who checks its proofs", "ethereum|simulated"},
                 {"parameters", 'p', "FILE|HEX", "what the adapter wants to know", NULL},
                 {"safe-depth", 0, "N", "so many blocks on one make it safe; 0: no number does",
                  NULL},
                 {"final-depth", 0, "N", "and final", NULL},
                 {"record-depth", 0, "N", "blocks on one before facts in it are taken", NULL},
                 {"record-finality", 0, "LEVEL", "the same, as a level",
                  "seen|depth|safe|final"},
                 {"observer", 'o', "KEY",
                  "whose facts are taken, in hex; again for more; none: all", NULL, true},
                 {"keep", 'k', "ID", "the fact that stays", NULL},
                 {"note", 'n', "TEXT", "why", NULL}},
     .run = czi_cli_domain},
    {.name = "fact",
     .arguments = "add|list|show|retract|verify [FILE|DOMAIN|ID]…",
     .summary = "what is known of domains, with its proofs",
     .details = "add FILE… records facts, retractions and domains from JSON Lines, see\n"
                "causality-facts(5), or from a file that is one of them in DAG-CBOR.\n"
                "retract ID withdraws a fact, and of a block all that rests on it.\n"
                "verify ID checks a recorded fact again, layer by layer.\n",
     .args_min = 1,
     .args_max = UINT8_MAX,
     .options = {{"sign", 's', "KEYFILE", "sign as an observer (add, retract)", NULL},
                 {"kind", 'k', "KIND", "only those of this kind (list)",
                  "block|transaction|deposit|withdrawal|balance|price|time|register|custom|"
                  "retraction|domain|decision"},
                 {"standing", 0, NULL, "only those that stand (list)", NULL},
                 {"retracted", 0, NULL, "only those that were retracted (list)", NULL},
                 {"evidence", 'e', "FILE", "bytes that the domain's adapter wants (retract)",
                  NULL},
                 {"note", 'n', "TEXT", "why (retract)", NULL}},
     .run = czi_cli_fact},
    {.name = "account",
     .arguments = "ACTION NAME…",
     .summary = "accounts: who may act for them, what they have, what comes in and goes out",
     .details = "new NAME            make one; its owners sign\n"
                "policy NAME         change owners, threshold or limits\n"
                "show NAME           owners, limits, balances, capabilities\n"
                "open NAME ASSET     make an empty balance\n"
                "transfer FROM TO QUANTITY ASSET\n"
                "deposit FACT        credit a recorded deposit, once\n"
                "withdraw NAME QUANTITY ASSET DESTINATION\n"
                "close NAME FACT     close a withdrawal: paid, or refused for good\n"
                "grant NAME LABEL    give a capability, or delegate one\n"
                "revoke CAPABILITY   take it back, with all that were delegated of it\n"
                "inbox NAME, outbox NAME  what came in, and what went out\n"
                "See causality-accounts(5).\n",
     .args_min = 1,
     .args_max = UINT8_MAX,
     .options =
         {{"key", 'k', "KEYFILE", "sign with this key; again for more", NULL, true},
          {"owner", 'o', "KEY", "an owner's public key; again for more (new, policy)", NULL,
           true},
          {"threshold", 't', "N", "so many owners must sign (new, policy)", NULL},
          {"limit", 'l', "ASSET:QUANTITY:DOMAIN:WINDOW",
           "so much may leave within a window of a domain's time (new, policy)", NULL, true},
          {"use", 'u', "CAPABILITY", "present a capability (transfer, withdraw)", NULL, true},
          {"id", 'i', "TEXT", "do it once, however often this is run with the same TEXT", NULL},
          {"finality", 'f', "LEVEL", "what is asked of the fact's block (deposit)",
           "seen|safe|final"},
          {"holder", 0, "KEY", "whose capability it is, a public key (grant)", NULL},
          {"right", 'r', "RIGHT", "what it allows; again for more (grant)",
           "debit|withdraw|write|lifecycle|create|delegate", true},
          {"resource", 0, "NAME", "for this one only (grant)", NULL},
          {"asset", 'a', "ASSET", "for all of this asset (grant)", NULL},
          {"ceiling", 0, "QUANTITY", "so much may leave by it, in all (grant)", NULL},
          {"until", 0, "DOMAIN:TIME", "its last moment, in a domain's time (grant)", NULL},
          {"parent", 0, "CAPABILITY", "delegate this one, or less of it (grant)", NULL},
          {"open", 0, NULL, "only withdrawals that nothing has closed (outbox)", NULL}},
     .run = czi_cli_account},
    {.name = "disputed",
     .arguments = "",
     .summary = "list applied effects that rest on a retracted fact",
     .run = czi_cli_disputed},
    {.name = "program",
     .arguments = "list|show|log|id|run|cancel|deploy|inspect|disasm […]",
     .summary = "programs, native and guests: run them, and read what they did",
     .details =
         "run MODULE NAME [ARGUMENTS] starts a program, or goes on with it, and waits for its\n"
         "end; run MODULE goes on with all that its store has unfinished. What stops "
         "meanwhile\n"
         "goes on the next time.\n"
         "run FILE|CODE [ARGUMENTS] does that with a guest: a RISC-V ELF file, which is "
         "deployed,\n"
         "or a code of the store. Without any it goes on with those that are unfinished.\n"
         "deploy FILE puts a guest's code into the store, and tells its id.\n"
         "id NAME|FILE|CODE [ARGUMENTS] tells id and key of a program before it is started.\n"
         "list, show PROGRAM and log PROGRAM tell what is recorded, by label or id.\n"
         "cancel PROGRAM [MODULE] asks the process that runs it; when there is none, goes on\n"
         "with it here to cancel it, which needs its module.\n"
         "inspect FILE|CODE and disasm FILE|CODE tell what a guest's code is made of: an ELF\n"
         "file, or a code of the store by label or id.\n",
     .args_min = 1,
     .args_max = UINT8_MAX,
     .options =
         {{"label", 'l', "LABEL", "tells instances apart; main if not given (id, run)", NULL},
          {"key", 'k', "KEYFILE",
           "the host's secret, of which programs have their keys (id, run, cancel)", NULL},
          {"facts", 'f', "FILE|-",
           "record these once it runs, see fact add; again for "
           "more (run)",
           NULL, true},
          {"sign", 's', "KEYFILE", "sign those facts as an observer (run)", NULL},
          {"input", 'i', "FILE|-", "a guest's arguments, at most 32 KiB (id, run)", NULL},
          {"wait", 'w', "MS", "milliseconds to wait for its end; no limit if not given (run)",
           NULL}},
     .run = czi_cli_program},
    {.name = "vm",
     .arguments = "run FILE",
     .summary = "run a RISC-V program alone, without a store",
     .details =
         "FILE is a static RV64IMAC ELF, \"-\" standard input. Its output is put out, and the\n"
         "lowest 8 bits of its exit code are the command's. A trap is exit code 71, and out\n"
         "of gas 72, with a message that says where; a program that exits with such a number\n"
         "itself is told apart by --stats and --json.\n",
     .args_min = 1,
     .args_max = 2,
     .options = {{"gas", 'g', "N", "what it may use; no limit if not given", NULL},
                 {"input", 'i', "FILE|-", "its input, at most 32 KiB", NULL},
                 {"stats", 's', NULL, "print instructions, gas and time to standard error",
                  NULL},
                 {"stepwise", 0, NULL, "one instruction at a time: slower, the same result",
                  NULL}},
     .run = czi_cli_vm},
    {.name = "why",
     .arguments = "ID",
     .summary = "show all that an effect or a fact rests on",
     .details = "The newest comes first. Each line leads down to its causes, and names them:\n"
                "the newest goes on below it, the others branch off.\n",
     .args_min = 1,
     .args_max = 1,
     .options = {{"dot", 'd', NULL, "print the graph for Graphviz", NULL},
                 {"shiviz", 's', NULL, "print a log for ShiViz", NULL},
                 {"depth", 'n', "N", "only what is so many links away", NULL},
                 {"max", 'm', "N", "at most so many events; on a terminal 1000 if not given",
                  NULL}},
     .run = czi_cli_why},
    {.name = "before",
     .arguments = "A B",
     .summary = "tell whether an effect or fact happened before another",
     .details = "yes (exit code 0), or with exit code 1 no (B happened before A), concurrent,\n"
                "same.\n",
     .args_min = 2,
     .args_max = 2,
     .run = czi_cli_before},
    {.name = "time-map",
     .arguments = "",
     .summary = "print what is known of every domain's time",
     .options = {{"at", 'a', "EFFECT", "as this effect saw it", NULL}},
     .run = czi_cli_time_map},
    {.name = "root",
     .arguments = "",
     .summary = "print one hash over all resources and their logs",
     .run = czi_cli_root},
    {.name = "audit",
     .arguments = "",
     .summary = "check every hash, link, version, proof and conservation on disk",
     .details = "Executes nothing and changes nothing; may run beside a writer.\n",
     .options = {THREADS},
     .run = czi_cli_audit},
    {.name = "replay",
     .arguments = "[MODULE]",
     .summary = "execute everything again from the journal, and compare",
     .details = "Changes nothing; may run beside a writer. With --program the code of one\n"
                "program, in MODULE or a guest's, runs again on its log alone.\n",
     .args_max = 1,
     .options = {THREADS,
                 {"program", 'p', "PROGRAM", "only this one, by label or id", NULL},
                 {"key", 'k', "KEYFILE", "the secret of its host, if it had one", NULL}},
     .run = czi_cli_replay},
    {.name = "export",
     .arguments = "",
     .summary = "write everything recorded as a CAR file, which any IPLD tool reads",
     .options = {{"format", 'f', "FORMAT", "what to write; car if not given", "car"},
                 {"output", 'o', "FILE", "where to; standard output if not given", NULL},
                 THREADS},
     .run = czi_cli_export},
    {.name = "reindex",
     .arguments = "",
     .summary = "make the index again from the journal",
     .run = czi_cli_reindex},
    {.name = "placement",
     .arguments = "show|suggest|apply [DIR]",
     .summary = "which resources lie together on disk and in memory, and which should",
     .details =
         "show tells what is, suggest what the journal speaks for: resources that effects use\n"
         "together in one group. apply makes that so and writes the index again. It changes\n"
         "how fast things are found and nothing else. The store is DIR, or that of -C.\n",
     .args_min = 1,
     .args_max = 2,
     .options = {{"group-max", 'g', "N",
                  "resources in a group; 256 if not given, 1 for no groups (suggest, apply)",
                  NULL}},
     .run = czi_cli_placement},
    {.name = "wait-graph",
     .arguments = "",
     .summary = "show who holds and who waits in the process that writes the store",
     .details = "Holders and waiters of each resource, cycles that are there, and cycles that\n"
                "were refused lately. The process is asked; it must run as the same user.\n",
     .options = {{"dot", 'd', NULL, "print the graph for Graphviz, cycles in red", NULL}},
     .run = czi_cli_wait_graph},
    {.name = "key",
     .arguments = "new|show FILE",
     .summary = "make a key to sign facts with, or print its public half",
     .args_min = 1,
     .args_max = 2,
     .run = czi_cli_key},
    {.name = "sim",
     .arguments = "NAME [STEP…]",
     .summary = "run a simulated chain, and print its facts for fact add",
     .details =
         "Steps: mine[=N], deposit=ACCOUNT:ASSET:AMOUNT, withdrawal=…, balance=…,\n"
         "price=PAIR:VALUE, price-age=N, register=NAME:TEXT, transaction=TEXT, custom=TEXT,\n"
         "interval=N, finalize=HEIGHT, reorg=DEPTH, reorg-drop=DEPTH (dropped for good);\n"
         "what is printed: domain, facts[=FROM], retract=HEIGHT (of a dropped block). Without\n"
         "those, the domain and all facts at the end. The same arguments give the same "
         "bytes.\n",
     .args_min = 1,
     .args_max = UINT8_MAX,
     .options = {{"seed", 0, "N", "of the chain; 0 if not given", NULL},
                 {"sign", 's', "KEYFILE", "sign the facts as an observer", NULL}},
     .run = czi_cli_sim},
    {.name = "bench",
     .arguments = "transfers",
     .summary = "measure this machine: transfers between accounts",
     .details = "Modes: plan runs the engine's execute stage alone; log adds canonical bytes,\n"
                "receipts, logs and hashes, in memory; durable adds the disk. With --batch 1\n"
                "effects go one at a time, each acknowledged before the next.\n",
     .args_min = 1,
     .args_max = 1,
     .options = {{"accounts", 'n', "N", "accounts; 10000 if not given", NULL},
                 {"zipf", 'z', "Z", "exponent of Zipf's law over them; 0, uniform", NULL},
                 {"effects", 'e', "N", "how many; 1000000", NULL},
                 {"mode", 'm', "MODE", "what to measure; log if not given", "plan|log|durable"},
                 {"read-percent", 'r', "N", "so many only compare two balances; 0", NULL},
                 {"causal", 'c', NULL, "keep the causal index up meanwhile; not plan", NULL},
                 {"batch", 'b', "N", "largest number of effects in a batch; 2048", NULL},
                 {"dir", 'd', "DIR", "where durable makes its temporary store; here", NULL},
                 THREADS},
     .run = czi_cli_bench},
    {.name = "version",
     .arguments = "",
     .summary = "print the version",
     .run = czi_cli_version},
    {.name = "help",
     .arguments = "[VERB]",
     .summary = "print help, of a verb or in general",
     .args_max = 1,
     .run = czi_cli_help},
    {0},
};
