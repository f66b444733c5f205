/* help.c - `causality help`: everything it says comes from the table of verbs. */
#include "cli/cli.h"

static void print_option(const struct czi_option *o)
{
    char left[48];
    int n = 0;

    if (o->letter)
        n = snprintf(left, sizeof left, "-%c, ", o->letter);
    (void)snprintf(left + n, sizeof left - (size_t)n, "--%s%s%s", o->name,
                   o->argument ? " " : "", o->argument ? o->argument : "");
    printf("  %-22s ", left);
    /* What is too long stands alone. */
    if (strlen(left) > 22)
        printf("\n  %-22s ", "");
    printf("%s", o->help);
    if (o->values)
        printf(": %s", o->values);
    printf("\n");
}

static void help_verb(const struct czi_verb *v)
{
    printf("usage: causality [-C DIR] %s [OPTION…]%s%s\n\n%s\n", v->name,
           *v->arguments ? " " : "", v->arguments, v->summary);
    if (v->details)
        printf("\n%s", v->details);
    printf("\noptions:\n");
    for (const struct czi_option *o = v->options; o->name; o++)
        print_option(o);
    for (const struct czi_option *o = czi_common_options; o->name; o++)
        print_option(o);
}

static void help_all(void)
{
    static const struct {
        int code;
        const char *text;
    } exits[] = {
#define CZI_NAME(name, value, text) {value, text},
        CZI_EXITS(CZI_NAME)
#undef CZI_NAME
    };

    printf("usage: causality [-C DIR] VERB [OPTION…] [ARGUMENT…]\n\nverbs:\n");
    for (const struct czi_verb *v = czi_verbs; v->name; v++)
        printf("  %-10s %-20s %s\n", v->name, v->arguments, v->summary);
    printf("\noptions of every verb:\n");
    for (const struct czi_option *o = czi_common_options; o->name; o++)
        print_option(o);
    printf("\nexit codes:\n");
    for (size_t i = 0; i < CZI_COUNTOF(exits); i++)
        printf("  %-2d  %s\n", exits[i].code, exits[i].text);
    printf("\nmore: man causality, causality VERB --help\n");
}

static void options_json(struct czi_json *j, const struct czi_option *o)
{
    for (; o->name; o++) {
        czi_json_open(j, NULL, '{');
        czi_json_string(j, "name", o->name);
        czi_json_text(j, "letter",
                      (struct czi_slice){(const uint8_t *)&o->letter, !!o->letter});
        czi_json_string(j, "argument", o->argument);
        czi_json_string(j, "values", o->values);
        czi_json_string(j, "help", o->help);
        czi_json_close(j, '}');
    }
}

static void verb_json(const struct czi_verb *v)
{
    struct czi_json j = {.out = stdout};

    czi_json_open(&j, NULL, '{');
    czi_json_string(&j, "verb", v->name);
    czi_json_string(&j, "arguments", v->arguments);
    czi_json_string(&j, "summary", v->summary);
    czi_json_open(&j, "options", '[');
    options_json(&j, v->options);
    options_json(&j, czi_common_options);
    czi_json_close(&j, ']');
    czi_json_close(&j, '}');
    printf("\n");
}

void czi_help_print(const struct czi_cli *cli, const struct czi_verb *verb)
{
    if (!verb && !cli->json)
        help_all();
    else if (verb && !cli->json)
        help_verb(verb);
    for (const struct czi_verb *v = czi_verbs; v->name && cli->json; v++)
        if (!verb || v == verb)
            verb_json(v);
}

int czi_cli_help(struct czi_cli *cli, int argc, char **argv)
{
    const struct czi_verb *verb = argc ? czi_verb_find(argv[0]) : NULL;

    if (argc && !verb)
        return czi_verb_unknown(cli, argv[0]);
    czi_help_print(cli, verb);
    return CZI_EXIT_OK;
}
