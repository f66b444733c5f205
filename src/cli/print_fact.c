/* print_fact.c - facts and the other items of a domain's fact log, as JSON and for people.
 *
 * Layer: cli. Thread: main.
 */
#include "cli/cli.h"

#include "base/error.h"
#include "codec/ed25519.h"
#include "fact/item.h"

#include <inttypes.h>

static const char *const trusts[] = {[CZI_TRUST_OPERATOR] = "operator",
                                     [CZI_TRUST_PINNED] = "pinned",
                                     [CZI_TRUST_SIGNED] = "signed"};

/* What is recorded is canonical. */
static struct czi_item item_of(const cz_fact *fact)
{
    struct czi_item item;

    CZI_CHECK(czi_item_decode(fact->bytes, fact->len, &item, NULL) == CZ_OK);
    return item;
}

/* ---- Claims ----------------------------------------------------------------------------- */

static void put_value(struct czi_buf *b, const struct czi_fact_value *v)
{
    switch (v->type) {
    case CZI_VALUE_UINT:
        czi_buf_printf(b, "%" PRIu64, v->number);
        break;
    case CZI_VALUE_TEXT:
        czi_buf_put(b, v->bytes.data, v->bytes.len);
        break;
    case CZI_VALUE_BYTES:
        czi_buf_printf(b, "0x");
        for (size_t i = 0; i < v->bytes.len; i++)
            czi_buf_printf(b, "%02x", v->bytes.data[i]);
        break;
    case CZI_VALUE_NULL:
        czi_buf_put(b, "-", 1);
        break;
    }
}

/* As much of a value as stands on a line among others. */
#define VALUE_SHOWN 24

static void print_values(FILE *out, const struct czi_fact *f, size_t shown)
{
    CZI_AUTOBUF b = {0};

    for (size_t i = 0; i < f->claim_count; i++) {
        b.len = 0;
        put_value(&b, &f->claim[i]);
        (void)fputs(i ? " " : "", out);
        (void)czi_print_text(out, (const char *)b.data, CZI_MIN(b.len, shown));
        (void)fputs(b.len > shown ? "…" : "", out);
    }
}

static void print_short_id(FILE *out, const cz_id *id)
{
    char text[CZ_ID_TEXT_SIZE];

    cz_id_print(id, text);
    (void)fprintf(out, "%.16s", text);
}

void czi_print_claim(FILE *out, const cz_fact *fact)
{
    struct czi_item item = item_of(fact);

    if (item.type == CZI_ITEM_FACT) {
        (void)fputs(cz_fact_kind_name((int)fact->kind), out);
        (void)fputc(' ', out);
        if (fact->kind != CZ_FACT_BLOCK) {
            print_values(out, &item.fact, VALUE_SHOWN);
            (void)fputs(" at ", out);
        }
        (void)fprintf(out, "%" PRIu64, fact->height);
    } else if (item.type == CZI_ITEM_RETRACTION) {
        (void)fputs("retraction of ", out);
        print_short_id(out, &item.retraction.fact);
    } else if (item.type == CZI_ITEM_DECISION) {
        (void)fputs("decision to keep ", out);
        print_short_id(out, &item.decision.keep);
    } else {
        (void)fprintf(out, "policy %" PRIu64, item.config.sequence);
    }
    (void)fputs(" of ", out);
    (void)czi_print_text(out, fact->domain, strlen(fact->domain));
}

/* ---- JSON ------------------------------------------------------------------------------- */

static void json_claim(struct czi_json *j, const struct czi_fact *f)
{
    CZI_AUTOBUF b = {0};

    czi_json_open(j, "claim", '[');
    for (size_t i = 0; i < f->claim_count; i++) {
        b.len = 0;
        put_value(&b, &f->claim[i]);
        if (f->claim[i].type == CZI_VALUE_NULL)
            czi_json_string(j, NULL, NULL);
        else
            czi_json_text(j, NULL, czi_buf_slice(&b));
    }
    czi_json_close(j, ']');
}

static void json_observer(struct czi_json *j, bool has, const uint8_t observer[CZI_PUBLIC_SIZE])
{
    if (has)
        czi_json_hex(j, "observer", observer, CZI_PUBLIC_SIZE);
    else
        czi_json_string(j, "observer", NULL);
}

