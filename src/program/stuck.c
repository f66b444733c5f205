/* stuck.c - when no stack will ever be free again.
 *
 * Layer: program. See scheduler.h. Queued tasks need a stack, and who has one may wait for a
 * queued task: it joined it. When that is so for all who have one, directly or through others,
 * nobody can go on. It is not a cycle, since any stack would do; so it is found in another way,
 * and only when the scheduler has nothing else to do: each who has a stack is followed until
 * somebody can go on. Then the newest of the joins in question is refused.
 */
#include "program/scheduler.h"

static bool is_task_of(const struct czi_owner *o, const cz_scheduler *s)
{
    return o->kind == CZ_PARTY_TASK &&
           ((const struct czi_task *)(const void *)o)->scheduler == s;
}

/* It needs a stack, or waits for somebody who does, as another search has found. */
static bool is_without_hope(const void *s, const struct czi_owner *o)
{
    const struct czi_task *t = (const struct czi_task *)(const void *)o;

    return is_task_of(o, s) && (t->hopeless || (t->state == CZ_TASK_QUEUED && !t->has_stack));
}

/* Time alone helps it. */
static bool has_deadline(const struct czi_task *t)
{
    const struct czi_owner *o = &t->context.owner;

    return t->timed || (o->state == CZI_OWNER_WAITING && o->deadline != UINT64_MAX);
}

/* NULL: it was refused already. */
static struct czi_joiner *joiner_of(const struct czi_task *t, const struct czi_owner *who)
{
    struct czi_joiner *j = t->joiners;

    while (&j->context->owner != who)
        j = j->next;
    return j->refused ? NULL : j;
}

/* NULL: this one can go on, now or later. Otherwise a join that is in its way, or, if that is
 * known of another one already, `known`. */
static struct czi_joiner *obstacle(cz_scheduler *s, struct czi_task *t,
                                   struct czi_joiner *known)
{
    struct czi_owner *found;

    if (has_deadline(t))
        return NULL;
    found = czi_owner_reaches(&s->engine->step.core.parking.locks, &t->context.owner,
                              is_without_hope, s);
    if (!found)
        return NULL;
    for (struct czi_owner *o = found->parent;; o = o->parent) {
        if (is_task_of(o, s))
            ((struct czi_task *)(void *)o)->hopeless = true;
        if (o == &t->context.owner)
            break;
    }
    if (((struct czi_task *)(void *)found)->hopeless)
        return known;
    return joiner_of((struct czi_task *)(void *)found, found->parent);
}

static struct czi_joiner *find(cz_scheduler *s)
{
    struct czi_joiner *refused = NULL;

    for (uint32_t i = 0; i < s->table_room; i++) {
        struct czi_task *t = s->table[i];

        if (!t || t->is_over || !t->has_stack || t->hopeless)
            continue;
        refused = obstacle(s, t, refused);
        if (!refused)
            return NULL;
    }
    return refused;
}

bool czi_scheduler_unstick(cz_scheduler *s)
{
    struct czi_joiner *refused = NULL;

    czi_manager_lock(s->engine);
    if (s->stack_heap && !s->arrived.count) {
        refused = find(s);
        for (uint32_t i = 0; i < s->table_room; i++)
            if (s->table[i])
                s->table[i]->hopeless = false;
    }
    if (refused) {
        refused->refused = true;
        czi_context_wake(refused->context);
    }
    czi_manager_unlock(s->engine);
    return refused != NULL;
}
