/* guest.c - guests as programs: their codes, and their tasks' turns on harts. See guest.h. */
#include "program/guest.h"

#include "base/alloc.h"
#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- Codes ----------------------------------------------------------------------------------
 */

bool czi_guest_is_code(const char *name, cz_id *ret)
{
    return strlen(name) == CZ_ID_TEXT_SIZE - 1 && cz_id_parse(name, ret, NULL) == CZ_OK;
}

/* With the mutex: what the store has. */
static int find_code(cz_engine *g, const cz_id *id, struct czi_slice *ret, cz_error *err)
{
    const struct czi_core *core = &g->step.core;
    uint32_t slot = czi_id_table_find(&core->resources.ids, id);
    const struct czi_resource_name *n;
    char text[CZ_ID_TEXT_SIZE];

    cz_id_print(id, text);
    if (slot == CZI_ID_NONE || !czi_resource_at(&core->resources, slot)->position)
        return czi_fail(err, CZ_NOT_FOUND, "program: the store has no code %s; deploy it first",
                        text);
    if (czi_resource_at(&core->resources, slot)->kind != CZ_CODE)
        return czi_fail(err, CZ_WRONG_TYPE, "program: the resource %s is no code", text);
    n = czi_resource_name(&core->resources, slot);
    *ret = (struct czi_slice){n->data, n->data_len};
    return CZ_OK;
}

int czi_guest_known(cz_engine *g, const cz_id *id, cz_error *err)
{
    struct czi_slice bytes;
    int rc;

    czi_manager_lock(g);
    rc = find_code(g, id, &bytes, err);
    czi_manager_unlock(g);
    return rc;
}

static struct czi_guest_code *cached(cz_host *h, const cz_id *id)
{
    struct czi_guest_code **at = &h->codes, *c;

    while (*at && !czi_id_equal(&(*at)->id, id->bytes))
        at = &(*at)->next;
    c = *at;
    if (!c)
        return NULL;
    *at = c->next;
    c->next = h->codes;
    h->codes = c;
    return c;
}

/* Those that nobody runs are kept for the next instance, up to some. */
static void trim(cz_host *h)
{
    struct czi_guest_code **at = &h->codes, *c;
    uint32_t idle = 0;

    while ((c = *at) != NULL) {
        if (c->users || ++idle <= CZI_GUEST_CODES_IDLE_MAX) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        czi_code_drop(c->code);
        czi_free(c);
    }
}

int czi_guest_give(cz_host *h, const cz_id *id, const void *elf, size_t len, cz_error *err)
{
    struct czi_guest_code *c;
    struct czi_code *code = NULL;
    cz_id is = {0};
    char text[CZ_ID_TEXT_SIZE];
    int rc = cz_code_id(elf, len, &is, err);

    cz_id_print(id, text);
    if (rc == CZ_INVALID || (!rc && memcmp(&is, id, sizeof is) != 0))
        return czi_fail(err, CZ_CORRUPT, "program: what the store has as the code %s is not it",
                        text);
    if (!rc)
        rc = czi_code_new(elf, len, &code, err);
    if (rc)
        return rc;
    c = czi_alloc_zero(1, sizeof *c);
    if (!c) {
        czi_code_drop(code);
        return czi_nomem(err, "a code");
    }
    *c = (struct czi_guest_code){.next = h->codes, .id = *id, .code = code};
    h->codes = c;
    trim(h);
    return CZ_OK;
}

void czi_host_guests_done(cz_host *h)
{
    struct czi_guest_code *c;

    while (h->space_count)
        czi_vm_manager_free(h->spaces[--h->space_count]);
    while ((c = h->codes) != NULL) {
        CZI_CHECK(!c->users);
        h->codes = c->next;
        czi_code_drop(c->code);
        czi_free(c);
    }
}

