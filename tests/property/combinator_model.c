/* combinator_model.c - see combinator_model.h. Codes are causality.h's, as numbers. */
#include "combinator_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { INVALID = 1, NOT_FOUND = 2, CONFLICT = 4, TIMEOUT = 10, STALE = 15, CANCELLED = 16 };

/* Where a task goes on. */
enum phase { BEGIN, COMBINE, MADE, RESULT, EACH, EACH_YIELDED, EACH_WOKEN, EACH_ENDING };

struct node {
    bool made, over, used, cancelled, decided, making;
    int code;
    uint64_t value;
    int above, place; /* above: -1 none */
    bool is_part;
    int left, winner, number;
    int done[PLAN_PARTS], done_from, done_count;
    /* of tasks */
    bool begun, returned, leaving, cut;
    int step, waits; /* waits: -1 for nothing */
    int won;         /* the winner of the race that it joined last */
    enum phase phase;
    int reason; /* why fork_each ends */
    uint64_t sum;
    int ended; /* how a callback's future did */
    uint64_t got;
};

struct model {
    const struct plan *plan;
    struct node nodes[2 * PLAN_NODES];      /* the alarm of n is PLAN_NODES + n */
    int order[2 * PLAN_NODES], order_count; /* as they were made */
    int ready[2 * PLAN_NODES], ready_count;
    int tasks, races;
    bool stopping, is_over;
    int stop_code;
    struct story story;
};

void story_add(struct story *s, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(s->text + s->len, sizeof s->text - s->len, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n + 2 >= sizeof s->text - s->len)
        abort(); /* a story that is too long */
    s->len += (size_t)n;
    s->text[s->len++] = ' ';
    s->text[s->len] = 0;
}

static void cancel(struct model *m, int n);
static void over(struct model *m, int n);

static enum plan_kind kind_of(const struct model *m, int n)
{
    return n >= PLAN_NODES ? PLAN_LEAF : (enum plan_kind)m->plan->nodes[n].kind;
}

static bool is_task(const struct model *m, int n)
{
    return kind_of(m, n) == PLAN_TASK || kind_of(m, n) == PLAN_CALLBACK;
}

static bool is_race(enum plan_kind kind)
{
    return kind >= PLAN_RACE_ANY && kind <= PLAN_TIMEOUT && kind != PLAN_BARRIER;
}

static int cut_code(const struct model *m)
{
    return m->stopping ? m->stop_code : CANCELLED;
}

static bool is_cut(const struct model *m, int task)
{
    return m->stopping || m->nodes[task].cancelled;
}

static void wake(struct model *m, int task)
{
    m->nodes[task].waits = -1;
    m->ready[m->ready_count++] = task;
}

/* ---- Ends -----------------------------------------------------------------------------------
 */

static void gone(struct model *m, int task)
{
    story_add(&m->story, "o%d", m->nodes[task].number);
    over(m, task);
}

static void decide(struct model *m, int c, int code, uint64_t value)
{
    struct node *n = &m->nodes[c];

    n->decided = true;
    n->code = code;
    n->value = value;
    if (n->making)
        return;
    for (int i = 0; i < m->order_count; i++)
        if (m->nodes[m->order[i]].above == c && m->nodes[m->order[i]].is_part)
            cancel(m, m->order[i]);
}

static void win(struct model *m, int c, int place, int code, uint64_t value)
{
    story_add(&m->story, "w%d/%d", m->nodes[c].number, place);
    m->nodes[c].winner = place;
    decide(m, c, code, value);
}

/* A part has ended: what that means for an undecided combinator. */
static void count(struct model *m, int c, int place, int code, uint64_t value)
{
    if (m->nodes[c].decided)
        return;
    switch (kind_of(m, c)) {
    case PLAN_BARRIER:
    case PLAN_FORK_JOIN:
        if (code)
            decide(m, c, code, 0);
        break;
    case PLAN_RACE_ANY:
        win(m, c, place, code, value);
        break;
    case PLAN_RACE_OK:
        if (code)
            m->nodes[c].code = code;
        else
            win(m, c, place, code, value);
        break;
    case PLAN_RACE_UNTIL:
        story_add(&m->story, "?%d", place);
        if (value % 2 == 1 || code == 5)
            win(m, c, place, code, value);
        break;
    case PLAN_TIMEOUT:
        if (place == 0)
            win(m, c, place, code, value);
        else
            win(m, c, place, code ? code : TIMEOUT, 0);
        break;
    default:
        break;
    }
}

static void all_over(struct model *m, int c)
{
    struct node *n = &m->nodes[c];

    if (n->left || n->making || n->over)
        return;
    if (!n->decided) {
        n->decided = true;
        if (kind_of(m, c) == PLAN_BARRIER || kind_of(m, c) == PLAN_FORK_JOIN)
            n->value = (uint64_t)m->plan->nodes[c].count;
        if (kind_of(m, c) == PLAN_RACE_UNTIL)
            n->code = NOT_FOUND;
    }
    over(m, c);
}

