/* domain.c - `causality domain`: what the store knows of its domains, and what it wants. */
#include "cli/cli.h"

#include "base/error.h"
#include "base/limits.h"
#include "fact/item.h"

#include <inttypes.h>
#include <sys/stat.h>

/* ---- What is there ---------------------------------------------------------------------- */

static void json_domain(const cz_domain *d)
{
    struct czi_json j = {.out = stdout};

    czi_json_open(&j, NULL, '{');
    czi_json_string(&j, "domain", d->name);
    czi_json_string(&j, "adapter", d->adapter);
    if (d->has_head) {
        czi_json_u64(&j, "height", d->height);
        czi_json_u64(&j, "time", d->time);
        czi_json_hex(&j, "hash", d->hash, sizeof d->hash);
    } else {
        czi_json_string(&j, "height", NULL);
        czi_json_string(&j, "time", NULL);
        czi_json_string(&j, "hash", NULL);
    }
    czi_json_u64(&j, "safe", d->safe_height);
    czi_json_u64(&j, "final", d->final_height);
    czi_json_u64(&j, "safe_depth", d->safe_depth);
    czi_json_u64(&j, "final_depth", d->final_depth);
    czi_json_u64(&j, "record_depth", d->record_depth);
    czi_json_string(&j, "record_finality", cz_finality_name((int)d->record_finality));
    czi_json_open(&j, "observers", '[');
    for (size_t i = 0; i < d->observer_count; i++)
        czi_json_hex(&j, NULL, d->observers[i].key, sizeof d->observers[i].key);
    czi_json_close(&j, ']');
    czi_json_u64(&j, "items", d->items);
    czi_json_id(&j, "head", &d->head);
    czi_json_bool(&j, "frozen", d->frozen);
    if (d->frozen) {
        czi_json_id(&j, "stands", &d->contradicts[0]);
        czi_json_id(&j, "against", &d->contradicts[1]);
    }
    czi_json_close(&j, '}');
    printf("\n");
}

static void print_freeze(const cz_domain *d)
{
    char stands[CZ_ID_TEXT_SIZE], against[CZ_ID_TEXT_SIZE];

    cz_id_print(&d->contradicts[0], stands);
    cz_id_print(&d->contradicts[1], against);
    printf("%-11sstands:  %s\n%-11sagainst: %s\n", "frozen", stands, "", against);
    printf(
        "%-11sTwo final facts contradict; nothing that cites the domain applies until one is\n"
        "%-11skept: causality fact show ID for each, then\n"
        "%-11scausality domain resolve %s --keep ID\n",
        "", "", "", d->name);
}

static void text_domain(const struct czi_cli *cli, const cz_domain *d)
{
    char hex[65], id[CZ_ID_TEXT_SIZE];

    printf("%-11s%s", "domain", czi_bold(cli));
    (void)czi_print_text(stdout, d->name, strlen(d->name));
    printf("%s\n%-11s%s\n", czi_plain(cli), "adapter", d->adapter);
    if (d->has_head) {
        czi_hex(hex, d->hash, sizeof d->hash);
        printf("%-11s%" PRIu64 "\n%-11s%" PRIu64 "\n%-11s%s\n", "height", d->height, "time",
               d->time, "hash", hex);
        printf("%-11s%" PRIu64 "\n%-11s%" PRIu64 "\n", "safe", d->safe_height, "final",
               d->final_height);
    } else {
        printf("%-11sno block yet\n", "height");
    }
    printf("%-11ssafe depth %" PRIu64 ", final depth %" PRIu64 ", record depth %" PRIu64
           ", record finality %s\n",
           "policy", d->safe_depth, d->final_depth, d->record_depth,
           cz_finality_name((int)d->record_finality));
    for (size_t i = 0; i < d->observer_count; i++) {
        czi_hex(hex, d->observers[i].key, sizeof d->observers[i].key);
        printf("%-11s%s\n", "observer", hex);
    }
    cz_id_print(&d->head, id);
    printf("%-11s%" PRIu64 "\n%-11s%s\n", "items", d->items, "head", id);
    if (d->frozen)
        print_freeze(d);
}

struct showing {
    const struct czi_cli *cli;
    const char *name; /* NULL: a list of all */
    bool found;
};