/* Out of the store. */
static int load(cz_host *h, const cz_id *id, cz_error *err)
{
    CZI_AUTOBUF copy = {0};
    struct czi_slice bytes = {0};
    int rc;

    if (!h->engine)
        return czi_fail(err, CZ_NOT_FOUND, "program: its code was not given");
    czi_manager_lock(h->engine);
    rc = find_code(h->engine, id, &bytes, err);
    if (!rc)
        czi_buf_put(&copy, bytes.data, bytes.len);
    czi_manager_unlock(h->engine);
    if (copy.failed)
        return czi_nomem(err, "a code");
    return rc ? rc : czi_guest_give(h, id, copy.data, copy.len, err);
}

int czi_guest_take(cz_program *p, cz_error *err)
{
    cz_id id;
    int rc = CZ_OK;

    CZI_CHECK(!p->code_of && czi_guest_is_code(p->name, &id));
    if (!cached(p->host, &id))
        rc = load(p->host, &id, err);
    if (rc)
        return rc;
    p->code_of = cached(p->host, &id);
    p->code_of->users++;
    return CZ_OK;
}

/* ---- Instances ------------------------------------------------------------------------------
 */

static void task_free(struct czi_guest_task *t)
{
    if (!t)
        return;
    cz_effect_free(t->effect);
    czi_free(t->fact);
    czi_free(t);
}

static int take_space(cz_host *h, struct czi_vm_manager **ret, cz_error *err)
{
    if (!h->space_count)
        return czi_vm_manager_new(ret, err);
    *ret = h->spaces[--h->space_count];
    return CZ_OK;
}

static void give_space(cz_host *h, struct czi_vm_manager *m)
{
    if (m && h->space_count < CZI_GUEST_SPACES_IDLE_MAX)
        h->spaces[h->space_count++] = m;
    else
        czi_vm_manager_free(m);
}

void czi_guest_done(cz_program *p, bool all)
{
    struct czi_guest *g = p->guest;

    p->guest = NULL;
    if (g) {
        czi_guest_futures_done(g);
        for (unsigned i = 0; i < CZ_GUEST_TASKS_MAX; i++)
            task_free(g->tasks[i]);
        give_space(p->host, g->manager);
        czi_free(g);
    }
    if (!all || !p->code_of)
        return;
    p->code_of->users--;
    p->code_of = NULL;
    trim(p->host);
}

struct czi_guest_task *czi_guest_task_new(struct czi_guest *g)
{
    unsigned i = 0;
    struct czi_guest_task *t;

    while (i < CZ_GUEST_TASKS_MAX && g->tasks[i] && g->tasks[i]->slot != CZI_SLOT_FREE)
        i++;
    if (i == CZ_GUEST_TASKS_MAX)
        return NULL;
    t = g->tasks[i];
    if (!t)
        t = g->tasks[i] = czi_alloc_zero(1, sizeof *t);
    if (!t) {
        czi_instance_stop(g->program, CZ_NOMEM, "out of memory for a guest's task");
        return NULL;
    }
    cz_effect_free(t->effect);
    czi_free(t->fact);
    *t = (struct czi_guest_task){.guest = g,
                                 .number = (uint8_t)i,
                                 .slot = CZI_SLOT_FORKED,
                                 .turn = CZI_GUEST_TURN_GAS,
                                 .left = UINT64_MAX};
    return t;
}

/* ---- What a guest's world answers -----------------------------------------------------------
 */

/* Resources come by guards, time and facts by calls of their own. */
static void find_nothing(void *arg, const uint8_t id[32], struct czi_found *ret)
{
    (void)arg;
    (void)id;
    (void)ret;
}

static struct czi_code *no_code(void *arg, const uint8_t id[32])
{
    (void)arg;
    (void)id;
    return NULL;
}

static bool no_fact(void *arg, unsigned i, struct czi_slice *ret_bytes, cz_id *ret_id,
                    unsigned *ret_finality, uint64_t *ret_number)
{
    (void)arg;
    (void)i;
    (void)ret_bytes;
    (void)ret_id;
    (void)ret_finality;
    (void)ret_number;
    return false;
}

