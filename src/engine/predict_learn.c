/* predict_learn.c - rules that explain what runs touched.
 *
 * Layer: engine. Thread: the engine's. Every run counts for the rules that were used. A miss is
 * studied: do rules that are not used explain it, and if none does, which could? Studying costs
 * up to about 20 us, so a code has a few studies free and one more every few runs, and waits
 * longer each time that nothing comes of it.
 */
#include "engine/predict_rules.h"

#include "base/id_table.h"

/* Runs for one more study, and how many of them can be saved up. */
#define RUNS_A_STUDY 4u
#define TOKENS_MAX 32u
#define BACK_OFF_MAX 63u
/* Where an id or a name is looked for in an input, and in how many places it may be. */
#define LOOK_AT_MAX 1024u
#define PLACES_MAX 3u
/* Comparisons of bytes for the names in one study. */
#define STEPS_MAX 16384u

/* What a run touched, as far as it is not explained. */
struct study {
    struct czi_predictor *p;
    struct czi_profile *f;
    const struct czi_predict_input *in;
    const struct czi_access *accesses;
    unsigned count, class;
    uint64_t open; /* a bit each: nothing explains it */
    unsigned steps;
};

static bool is_touched(const struct study *s, unsigned i)
{
    return s->accesses[i].touched && !czi_id_equal(s->accesses[i].id, s->in->code_id);
}

/* Its place among the accesses; count: it was not touched. */
static unsigned place_of(const struct study *s, const uint8_t id[32])
{
    unsigned i = 0;

    while (i < s->count && !(is_touched(s, i) && czi_id_equal(s->accesses[i].id, id)))
        i++;
    return i;
}

/* ---- Proposing rules -----------------------------------------------------------------------
 */

static void propose(struct study *s, const struct czi_rule *rule, bool write)
{
    struct czi_rule r = *rule;

    r.source = CZI_PREDICT_PROFILE;
    /* It explains this run. Once more, and it is used. */
    r.counts[0] = (struct czi_rule_count){.runs = 2, .hits = 1, .writes = write};
    if (s->class)
        r.counts[s->class] = (struct czi_rule_count){.runs = 1, .hits = 1, .writes = write};
    czi_profile_add(s->p, s->f, &r);
}

static struct czi_slice looked_at(const struct study *s, unsigned base)
{
    struct czi_slice b = czi_rule_base(s->in, base);

    b.len = CZI_MIN(b.len, LOOK_AT_MAX);
    return b;
}

static bool propose_ids(struct study *s, const struct czi_access *a)
{
    bool found = false;

    for (unsigned base = 0; base < CZI_BASES; base++) {
        struct czi_slice b = looked_at(s, base);
        const uint8_t *at = b.data;
        size_t left = b.len;

        for (unsigned n = 0; n < PLACES_MAX && left >= sizeof(cz_id); n++) {
            at = memmem(at, left, a->id, sizeof(cz_id));
            if (!at)
                break;
            propose(s,
                    &(struct czi_rule){.from = CZ_TEMPLATE_INPUT_ID,
                                       .base = (uint8_t)base,
                                       .offset = (uint16_t)(at - b.data)},
                    a->writable);
            found = true;
            at++;
            left = b.len - (size_t)(at - b.data);
        }
    }
    return found;
}

