/* cite.c - see cite.h. */
#include "engine/cite.h"

#include "base/error.h"
#include "codec/blake3.h"

/* ---- Clocks ------------------------------------------------------------------------------ */

void czi_clock_drop(struct czi_shared_clock *c)
{
    if (c && __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) == 0)
        czi_free(c);
}

static struct czi_shared_clock *new_clock(const cz_id *program, const cz_clock_part *parts,
                                          uint32_t count)
{
    struct czi_shared_clock *c = czi_alloc(sizeof *c + count * sizeof *parts);

    if (!c)
        return NULL;
    c->refs = 1;
    c->count = count;
    c->program = *program;
    memcpy(c->parts, parts, count * sizeof *parts);
    return c;
}

struct czi_shared_clock *czi_clock_copy(const struct czi_shared_clock *c)
{
    return new_clock(&c->program, c->parts, c->count);
}

bool czi_clock_same(const struct czi_shared_clock *a, const struct czi_shared_clock *b)
{
    if (!a || !b)
        return a == b;
    if (a->count != b->count || !czi_id_equal(&a->program, &b->program))
        return false;
    /* Not as bytes: there is padding. */
    for (uint32_t i = 0; i < a->count; i++)
        if (a->parts[i].task != b->parts[i].task || a->parts[i].count != b->parts[i].count)
            return false;
    return true;
}

int czi_predecessor_of(const struct czi_outcome *o, struct czi_predecessor *ret, cz_error *err)
{
    *ret = (struct czi_predecessor){.applied = o->reason == CZ_APPLIED,
                                    .lamport = o->lamport,
                                    .position = o->position};
    if (!o->extra || !o->extra->clock)
        return CZ_OK;
    ret->clock = czi_clock_copy(o->extra->clock);
    return ret->clock ? CZ_OK : czi_nomem(err, "a vector clock");
}

void czi_predecessors_done(struct czi_predecessor *known, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        czi_clock_drop(known[i].clock);
        known[i].clock = NULL;
    }
}

void czi_extras_done(struct czi_buf *extras)
{
    struct czi_extra *x = (struct czi_extra *)(void *)extras->data;

    for (size_t i = 0; i < extras->len / sizeof *x; i++)
        czi_extra_done(&x[i]);
    extras->len = 0;
}

void czi_extra_done(struct czi_extra *x)
{
    czi_clock_drop(x->clock);
    czi_free((void *)(uintptr_t)x->run);
    x->clock = NULL;
    x->run = NULL;
}

/* Merges what is known of the same program. */
static bool merge(struct czi_vector_clock *into, const struct czi_shared_clock *c,
                  const cz_id *program)
{
    struct czi_vector_clock other;

    if (!c || !czi_id_equal(&c->program, program))
        return true;
    other.count = c->count;
    memcpy(other.parts, c->parts, c->count * sizeof *c->parts);
    return czi_clock_merge(into, &other);
}

bool czi_cite_clock(struct czi_core *core, const struct czi_pending *p, struct czi_citing *c,
                    const uint32_t *slots, unsigned count, uint8_t *ret_reason)
{
    struct czi_vector_clock v = {.count = 0};
    uint32_t task, number;
    cz_id program;
    bool fits;

    *ret_reason = CZ_APPLIED;
    memcpy(&program, czi_effect_program(p->bytes, p->len, &p->view, &task), sizeof program);
    number = czi_core_task(core, program.bytes, task, true);
    c->extra.program = number == CZI_ID_NONE ? czi_core_program(core, program.bytes, true)
                                             : core->tasks[number].log;
    if (c->extra.program != CZI_ID_NONE)
        c->extra.program_previous = czi_program_log(core, c->extra.program)->last;
    if (number == CZI_ID_NONE) {
        *ret_reason = CZ_FULL;
        return core->task_ids.count >= CZI_PROGRAM_TASKS_MAX ||
               core->program_ids.count >= CZI_PROGRAMS_MAX;
    }
    c->extra.task_previous = core->tasks[number].position;
    fits = merge(&v, core->tasks[number].clock, &program);
    for (unsigned i = 0; i < p->view.after_count && fits; i++)
        fits = merge(&v, c->before[i].clock, &program);
    for (unsigned i = 0; i < count && fits; i++)
        if (slots[i] != CZI_ID_NONE)
            fits = merge(&v, czi_resource_name(&core->resources, slots[i])->clock, &program);
    if (!fits || !czi_clock_increment(&v, task)) {
        *ret_reason = CZ_FULL;
        return true;
    }
    c->extra.clock = new_clock(&program, v.parts, v.count);
    return c->extra.clock != NULL;
}

static void enter(struct czi_program_log *l, uint64_t position)
{
    l->entries++;
    if (!l->first)
        l->first = position;
    l->last = position;
    l->dirty = true;
}