static bool no_time(void *arg, struct czi_slice domain, struct cz_guest_time *ret)
{
    (void)arg;
    (void)domain;
    (void)ret;
    return false;
}

static int set_up(struct czi_guest *g, const void *args, size_t len, cz_error *err)
{
    cz_program *p = g->program;
    int rc;

    g->gas = p->host->guest_gas;
    g->world = (struct czi_world){.find = find_nothing,
                                  .code = no_code,
                                  .fact = no_fact,
                                  .time = no_time,
                                  .origin = p->id.bytes,
                                  .signers = g->key,
                                  .key_stride = sizeof g->key};
    g->world.signer_count = cz_program_key(p, g->key, NULL) == CZ_OK;
    g->input = (struct czi_run_input){.code = p->code_of->code,
                                      .code_id = p->code_of->id.bytes,
                                      .input = {args, len},
                                      .gas = g->gas,
                                      .way = 'p',
                                      .world = &g->world};
    rc = take_space(p->host, &g->manager, err);
    if (!rc)
        rc = czi_vm_manager_begin(g->manager, &g->input, err);
    return rc;
}

/* ---- How tasks end --------------------------------------------------------------------------
 */

/* The whole instance ends: the first that says so decides. */
static void end_all(struct czi_guest *g, int code)
{
    if (g->is_over)
        return;
    g->is_over = true;
    g->code = code;
    czi_tree_cancel(&g->program->tree);
}

/* "0x10abc (pay + 0x1c)". */
static void place_text(const struct czi_guest_task *t, char *out, size_t size)
{
    const struct czi_image *image = czi_code_image(t->hart.code);
    struct czi_symbol s = {0};

    if (czi_elf_symbol(image, t->hart.pc, &s))
        (void)snprintf(out, size, "0x%" PRIx64 " (%.*s + 0x%" PRIx64 ")", t->hart.pc,
                       (int)CZI_MIN(s.name.len, 64u), (const char *)s.name.data,
                       t->hart.pc - s.address);
    else
        (void)snprintf(out, size, "0x%" PRIx64, t->hart.pc);
}

static void trapped(struct czi_guest_task *t)
{
    struct czi_guest *g = t->guest;
    const char *said = czi_vm_manager_detail(g->manager);
    char place[128];

    place_text(t, place, sizeof place);
    if (!g->is_over)
        (void)snprintf(g->detail, sizeof g->detail,
                       "the guest's task %u trapped at %s: %s 0x%" PRIx64 "%s%s", t->number,
                       place, czi_trap_text((enum czi_trap)t->hart.trap), t->hart.trap_value,
                       said[0] ? "; " : "", said);
    end_all(g, CZ_INVALID);
}

static void out_of_gas(struct czi_guest_task *t)
{
    struct czi_guest *g = t->guest;
    char place[128];

    place_text(t, place, sizeof place);
    if (!g->is_over)
        (void)snprintf(g->detail, sizeof g->detail,
                       "the guest used up its gas (%" PRIu64 ") at %s",
                       g->program->host->guest_gas, place);
    end_all(g, CZ_LIMIT);
}

/* Of a task that was cancelled and does not end. */
static int cut_off(const struct czi_guest_task *t, cz_error *err)
{
    return czi_fail(err, CZ_CANCELLED,
                    "the guest's task %u used %" PRIu64 " gas after it was cancelled",
                    t->number, (uint64_t)CZI_GUEST_CANCELLED_GAS);
}

/* What the task returns to its host, whose code it is. */
static int exited(struct czi_guest_task *t, cz_error *err)
{
    struct czi_guest *g = t->guest;
    int64_t code = (int64_t)t->hart.x[10];
    const char *because = g->said[0] ? g->said : g->failed;

    if (!code)
        return CZ_OK;
    if (czi_is_cut(&g->program->tree))
        return czi_cut(&g->program->tree, err);
    return czi_fail(err, CZ_REJECTED, "the guest%s ended with code %" PRId64 "%s%s",
                    t->number ? "'s task" : "", code, because[0] ? "; before that: " : "",
                    because);
}

