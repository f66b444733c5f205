/* predict.c - profiles of codes, and what their rules say of an input.
 *
 * Layer: engine. Thread: the engine's. See predict.h; predict_learn.c has where rules come
 * from.
 */
#include "engine/predict_rules.h"

#include "resource/resource.h"

/* Counts are halved here, so that about the last two dozen runs decide. */
#define RUNS_KEPT 32u
/* Searches that are free when a code is new. */
#define FIRST_TOKENS 32u

/* ---- Profiles -----------------------------------------------------------------------------
 */

int czi_predictor_new(czi_predict_name_fn name, void *arg, struct czi_predictor **ret,
                      cz_error *err)
{
    struct czi_predictor *p = czi_alloc_zero(1, sizeof *p);

    if (!p)
        return czi_nomem(err, "the predictor");
    p->name = name;
    p->name_arg = arg;
    p->sources = CZI_PREDICT_ALL;
    *ret = p;
    return CZ_OK;
}

void czi_predictor_free(struct czi_predictor *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < CZI_PREDICT_SETS * CZI_PREDICT_WAYS; i++)
        czi_free(p->profiles[i / CZI_PREDICT_WAYS][i % CZI_PREDICT_WAYS]);
    czi_free(p);
}

void czi_predictor_use(struct czi_predictor *p, unsigned sources)
{
    p->sources = sources;
}

size_t czi_predictor_bytes(const struct czi_predictor *p)
{
    return sizeof *p + p->profile_count * sizeof(struct czi_profile);
}

static void begin_profile(struct czi_predictor *p, struct czi_profile *f,
                          const struct czi_predict_input *in)
{
    *f = (struct czi_profile){.version = ++p->versions, .tokens = FIRST_TOKENS};
    memcpy(&f->code_id, in->code_id, sizeof f->code_id);
    if (in->image)
        czi_profile_read(p, f, in->image);
}

struct czi_profile *czi_profile_of(struct czi_predictor *p, const struct czi_predict_input *in)
{
    struct czi_profile **set = p->profiles[czi_id_word(in->code_id) % CZI_PREDICT_SETS];
    unsigned oldest = 0;

    for (unsigned i = 0; i < CZI_PREDICT_WAYS; i++) {
        if (!set[i]) {
            oldest = i;
            break;
        }
        if (czi_id_equal(&set[i]->code_id, in->code_id)) {
            set[i]->used = ++p->uses;
            return set[i];
        }
        if (set[i]->used < set[oldest]->used)
            oldest = i;
    }
    if (!set[oldest]) {
        set[oldest] = czi_alloc(sizeof **set);
        if (!set[oldest])
            return NULL;
        p->profile_count++;
    }
    begin_profile(p, set[oldest], in);
    set[oldest]->used = ++p->uses;
    return set[oldest];
}

unsigned czi_profile_class(struct czi_profile *f, struct czi_slice input, bool add)
{
    if (!input.len)
        return 0;
    for (unsigned i = 1; i <= f->class_count; i++)
        if (f->first[i] == input.data[0])
            return i;
    if (!add || f->class_count == CZI_RULE_CLASSES - 1)
        return 0;
    f->first[++f->class_count] = input.data[0];
    f->active[f->class_count] = f->active[0];
    return f->class_count;
}

/* ---- Rules --------------------------------------------------------------------------------
 */

struct czi_slice czi_rule_base(const struct czi_predict_input *in, unsigned base)
{
    if (base == CZI_BASE_INPUT)
        return in->input;
    const uint8_t *id = base == CZI_BASE_ORIGIN ? in->origin : in->signer;

    return (struct czi_slice){id, id ? sizeof(cz_id) : 0};
}

/* The part of a label that lies in the base, and in *ret_len how long it is as text. */
static bool label_part(const struct czi_rule *r, struct czi_slice base, struct czi_slice *ret)
{
    size_t len = r->length;

    if (r->offset > base.len)
        return false;
    if (len > base.len - r->offset) {
        /* A name may be shorter than its room, bytes in hex are as many as are said. */
        if (r->from == CZ_TEMPLATE_OWN_HEX && r->length != CZI_RULE_TO_END)
            return false;
        len = base.len - r->offset;
    }
    *ret = (struct czi_slice){base.data + r->offset, len};
    if (r->from == CZ_TEMPLATE_OWN_LABEL && len) {
        const uint8_t *end = memchr(ret->data, 0, len);

        if (end)
            ret->len = (size_t)(end - ret->data);
    }
    return true;
}