static void json_fact(struct czi_json *j, const cz_fact *fact, const struct czi_fact *f)
{
    czi_json_string(j, "kind", cz_fact_kind_name((int)fact->kind));
    czi_json_u64(j, "height", f->height);
    czi_json_u64(j, "time", f->time);
    czi_json_hex(j, "block_hash", f->block_hash, sizeof f->block_hash);
    json_claim(j, f);
    czi_json_hex(j, "event_key", f->event_key.data, f->event_key.len);
    if (f->has_expires)
        czi_json_u64(j, "expires", f->expires);
    else
        czi_json_string(j, "expires", NULL);
    czi_json_string(j, "finality", cz_finality_name((int)fact->finality));
    czi_json_u64(j, "depth", fact->depth);
    czi_json_string(j, "proven_finality", cz_finality_name((int)f->finality));
    czi_json_string(j, "trust", trusts[f->trust]);
    if (f->has_header)
        czi_json_id(j, "block", &f->header);
    else
        czi_json_string(j, "block", NULL);
    czi_json_open(j, "proof_sizes", '[');
    for (size_t i = 0; i < f->proof_count; i++)
        czi_json_number(j, NULL, f->proof[i].len);
    czi_json_close(j, ']');
    json_observer(j, f->has_observer, f->observer);
}

static void json_config(struct czi_json *j, const struct czi_domain_item *c)
{
    czi_json_u64(j, "sequence", c->sequence);
    czi_json_text(j, "adapter", c->adapter);
    czi_json_hex(j, "parameters", c->parameters.data, c->parameters.len);
    czi_json_u64(j, "safe_depth", c->policy.safe_depth);
    czi_json_u64(j, "final_depth", c->policy.final_depth);
    czi_json_u64(j, "record_depth", c->policy.record_depth);
    czi_json_string(j, "record_finality", cz_finality_name((int)c->policy.record_finality));
    czi_json_open(j, "observers", '[');
    for (uint32_t i = 0; i < c->observer_count; i++)
        czi_json_hex(j, NULL, c->observers[i], CZI_PUBLIC_SIZE);
    czi_json_close(j, ']');
}

void czi_print_fact_json(const cz_fact *fact)
{
    struct czi_item item = item_of(fact);
    struct czi_json j = {.out = stdout};

    czi_json_open(&j, NULL, '{');
    czi_json_id(&j, "id", &fact->id);
    czi_json_string(&j, "domain", fact->domain);
    czi_json_string(&j, "type", fact->type);
    czi_json_u64(&j, "number", fact->number);
    if (item.type == CZI_ITEM_FACT) {
        json_fact(&j, fact, &item.fact);
    } else if (item.type == CZI_ITEM_RETRACTION) {
        czi_json_id(&j, "fact", &item.retraction.fact);
        czi_json_text(&j, "note", item.retraction.note);
        json_observer(&j, item.retraction.has_observer, item.retraction.observer);
    } else if (item.type == CZI_ITEM_DECISION) {
        czi_json_id(&j, "keep", &item.decision.keep);
        czi_json_id(&j, "drop", &item.decision.drop);
        czi_json_text(&j, "note", item.decision.note);
    } else {
        json_config(&j, &item.config);
    }
    czi_json_bool(&j, "stands", fact->stands);
    czi_json_bool(&j, "held", fact->held);
    if (fact->has_retracted_by)
        czi_json_id(&j, "retracted_by", &fact->retracted_by);
    else
        czi_json_string(&j, "retracted_by", NULL);
    czi_json_close(&j, '}');
    (void)putc_unlocked('\n', stdout);
}

/* ---- Text ------------------------------------------------------------------------------- */

static void key(const char *name)
{
    printf("%-11s", name);
}

static void id_line(const char *name, const cz_id *id)
{
    char text[CZ_ID_TEXT_SIZE];

    cz_id_print(id, text);
    printf("%-11s%s\n", name, text);
}

static void hex_line(const char *name, const void *data, size_t len)
{
    const uint8_t *p = data;

    key(name);
    for (size_t i = 0; i < len; i++)
        printf("%02x", p[i]);
    printf("\n");
}

