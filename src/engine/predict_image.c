/* predict_image.c - what a code's file says of the accesses that it will make.
 *
 * Layer: engine. Thread: the engine's.
 */
#include "engine/predict_rules.h"
#include "vm/analyse.h"

/* A code's own word has more weight than what its text seems to say, and both need some misses
 * before they are not used any more. */
#define TEMPLATE_RUNS 8
#define TEXT_RUNS 3

static struct czi_rule from_template(const struct cz_template_entry *e)
{
    struct czi_rule r = {.from = e->from,
                         .source = CZI_PREDICT_TEMPLATE,
                         .prefix_len = e->prefix_len,
                         .offset = e->offset,
                         .length = e->length};

    if (e->from == CZ_TEMPLATE_FIXED_ID)
        r.prefix_len = sizeof(cz_id);
    if (e->from == CZ_TEMPLATE_INPUT_ID)
        r.prefix_len = 0;
    memcpy(r.affix, e->prefix, r.prefix_len);
    r.counts[0] = (struct czi_rule_count){TEMPLATE_RUNS, TEMPLATE_RUNS,
                                          e->mode == CZ_READ ? 0 : TEMPLATE_RUNS};
    return r;
}

/* Half of a profile's rules at most: the others are for what is learned. */
static void read_template(struct czi_predictor *p, struct czi_profile *f,
                          const struct czi_image *image)
{
    const struct cz_template_entry *entries;
    size_t count;

    if (czi_elf_template(image, &entries, &count, NULL))
        return;
    for (size_t i = 0; i < CZI_MIN(count, CZI_PREDICT_RULES_MAX / 2); i++) {
        struct czi_rule rule = from_template(&entries[i]);

        czi_profile_add(p, f, &rule);
    }
}

static void read_text(struct czi_predictor *p, struct czi_profile *f,
                      const struct czi_image *image)
{
    struct czi_analysis a;

    if (czi_analyse(image, &a, NULL))
        return;
    f->never_writes = !a.may_write;
    for (unsigned i = 0; i < a.open_count; i++) {
        struct czi_rule rule = {.from = a.opens[i].from,
                                .source = CZI_PREDICT_TEXT,
                                .offset = a.opens[i].offset};

        if (rule.from == CZ_TEMPLATE_FIXED_ID) {
            rule.prefix_len = sizeof(cz_id);
            memcpy(rule.affix, a.opens[i].id, sizeof(cz_id));
        }
        rule.counts[0] = (struct czi_rule_count){TEXT_RUNS, TEXT_RUNS - 1,
                                                 a.opens[i].write ? TEXT_RUNS - 1 : 0};
        czi_profile_add(p, f, &rule);
    }
}

void czi_profile_read(struct czi_predictor *p, struct czi_profile *f,
                      const struct czi_image *image)
{
    if (p->sources & CZI_PREDICT_TEMPLATE)
        read_template(p, f, image);
    if (p->sources & CZI_PREDICT_TEXT)
        read_text(p, f, image);
}