static bool is_code(int64_t value)
{
    return (value < 0 && value >= -CZ_REJECTED && value != -CZ_NOMEM) ||
           (value <= -CZ_UNKNOWN_DOMAIN && value >= -CZ_FACT_CONFLICT);
}

/* A forked task's function has returned: what is not below zero is its value. */
static int returned(const struct czi_guest_task *t, uint64_t *ret_value, cz_error *err)
{
    int64_t value = (int64_t)t->hart.x[10];

    if (value >= 0) {
        *ret_value = (uint64_t)value;
        return CZ_OK;
    }
    return czi_fail(err, is_code(value) ? (int)-value : CZ_REJECTED,
                    "the guest's task returned %" PRId64, value);
}

/* ---- Turns ----------------------------------------------------------------------------------
 */

static void spend(struct czi_guest_task *t, uint64_t gas)
{
    struct czi_guest *g = t->guest;

    CZI_CHECK(gas <= g->gas && gas <= t->left);
    g->gas -= gas;
    t->left -= t->left == UINT64_MAX ? 0 : gas;
    t->turn -= CZI_MIN(t->turn, gas);
}

static enum czi_stop go(struct czi_guest_task *t)
{
    uint64_t gas = CZI_MIN(CZI_MIN(t->guest->gas, t->left), t->turn);
    enum czi_stop stop;

    t->hart.gas = gas;
    stop = czi_vm_run(&t->hart);
    spend(t, gas - t->hart.gas);
    return stop;
}

/* A call may cost more than is left of a turn. */
static enum czi_stop call(struct czi_guest_task *t)
{
    uint64_t gas = CZI_MIN(t->guest->gas, t->left);
    enum czi_stop stop;

    t->hart.gas = gas;
    stop = czi_guest_call(t);
    spend(t, gas - t->hart.gas);
    return stop;
}

/* Whether a task of this instance goes on; else *ret_code is what it returns. */
static bool may_go(struct czi_guest_task *t, int *ret_code, cz_error *err)
{
    struct czi_guest *g = t->guest;

    *ret_code = czi_program_may(g->program, err);
    if (!*ret_code && g->is_over)
        *ret_code = czi_fail(err, g->code, "%s", g->detail);
    if (t->left == UINT64_MAX && czi_is_cut(&g->program->tree))
        t->left = CZI_GUEST_CANCELLED_GAS;
    return !*ret_code;
}

static int ask_turn(struct czi_ask *a, cz_error *err)
{
    (void)err;
    a->promised = true;
    czi_host_post(a->program->host, &a->letter);
    return CZ_OK;
}

static const struct czi_ask_ops turn_ops = {.input = CZI_INPUT_TIMER, .ask = ask_turn};

static bool is_closing(cz_host *h)
{
    bool closing;

    czi_mutex_lock(h->lock);
    closing = h->closing;
    czi_mutex_unlock(h->lock);
    return closing && !h->commits;
}

/* Of one that computes for long: inputs come only when no task is ready, so it waits for one
 * that says nothing; before that come those for others, and that it shall end. In its past
 * nothing comes, so there it looks itself whether its host waits for it. */
static int await_turn(cz_program *p, cz_error *err)
{
    struct czi_ask *a;
    cz_future future;

    if (is_closing(p->host))
        czi_instance_stop(p, CZ_CLOSED, "the host closes");
    if (czi_is_cut(&p->tree))
        return cz_program_yield(p, err);
    a = czi_ask_new(p, &turn_ops, czi_program_asks(p, CZI_INPUT_TIMER, NULL), &future);
    if (a)
        czi_ask_go(a);
    return cz_join(p, future, NULL, err);
}

