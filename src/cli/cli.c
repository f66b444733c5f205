/* cli.c - from the command line to a verb, and from a verb to an exit code.
 *
 * Layer: cli. Thread: main. -C, --json and --help stand before or after the verb. Unknown words
 * get the nearest known one as a hint.
 */
#include "cli/cli.h"

#include "base/error.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

const struct czi_option czi_common_options[] = {
    {"directory", 'C', "DIR", "the store's directory; the current one if not given", NULL},
    {"json", 0, NULL, "print JSON, one object a line; wide numbers are strings", NULL},
    {"help", 'h', NULL, "print this", NULL},
    {0},
};
#define COMMON_OPTIONS (CZI_COUNTOF(czi_common_options) - 1)

/* What is quoted in a message may come from anywhere: control characters do not reach the
 * terminal. */
static void say_quoted(const char *before, const char *fmt, va_list ap)
{
    char text[2 * CZ_DETAIL_SIZE];

    (void)vsnprintf(text, sizeof text, fmt, ap);
    (void)fprintf(stderr, "causality: %s", before);
    (void)czi_print_text(stderr, text, strlen(text));
    (void)fputc('\n', stderr);
}

void czi_cli_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say_quoted("", fmt, ap);
    va_end(ap);
}

int czi_exit_of(int code)
{
    static const uint8_t exits[] = {
        [CZ_OK] = CZI_EXIT_OK,
        [CZ_INVALID] = CZI_EXIT_USAGE,
        [CZ_NOT_FOUND] = CZI_EXIT_NOT_FOUND,
        [CZ_BUSY] = CZI_EXIT_BUSY,
        [CZ_CONFLICT] = CZI_EXIT_BUSY,
        [CZ_IO] = CZI_EXIT_IO,
        [CZ_CORRUPT] = CZI_EXIT_CORRUPT,
        [CZ_PROOF] = CZI_EXIT_CORRUPT,
        [CZ_LIMIT] = CZI_EXIT_LIMIT,
        [CZ_NOMEM] = CZI_EXIT_LIMIT,
        [CZ_TIMEOUT] = CZI_EXIT_BUSY,
        [CZ_CLOSED] = CZI_EXIT_IO,
        [CZ_DIFFERS] = CZI_EXIT_CORRUPT,
        [CZ_UNSUPPORTED] = CZI_EXIT_USAGE,
        [CZ_DEADLOCK] = CZI_EXIT_BUSY,
        [CZ_CANCELLED] = CZI_EXIT_BUSY,
        [CZ_WRONG_TYPE] = CZI_EXIT_USAGE,
        [CZ_REJECTED] = CZI_EXIT_NO,
        [CZ_UNKNOWN_DOMAIN] = CZI_EXIT_NOT_FOUND,
        [CZ_BAD_ENCODING] = CZI_EXIT_USAGE,
        [CZ_BAD_HEADER] = CZI_EXIT_CORRUPT,
        [CZ_BAD_INCLUSION] = CZI_EXIT_CORRUPT,
        [CZ_HEAD_UNKNOWN] = CZI_EXIT_NO,
        [CZ_HEAD_BEHIND] = CZI_EXIT_NO,
        [CZ_NOT_CANONICAL] = CZI_EXIT_NO,
        [CZ_BELOW_FINALITY] = CZI_EXIT_NO,
        [CZ_FACT_EXPIRED] = CZI_EXIT_NO,
        [CZ_EVENT_CONSUMED] = CZI_EXIT_NO,
        [CZ_BAD_OBSERVER] = CZI_EXIT_CORRUPT,
        [CZ_DOMAIN_FROZEN] = CZI_EXIT_NO,
        [CZ_STALE_FACT] = CZI_EXIT_NO,
        [CZ_FACT_CONFLICT] = CZI_EXIT_NO,
    };
    bool known = code >= 0 && (size_t)code < CZI_COUNTOF(exits) && (exits[code] || !code);

    /* What an account has not authorised, and what its gateway does not let through. */
    if (code >= CZ_BAD_SIGNATURE && code <= CZ_TOO_LATE)
        return CZI_EXIT_NO;

    return known ? exits[code] : CZI_EXIT_BUG;
}

int czi_cli_fail(int code, const cz_error *err)
{
    czi_cli_say("%s", err->detail[0] ? err->detail : cz_code_name(code));
    return czi_exit_of(code);
}

