/* reference.c - see reference.h. */
#include "reference.h"

#include "base/check.h"
#include "codec/blake3.h"
#include "codec/dag_cbor.h"

#include <stdlib.h>

/* ---- Arrays that grow, searched from one end to the other ---------------------------------
 */

static void *append(void *array, size_t *count, size_t size)
{
    char *fresh = realloc(array, (*count + 1) * size);

    CZI_CHECK(fresh);
    memset(fresh + *count * size, 0, size);
    ++*count;
    return fresh;
}

static bool same(const cz_id *a, const cz_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static struct ref_resource *find(const struct ref_model *m, const cz_id *id)
{
    for (size_t i = 0; i < m->resource_count; i++)
        if (same(&m->resources[i].id, id))
            return &m->resources[i];
    return NULL;
}

static struct ref_done *find_done(const struct ref_model *m, const cz_id *effect)
{
    for (size_t i = 0; i < m->done_count; i++)
        if (same(&m->done[i].effect, effect))
            return &m->done[i];
    return NULL;
}

static struct ref_task *find_task(const struct ref_model *m, const struct ref_effect *e)
{
    for (size_t i = 0; i < m->task_count; i++)
        if (m->tasks[i].task == e->task && same(&m->tasks[i].program, &e->program))
            return &m->tasks[i];
    return NULL;
}

static struct ref_origin *find_origin(struct ref_model *m, const cz_id *id)
{
    for (size_t i = 0; i < m->origin_count; i++)
        if (same(&m->origins[i].id, id))
            return &m->origins[i];
    m->origins = append(m->origins, &m->origin_count, sizeof *m->origins);
    m->origins[m->origin_count - 1].id = *id;
    return &m->origins[m->origin_count - 1];
}

void ref_free(struct ref_model *m)
{
    free(m->resources);
    free(m->done);
    free(m->origins);
    free(m->tasks);
    free(m->programs);
    ref_book_free(&m->book);
    *m = (struct ref_model){0};
}

/* ---- Canonical bytes ------------------------------------------------------------------------
 */

/* All accesses as the canonical form has them: writes, then reads, each ascending. */
struct accesses {
    struct ref_access at[REF_ACCESSES_MAX];
    unsigned count, writes;
};

static void declare(struct accesses *a, const cz_id *id, bool written)
{
    for (unsigned i = 0; i < a->count; i++)
        if (same(&a->at[i].id, id)) {
            a->at[i].written |= written;
            return;
        }
    CZI_CHECK(a->count < REF_ACCESSES_MAX);
    a->at[a->count++] = (struct ref_access){*id, written};
}

static int by_mode_and_id(const void *a, const void *b)
{
    const struct ref_access *x = a, *y = b;

    if (x->written != y->written)
        return x->written ? -1 : 1;
    return memcmp(&x->id, &y->id, sizeof x->id);
}

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(cz_id));
}

static bool has_two(enum ref_code code)
{
    return code == REF_TRANSFER || code == REF_MOVE;
}

static struct accesses accesses_of(const struct ref_effect *e)
{
    struct accesses a = {.count = 0};

    for (unsigned i = 0; i < e->op_count; i++) {
        declare(&a, &e->ops[i].a, e->ops[i].code != REF_REQUIRE);
        if (has_two(e->ops[i].code))
            declare(&a, &e->ops[i].b, true);
    }
    for (unsigned i = 0; i < e->declared_count; i++)
        declare(&a, &e->declared[i].id, e->declared[i].written);
    qsort(a.at, a.count, sizeof *a.at, by_mode_and_id);
    while (a.writes < a.count && a.at[a.writes].written)
        a.writes++;
    return a;
}

static unsigned number_of(const struct accesses *a, const cz_id *id)
{
    unsigned i = 0;

    while (!same(&a->at[i].id, id))
        i++;
    return i;
}

static uint8_t *put_text(uint8_t *p, const char *s)
{
    return czi_cbor_put_text(p, s, strlen(s));
}