void czi_cite_task(struct czi_core *core, const struct czi_pending *p, struct czi_citing *c,
                   uint64_t position)
{
    struct czi_task_clock *t;
    const uint8_t *program;
    uint32_t task;

    if (c->extra.program != CZI_ID_NONE)
        enter(czi_program_log(core, c->extra.program), position);
    if (!c->extra.clock)
        return;
    program = czi_effect_program(p->bytes, p->len, &p->view, &task);
    t = &core->tasks[czi_core_task(core, program, task, false)];
    czi_clock_drop(t->clock);
    t->clock = czi_clock_ref(c->extra.clock);
    t->position = position;
    t->lamport = c->lamport;
    t->dirty = true;
}

/* ---- Facts and predecessors -------------------------------------------------------------- */

void czi_cite_list(const uint8_t *bytes, size_t len, const struct czi_effect_view *v,
                   struct czi_citing *c)
{
    struct czi_cbor terms;

    c->fact_count = v->fact_count;
    c->holds = 0;
    for (unsigned i = 0; i < v->fact_count; i++)
        c->facts[i] =
            (struct czi_dependency){.fact = czi_effect_fact(bytes, v, i),
                                    .terms = czi_effect_next_terms(bytes, len, v, i, &terms)};
}

uint8_t czi_cite_facts(const struct czi_book *book, struct czi_citing *c)
{
    for (unsigned i = 0; i < c->fact_count; i++) {
        bool holds = false;
        uint8_t reason = czi_book_check(book, c->facts, i, &holds);

        if (reason)
            return reason;
        c->holds |= (uint64_t)holds << i;
    }
    return CZ_APPLIED;
}

/* Of the task's effect before; 0: there is none. */
static uint64_t task_lamport(const struct czi_core *core, const struct czi_pending *p)
{
    uint32_t task, number;
    const uint8_t *program = czi_effect_program(p->bytes, p->len, &p->view, &task);

    number = czi_core_task((struct czi_core *)(uintptr_t)core, program, task, false);
    return number == CZI_ID_NONE ? 0 : core->tasks[number].lamport;
}

uint8_t czi_cite(const struct czi_core *core, const struct czi_pending *p, struct czi_citing *c,
                 uint64_t *lamport)
{
    const struct czi_effect_view *v = &p->view;
    uint8_t reason;

    c->extra = (struct czi_extra){.after_count = v->after_count,
                                  .has_terms = v->has_terms,
                                  .has_program = v->has_program,
                                  .has_guest = v->has_guest,
                                  .program = CZI_ID_NONE};
    c->before = NULL;
    czi_cite_list(p->bytes, p->len, v, c);
    reason = czi_cite_facts(core->book, c);
    if (!reason && c->fact_count)
        c->extra.left_out = ~c->holds & (UINT64_MAX >> (64 - c->fact_count));
    if (v->after_count)
        c->before = core->predecessors(core->predecessors_arg, p);
    for (unsigned i = 0; i < v->after_count; i++) {
        c->extra.after[i] = c->before[i].position;
        *lamport = CZI_MAX(*lamport, c->before[i].lamport);
        if (!c->before[i].applied && !reason)
            reason = CZ_UNKNOWN_PREDECESSOR;
    }
    if (v->has_program)
        *lamport = CZI_MAX(*lamport, task_lamport(core, p));
    c->lamport = *lamport + 1;
    return reason;
}

bool czi_cite_applied(struct czi_core *core, struct czi_citing *c, const uint32_t *slots,
                      unsigned write_count)
{
    for (unsigned i = 0; i < c->fact_count; i++)
        if (c->holds >> i & 1 && c->facts[i].terms.purpose.data &&
            !czi_book_consume(core->book, &c->facts[i]))
            return false;
    for (unsigned i = 0; i < write_count && c->extra.clock; i++) {
        struct czi_resource_name *n = czi_resource_name(&core->resources, slots[i]);

        czi_clock_drop(n->clock);
        n->clock = czi_clock_ref(c->extra.clock);
    }
    return true;
}

/* What an open effect touched: nothing, if nobody has said. */
static struct czi_slice scope_of(const struct czi_pending *p)
{
    size_t len = czi_scope_size(&p->view);

    if (!p->view.is_open)
        return (struct czi_slice){NULL, 0};
    if (!len)
        len = czi_scope_encode(p->bytes + p->len, NULL, 0, NULL, 0);
    return (struct czi_slice){p->bytes + p->len, len};
}

bool czi_cite_keep(struct czi_batch *b, struct czi_entry *e, const struct czi_pending *p,
                   struct czi_citing *c)
{
    e->shape = CZI_SHAPE_GENERAL;
    e->extra = 0;
    if (!p->view.after_count && !p->view.has_terms && !p->view.has_program &&
        !p->view.has_guest)
        return true;
    c->extra.scope = scope_of(p);
    czi_buf_put(&b->extras, &c->extra, sizeof c->extra);
    if (b->extras.failed)
        return false;
    c->extra.clock = NULL;
    c->extra.run = NULL;
    e->extra = (uint32_t)(b->extras.len / sizeof c->extra);
    return true;
}
