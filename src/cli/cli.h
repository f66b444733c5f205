/* cli.h - the frame of the command: verbs, options, exit codes, output.
 *
 * Layer: cli. Thread: main, but for the printer of apply. One file a verb; the table of verbs
 * (verbs.c) is what help, usage and completions are made of. Data goes to standard output,
 * messages to standard error with "causality: " before them, colour and progress only to a
 * terminal. A verb returns its exit code.
 */
#ifndef CZI_CLI_H
#define CZI_CLI_H

#include "base/bytes.h"
#include "causality/causality.h"

#include <stdio.h>

/* name, value, meaning: the one list of exit codes, also printed by `help` */
#define CZI_EXITS(X)                                                                           \
    X(CZI_EXIT_OK, 0, "done")                                                                  \
    X(CZI_EXIT_NO, 1, "a negative answer (an effect was rejected)")                            \
    X(CZI_EXIT_USAGE, 2, "wrong usage or malformed input")                                     \
    X(CZI_EXIT_NOT_FOUND, 3, "not found")                                                      \
    X(CZI_EXIT_BUSY, 4, "busy or conflict")                                                    \
    X(CZI_EXIT_IO, 5, "input/output error")                                                    \
    X(CZI_EXIT_CORRUPT, 6, "corrupt or tampered with")                                         \
    X(CZI_EXIT_LIMIT, 7, "a limit was reached, or memory ended")                               \
    X(CZI_EXIT_BUG, 70, "a bug of ours")                                                       \
    X(CZI_EXIT_TRAP, 71, "vm run: the guest trapped")                                          \
    X(CZI_EXIT_GAS, 72, "vm run: the guest ran out of gas")

enum czi_exit {
#define CZI_DECLARE(name, value, text) name = value,
    CZI_EXITS(CZI_DECLARE)
#undef CZI_DECLARE
};

/* ---- Verbs ------------------------------------------------------------------------------ */

struct czi_option {
    const char *name;     /* long, without dashes; NULL ends a list */
    char letter;          /* short, or 0 */
    const char *argument; /* what it takes; NULL: nothing */
    const char *help;
    const char *values; /* all legal values, separated by '|'; NULL: any */
    bool many;          /* may be given again and again: czi_cli_many */
};

#define CZI_CLI_OPTIONS_MAX 16
#define CZI_CLI_MANY_MAX 64

struct czi_cli;

struct czi_verb {
    const char *name;
    const char *arguments; /* as in usage */
    const char *summary;   /* one line */
    const char *details;   /* lines for its --help, or NULL */
    uint8_t args_min, args_max;
    struct czi_option options[CZI_CLI_OPTIONS_MAX]; /* besides the common ones */
    /* argv holds the argc arguments that are not options. Returns an exit code. */
    int (*run)(struct czi_cli *cli, int argc, char **argv);
};

extern const struct czi_verb czi_verbs[]; /* ends with a NULL name */
extern const struct czi_option czi_common_options[];

struct czi_cli {
    const struct czi_verb *verb;
    const char *dir; /* -C; "." */
    bool json;
    bool out_terminal, err_terminal;
    bool colour;   /* of standard output */
    int out_error; /* errno of a failed write to standard output, where it was seen */
    const char *values[CZI_CLI_OPTIONS_MAX];
    struct {
        const struct czi_option *option;
        const char *value;
    } many[CZI_CLI_MANY_MAX]; /* of all options that may be given again, in order */
    unsigned many_count;
    cz_engine *engine; /* from czi_cli_open; closed at the end */
    cz_error err;
};

const struct czi_verb *czi_verb_find(const char *name); /* or NULL */
/* Says so, with the nearest one; returns CZI_EXIT_USAGE. */
int czi_verb_unknown(const struct czi_cli *cli, const char *typed);
/* Help of one verb, or in general (NULL). */
void czi_help_print(const struct czi_cli *cli, const struct czi_verb *verb);

/* The whole command. */
int czi_cli_main(int argc, char **argv);

/* What an option of this verb was given: its argument, "" for one that takes none, NULL when
 * it was not given. */
const char *czi_cli_option(const struct czi_cli *cli, const char *name);
/* All that an option was given which may be given again; returns how many. */
unsigned czi_cli_many(const struct czi_cli *cli, const char *name,
                      const char *ret[CZI_CLI_MANY_MAX]);
/* A number from min to max; *value is left alone when the option was not given. False: said
 * what is wrong; return CZI_EXIT_USAGE. */
CZI_MUST_USE bool czi_cli_number(const struct czi_cli *cli, const char *name, uint64_t min,
                                 uint64_t max, uint64_t *value);

/* What a verb with several actions can do; the first argument says which. */
struct czi_action {
    const char *name; /* NULL ends a list */
    const char *arguments;
    uint8_t args_min, args_max; /* behind the action's name */
    const char *options;        /* those of the verb that go with it: " a b " */
    int (*run)(struct czi_cli *cli, int argc, char **argv);
};
/* Runs the action that argv[0] names, with what follows it. */
int czi_cli_act(struct czi_cli *cli, const struct czi_action *actions, int argc, char **argv);