static uint8_t *put_creation(uint8_t *p, const struct ref_op *op)
{
    const cz_creation *c = &op->creation;

    p = czi_cbor_put_bytes(p, &c->creator, 32);
    p = put_text(p, c->label);
    p = czi_cbor_put_uint(p, c->kind);
    p = c->kind == CZ_DATA ? czi_cbor_put_null(p) : put_text(p, c->asset);
    p = c->kind == CZ_FUNGIBLE   ? czi_cbor_put_quantity(p, c->quantity)
        : c->kind == CZ_POSITION ? czi_cbor_put_null(p)
                                 : czi_cbor_put_bytes(p, op->data, op->data_len);
    p = czi_cbor_put_bytes(p, &c->controller, 32);
    return czi_cbor_put_bool(p, c->if_absent);
}

static uint8_t *put_requirement(uint8_t *p, const cz_requirement *r)
{
    p = r->has_state ? czi_cbor_put_uint(p, r->state) : czi_cbor_put_null(p);
    p = r->has_version ? czi_cbor_put_uint(p, r->version) : czi_cbor_put_null(p);
    return r->has_quantity ? czi_cbor_put_quantity(p, r->quantity) : czi_cbor_put_null(p);
}

static uint8_t *put_op(uint8_t *p, const struct accesses *a, const struct ref_op *op)
{
    static const uint8_t lengths[] = {
        [REF_CREATE] = 9,  [REF_TRANSFER] = 4, [REF_MOVE] = 4,   [REF_WRITE] = 3,
        [REF_LOCK] = 2,    [REF_UNLOCK] = 2,   [REF_FREEZE] = 2, [REF_UNFREEZE] = 2,
        [REF_CONSUME] = 2, [REF_ARCHIVE] = 2,  [REF_REQUIRE] = 5};

    p = czi_cbor_put_array(p, lengths[op->code]);
    p = czi_cbor_put_uint(p, op->code);
    p = czi_cbor_put_uint(p, number_of(a, &op->a));
    if (op->code == REF_CREATE)
        p = put_creation(p, op);
    if (has_two(op->code)) {
        p = czi_cbor_put_uint(p, number_of(a, &op->b));
        p = czi_cbor_put_quantity(p, op->quantity);
    }
    if (op->code == REF_WRITE)
        p = czi_cbor_put_bytes(p, op->data, op->data_len);
    if (op->code == REF_REQUIRE)
        p = put_requirement(p, &op->requirement);
    return p;
}

static uint8_t *put_links(uint8_t *p, const cz_id *ids, unsigned count)
{
    cz_id sorted[REF_CITATIONS_MAX];

    memcpy(sorted, ids, count * sizeof *ids);
    qsort(sorted, count, sizeof *sorted, by_id);
    p = czi_cbor_put_array(p, count);
    for (unsigned i = 0; i < count; i++)
        p = czi_cbor_put_link(p, &sorted[i]);
    return p;
}

static bool is_plain(const struct ref_cited *c)
{
    return c->policy == CZ_STILL_TRUE && !c->optional && c->finality == CZ_SEEN &&
           !c->has_max_age && !c->purpose[0];
}

/* Ascending by the fact, which is the first member. Returns whether all are plain. */
static bool sort_facts(const struct ref_effect *e, struct ref_cited sorted[REF_CITATIONS_MAX])
{
    bool plain = true;

    memcpy(sorted, e->facts, e->fact_count * sizeof *sorted);
    qsort(sorted, e->fact_count, sizeof *sorted, by_id);
    for (unsigned i = 0; i < e->fact_count; i++)
        plain = plain && is_plain(&sorted[i]);
    return plain;
}