int czi_cli_usage(const struct czi_cli *cli, const char *fmt, ...)
{
    const char *verb = cli->verb ? cli->verb->name : "", *gap = cli->verb ? " " : "";
    char before[32];
    va_list ap;

    (void)snprintf(before, sizeof before, "%s%s", verb, cli->verb ? ": " : "");
    va_start(ap, fmt);
    say_quoted(before, fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, "try: causality %s%s--help\n", verb, gap);
    return CZI_EXIT_USAGE;
}

/* ---- Hints ------------------------------------------------------------------------------ */

#define WORD_MAX 32

/* Edits (insert, delete, replace, swap neighbours) from a to b; long words are cut. */
static unsigned distance(const char *a, const char *b)
{
    size_t n = strnlen(a, WORD_MAX), m = strnlen(b, WORD_MAX);
    unsigned d[WORD_MAX + 1][WORD_MAX + 1];

    for (unsigned i = 0; i <= n; i++)
        d[i][0] = i;
    for (unsigned k = 0; k <= m; k++)
        d[0][k] = k;
    for (size_t i = 1; i <= n; i++)
        for (size_t k = 1; k <= m; k++) {
            unsigned best = d[i - 1][k - 1] + (a[i - 1] != b[k - 1]);

            best = CZI_MIN(best, CZI_MIN(d[i - 1][k], d[i][k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                best = CZI_MIN(best, d[i - 2][k - 2] + 1);
            d[i][k] = best;
        }
    return d[n][m];
}

/* Keeps the nearest of the words seen so far. */
struct hint {
    const char *typed, *nearest;
    unsigned distance;
};

static void consider(struct hint *h, const char *word)
{
    unsigned d = distance(h->typed, word);

    if (strlen(h->typed) >= 2 && strncmp(word, h->typed, strlen(h->typed)) == 0)
        d = CZI_MIN(d, 1u);
    if (d <= 1 + strlen(word) / 4 && (!h->nearest || d < h->distance)) {
        h->nearest = word;
        h->distance = d;
    }
}

int czi_verb_unknown(const struct czi_cli *cli, const char *typed)
{
    struct hint h = {.typed = typed};

    for (const struct czi_verb *v = czi_verbs; v->name; v++)
        consider(&h, v->name);
    if (h.nearest)
        return czi_cli_usage(cli, "there is no verb \"%s\"; did you mean \"%s\"?", typed,
                             h.nearest);
    return czi_cli_usage(cli, "there is no verb \"%s\"", typed);
}

const struct czi_verb *czi_verb_find(const char *name)
{
    for (const struct czi_verb *v = czi_verbs; v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

static int unknown_option(const struct czi_cli *cli, const char *typed)
{
    size_t len = strcspn(typed, "=");
    char word[WORD_MAX + 1];
    struct hint h = {.typed = word + 2};

    (void)snprintf(word, sizeof word, "%.*s", (int)CZI_MIN(len, (size_t)WORD_MAX), typed);
    if (strncmp(word, "--", 2) == 0) {
        for (const struct czi_option *o = cli->verb ? cli->verb->options : NULL; o && o->name;
             o++)
            consider(&h, o->name);
        for (const struct czi_option *o = czi_common_options; o->name; o++)
            consider(&h, o->name);
    }
    if (h.nearest)
        return czi_cli_usage(cli, "there is no option %.*s; did you mean --%s?", (int)len,
                             typed, h.nearest);
    return czi_cli_usage(cli, "there is no option %.*s", (int)len, typed);
}

/* ---- Options ---------------------------------------------------------------------------- */

/* Short options are handed to getopt by letter, long ones by their number above this. */
#define LONG_BASE 256

struct parser {
    const struct czi_option *options[CZI_CLI_OPTIONS_MAX + COMMON_OPTIONS];
    struct option longs[CZI_CLI_OPTIONS_MAX + COMMON_OPTIONS + 1];
    char shorts[2 * (CZI_CLI_OPTIONS_MAX + COMMON_OPTIONS) + 3];
    int count;
};

static void add_options(struct parser *p, const struct czi_option *o)
{
    char *at = p->shorts + strlen(p->shorts);

    for (; o->name; o++) {
        p->options[p->count] = o;
        p->longs[p->count] =
            (struct option){o->name, o->argument ? required_argument : no_argument, NULL,
                            LONG_BASE + p->count};
        if (o->letter)
            *at++ = o->letter;
        if (o->letter && o->argument)
            *at++ = ':';
        p->count++;
    }
    *at = 0;
}

static const struct czi_option *option_of(const struct parser *p, int c)
{
    if (c >= LONG_BASE)
        return p->options[c - LONG_BASE];
    for (int i = 0; i < p->count; i++)
        if (p->options[i]->letter == c)
            return p->options[i];
    return NULL;
}

static bool is_legal(const struct czi_option *o, const char *value)
{
    size_t len = strlen(value);

    for (const char *at = o->values; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, value, len) == 0 && (at[len] == '|' || !at[len]) && len)
            return true;
    }
    return !o->values;
}

static int take_option(struct czi_cli *cli, const struct czi_option *o, bool *help)
{
    if (o >= czi_common_options && o < czi_common_options + COMMON_OPTIONS) {
        if (o->letter == 'C')
            cli->dir = optarg;
        else if (o->letter == 'h')
            *help = true;
        else
            cli->json = true;
        return CZI_EXIT_OK;
    }
    if (o->argument && !is_legal(o, optarg))
        return czi_cli_usage(cli, "--%s: \"%s\" is none of %s", o->name, optarg, o->values);
    if (o->many && cli->many_count == CZI_CLI_MANY_MAX)
        return czi_cli_usage(cli, "--%s: at most %d of them", o->name, CZI_CLI_MANY_MAX);
    if (o->many) {
        cli->many[cli->many_count].option = o;
        cli->many[cli->many_count++].value = optarg;
    }
    cli->values[o - cli->verb->options] = o->argument ? optarg : "";
    return CZI_EXIT_OK;
}

/* Reads options up to the verb (while cli->verb is NULL) or through to the end. */
static int read_options(struct czi_cli *cli, int argc, char **argv, bool *help)
{
    struct parser p = {0};
    int c, rc = CZI_EXIT_OK;

    p.shorts[0] = cli->verb ? ':' : '+';
    p.shorts[1] = cli->verb ? 0 : ':';
    if (cli->verb)
        add_options(&p, cli->verb->options);
    add_options(&p, czi_common_options);
    opterr = 0;
    while (!rc && (c = getopt_long(argc, argv, p.shorts, p.longs, NULL)) != -1) {
        const struct czi_option *o = option_of(&p, c);
        char letter[3] = {'-', (char)optopt, 0};
        const char *typed = optopt && optopt < LONG_BASE ? letter : argv[optind - 1];

        if (c == ':')
            rc = czi_cli_usage(cli, "%s needs an argument", typed);
        else if (o)
            rc = take_option(cli, o, help);
        else if (optopt >= LONG_BASE)
            rc = czi_cli_usage(cli, "--%s takes no argument", option_of(&p, optopt)->name);
        else
            rc = unknown_option(cli, typed);
        optopt = 0;
    }
    return rc;
}

const char *czi_cli_option(const struct czi_cli *cli, const char *name)
{
    const struct czi_option *o = cli->verb->options;

    while (o->name && strcmp(o->name, name) != 0)
        o++;
    CZI_CHECK(o->name);
    return cli->values[o - cli->verb->options];
}

unsigned czi_cli_many(const struct czi_cli *cli, const char *name,
                      const char *ret[CZI_CLI_MANY_MAX])
{
    unsigned n = 0;

    for (unsigned i = 0; i < cli->many_count; i++)
        if (strcmp(cli->many[i].option->name, name) == 0)
            ret[n++] = cli->many[i].value;
    return n;
}

bool czi_cli_number(const struct czi_cli *cli, const char *name, uint64_t min, uint64_t max,
                    uint64_t *value)
{
    const char *text = czi_cli_option(cli, name);
    unsigned long long v;
    char *end;

    if (!text)
        return true;
    errno = 0;
    v = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end && !errno && v >= min && v <= max) {
        *value = v;
        return true;
    }
    (void)czi_cli_usage(cli, "--%s: \"%s\" is not a number from %llu to %llu", name, text,
                        (unsigned long long)min, (unsigned long long)max);
    return false;
}

/* ---- Actions ---------------------------------------------------------------------------- */

static int unknown_action(const struct czi_cli *cli, const struct czi_action *actions,
                          const char *typed)
{
    struct hint h = {.typed = typed};
    char all[128] = "";
    size_t len = 0;

    for (const struct czi_action *a = actions; a->name; a++) {
        consider(&h, a->name);
        len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", len ? ", " : "", a->name);
        CZI_CHECK(len < sizeof all);
    }
    if (h.nearest)
        return czi_cli_usage(cli, "there is no \"%s\"; did you mean \"%s\"?", typed, h.nearest);
    return czi_cli_usage(cli, "\"%s\" is none of %s", typed, all);
}

/* An option that was given and does not go with the action; or NULL. */
static const char *misplaced(const struct czi_cli *cli, const struct czi_action *a)
{
    const struct czi_option *all = cli->verb->options;
    char word[40];

    for (const struct czi_option *o = all; o->name; o++) {
        (void)snprintf(word, sizeof word, " %s ", o->name);
        if (cli->values[o - all] && !(a->options && strstr(a->options, word)))
            return o->name;
    }
    return NULL;
}

int czi_cli_act(struct czi_cli *cli, const struct czi_action *actions, int argc, char **argv)
{
    const struct czi_action *a = actions;
    const char *option;

    while (a->name && strcmp(a->name, argv[0]) != 0)
        a++;
    if (!a->name)
        return unknown_action(cli, actions, argv[0]);
    option = misplaced(cli, a);
    if (option)
        return czi_cli_usage(cli, "--%s does not go with \"%s\"", option, a->name);
    if (argc - 1 < a->args_min)
        return czi_cli_usage(cli, "an argument is missing: causality %s %s %s", cli->verb->name,
                             a->name, a->arguments);
    if (a->args_max != UINT8_MAX && argc - 1 > a->args_max)
        return czi_cli_usage(cli, "\"%s\" is one argument too many", argv[a->args_max + 1]);
    return a->run(cli, argc - 1, argv + 1);
}

/* ---- The store -------------------------------------------------------------------------- */

bool czi_cli_open(struct czi_cli *cli, const cz_options *options, int *ret_exit)
{
    static const cz_options reading = {.read_only = true, .threads = 1};
    int rc = cz_open(cli->dir, options ? options : &reading, &cli->engine, &cli->err);

    if (!rc)
        return true;
    cli->engine = NULL;
    czi_wrap(&cli->err, rc, "%s", cli->dir);
    *ret_exit = czi_cli_fail(rc, &cli->err);
    return false;
}

int czi_cli_close(struct czi_cli *cli, int exit_code)
{
    cz_error err = {0};
    int rc = cz_close(cli->engine, &err);

    cli->engine = NULL;
    if (!rc)
        return exit_code;
    rc = czi_cli_fail(rc, &err);
    return exit_code > CZI_EXIT_NO ? exit_code : rc;
}

/* ---- Start and end ---------------------------------------------------------------------- */

/* What was printed must have arrived. */
static int check_output(const struct czi_cli *cli, int exit_code)
{
    bool failed = ferror(stdout) != 0 || cli->out_error;
    int error = cli->out_error ? cli->out_error : errno;

    if (fflush(stdout) != 0 && !cli->out_error) {
        failed = true;
        error = errno;
    }
    if (!failed)
        return exit_code;
    czi_cli_say("standard output: %s", strerror(error));
    return CZI_EXIT_IO;
}

static void look_around(struct czi_cli *cli)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

    cli->out_terminal = isatty(STDOUT_FILENO) == 1;
    cli->err_terminal = isatty(STDERR_FILENO) == 1;
    cli->colour =
        cli->out_terminal && !(no_colour && *no_colour) && term && strcmp(term, "dumb") != 0;
    /* A closed pipe is an error of a write, not the end of the process. */
    (void)signal(SIGPIPE, SIG_IGN);
}

static int run_verb(struct czi_cli *cli, int argc, char **argv)
{
    const struct czi_verb *v = cli->verb;
    bool help = false;
    int rc;

    optind = 0; /* start over: options after the verb */
    rc = read_options(cli, argc, argv, &help);
    if (rc)
        return rc;
    argc -= optind;
    argv += optind;
    if (help) {
        czi_help_print(cli, v);
        return CZI_EXIT_OK;
    }
    if (argc < v->args_min)
        return czi_cli_usage(cli, "an argument is missing: causality %s %s", v->name,
                             v->arguments);
    if (v->args_max != UINT8_MAX && argc > v->args_max)
        return czi_cli_usage(cli, "\"%s\" is one argument too many", argv[v->args_max]);
    return czi_cli_close(cli, v->run(cli, argc, argv));
}

int czi_cli_main(int argc, char **argv)
{
    struct czi_cli cli = {.dir = "."};
    bool help = false;
    int rc;

    look_around(&cli);
    rc = read_options(&cli, argc, argv, &help);
    if (rc)
        return rc;
    if (help) {
        czi_help_print(&cli, NULL);
        return check_output(&cli, CZI_EXIT_OK);
    }
    if (optind == argc) {
        (void)czi_cli_usage(&cli, "a verb is missing");
        return CZI_EXIT_USAGE;
    }
    cli.verb = czi_verb_find(argv[optind]);
    if (!cli.verb)
        return czi_verb_unknown(&cli, argv[optind]);
    return check_output(&cli, run_verb(&cli, argc - optind, argv + optind));
}