/* ---- Ends ------------------------------------------------------------------------------- */

/* "causality: " and one line on standard error. */
void czi_cli_say(const char *fmt, ...) CZI_PRINTF(1, 2);
/* Says err's detail; returns the exit code of code. */
int czi_cli_fail(int code, const cz_error *err);
/* Wrong usage: says it, and how to get help; returns CZI_EXIT_USAGE. */
int czi_cli_usage(const struct czi_cli *cli, const char *fmt, ...) CZI_PRINTF(2, 3);
int czi_exit_of(int code);

/* ---- The store -------------------------------------------------------------------------- */

/* Opens the store at cli->dir into cli->engine; on failure it is said, and *ret_exit holds
 * the exit code. options NULL: for reading only. */
CZI_MUST_USE bool czi_cli_open(struct czi_cli *cli, const cz_options *options, int *ret_exit);
/* Closes it if it is open, and reports an error of that. Returns exit_code, or that error's. */
int czi_cli_close(struct czi_cli *cli, int exit_code);

/* The id that a label or the text of an id names, where nothing must exist. A label "code:ID"
 * is that of a code, which nobody created. */
CZI_MUST_USE int czi_name_id(const char *text, size_t len, cz_id *ret, cz_error *err);

/* What a person's text names: a label; ACCOUNT/LABEL, what that account has under a label; or
 * else an id, or a prefix of one. `kinds`: what will do, the sum of some. A fact is any item of
 * a fact log. CZ_NOT_FOUND; CZ_CONFLICT when the prefix is not unique, with the candidates
 * printed to standard error. Nothing may be under way. */
enum czi_found { CZI_FOUND_RESOURCE = 1, CZI_FOUND_EFFECT = 2, CZI_FOUND_FACT = 4 };
CZI_MUST_USE int czi_cli_find(struct czi_cli *cli, const char *text, unsigned kinds,
                              enum czi_found *ret_what, cz_id *ret);
/* The same of resources of one kind: others with that label are passed over. */
CZI_MUST_USE int czi_cli_find_kind(struct czi_cli *cli, const char *text, enum cz_kind kind,
                                   cz_id *ret);
/* The label of a resource, or NULL. May be called from callbacks of reading functions; nothing
 * may be under way. */
const char *czi_cli_label(const struct czi_cli *cli, const cz_id *id);

/* The whole of a file, or of standard input ("-"), behind what buf holds. size_max: of the
 * file; bound: its name in limits.h. */
CZI_MUST_USE int czi_cli_load(const char *path, size_t size_max, const char *bound,
                              struct czi_buf *buf, cz_error *err);
/* A key file: the seed of an Ed25519 key, 64 hex digits. path NULL: *ret is NULL. */
CZI_MUST_USE int czi_cli_seed(const char *path, uint8_t room[32], const uint8_t **ret,
                              cz_error *err);

/* ---- Output ----------------------------------------------------------------------------- */

/* Writes JSON; a key of NULL is for elements of arrays. 64 bits and wider are strings. */
struct czi_json {
    FILE *out;
    bool comma;
};
void czi_json_open(struct czi_json *j, const char *key, char bracket);
/* Closing the outermost bracket does not end the line. */
void czi_json_close(struct czi_json *j, char bracket);
void czi_json_string(struct czi_json *j, const char *key, const char *text); /* or null */
void czi_json_text(struct czi_json *j, const char *key, struct czi_slice text);
void czi_json_number(struct czi_json *j, const char *key, uint64_t v); /* as a number */
void czi_json_u64(struct czi_json *j, const char *key, uint64_t v);    /* as a string */
void czi_json_quantity(struct czi_json *j, const char *key, cz_quantity v);
void czi_json_id(struct czi_json *j, const char *key, const cz_id *id);
void czi_json_hex(struct czi_json *j, const char *key, const void *data, size_t len);
void czi_json_base64(struct czi_json *j, const char *key, const void *data, size_t len);
void czi_json_bool(struct czi_json *j, const char *key, bool v);
/* One object of strings and a line end: key, value, … */
#define czi_json_line(...) czi_json_pairs((const char *const[]){__VA_ARGS__, NULL})
void czi_json_pairs(const char *const *pairs);

/* Text for a terminal: control characters and what is not UTF-8 as \xNN. Returns columns. */
size_t czi_print_text(FILE *out, const char *text, size_t len);
/* A stream that writes behind what b holds, when it is flushed; NULL: out of memory. */
FILE *czi_buf_stream(struct czi_buf *b);
/* Columns that UTF-8 text takes, one a character. */
size_t czi_text_width(const char *text, size_t len);
/* Columns of the terminal at standard output; 0 when it is none. */
unsigned czi_terminal_width(void);
/* Emphasis, only where colour is. */
const char *czi_bold(const struct czi_cli *cli);
const char *czi_plain(const struct czi_cli *cli);

/* One line of progress on standard error if that is a terminal, at most ten times a second.
 * All zero is valid. */