static void part_over(struct model *m, int c, int part)
{
    struct node *n = &m->nodes[c], *p = &m->nodes[part];

    p->used = true;
    if (kind_of(m, c) == PLAN_CALLBACK) {
        n->ended = p->code;
        n->got = p->value;
        if (n->cancelled) {
            n->code = cut_code(m);
            gone(m, c);
        } else {
            wake(m, c);
        }
        return;
    }
    n->left--;
    if (kind_of(m, c) == PLAN_FORK_EACH) {
        n->done[n->done_count++] = part;
        if (m->nodes[n->above].waits == c && !n->decided)
            wake(m, n->above);
    }
    count(m, c, p->place, p->code, p->value);
    all_over(m, c);
}

static void over(struct model *m, int n)
{
    int above = m->nodes[n].above;

    m->nodes[n].over = true;
    if (above < 0) {
        m->is_over = true;
        story_add(&m->story, "end=%d", m->nodes[n].code);
    } else if (m->nodes[n].is_part) {
        part_over(m, above, n);
    } else if (m->nodes[above].returned) {
        m->nodes[n].used = true;
        if (--m->nodes[above].left == 0 && !m->nodes[above].leaving)
            gone(m, above);
    } else if (m->nodes[above].waits == n) {
        wake(m, above);
    }
}

static void cancel_task(struct model *m, int n)
{
    struct node *t = &m->nodes[n];

    if (kind_of(m, n) == PLAN_CALLBACK && !m->nodes[m->plan->nodes[n].parts[0]].over) {
        cancel(m, m->plan->nodes[n].parts[0]);
    } else if (!t->begun) {
        int k = 0;

        for (int i = 0; i < m->ready_count; i++)
            if (m->ready[i] != n)
                m->ready[k++] = m->ready[i];
        m->ready_count = k;
        t->code = cut_code(m);
        gone(m, n);
    } else if (t->waits >= 0) {
        t->cut = true;
        cancel(m, t->waits);
    }
}

static void cancel(struct model *m, int n)
{
    struct node *x = &m->nodes[n];

    if (x->over || x->cancelled)
        return;
    x->cancelled = true;
    if (is_task(m, n)) {
        cancel_task(m, n);
    } else if (kind_of(m, n) == PLAN_LEAF) {
        story_add(&m->story, "-%d", n);
        if (n >= PLAN_NODES || !m->plan->nodes[n].slow) {
            x->code = CANCELLED;
            over(m, n);
        }
    } else if (!x->decided) {
        decide(m, n, cut_code(m), 0);
    }
}

/* ---- Making ---------------------------------------------------------------------------------
 */

static struct node *begin(struct model *m, int n, int above)
{
    struct node *x = &m->nodes[n];

    *x = (struct node){.made = true, .above = above, .waits = -1, .winner = -1, .won = -1};
    m->order[m->order_count++] = n;
    return x;
}

static void add_part(struct model *m, int c, int part, int place)
{
    m->nodes[part].above = c;
    m->nodes[part].is_part = true;
    m->nodes[part].place = place;
    m->nodes[c].left++;
    if (m->nodes[part].over)
        part_over(m, c, part);
}

static void make(struct model *m, int n, int task);

static void make_parts(struct model *m, int n, int task)
{
    const struct plan_node *plan = &m->plan->nodes[n];

    for (int i = 0; i < plan->count; i++)
        make(m, plan->parts[i], task);
    if (plan->kind == PLAN_TIMEOUT)
        begin(m, PLAN_NODES + n, task);
}

static void combine(struct model *m, int n, int task)
{
    const struct plan_node *plan = &m->plan->nodes[n];
    struct node *x = begin(m, n, task);

    if (is_race((enum plan_kind)plan->kind))
        x->number = m->races++;
    x->making = true;
    if (is_race((enum plan_kind)plan->kind) && plan->count == 0)
        decide(m, n, INVALID, 0);
    for (int i = 0; i < plan->count; i++)
        add_part(m, n, plan->parts[i], i);
    if (plan->kind == PLAN_TIMEOUT)
        add_part(m, n, PLAN_NODES + n, 1);
    x->making = false;
    if (x->decided)
        decide(m, n, x->code, x->value);
    all_over(m, n);
}

static void make_task(struct model *m, int n, int task)
{
    struct node *x;

    if (kind_of(m, n) == PLAN_CALLBACK)
        make(m, m->plan->nodes[n].parts[0], task);
    x = begin(m, n, task);
    x->number = m->tasks++;
    if (kind_of(m, n) == PLAN_TASK) {
        wake(m, n);
        return;
    }
    x->step = 1;
    x->left = 1;
    m->nodes[m->plan->nodes[n].parts[0]].above = n;
    m->nodes[m->plan->nodes[n].parts[0]].is_part = true;
    if (m->nodes[m->plan->nodes[n].parts[0]].over)
        part_over(m, n, m->plan->nodes[n].parts[0]);
}