static int show_one(void *arg, const cz_domain *d)
{
    struct showing *s = arg;

    if (s->name && strcmp(s->name, d->name) != 0)
        return CZ_OK;
    s->found = true;
    if (s->cli->json) {
        json_domain(d);
    } else if (s->name) {
        text_domain(s->cli, d);
    } else {
        int gap = CZI_MAX(0, 20 - (int)czi_text_width(d->name, strlen(d->name)));

        (void)czi_print_text(stdout, d->name, strlen(d->name));
        printf("%*s  %-10s  %10" PRIu64 "  %12" PRIu64 "  %10" PRIu64 "  %10" PRIu64 "  %s\n",
               gap, "", d->adapter, d->height, d->time, d->safe_height, d->final_height,
               d->frozen     ? "frozen"
               : d->has_head ? "open"
                             : "no block yet");
    }
    return CZ_OK;
}

static int domain_list(struct czi_cli *cli, int argc, char **argv)
{
    struct showing s = {.cli = cli};
    int rc;

    (void)argc;
    (void)argv;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    if (!cli->json)
        printf("%s%-20s  %-10s  %10s  %12s  %10s  %10s  %s%s\n", czi_bold(cli), "DOMAIN",
               "ADAPTER", "HEIGHT", "TIME", "SAFE", "FINAL", "STATE", czi_plain(cli));
    rc = cz_domain_list(cli->engine, show_one, &s, &cli->err);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

static int unknown(struct czi_cli *cli, const char *name)
{
    return czi_fail(
        &cli->err, CZ_UNKNOWN_DOMAIN,
        "the store knows no domain \"%s\"; causality domain list shows those it knows", name);
}

static int domain_show(struct czi_cli *cli, int argc, char **argv)
{
    struct showing s = {.cli = cli, .name = argv[0]};
    int rc;

    (void)argc;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = cz_domain_list(cli->engine, show_one, &s, &cli->err);
    if (!rc && !s.found)
        rc = unknown(cli, argv[0]);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

/* ---- Adding ----------------------------------------------------------------------------- */

_Static_assert(CZI_CLI_MANY_MAX == CZI_OBSERVERS_MAX, "as many as there may be");

/* What is wanted: what the store has, if it knows the domain, changed by the options. */
struct wanted {
    cz_domain_spec spec;
    cz_observer observers[CZI_CLI_MANY_MAX];
    struct czi_buf adapter, parameters;
    bool known;
};

static void keep_text(struct czi_buf *b, const char *text)
{
    b->len = 0;
    czi_buf_put(b, text, strlen(text) + 1);
}

static int take_known(void *arg, const cz_domain *d)
{
    struct wanted *w = arg;

    if (strcmp(w->spec.name, d->name) != 0)
        return CZ_OK;
    w->known = true;
    keep_text(&w->adapter, d->adapter);
    w->spec.safe_depth = d->safe_depth;
    w->spec.final_depth = d->final_depth;
    w->spec.record_depth = d->record_depth;
    w->spec.record_finality = d->record_finality;
    w->spec.observer_count = d->observer_count;
    for (size_t i = 0; i < d->observer_count; i++)
        w->observers[i] = d->observers[i];
    return CZ_OK;
}

static int take_parameters(void *arg, const cz_fact *fact)
{
    struct wanted *w = arg;
    struct czi_item item;

    if (strcmp(fact->type, "domain") == 0 &&
        czi_item_decode(fact->bytes, fact->len, &item, NULL) == CZ_OK) {
        w->parameters.len = 0;
        czi_buf_put(&w->parameters, item.config.parameters.data, item.config.parameters.len);
    }
    return CZ_OK;
}

/* Hex digits, or a file with the bytes. */
static int read_parameters(const char *text, struct czi_buf *b, cz_error *err)
{
    size_t len = strlen(text);
    struct stat st;
    uint8_t *room;

    b->len = 0;
    room = czi_buf_reserve(b, len / 2 + 1);
    if (!room)
        return czi_nomem(err, "parameters");
    if (czi_unhex(room, len / 2, text, len)) {
        b->len = len / 2;
        return CZ_OK;
    }
    if (stat(text, &st) != 0)
        return czi_fail(err, CZ_INVALID,
                        "--parameters: \"%s\" is neither hex digits nor a file", text);
    return czi_cli_load(text, CZI_DOMAIN_PARAMETERS_MAX, "CZI_DOMAIN_PARAMETERS_MAX", b, err);
}

/* False: said what is wrong. */
static bool take_options(struct czi_cli *cli, struct wanted *w)
{
    const char *finality = czi_cli_option(cli, "record-finality");
    const char *keys[CZI_CLI_MANY_MAX];
    unsigned count = czi_cli_many(cli, "observer", keys);

    for (int f = CZ_SEEN; finality && f <= CZ_FINAL; f++)
        if (strcmp(finality, cz_finality_name(f)) == 0)
            w->spec.record_finality = (enum cz_finality)f;
    if (count == 1 && strcmp(keys[0], "none") == 0)
        w->spec.observer_count = count = 0;
    for (unsigned i = 0; i < count; i++)
        if (!czi_unhex(w->observers[i].key, 32, keys[i], strlen(keys[i]))) {
            (void)czi_cli_usage(cli,
                                "--observer: \"%s\" is no public key: 64 hex digits, as "
                                "causality key show prints them",
                                keys[i]);
            return false;
        }
    if (count)
        w->spec.observer_count = count;
    w->spec.observers = w->observers;
    return czi_cli_number(cli, "safe-depth", 0, UINT64_MAX, &w->spec.safe_depth) &&
           czi_cli_number(cli, "final-depth", 0, UINT64_MAX, &w->spec.final_depth) &&
           czi_cli_number(cli, "record-depth", 0, UINT64_MAX, &w->spec.record_depth);
}

static int add(struct czi_cli *cli, struct wanted *w)
{
    const char *adapter = czi_cli_option(cli, "adapter");
    const char *parameters = czi_cli_option(cli, "parameters");
    int rc = cz_domain_list(cli->engine, take_known, w, &cli->err);

    if (!rc && w->known)
        rc = cz_fact_list(cli->engine, w->spec.name, take_parameters, w, &cli->err);
    if (!rc && parameters)
        rc = read_parameters(parameters, &w->parameters, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    if (!take_options(cli, w))
        return CZI_EXIT_USAGE;
    if (!adapter && !w->known)
        return czi_cli_usage(cli, "a new domain needs --adapter");
    if (adapter)
        keep_text(&w->adapter, adapter);
    if (w->adapter.failed || w->parameters.failed)
        return czi_cli_fail(czi_nomem(&cli->err, "a domain"), &cli->err);
    w->spec.adapter = (const char *)w->adapter.data;
    w->spec.parameters = w->parameters.data;
    w->spec.parameters_len = w->parameters.len;
    rc = cz_domain_set(cli->engine, &w->spec, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    if (cli->json)
        czi_json_line("domain", w->spec.name, "was", w->known ? "known" : "new");
    else
        printf("domain %s is %s\n", w->spec.name, w->known ? "set" : "known now");
    return CZI_EXIT_OK;
}

static int domain_add(struct czi_cli *cli, int argc, char **argv)
{
    struct wanted w = {.spec = {.name = argv[0]}};
    cz_options writing = {.ordered = true, .threads = 1};
    int exit_code;

    (void)argc;
    if (!czi_cli_open(cli, &writing, &exit_code))
        return exit_code;
    exit_code = add(cli, &w);
    czi_buf_done(&w.adapter);
    czi_buf_done(&w.parameters);
    return exit_code;
}

/* ---- Resolving -------------------------------------------------------------------------- */

static int domain_resolve(struct czi_cli *cli, int argc, char **argv)
{
    const char *keep = czi_cli_option(cli, "keep"), *note = czi_cli_option(cli, "note");
    cz_options writing = {.ordered = true, .threads = 1};
    enum czi_found what;
    cz_id id;
    int rc;

    (void)argc;
    if (!keep)
        return czi_cli_usage(cli,
                             "which one stays? --keep ID; causality domain show %s names "
                             "the two",
                             argv[0]);
    if (!czi_cli_open(cli, &writing, &rc))
        return rc;
    rc = czi_cli_find(cli, keep, CZI_FOUND_FACT, &what, &id);
    if (!rc)
        rc = cz_domain_resolve(cli->engine, argv[0], &id, note, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    if (cli->json)
        czi_json_line("domain", argv[0], "state", "open");
    else
        printf("domain %s is open again\n", argv[0]);
    return CZI_EXIT_OK;
}

int czi_cli_domain(struct czi_cli *cli, int argc, char **argv)
{
    static const struct czi_action actions[] = {
        {"add", "NAME", 1, 1,
         " adapter parameters safe-depth final-depth record-depth record-finality observer ",
         domain_add},
        {"list", "", 0, 0, NULL, domain_list},
        {"show", "NAME", 1, 1, NULL, domain_show},
        {"resolve", "NAME", 1, 1, " keep note ", domain_resolve},
        {0},
    };

    return czi_cli_act(cli, actions, argc, argv);
}