static bool label_id(const struct czi_rule *r, const struct czi_predict_input *in,
                     uint8_t ret[32])
{
    char label[CZI_LABEL_SIZE_MAX + 1];
    struct czi_slice part;
    size_t len, text_len;
    cz_id id;

    if (!label_part(r, czi_rule_base(in, r->base), &part))
        return false;
    text_len = r->from == CZ_TEMPLATE_OWN_HEX ? 2 * part.len : part.len;
    len = r->prefix_len + text_len + r->suffix_len;
    if (!len || len > CZI_LABEL_SIZE_MAX || (!part.len && r->length))
        return false;
    memcpy(label, r->affix, r->prefix_len);
    if (r->from == CZ_TEMPLATE_OWN_HEX)
        czi_hex(label + r->prefix_len, part.data, part.len);
    else if (part.len)
        memcpy(label + r->prefix_len, part.data, part.len);
    memcpy(label + r->prefix_len + text_len, r->affix + r->prefix_len, r->suffix_len);
    id = czi_identity_id(in->code_id, (struct czi_slice){(const uint8_t *)label, len});
    memcpy(ret, &id, sizeof id);
    return true;
}

bool czi_rule_id(const struct czi_rule *r, const struct czi_predict_input *in, uint8_t ret[32])
{
    struct czi_slice base;

    switch (r->from) {
    case CZ_TEMPLATE_FIXED_ID:
        memcpy(ret, r->affix, sizeof(cz_id));
        return true;
    case CZ_TEMPLATE_INPUT_ID:
        base = czi_rule_base(in, r->base);
        if (base.len < sizeof(cz_id) || r->offset > base.len - sizeof(cz_id))
            return false;
        memcpy(ret, base.data + r->offset, sizeof(cz_id));
        return true;
    default:
        return label_id(r, in, ret);
    }
}

bool czi_rule_same(const struct czi_rule *a, const struct czi_rule *b)
{
    if (a->from != b->from || a->base != b->base || a->prefix_len != b->prefix_len ||
        a->suffix_len != b->suffix_len || a->offset != b->offset || a->length != b->length)
        return false;
    return memcmp(a->affix, b->affix, (size_t)a->prefix_len + a->suffix_len) == 0;
}

static bool comes_true(struct czi_rule_count c)
{
    return 2u * c.hits > c.runs;
}

static const struct czi_rule_count *counts_of(const struct czi_rule *r, unsigned class)
{
    return &r->counts[r->counts[class].runs >= CZI_RULE_CLASS_RUNS ? class : 0];
}

static void refresh(struct czi_profile *f, unsigned rule)
{
    for (unsigned k = 0; k <= f->class_count; k++) {
        uint64_t bit = UINT64_C(1) << rule;

        if (comes_true(*counts_of(&f->rules[rule], k)))
            f->active[k] |= bit;
        else
            f->active[k] &= ~bit;
    }
}

static void count_one(struct czi_rule_count *c, bool hit, bool write)
{
    if (c->runs == RUNS_KEPT)
        *c = (struct czi_rule_count){c->runs / 2, c->hits / 2, c->writes / 2};
    c->runs++;
    c->hits = (uint8_t)(c->hits + hit);
    c->writes = (uint8_t)(c->writes + (hit && write));
}

void czi_profile_count(struct czi_profile *f, unsigned rule, unsigned class, bool hit,
                       bool write)
{
    struct czi_rule *r = &f->rules[rule];

    count_one(&r->counts[0], hit, write);
    if (class)
        count_one(&r->counts[class], hit, write);
    /* What is used and came true stays used. */
    if (!hit || !(f->active[0] & f->active[class] & UINT64_C(1) << rule))
        refresh(f, rule);
}

/* The one that came true least often and is not used for any class, from the hand on; or none.
 */
static unsigned worst_rule(struct czi_profile *f)
{
    uint64_t used = 0;
    unsigned worst = CZI_PREDICT_RULES_MAX, least = UINT32_MAX;

    for (unsigned k = 0; k <= f->class_count; k++)
        used |= f->active[k];
    for (unsigned i = 0; i < CZI_PREDICT_RULES_MAX; i++) {
        unsigned n = (f->hand + i) % CZI_PREDICT_RULES_MAX;
        struct czi_rule_count c = f->rules[n].counts[0];
        unsigned score = c.hits * 256u / CZI_MAX(c.runs, 1);

        if (!(used >> n & 1) && score < least) {
            least = score;
            worst = n;
        }
    }
    return worst;
}