static void make(struct model *m, int n, int task)
{
    const struct plan_node *plan = &m->plan->nodes[n];

    switch ((enum plan_kind)plan->kind) {
    case PLAN_LEAF:
        begin(m, n, task);
        break;
    case PLAN_NOW:
    case PLAN_STALE:
        begin(m, n, task);
        m->nodes[n].code = plan->kind == PLAN_STALE ? STALE : plan->code;
        m->nodes[n].value = plan->kind == PLAN_STALE ? 0 : plan->value;
        m->nodes[n].over = true;
        break;
    case PLAN_TASK:
    case PLAN_CALLBACK:
        make_task(m, n, task);
        break;
    default:
        make_parts(m, n, task);
        combine(m, n, task);
        break;
    }
}

/* ---- Turns ----------------------------------------------------------------------------------
 */

static void returns(struct model *m, int task, int code)
{
    struct node *t = &m->nodes[task];

    t->code = code;
    t->value = code ? 0 : t->sum + (uint64_t)task;
    t->returned = t->leaving = true;
    t->left = 0;
    for (int i = 0; i < m->order_count; i++) {
        const struct node *x = &m->nodes[m->order[i]];

        t->left += x->above == task && !x->is_part && !x->used && !x->over;
    }
    for (int i = 0; i < m->order_count; i++) {
        const struct node *x = &m->nodes[m->order[i]];

        if (x->above == task && !x->is_part && !x->used)
            cancel(m, m->order[i]);
    }
    t->leaving = false;
    if (t->left == 0)
        gone(m, task);
}

/* True: it goes on at once in this phase; false: when it is its turn again. */
static bool yields(struct model *m, int task, enum phase then)
{
    m->nodes[task].phase = then;
    if (is_cut(m, task))
        return true;
    m->ready[m->ready_count++] = task;
    return false;
}

static bool waits(struct model *m, int task, int n, enum phase then)
{
    struct node *t = &m->nodes[task];

    t->phase = then;
    t->cut = is_cut(m, task);
    if (t->cut)
        cancel(m, n);
    if (m->nodes[n].over)
        return true;
    t->waits = n;
    return false;
}

static bool begin_step(struct model *m, int task, int n)
{
    const struct plan_node *plan = &m->plan->nodes[n];

    if (plan->kind == PLAN_END) {
        if (model_is_live(m, plan->target))
            model_end(m, plan->target, plan->code, plan->value);
        m->nodes[task].step++;
        return true;
    }
    if (plan->pause && plan->kind >= PLAN_BARRIER && plan->kind <= PLAN_TIMEOUT) {
        for (int i = 0; i < plan->count; i++)
            make(m, plan->parts[i], task);
        return yields(m, task, COMBINE);
    }
    make(m, n, task);
    m->nodes[task].phase = MADE;
    return true;
}

static bool with_step(struct model *m, int task, int n)
{
    const struct plan_node *plan = &m->plan->nodes[n];
    struct node *t = &m->nodes[task];

    if (plan->kind == PLAN_FORK_EACH) {
        t->phase = EACH;
        return true;
    }
    if (plan->how == PLAN_LEAVE) {
        t->phase = BEGIN;
        t->step++;
        return true;
    }
    if (plan->how == PLAN_CANCEL || plan->how == PLAN_LATER)
        cancel(m, n);
    return waits(m, task, n, RESULT);
}

/* A step is over for its task, in this way; false: the task has returned. */
static bool step_over(struct model *m, int task, int n, int code)
{
    struct node *t = &m->nodes[task];

    m->nodes[n].used = true;
    story_add(&m->story, "j%d=%d", n, code);
    t->phase = BEGIN;
    t->step++;
    if (!code || m->plan->nodes[task].stubborn)
        return true;
    returns(m, task, code);
    return false;
}