/* There is no gas for the next thing: true when the task may go on. */
static bool refill(struct czi_guest_task *t, int *ret_code, cz_error *err)
{
    if (!t->guest->gas) {
        out_of_gas(t);
        return true; /* to be told so */
    }
    if (!t->left) {
        *ret_code = cut_off(t, err);
        return false;
    }
    t->turn = CZI_GUEST_TURN_GAS;
    *ret_code = await_turn(t->guest->program, err);
    return true; /* that it was cancelled it learns where it waits */
}

static bool has_returned(const struct czi_guest_task *t)
{
    return t->number && t->hart.trap == CZI_TRAP_FETCH && t->hart.pc == CZ_GUEST_RETURN;
}

/* Until it ends; what its function for the host returns. */
static int run(struct czi_guest_task *t, uint64_t *ret_value, cz_error *err)
{
    enum czi_stop stop;
    int rc;

    while (may_go(t, &rc, err)) {
        stop = t->turn ? go(t) : CZI_STOP_GAS;
        if (stop == CZI_STOP_CALL && t->hart.x[17] == CZ_CALL_EXIT)
            return exited(t, err);
        if (stop == CZI_STOP_CALL)
            stop = call(t);
        if (stop == CZI_STOP_TRAP && has_returned(t))
            return returned(t, ret_value, err);
        if (stop == CZI_STOP_TRAP)
            trapped(t);
        if (stop == CZI_STOP_GAS && !refill(t, &rc, err))
            return rc;
    }
    return rc;
}

/* Its function is over: what it has made, and what it holds, is given up with it. */
static void task_over(struct czi_guest_task *t)
{
    czi_guest_let_go(t);
    czi_guest_futures_leave(t);
    if (t->number)
        czi_space_drop_stack(czi_vm_manager_space(t->guest->manager), t->number);
    t->slot = t->orphan ? CZI_SLOT_FREE : CZI_SLOT_OVER;
}

int czi_guest_branch(cz_program *p, void *task, uint64_t *ret, cz_error *err)
{
    struct czi_guest_task *t = task;
    struct czi_space *space = czi_vm_manager_space(t->guest->manager);
    int rc;

    (void)p;
    CZI_CHECK(t->slot == CZI_SLOT_FORKED);
    t->slot = CZI_SLOT_RUNS;
    t->hart.x[2] = czi_space_stack(space, t->number);
    t->hart.pc = t->function;
    t->hart.x[1] = CZ_GUEST_RETURN;
    t->hart.x[10] = t->argument;
    rc = run(t, ret, err);
    task_over(t);
    return rc;
}

/* What it put out is its last message. */
static int put_out(struct czi_guest *g, cz_error *err)
{
    struct czi_slice out = czi_vm_manager_output(g->manager);
    int rc = out.len ? cz_program_emit(g->program, out.data, out.len, err) : CZ_OK;

    return rc == CZ_CANCELLED ? CZ_OK : rc;
}

static int guest_main(cz_program *p, const void *args, size_t len, cz_error *err)
{
    struct czi_guest *g = p->guest = czi_alloc_zero(1, sizeof *g);
    struct czi_guest_task *t;
    uint64_t value;
    int rc;

    if (!g)
        return czi_nomem(err, "a guest");
    g->program = p;
    rc = set_up(g, args, len, err);
    t = rc ? NULL : czi_guest_task_new(g);
    if (!t)
        return rc ? rc : czi_nomem(err, "a guest");
    t->slot = CZI_SLOT_RUNS;
    czi_hart_begin(&t->hart, czi_vm_manager_space(g->manager), p->code_of->code, 0);
    rc = run(t, &value, err);
    if (!rc)
        rc = put_out(g, err);
    g->is_over = true; /* what it left behind ends too */
    if (rc) {
        g->code = rc;
        (void)snprintf(g->detail, sizeof g->detail, "%s", err->detail);
    } else {
        g->code = CZ_CANCELLED;
        (void)snprintf(g->detail, sizeof g->detail, "the guest has exited");
    }
    task_over(t);
    return rc;
}

const cz_program_def czi_guest_def = {.name = "guest",
                                      .version = 1,
                                      .fn = guest_main,
                                      .summary = "a RISC-V program"};