static uint8_t *put_full(uint8_t *p, const struct ref_effect *e, const struct ref_cited *facts,
                         unsigned terms)
{
    p = czi_cbor_put_array(p, terms);
    for (unsigned i = 0; i < terms; i++) {
        p = czi_cbor_put_array(p, 6);
        p = czi_cbor_put_uint(p, facts[i].policy);
        p = czi_cbor_put_bool(p, facts[i].optional);
        p = czi_cbor_put_uint(p, facts[i].finality);
        p = czi_cbor_put_uint(p, facts[i].depth);
        p = facts[i].has_max_age ? czi_cbor_put_uint(p, facts[i].max_age)
                                 : czi_cbor_put_null(p);
        p = facts[i].purpose[0] ? put_text(p, facts[i].purpose) : czi_cbor_put_null(p);
    }
    p = e->has_time ? czi_cbor_put_link(p, &e->time) : czi_cbor_put_null(p);
    if (!e->has_program)
        return czi_cbor_put_null(p);
    p = czi_cbor_put_array(p, 2);
    p = czi_cbor_put_bytes(p, &e->program, 32);
    return czi_cbor_put_uint(p, e->task);
}

size_t ref_encode(const struct ref_effect *e, uint8_t *out)
{
    struct accesses a = accesses_of(e);
    struct ref_cited facts[REF_CITATIONS_MAX];
    bool plain = sort_facts(e, facts), full = !plain || e->has_time || e->has_program;
    uint8_t *p = czi_cbor_put_array(out, full ? 13 : 10);

    p = czi_cbor_put_uint(p, full ? 13 : 1);
    p = czi_cbor_put_bytes(p, &e->origin, 32);
    p = czi_cbor_put_uint(p, e->nonce);
    p = czi_cbor_put_uint(p, e->priority);
    p = czi_cbor_put_array(p, a.writes);
    for (unsigned i = 0; i < a.count; i++) {
        if (i == a.writes)
            p = czi_cbor_put_array(p, a.count - a.writes);
        p = czi_cbor_put_bytes(p, &a.at[i].id, 32);
    }
    if (a.writes == a.count)
        p = czi_cbor_put_array(p, 0);
    p = czi_cbor_put_array(p, e->op_count + e->has_note);
    if (e->has_note) {
        p = czi_cbor_put_array(p, 2);
        p = czi_cbor_put_uint(p, 12);
        p = czi_cbor_put_bytes(p, e->note, e->note_len);
    }
    for (unsigned i = 0; i < e->op_count; i++)
        p = put_op(p, &a, &e->ops[i]);
    p = czi_cbor_put_array(p, e->fact_count);
    for (unsigned i = 0; i < e->fact_count; i++)
        p = czi_cbor_put_link(p, &facts[i].fact);
    p = put_links(p, e->after, e->after_count);
    if (full)
        p = put_full(p, e, facts, plain ? 0 : e->fact_count);
    p = czi_cbor_put_null(p);
    CZI_CHECK((size_t)(p - out) <= REF_EFFECT_SIZE_MAX);
    return (size_t)(p - out);
}

/* ---- Operations, on the resources themselves; the caller puts all back when one fails -------
 */

/* Issuing q more would bring an asset's supply beyond 128 bits. */
static bool overflows(const struct ref_model *m, const char *asset, cz_quantity q)
{
    for (size_t i = 0; i < m->resource_count; i++) {
        const struct ref_resource *r = &m->resources[i];

        if (r->kind == CZ_FUNGIBLE && strcmp(r->asset, asset) == 0 &&
            __builtin_add_overflow(q, r->quantity, &q))
            return true;
    }
    return false;
}

static void set_data(struct ref_resource *r, const struct ref_op *op)
{
    memcpy(r->data, op->data, op->data_len);
    r->data_len = op->data_len;
    czi_blake3(r->data, r->data_len, r->data_hash.bytes);
}

static enum cz_reason create(struct ref_model *m, const struct ref_op *op)
{
    const cz_creation *c = &op->creation;
    struct ref_resource *r = find(m, &op->a);