void czi_profile_add(struct czi_predictor *p, struct czi_profile *f,
                     const struct czi_rule *rule)
{
    unsigned n = f->rule_count;

    for (unsigned i = 0; i < f->rule_count; i++)
        if (czi_rule_same(&f->rules[i], rule))
            return;
    if (n < CZI_PREDICT_RULES_MAX) {
        f->rule_count++;
    } else {
        n = worst_rule(f);
        if (n == CZI_PREDICT_RULES_MAX)
            return;
        f->hand = n + 1;
        f->version = ++p->versions;
    }
    f->rules[n] = *rule;
    refresh(f, n);
}

/* ---- Predicting ---------------------------------------------------------------------------
 */

static void add_access(struct czi_prediction *ret, const uint8_t id[32], bool write,
                       unsigned rule)
{
    for (unsigned i = 0; i < ret->count; i++) {
        if (czi_id_equal(ret->accesses[i].id, id)) {
            ret->accesses[i].write |= write;
            return;
        }
    }
    memcpy(ret->accesses[ret->count].id, id, sizeof(cz_id));
    ret->accesses[ret->count].write = write;
    ret->accesses[ret->count].rule = (uint16_t)rule;
    ret->count++;
}

void czi_profile_predict(const struct czi_predictor *p, const struct czi_profile *f,
                         const struct czi_predict_input *in, unsigned class,
                         struct czi_prediction *ret)
{
    ret->version = f->version;
    ret->count = 0;
    ret->is_anything = false;
    /* The code itself takes one place of what a run may touch. */
    for (uint64_t left = f->active[class]; left && ret->count < CZ_OPEN_ACCESSES_MAX - 1;
         left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctzll(left);
        const struct czi_rule *r = &f->rules[n];
        const struct czi_rule_count *c = counts_of(r, class);
        uint8_t id[32];

        if ((r->source & p->sources) && czi_rule_id(r, in, id) &&
            !czi_id_equal(id, in->code_id))
            add_access(ret, id, !f->never_writes && 2u * c->writes > c->hits, n);
    }
}

/* ---- What tests want to hear ---------------------------------------------------------------
 */

void czi_predictor_force(struct czi_predictor *p, enum czi_predict_force force, uint64_t seed)
{
    p->force = force;
    p->random = seed;
    p->seen_count = 0;
}

static uint64_t next_number(struct czi_predictor *p)
{
    uint64_t z = (p->random += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void say_wrong(struct czi_predictor *p, struct czi_prediction *ret)
{
    while (ret->count < CZ_OPEN_ACCESSES_MAX - 1) {
        uint64_t id[4];

        for (unsigned i = 0; i < CZI_COUNTOF(id); i++)
            id[i] = next_number(p);
        add_access(ret, (const uint8_t *)id, ret->count % 2 == 0, 0);
    }
}

static void say_seen(struct czi_predictor *p, struct czi_prediction *ret)
{
    for (unsigned i = 0; i < CZI_MIN(p->seen_count, CZ_OPEN_ACCESSES_MAX - 1u); i++)
        if (next_number(p) % 2)
            add_access(ret, p->seen[i].bytes, next_number(p) % 2, 0);
}

/* False: what is known. */
static bool say_forced(struct czi_predictor *p, struct czi_prediction *ret)
{
    enum czi_predict_force force = p->force;
    bool seen = false;

    if (force == CZI_PREDICT_RANDOM) {
        unsigned n = (unsigned)(next_number(p) % 5);

        force = (enum czi_predict_force)n;
        seen = n == CZI_PREDICT_RANDOM;
    }
    if (force == CZI_PREDICT_AS_KNOWN)
        return false;
    ret->version = 0;
    ret->count = 0;
    ret->is_anything = force == CZI_PREDICT_ANYTHING;
    if (force == CZI_PREDICT_WRONG)
        say_wrong(p, ret);
    if (seen)
        say_seen(p, ret);
    return true;
}

void czi_predict(struct czi_predictor *p, const struct czi_predict_input *in,
                 struct czi_prediction *ret)
{
    struct czi_profile *f;

    if (CZI_UNLIKELY(p->force != CZI_PREDICT_AS_KNOWN) && say_forced(p, ret))
        return;
    f = czi_profile_of(p, in);
    if (!f) {
        ret->version = 0;
        ret->count = 0;
        ret->is_anything = false;
        return;
    }
    czi_profile_predict(p, f, in, czi_profile_class(f, in->input, true), ret);
    ret->is_anything = f->hold != 0;
}