struct czi_progress {
    uint64_t shown_ns, started_ns;
    bool visible;
};
void czi_progress_show(const struct czi_cli *cli, struct czi_progress *p, const char *what,
                       uint64_t done, uint64_t total);
void czi_progress_clear(struct czi_progress *p);

/* One resource as a JSON object on a line, as list and show print it. */
void czi_print_resource_json(const cz_resource *r);

/* The operations of canonical effect bytes. JSON: an array in the form that apply reads; text:
 * "transfer 5 from a to b", joined by "; ". */
void czi_print_ops_json(const struct czi_cli *cli, struct czi_json *j, const char *key,
                        const uint8_t *bytes, size_t len);
void czi_print_ops_text(const struct czi_cli *cli, FILE *out, const uint8_t *bytes, size_t len);
/* Its label, behind those of the resources that created it, and them: "alice/EUR". Returns the
 * length; 0: there is no such resource. Where czi_cli_label may be called. */
#define CZI_PATH_LABELS 3
#define CZI_PATH_SIZE (CZI_PATH_LABELS * (CZ_LABEL_SIZE_MAX + 1))
size_t czi_cli_path(const struct czi_cli *cli, const cz_id *id, char out[CZI_PATH_SIZE]);
/* Puts paths in the place of ids of resources in a message. */
void czi_cli_name_ids(const struct czi_cli *cli, cz_error *err);
/* The path of an id, or the id. */
void czi_print_name(const struct czi_cli *cli, FILE *out, const cz_id *id);

/* In a few words: the first operation that does not only make sure that something is there,
 * present a capability or take notes, and how many more; or "event of task 2". */
void czi_print_what(const struct czi_cli *cli, FILE *out, const uint8_t *bytes, size_t len);

/* How the guest of an effect ended; run NULL: null. The second: lines. */
void czi_print_run_json(struct czi_json *j, const char *key, const cz_guest_run *run);
void czi_print_run(const cz_guest_run *run);

/* The facts that canonical effect bytes cite, with their terms. JSON: "facts", as apply reads
 * it; text: a line each. */
void czi_print_facts_json(struct czi_json *j, const uint8_t *bytes, size_t len);
void czi_print_facts_text(FILE *out, const uint8_t *bytes, size_t len);

/* A fact or other item: one line of JSON, or all that there is to say of it. */
void czi_print_fact_json(const cz_fact *fact);
void czi_print_fact(const struct czi_cli *cli, const cz_fact *fact);
/* "deposit alice MOON 100", "block 7", "retraction of bafyr4i…". */
void czi_print_claim(FILE *out, const cz_fact *fact);

/* Positions of all disputed effects, ascending. */
struct czi_disputed {
    struct czi_buf positions; /* of uint64_t */
};
CZI_MUST_USE int czi_disputed_load(struct czi_cli *cli, struct czi_disputed *ret);
bool czi_disputed_has(const struct czi_disputed *d, uint64_t position);

/* ---- The verbs -------------------------------------------------------------------------- */

int czi_cli_account(struct czi_cli *cli, int argc, char **argv);
int czi_cli_program(struct czi_cli *cli, int argc, char **argv);
int czi_cli_init(struct czi_cli *cli, int argc, char **argv);
int czi_cli_import(struct czi_cli *cli, int argc, char **argv);
int czi_cli_apply(struct czi_cli *cli, int argc, char **argv);
int czi_cli_show(struct czi_cli *cli, int argc, char **argv);
int czi_cli_list(struct czi_cli *cli, int argc, char **argv);
int czi_cli_log(struct czi_cli *cli, int argc, char **argv);
int czi_cli_root(struct czi_cli *cli, int argc, char **argv);
int czi_cli_audit(struct czi_cli *cli, int argc, char **argv);
int czi_cli_replay(struct czi_cli *cli, int argc, char **argv);
int czi_cli_export(struct czi_cli *cli, int argc, char **argv);
int czi_cli_wait_graph(struct czi_cli *cli, int argc, char **argv);
int czi_cli_domain(struct czi_cli *cli, int argc, char **argv);
int czi_cli_key(struct czi_cli *cli, int argc, char **argv);
int czi_cli_fact(struct czi_cli *cli, int argc, char **argv);
int czi_cli_disputed(struct czi_cli *cli, int argc, char **argv);
int czi_cli_why(struct czi_cli *cli, int argc, char **argv);
int czi_cli_before(struct czi_cli *cli, int argc, char **argv);
int czi_cli_time_map(struct czi_cli *cli, int argc, char **argv);
int czi_cli_sim(struct czi_cli *cli, int argc, char **argv);
int czi_cli_bench(struct czi_cli *cli, int argc, char **argv);
int czi_cli_reindex(struct czi_cli *cli, int argc, char **argv);
int czi_cli_placement(struct czi_cli *cli, int argc, char **argv);
int czi_cli_version(struct czi_cli *cli, int argc, char **argv);
int czi_cli_vm(struct czi_cli *cli, int argc, char **argv);
int czi_cli_help(struct czi_cli *cli, int argc, char **argv);

#endif