    if (r)
        return c->if_absent && r->kind == c->kind &&
                       (c->kind == CZ_DATA || strcmp(r->asset, c->asset) == 0)
                   ? CZ_APPLIED
                   : CZ_EXISTS;
    if (c->kind == CZ_FUNGIBLE && overflows(m, c->asset, c->quantity))
        return CZ_OVERFLOW;
    m->resources = append(m->resources, &m->resource_count, sizeof *m->resources);
    r = &m->resources[m->resource_count - 1];
    r->id = op->a;
    r->creator = c->creator;
    r->controller = c->controller;
    r->kind = c->kind;
    r->quantity = c->quantity;
    strcpy(r->label, c->label);
    if (c->kind == CZ_DATA)
        set_data(r, op);
    else
        strcpy(r->asset, c->asset);
    return CZ_APPLIED;
}

/* transfer and move: the same but for the kind and the lower bound. */
static enum cz_reason pay(struct ref_resource *from, struct ref_resource *to,
                          const struct ref_op *op, enum ref_fault fault)
{
    enum cz_kind kind = op->code == REF_TRANSFER ? CZ_FUNGIBLE : CZ_POSITION;
    cz_quantity less, more;

    if (from->kind != kind || to->kind != kind)
        return CZ_WRONG_KIND;
    if (strcmp(from->asset, to->asset) != 0)
        return CZ_WRONG_ASSET;
    if (from->state != CZ_ACTIVE || to->state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    if (kind == CZ_FUNGIBLE && from->quantity < op->quantity)
        return fault == REF_LOST_REASON ? CZ_WRONG_STATE : CZ_OVERDRAFT;
    if (from == to || (fault == REF_LOST_MOVE && op->quantity == 5))
        return CZ_APPLIED;
    if (__builtin_sub_overflow(from->quantity, op->quantity, &less) ||
        __builtin_add_overflow(to->quantity, op->quantity, &more))
        return CZ_OVERFLOW;
    from->quantity = less;
    to->quantity = more;
    return CZ_APPLIED;
}

static enum cz_reason lifecycle(struct ref_resource *r, enum ref_code code)
{
    static const struct {
        enum ref_code code;
        enum cz_state from, to;
    } legal[] = {
        {REF_LOCK, CZ_ACTIVE, CZ_LOCKED},      {REF_UNLOCK, CZ_LOCKED, CZ_ACTIVE},
        {REF_FREEZE, CZ_ACTIVE, CZ_FROZEN},    {REF_UNFREEZE, CZ_FROZEN, CZ_ACTIVE},
        {REF_CONSUME, CZ_ACTIVE, CZ_CONSUMED}, {REF_CONSUME, CZ_LOCKED, CZ_CONSUMED},
        {REF_ARCHIVE, CZ_ACTIVE, CZ_ARCHIVED}, {REF_ARCHIVE, CZ_FROZEN, CZ_ARCHIVED},
    };

    for (size_t i = 0; i < CZI_COUNTOF(legal); i++) {
        if (legal[i].code != code || legal[i].from != r->state)
            continue;
        if (r->quantity != 0 &&
            (code == REF_ARCHIVE || (code == REF_CONSUME && r->kind == CZ_POSITION)))
            return CZ_NOT_EMPTY;
        if (code == REF_CONSUME)
            r->quantity = 0;
        r->state = legal[i].to;
        return CZ_APPLIED;
    }
    return CZ_WRONG_STATE;
}

static enum cz_reason require(const struct ref_resource *r, const cz_requirement *q)
{
    if (q->has_state && r->state != q->state)
        return CZ_REQUIRE_STATE;
    if (q->has_version && r->version != q->version)
        return CZ_REQUIRE_VERSION;
    if (q->has_quantity && (r->kind == CZ_DATA || r->quantity < q->quantity))
        return CZ_REQUIRE_QUANTITY;
    return CZ_APPLIED;
}

static enum cz_reason run(struct ref_model *m, const struct ref_op *op)
{
    struct ref_resource *a = find(m, &op->a), *b = has_two(op->code) ? find(m, &op->b) : a;

    if (op->code == REF_CREATE)
        return create(m, op);
    if (!a || !b)
        return CZ_UNKNOWN_RESOURCE;
    switch (op->code) {
    case REF_TRANSFER:
    case REF_MOVE:
        return pay(a, b, op, m->fault);
    case REF_WRITE:
        if (a->kind != CZ_DATA)
            return CZ_WRONG_KIND;
        if (a->state != CZ_ACTIVE)
            return CZ_WRONG_STATE;
        set_data(a, op);
        return CZ_APPLIED;
    case REF_REQUIRE:
        return require(a, &op->requirement);
    default:
        return lifecycle(a, op->code);
    }
}

/* ---- Effects --------------------------------------------------------------------------------
 */

/* All positions of an asset are zero together; fungibles are never negative. */
static void check_conservation(const struct ref_model *m)
{
    for (size_t i = 0; i < m->resource_count; i++) {
        const struct ref_resource *r = &m->resources[i];
        unsigned __int128 sum = 0;

        CZI_CHECK(r->kind == CZ_POSITION || r->quantity >= 0);
        for (size_t k = 0; k < m->resource_count && r->kind == CZ_POSITION; k++)
            if (m->resources[k].kind == CZ_POSITION &&
                strcmp(m->resources[k].asset, r->asset) == 0)
                sum += (unsigned __int128)m->resources[k].quantity;
        CZI_CHECK(sum == 0 || m->fault == REF_LOST_MOVE);
    }
}

/* Facts, then predecessors. */
static enum cz_reason check_citations(const struct ref_model *m, const struct ref_effect *e,
                                      const struct czi_dependency *facts, struct ref_done *d,
                                      uint64_t *ret_holds)
{
    enum cz_reason reason = ref_book_check(&m->book, facts, e->fact_count, ret_holds);

    for (unsigned i = 0; i < e->fact_count && !reason; i++)
        d->left_out |= (uint64_t)!(*ret_holds >> i & 1) << i;
    for (unsigned i = 0; i < e->after_count && !reason; i++) {
        const struct ref_done *before = find_done(m, &e->after[i]);

        if (!before || before->reason)
            reason = CZ_UNKNOWN_PREDECESSOR;
    }
    return reason;
}

static void make_dependencies(const struct ref_effect *e,
                              struct ref_cited facts[REF_CITATIONS_MAX],
                              struct czi_dependency ret[REF_CITATIONS_MAX])
{
    (void)sort_facts(e, facts);
    for (unsigned i = 0; i < e->fact_count; i++) {
        const struct ref_cited *c = &facts[i];

        ret[i] = (struct czi_dependency){.fact = c->fact.bytes,
                                         .terms = {.policy = (uint8_t)c->policy,
                                                   .finality = (uint8_t)c->finality,
                                                   .optional = c->optional,
                                                   .has_max_age = c->has_max_age,
                                                   .depth = c->depth,
                                                   .max_age = c->max_age}};
        if (c->purpose[0])
            ret[i].terms.purpose =
                (struct czi_slice){(const uint8_t *)c->purpose, strlen(c->purpose)};
    }
}

/* The operations in order, then accesses that no operation uses. */
static enum cz_reason try_all(struct ref_model *m, const struct ref_effect *e,
                              const struct accesses *a)
{
    enum cz_reason reason = CZ_APPLIED;

    for (unsigned i = 0; i < e->op_count && !reason; i++)
        reason = run(m, &e->ops[i]);
    for (unsigned i = 0; i < a->count && !reason; i++)
        if (!find(m, &a->at[i].id))
            reason = CZ_UNKNOWN_RESOURCE;
    return reason;
}

/* One more than that of every resource it names, of what it follows and of its task's effect
 * before. */
static uint64_t lamport_of(const struct ref_model *m, const struct ref_effect *e,
                           const struct accesses *a)
{
    const struct ref_task *t = e->has_program ? find_task(m, e) : NULL;
    uint64_t max = t ? t->lamport : 0;

    if (m->fault == REF_NO_LAMPORT && m->done_count)
        return m->done[m->done_count - 1].lamport + 1;
    for (unsigned i = 0; i < a->count; i++) {
        const struct ref_resource *r = find(m, &a->at[i].id);

        max = r ? CZI_MAX(max, r->lamport) : max;
    }
    for (unsigned i = 0; i < e->after_count; i++) {
        const struct ref_done *d = find_done(m, &e->after[i]);

        max = d ? CZI_MAX(max, d->lamport) : max;
    }
    return max + 1;
}

/* ---- Vector clocks -------------------------------------------------------------------------
 */

/* At least so many events of the task, at its place; false: no room. */
static bool raise_part(struct ref_clock *c, uint32_t task, uint64_t count)
{
    unsigned i = 0;

    while (i < c->count && c->parts[i].task < task)
        i++;
    if (i == c->count || c->parts[i].task != task) {
        if (c->count == CZI_CLOCK_TASKS_MAX)
            return false;
        memmove(&c->parts[i + 1], &c->parts[i], (c->count - i) * sizeof c->parts[0]);
        c->parts[i] = (cz_clock_part){.task = task};
        c->count++;
    }
    c->parts[i].count = CZI_MAX(c->parts[i].count, count);
    return true;
}

static bool merge_clock(struct ref_clock *into, const struct ref_clock *from)
{
    bool fits = true;

    for (unsigned i = 0; from->any && same(&from->program, &into->program) && i < from->count;
         i++)
        fits = fits && raise_part(into, from->parts[i].task, from->parts[i].count);
    return fits;
}

/* What the task knew, what it follows and what it touches was last written with, and one event
 * more. None when that does not fit. */
static struct ref_clock clock_of(const struct ref_model *m, const struct ref_effect *e,
                                 const struct accesses *a)
{
    struct ref_clock c = {.any = true, .program = e->program};
    const struct ref_task *t = find_task(m, e);
    uint64_t own = 0;
    bool fits = !t || merge_clock(&c, &t->clock);

    for (unsigned i = 0; i < e->after_count; i++) {
        const struct ref_done *d = find_done(m, &e->after[i]);

        fits = fits && (!d || merge_clock(&c, &d->clock));
    }
    for (unsigned i = 0; i < a->count && m->fault != REF_NO_MERGE; i++) {
        const struct ref_resource *r = find(m, &a->at[i].id);

        fits = fits && (!r || merge_clock(&c, &r->clock));
    }
    for (unsigned i = 0; i < c.count; i++)
        if (c.parts[i].task == e->task)
            own = c.parts[i].count;
    if (!fits || !raise_part(&c, e->task, own + 1))
        return (struct ref_clock){.any = false};
    return c;
}

static void keep_task(struct ref_model *m, const struct ref_effect *e, const struct ref_done *d)
{
    struct ref_task *t = find_task(m, e);

    if (!d->clock.any)
        return;
    if (!t) {
        m->tasks = append(m->tasks, &m->task_count, sizeof *m->tasks);
        t = &m->tasks[m->task_count - 1];
        t->program = e->program;
        t->task = e->task;
    }
    t->clock = d->clock;
    t->lamport = d->lamport;
}

/* ---- Receipts ------------------------------------------------------------------------------
 */

static uint8_t *put_clock(uint8_t *p, const struct ref_clock *c)
{
    if (!c->any)
        return czi_cbor_put_null(p);
    p = czi_cbor_put_array(p, c->count);
    for (unsigned i = 0; i < c->count; i++) {
        p = czi_cbor_put_array(p, 2);
        p = czi_cbor_put_uint(p, c->parts[i].task);
        p = czi_cbor_put_uint(p, c->parts[i].count);
    }
    return p;
}

static void receipt(const struct ref_model *m, struct ref_done *d, const struct accesses *a)
{
    uint8_t bytes[REF_ACCESSES_MAX * 60 + CZI_CLOCK_TASKS_MAX * 15 + 300];
    uint8_t *p = czi_cbor_put_array(bytes, 9);
    cz_id time = ref_book_time(&m->book), none = {{0}};

    p = czi_cbor_put_uint(p, 3);
    p = czi_cbor_put_link(p, &d->effect);
    p = czi_cbor_put_uint(p, d->position);
    p = czi_cbor_put_uint(p, d->lamport);
    p = same(&time, &none) || m->fault == REF_NO_TIME ? czi_cbor_put_null(p)
                                                      : czi_cbor_put_link(p, &time);
    p = put_clock(p, &d->clock);
    p = czi_cbor_put_array(p, (unsigned)__builtin_popcountll(d->left_out));
    for (unsigned i = 0; i < REF_CITATIONS_MAX; i++)
        if (d->left_out >> i & 1)
            p = czi_cbor_put_uint(p, i);
    p = czi_cbor_put_uint(p, d->reason);
    p = czi_cbor_put_array(p, a->count);
    for (unsigned i = 0; i < a->count; i++) {
        const struct ref_resource *r = find(m, &a->at[i].id);

        if (d->reason || i >= a->writes) {
            p = czi_cbor_put_uint(p, r ? r->version : 0);
            continue;
        }
        p = czi_cbor_put_array(p, 3);
        p = czi_cbor_put_uint(p, r->version);
        p = czi_cbor_put_uint(p, r->state);
        p = r->kind == CZ_DATA ? czi_cbor_put_bytes(p, &r->data_hash, 32)
                               : czi_cbor_put_quantity(p, r->quantity);
    }
    czi_blake3(bytes, (size_t)(p - bytes), d->receipt.bytes);
}

/* The next node of a log. */
static void extend(uint8_t head[32], const cz_id *item)
{
    static const uint8_t none[32];
    uint8_t bytes[128], *p = czi_cbor_put_array(bytes, 2);
    cz_id previous;

    memcpy(&previous, head, sizeof previous);
    p = memcmp(head, none, 32) ? czi_cbor_put_link(p, &previous) : czi_cbor_put_null(p);
    p = czi_cbor_put_link(p, item);
    czi_blake3(bytes, (size_t)(p - bytes), head);
}

/* The effect is the next entry of its program's log. */
static void enter(struct ref_model *m, const struct ref_done *d)
{
    struct ref_program *p = NULL;

    if (m->fault == REF_NO_REJECTED && d->reason)
        return;
    for (size_t i = 0; i < m->program_count; i++)
        if (same(&m->programs[i].program, &d->program))
            p = &m->programs[i];
    if (!p) {
        m->programs = append(m->programs, &m->program_count, sizeof *m->programs);
        p = &m->programs[m->program_count - 1];
        p->program = d->program;
        p->first = d->position;
    }
    extend(p->head, &d->receipt);
    p->entries++;
    p->last = d->position;
}

static void commit(struct ref_model *m, const struct accesses *a, const struct ref_done *d)
{
    for (unsigned i = 0; i < a->writes; i++) {
        struct ref_resource *r = find(m, &a->at[i].id);
        bool skip = m->fault == REF_NO_VERSION && i == 0 && d->position % 16 == 0;

        r->version += !skip;
        r->position = d->position;
        r->lamport = d->lamport;
        if (d->clock.any)
            r->clock = d->clock;
    }
    check_conservation(m);
}

static cz_result result_of(const struct ref_done *d, bool again)
{
    return (cz_result){.effect = d->effect,
                       .receipt = d->receipt,
                       .has_receipt = true,
                       .position = d->position,
                       .reason = d->reason,
                       .status = again       ? CZ_STATUS_DUPLICATE
                                 : d->reason ? CZ_STATUS_REJECTED
                                             : CZ_STATUS_APPLIED};
}

/* A nonce that was passed: the same effect as before, or another one. */
static cz_result not_new(struct ref_model *m, const cz_id *id)
{
    const struct ref_done *first = find_done(m, id);

    if (!first)
        return (cz_result){.effect = *id, .status = CZ_STATUS_REJECTED, .reason = CZ_NONCE};
    m->duplicates++;
    return result_of(first, true);
}

cz_result ref_apply(struct ref_model *m, const struct ref_effect *e)
{
    struct accesses a = accesses_of(e);
    struct ref_origin *origin = find_origin(m, &e->origin);
    struct ref_done d = {.position = m->done_count + 1, .lamport = lamport_of(m, e, &a)};
    struct ref_cited facts[REF_CITATIONS_MAX];
    struct czi_dependency dependencies[REF_CITATIONS_MAX];
    struct ref_resource *before;
    size_t count = m->resource_count;
    uint8_t bytes[REF_EFFECT_SIZE_MAX];
    uint64_t holds = 0;

    czi_blake3(bytes, ref_encode(e, bytes), d.effect.bytes);
    if (e->nonce < origin->next_nonce)
        return not_new(m, &d.effect);
    origin->next_nonce = e->nonce + 1;
    before = malloc(count * sizeof *before + 1);
    CZI_CHECK(before);
    if (count)
        memcpy(before, m->resources, count * sizeof *before);
    make_dependencies(e, facts, dependencies);
    d.reason = check_citations(m, e, dependencies, &d, &holds);
    if (e->has_program)
        d.clock = clock_of(m, e, &a);
    if (!d.reason && e->has_program && !d.clock.any)
        d.reason = CZ_FULL;
    if (!d.reason)
        d.reason = try_all(m, e, &a);
    if (d.reason) {
        if (count)
            memcpy(m->resources, before, count * sizeof *before);
        m->resource_count = count;
        m->rejected++;
    } else {
        commit(m, &a, &d);
        m->applied++;
        for (unsigned i = 0; i < e->fact_count && m->fault != REF_NO_USE; i++)
            if (holds >> i & 1 && facts[i].purpose[0])
                ref_book_consume(&m->book, &dependencies[i]);
    }
    if (e->has_program)
        keep_task(m, e, &d);
    free(before);
    receipt(m, &d, &a);
    for (unsigned i = 0; i < a.writes && !d.reason; i++)
        extend(find(m, &a.at[i].id)->head.bytes, &d.receipt);
    d.has_program = e->has_program;
    d.program = e->program;
    if (d.has_program)
        enter(m, &d);
    m->done = append(m->done, &m->done_count, sizeof *m->done);
    m->done[m->done_count - 1] = d;
    return result_of(&d, false);
}

cz_result ref_record(struct ref_model *m, const void *bytes, size_t len)
{
    cz_result r = {.status = CZ_STATUS_APPLIED};
    struct czi_item *item = malloc(sizeof *item);
    struct ref_domain *d;

    CZI_CHECK(item && !czi_item_decode(bytes, len, item, NULL));
    czi_blake3(bytes, len, r.effect.bytes);
    if (ref_book_find(&m->book, &r.effect) != REF_NONE) {
        m->duplicates++;
        r.status = CZ_STATUS_DUPLICATE;
        free(item);
        return r;
    }
    r.reason = ref_book_take(&m->book, item, &r.effect);
    free(item);
    if (r.reason) {
        r.status = CZ_STATUS_REJECTED;
        return r;
    }
    d = &m->book.domains[m->book.items[m->book.count - 1].domain];
    extend(d->head, &r.effect);
    d->item_count++;
    return r;
}

static int by_resource_id(const void *a, const void *b)
{
    return memcmp(&((const struct ref_resource *)a)->id, &((const struct ref_resource *)b)->id,
                  sizeof(cz_id));
}

void ref_root(const struct ref_model *m, uint8_t out[32])
{
    struct ref_resource *sorted = malloc(m->resource_count * sizeof *sorted + 1);
    uint8_t *bytes = malloc(m->resource_count * 64 + 1), *p = bytes;

    CZI_CHECK(sorted && bytes);
    if (m->resource_count)
        memcpy(sorted, m->resources, m->resource_count * sizeof *sorted);
    qsort(sorted, m->resource_count, sizeof *sorted, by_resource_id);
    for (size_t i = 0; i < m->resource_count; i++, p += 64) {
        memcpy(p, &sorted[i].id, 32);
        memcpy(p + 32, &sorted[i].head, 32);
    }
    czi_blake3(bytes, (size_t)(p - bytes), out);
    free(sorted);
    free(bytes);
}