static bool result(struct model *m, int task, int n)
{
    const struct plan_node *plan = &m->plan->nodes[n];
    struct node *t = &m->nodes[task], *x = &m->nodes[n];

    if (is_race((enum plan_kind)plan->kind) && plan->how != PLAN_CANCEL) {
        t->won = t->cut || m->stopping ? t->won : x->winner;
        story_add(&m->story, "W%d", t->won);
    }
    if (t->cut || m->stopping)
        return step_over(m, task, n, cut_code(m));
    if (plan->how == PLAN_CANCEL)
        return step_over(m, task, n, plan->kind == PLAN_STALE ? STALE : 0);
    if (plan->kind == PLAN_FORK_TRY) {
        for (int i = 0; i < plan->count; i++)
            story_add(&m->story, "%d:%d:%d", i, m->nodes[plan->parts[i]].code,
                      (int)m->nodes[plan->parts[i]].value);
        return step_over(m, task, n, 0);
    }
    if (plan->kind == PLAN_FORK_JOIN && !x->code)
        for (int i = 0; i < plan->count; i++)
            story_add(&m->story, "v%d", (int)m->nodes[plan->parts[i]].value);
    else if (plan->kind != PLAN_FORK_JOIN && !x->code &&
             !(plan->how == PLAN_WAIT && plan->kind == PLAN_BARRIER)) {
        story_add(&m->story, "v%d", (int)x->value);
        t->sum = (t->sum + x->value) % 100;
    }
    return step_over(m, task, n, x->code);
}

static bool each_ends(struct model *m, int task, int n, int reason)
{
    m->nodes[task].reason = reason;
    if (reason)
        cancel(m, n);
    return waits(m, task, n, EACH_ENDING);
}

/* Gives what is over, as long as it is wanted. */
static bool each_gives(struct model *m, int task, int n)
{
    const struct plan_node *plan = &m->plan->nodes[n];
    struct node *x = &m->nodes[n];

    while (x->done_from < x->done_count) {
        const struct node *part = &m->nodes[x->done[x->done_from++]];

        story_add(&m->story, "e%d:%d:%d", part->place, part->code, (int)part->value);
        if (part->place == plan->refuse)
            return each_ends(m, task, n, CONFLICT);
        if (plan->pause)
            return yields(m, task, EACH_YIELDED);
    }
    return x->over ? each_ends(m, task, n, 0) : waits(m, task, n, EACH_WOKEN);
}

static bool each(struct model *m, int task, int n)
{
    struct node *t = &m->nodes[task];

    switch (t->phase) {
    case EACH:
        return is_cut(m, task) ? each_ends(m, task, n, cut_code(m)) : each_gives(m, task, n);
    case EACH_YIELDED:
        return is_cut(m, task) ? each_ends(m, task, n, cut_code(m)) : each_gives(m, task, n);
    case EACH_WOKEN:
        if (t->cut || is_cut(m, task))
            return each_ends(m, task, n, cut_code(m));
        return each_gives(m, task, n);
    default:
        return step_over(m, task, n, t->reason);
    }
}

static void turn(struct model *m, int task)
{
    struct node *t = &m->nodes[task];
    const struct plan_node *plan = &m->plan->nodes[task];
    bool goes_on = true;

    if (!t->begun) {
        t->begun = true;
        story_add(&m->story, "t%d", t->number);
        if (plan->kind == PLAN_CALLBACK)
            story_add(&m->story, "h%d:%d", t->ended, (int)t->got);
    }
    while (goes_on) {
        int n;

        if (t->step == plan->count) {
            returns(m, task, 0);
            return;
        }
        n = plan->parts[t->step];
        switch (t->phase) {
        case BEGIN:
            goes_on = begin_step(m, task, n);
            break;
        case COMBINE:
            if (m->plan->nodes[n].kind == PLAN_TIMEOUT)
                begin(m, PLAN_NODES + n, task);
            combine(m, n, task);
            t->phase = MADE;
            break;
        case MADE:
            goes_on = with_step(m, task, n);
            break;
        case RESULT:
            goes_on = result(m, task, n);
            break;
        default:
            goes_on = each(m, task, n);
            break;
        }
    }
}

/* ---- The world's side -----------------------------------------------------------------------
 */

struct model *model_new(const struct plan *plan)
{
    struct model *m = calloc(1, sizeof *m);

    if (!m)
        abort();
    m->plan = plan;
    make(m, 0, -1);
    return m;
}

void model_free(struct model *m)
{
    free(m);
}

void model_run(struct model *m)
{
    while (m->ready_count) {
        int task = m->ready[0];

        m->ready_count--;
        for (int i = 0; i < m->ready_count; i++)
            m->ready[i] = m->ready[i + 1];
        turn(m, task);
    }
}

bool model_is_live(const struct model *m, int leaf)
{
    return kind_of(m, leaf) == PLAN_LEAF && m->nodes[leaf].made && !m->nodes[leaf].over;
}

void model_end(struct model *m, int leaf, int code, uint64_t value)
{
    m->nodes[leaf].code = code;
    m->nodes[leaf].value = value;
    over(m, leaf);
}

void model_cancel(struct model *m)
{
    cancel(m, 0);
}

void model_stop(struct model *m, int code)
{
    if (m->is_over || m->stopping)
        return;
    m->stopping = true;
    m->stop_code = code;
    cancel(m, 0);
}

bool model_is_over(const struct model *m)
{
    return m->is_over;
}

const struct story *model_story(const struct model *m)
{
    return &m->story;
}