static void slice_line(const char *name, struct czi_slice text)
{
    key(name);
    (void)czi_print_text(stdout, (const char *)text.data, text.len);
    printf("\n");
}

static void number_line(const char *name, uint64_t v)
{
    printf("%-11s%" PRIu64 "\n", name, v);
}

/* The two layers: what shows that the block is one, and that it holds this. */
static void proof_line(const struct czi_fact *f)
{
    size_t sum = 0;

    for (size_t i = 0; i < f->proof_count; i++)
        sum += f->proof[i].len;
    printf("%-11s%s: %zu bytes in %zu part%s\n", "proof",
           f->kind == CZ_FACT_BLOCK ? "header" : "inclusion", sum, f->proof_count,
           f->proof_count == 1 ? "" : "s");
}

static void print_settled(const cz_fact *fact, const struct czi_fact *f)
{
    printf("%-11s%s", "finality", cz_finality_name((int)fact->finality));
    if (fact->depth)
        printf(", %" PRIu64 " block%s on it", fact->depth, fact->depth == 1 ? "" : "s");
    if (f->finality != CZ_SEEN)
        printf("; proven: %s", cz_finality_name((int)f->finality));
    printf("\n");
    printf("%-11s%s\n", "trust", trusts[f->trust]);
    if (f->has_expires)
        printf("%-11sat %" PRIu64 "\n", "expires", f->expires);
}

static void print_observed(const struct czi_fact *f)
{
    if (f->has_header)
        id_line("block", &f->header);
    proof_line(f);
    if (f->has_observer) {
        hex_line("observer", f->observer, CZI_PUBLIC_SIZE);
        hex_line("signature", f->signature, CZI_SIGNATURE_SIZE);
    }
}

static void print_config(const struct czi_domain_item *c)
{
    number_line("sequence", c->sequence);
    slice_line("adapter", c->adapter);
    hex_line("parameters", c->parameters.data, c->parameters.len);
    printf("%-11ssafe depth %" PRIu64 ", final depth %" PRIu64 ", record depth %" PRIu64
           ", record finality %s\n",
           "policy", c->policy.safe_depth, c->policy.final_depth, c->policy.record_depth,
           cz_finality_name((int)c->policy.record_finality));
    for (uint32_t i = 0; i < c->observer_count; i++)
        hex_line("observer", c->observers[i], CZI_PUBLIC_SIZE);
}

static void print_standing(const struct czi_cli *cli, const cz_fact *fact)
{
    const char *word = fact->held ? "held" : fact->stands ? "stands" : "retracted";

    printf("%-11s%s%s%s%s\n", "standing", czi_bold(cli), word, czi_plain(cli),
           fact->held ? ": it contradicts what is final, and nobody decided yet" : "");
    if (fact->has_retracted_by)
        id_line("by", &fact->retracted_by);
}

void czi_print_fact(const struct czi_cli *cli, const cz_fact *fact)
{
    struct czi_item item = item_of(fact);

    id_line(fact->type, &fact->id);
    slice_line("domain",
               (struct czi_slice){(const uint8_t *)fact->domain, strlen(fact->domain)});
    number_line("number", fact->number);
    if (item.type == CZI_ITEM_FACT) {
        printf("%-11s%s\n", "kind", cz_fact_kind_name((int)fact->kind));
        key("claim");
        print_values(stdout, &item.fact, SIZE_MAX);
        printf("\n");
        number_line("height", item.fact.height);
        number_line("time", item.fact.time);
        hex_line("hash", item.fact.block_hash, sizeof item.fact.block_hash);
        hex_line("event", item.fact.event_key.data, item.fact.event_key.len);
        print_settled(fact, &item.fact);
        print_observed(&item.fact);
    } else if (item.type == CZI_ITEM_RETRACTION) {
        id_line("retracts", &item.retraction.fact);
        slice_line("note", item.retraction.note);
        if (item.retraction.has_observer)
            hex_line("observer", item.retraction.observer, CZI_PUBLIC_SIZE);
    } else if (item.type == CZI_ITEM_DECISION) {
        id_line("keeps", &item.decision.keep);
        id_line("drops", &item.decision.drop);
        slice_line("note", item.decision.note);
    } else {
        print_config(&item.config);
    }
    print_standing(cli, fact);
}