/* A part of a label that lies in a base. */
struct match {
    size_t label_at, len; /* in the label, as text */
    size_t at, part_len;  /* in the base, bytes */
    bool is_hex;
};

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the label has at l, as it is or in hex; -1: none. */
static int label_byte(struct czi_slice label, size_t l, bool is_hex)
{
    int high, low;

    if (!is_hex)
        return l < label.len ? label.data[l] : -1;
    if (l + 1 >= label.len)
        return -1;
    high = hex_digit(label.data[l]);
    low = hex_digit(label.data[l + 1]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* What the label has from l on, and the base from `at` on. */
static struct match match_at(struct czi_slice label, size_t l, struct czi_slice base, size_t at,
                             bool is_hex)
{
    struct match m = {.label_at = l, .at = at, .is_hex = is_hex};

    while (at + m.part_len < base.len &&
           label_byte(label, l + m.len, is_hex) == base.data[at + m.part_len]) {
        m.part_len++;
        m.len += is_hex ? 2 : 1;
    }
    return m;
}

static void pay(struct study *s, size_t steps)
{
    s->steps -= (unsigned)CZI_MIN(s->steps, steps);
}

/* The longest one that begins at l in the label. */
static struct match longest_at(struct study *s, struct czi_slice label, size_t l,
                               struct czi_slice base, bool is_hex)
{
    struct match best = {0};
    int byte = label_byte(label, l, is_hex);
    const uint8_t *at = base.data;

    while (byte >= 0 && s->steps && at < base.data + base.len) {
        size_t left = base.len - (size_t)(at - base.data);
        struct match m;

        at = memchr(at, byte, left);
        pay(s, 1 + left / 32);
        if (!at)
            break;
        m = match_at(label, l, base, (size_t)(at - base.data), is_hex);
        pay(s, m.part_len);
        if (m.len > best.len)
            best = m;
        at++;
    }
    return best;
}

/* The longest part of a label that lies in a base; len 0: none. */
static struct match longest(struct study *s, struct czi_slice label, struct czi_slice base,
                            bool is_hex)
{
    struct match best = {0};

    for (size_t l = 0; l < label.len && base.len; l++) {
        struct match m = longest_at(s, label, l, base, is_hex);

        if (m.len > best.len)
            best = m;
    }
    return best;
}

static void propose_part(struct study *s, const struct czi_access *a, struct czi_slice label,
                         unsigned base, struct match m)
{
    struct czi_slice b = czi_rule_base(s->in, base);
    size_t end = m.at + m.part_len, suffix = label.len - m.label_at - m.len;
    struct czi_rule r = {.from = m.is_hex ? CZ_TEMPLATE_OWN_HEX : CZ_TEMPLATE_OWN_LABEL,
                         .base = (uint8_t)base,
                         .prefix_len = (uint8_t)m.label_at,
                         .suffix_len = (uint8_t)suffix,
                         .offset = (uint16_t)m.at,
                         .length = (uint16_t)m.part_len};

    memcpy(r.affix, label.data, m.label_at);
    memcpy(r.affix + m.label_at, label.data + m.label_at + m.len, suffix);
    if (base != CZI_BASE_INPUT || (end < b.len && (m.is_hex || b.data[end] != 0))) {
        propose(s, &r, a->writable);
        return;
    }
    /* A name may fill its room, or the rest of the input: others will be as long as they are.
     */
    if (!m.is_hex)
        r.length = CZI_RULE_TO_END;
    propose(s, &r, a->writable);
}

static bool propose_labels(struct study *s, const struct czi_access *a)
{
    const uint8_t *creator;
    struct czi_slice label;
    bool found = false;

    if (!s->p->name || !s->p->name(s->p->name_arg, a->id, &creator, &label) ||
        !czi_id_equal(creator, s->in->code_id))
        return false;
    for (unsigned base = 0; base < CZI_BASES; base++) {
        for (unsigned hex = 0; hex < 2; hex++) {
            struct match m = longest(s, label, looked_at(s, base), hex != 0);

            if (m.len && label.len - m.len <= CZI_RULE_AFFIX_MAX) {
                propose_part(s, a, label, base, m);
                found = true;
            }
        }
    }
    return found;
}

static void propose_fixed(struct study *s, const struct czi_access *a)
{
    struct czi_rule r = {.from = CZ_TEMPLATE_FIXED_ID, .prefix_len = sizeof(cz_id)};

    memcpy(r.affix, a->id, sizeof(cz_id));
    propose(s, &r, a->writable);
}

/* ---- Studying ------------------------------------------------------------------------------
 */

/* Rules that are not used: does one explain what is open? */
static bool try_others(struct study *s)
{
    uint64_t tried = ~s->f->active[s->class];
    bool found = false;

    for (unsigned n = 0; n < s->f->rule_count; n++) {
        uint8_t id[32];
        unsigned place;

        if (!(tried >> n & 1) || !czi_rule_id(&s->f->rules[n], s->in, id))
            continue;
        place = place_of(s, id);
        if (place < s->count && !(s->open >> place & 1))
            continue; /* another rule has it */
        if (place < s->count) {
            s->open &= ~(UINT64_C(1) << place);
            found = true;
        }
        czi_profile_count(s->f, n, s->class, place < s->count,
                          place < s->count && s->accesses[place].writable);
    }
    return found;
}

static bool may_study(struct czi_profile *f)
{
    if (f->skip) {
        f->skip--;
        return false;
    }
    if (!f->tokens)
        return false;
    f->tokens--;
    return true;
}

static void study_miss(struct study *s)
{
    struct czi_profile *f = s->f;

    if (!may_study(f))
        return;
    if (try_others(s))
        f->back_off = 0;
    for (unsigned i = 0; i < s->count; i++) {
        const struct czi_access *a = &s->accesses[i];

        if (!(s->open >> i & 1))
            continue;
        /* An id that is found in neither may be the same each time. */
        if (!propose_ids(s, a) && !propose_labels(s, a))
            propose_fixed(s, a);
    }
    f->skip = f->back_off;
    f->back_off = CZI_MIN(2 * f->back_off + (f->runs > TOKENS_MAX), BACK_OFF_MAX);
}

/* Runs before their turn cost something when they are in vain. */
static void count_ahead(struct czi_profile *f, bool ahead, bool again)
{
    enum { KEPT = 32, ENOUGH = 8, HOLD = 64 };

    if (f->hold)
        f->hold--;
    if (!ahead)
        return;
    f->ahead++;
    f->in_vain += again;
    if (f->ahead >= ENOUGH && 4 * f->in_vain > 3 * f->ahead) {
        f->hold = HOLD;
        f->ahead = f->in_vain = 0;
    } else if (f->ahead == KEPT) {
        f->ahead /= 2;
        f->in_vain /= 2;
    }
}

static enum czi_predict_verdict judge(const struct study *s, const struct czi_prediction *was)
{
    unsigned touched = 0, found = 0, extra = 0;

    for (unsigned i = 0; i < s->count; i++)
        touched += is_touched(s, i);
    for (unsigned i = 0; i < was->count; i++) {
        unsigned place = place_of(s, was->accesses[i].id);

        if (place == s->count || (was->accesses[i].write && !s->accesses[place].writable))
            extra++;
        if (place < s->count && (was->accesses[i].write || !s->accesses[place].writable))
            found++;
    }
    return found < touched ? CZI_PREDICT_MISSED
           : extra         ? CZI_PREDICT_TOO_WIDE
                           : CZI_PREDICT_HIT;
}

/* The rules that were used. */
static void count_used(struct study *s, const struct czi_prediction *used)
{
    for (unsigned i = 0; i < s->count; i++)
        s->open |= (uint64_t)is_touched(s, i) << i;
    for (unsigned i = 0; i < used->count; i++) {
        unsigned place = place_of(s, used->accesses[i].id);
        bool hit = place < s->count;

        czi_profile_count(s->f, used->accesses[i].rule, s->class, hit,
                          hit && s->accesses[place].writable);
        if (hit)
            s->open &= ~(UINT64_C(1) << place);
    }
}

static void keep_seen(struct study *s)
{
    for (unsigned i = 0; i < s->count; i++)
        if (is_touched(s, i))
            memcpy(&s->p->seen[s->p->seen_count++ % CZI_COUNTOF(s->p->seen)], s->accesses[i].id,
                   sizeof(cz_id));
}

enum czi_predict_verdict czi_predict_learn(struct czi_predictor *p,
                                           const struct czi_predict_input *in,
                                           const struct czi_prediction *was,
                                           const struct czi_access *accesses, unsigned count,
                                           bool ahead, bool again)
{
    struct study s = {.p = p, .in = in, .accesses = accesses, .steps = STEPS_MAX};
    enum czi_predict_verdict verdict;
    struct czi_prediction now;
    const struct czi_prediction *used = was;

    CZI_CHECK(count <= CZI_ACCESSES_MAX);
    s.count = count;
    verdict = was ? judge(&s, was) : CZI_PREDICT_MISSED;
    if (CZI_UNLIKELY(p->force != CZI_PREDICT_AS_KNOWN))
        keep_seen(&s);
    s.f = czi_profile_of(p, in);
    if (!s.f)
        return verdict;
    s.class = czi_profile_class(s.f, in->input, true);
    if (!was || was->version != s.f->version) {
        czi_profile_predict(p, s.f, in, s.class, &now);
        used = &now;
    }
    s.f->runs++;
    if (s.f->runs % RUNS_A_STUDY == 0 && s.f->tokens < TOKENS_MAX)
        s.f->tokens++;
    count_ahead(s.f, ahead, again);
    count_used(&s, used);
    if (s.open && (p->sources & CZI_PREDICT_PROFILE))
        study_miss(&s);
    return verdict;
}
