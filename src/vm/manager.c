/* manager.c - a guest's run from its beginning to what it wants done; see manager.h. */
#include "base/error.h"
#include "vm/overlay.h"

#include <stdio.h>

int czi_vm_manager_new(struct czi_vm_manager **ret, cz_error *err)
{
    struct czi_vm_manager *m = czi_alloc_zero(1, sizeof *m);

    if (!m)
        return czi_nomem(err, "a manager of guests");
    *ret = m;
    return CZ_OK;
}

void czi_vm_manager_free(struct czi_vm_manager *m)
{
    if (!m)
        return;
    for (unsigned i = 0; i < CZI_RUN_DEPTH_MAX; i++)
        czi_space_free(m->frames[i].space);
    for (unsigned i = 0; i < CZI_ARENA_CHUNKS; i++)
        czi_free(m->arena.chunks[i]);
    czi_free(m);
}

/* ---- Beginning ----------------------------------------------------------------------------
 */

bool czi_frame_begin(struct czi_vm_manager *m, struct czi_frame *f, struct czi_code *code,
                     const uint8_t *code_id, struct czi_slice input)
{
    (void)m;
    f->code = code;
    f->code_id = code_id;
    f->index_count = f->output_len = 0;
    if ((!f->space && czi_space_new(&f->space, NULL)) || czi_space_load(f->space, code, NULL))
        return false;
    czi_space_set_input(f->space, input);
    return true;
}

static void declare(struct czi_vm_manager *m, const struct czi_run_input *in)
{
    CZI_CHECK(in->access_count <= CZI_ACCESSES_MAX);
    for (unsigned i = 0; i < in->access_count; i++) {
        const struct czi_access *a = &in->accesses[i];
        unsigned place = czi_place_add(m, a->id, a->writable, NULL);

        (void)czi_index_add(m, &m->frames[0], place, a->writable, m->places[place].now.data);
    }
}

/* The code is looked at by whoever runs it. */
static void note_code(struct czi_vm_manager *m)
{
    unsigned place = czi_place_find(m, m->code_id);

    if (place == m->place_count)
        (void)czi_place_add(m, m->code_id, false, NULL);
    m->accesses[place].touched = m->accesses[place].read = true;
}

int czi_vm_manager_begin(struct czi_vm_manager *m, const struct czi_run_input *in,
                         cz_error *err)
{
    static const uint8_t nobody[32];

    m->in = *in;
    m->in.way = in->way ? in->way : 'e';
    memcpy(m->code_id, in->code_id ? in->code_id : nobody, sizeof m->code_id);
    m->depth = m->messages_len = 0;
    m->call_gas = 0;
    m->no_memory = false;
    m->detail[0] = 0;
    czi_overlay_reset(m);
    if (!czi_frame_begin(m, &m->frames[0], in->code, m->code_id, in->input))
        return czi_nomem(err, "a guest's memory");
    return CZ_OK;
}

struct czi_space *czi_vm_manager_space(struct czi_vm_manager *m)
{
    return m->frames[0].space;
}

int czi_vm_manager_bind(struct czi_vm_manager *m, const uint8_t id[32], bool writable,
                        const struct czi_found *found, unsigned *ret_index, cz_error *err)
{
    struct czi_frame *f = &m->frames[0];
    unsigned place;

    CZI_CHECK(czi_place_find(m, id) == m->place_count);
    if (f->index_count == CZ_GUEST_WINDOWS_MAX)
        return czi_fail(err, CZ_LIMIT, "more than CZ_GUEST_WINDOWS_MAX (64) resources");
    place = czi_place_add(m, id, writable, found);
    *ret_index = czi_index_add(m, f, place, writable, m->places[place].now.data);
    return CZ_OK;
}

void czi_vm_manager_unbind_all(struct czi_vm_manager *m)
{
    struct czi_frame *f = &m->frames[0];

    for (unsigned i = 0; i < f->index_count; i++)
        if (f->indexes[i].is_mapped)
            czi_space_unmap(f->space, i);
    f->index_count = 0;
    czi_overlay_reset(m);
}

const char *czi_vm_manager_detail(const struct czi_vm_manager *m)
{
    return m->detail;
}

struct czi_slice czi_vm_manager_output(const struct czi_vm_manager *m)
{
    return (struct czi_slice){m->frames[0].output, m->frames[0].output_len};
}

struct czi_slice czi_vm_manager_messages(const struct czi_vm_manager *m)
{
    return (struct czi_slice){m->messages, m->messages_len};
}

/* ---- Running ------------------------------------------------------------------------------
 */

static enum czi_stop run_on(const struct czi_vm_manager *m, struct czi_hart *h)
{
    enum czi_stop stop;

    if (CZI_LIKELY(!m->in.stepwise))
        return czi_vm_run(h);
    do
        stop = czi_vm_step(h);
    while (stop == CZI_STOP_NONE);
    return stop;
}

enum czi_stop czi_frame_run(struct czi_vm_manager *m, struct czi_frame *f, struct czi_hart *h,
                            uint64_t gas)
{
    enum czi_stop stop;

    czi_hart_begin(h, f->space, f->code, gas);
    for (;;) {
        stop = run_on(m, h);
        if (stop != CZI_STOP_CALL || h->x[17] == CZ_CALL_EXIT)
            return stop;
        if (!czi_vm_manager_call(m, h, &stop)) {
            (void)snprintf(m->detail, sizeof m->detail, "there is no call %llu%s",
                           (unsigned long long)h->x[17],
                           h->x[17] < CZ_CALL_INPUT || h->x[17] > CZ_CALL_SEND
                               ? ""
                               : " in this way of running");
            return czi_call_trap(h, CZI_TRAP_CALL, h->x[17]);
        }
        if (stop != CZI_STOP_NONE)
            return stop;
    }
}

/* What a load or store of the guest's own has to do with resources. */
static void tell_window(const struct czi_vm_manager *m, const struct czi_hart *h, char *out,
                        size_t size)
{
    const struct czi_frame *f = &m->frames[0];
    uint64_t number = (h->trap_value - CZ_GUEST_WINDOWS) / CZ_GUEST_WINDOW_SIZE;
    const struct czi_index *x;
    unsigned window = (unsigned)number;
    bool is_store = h->trap == CZI_TRAP_STORE;
    size_t len;

    if (h->trap_value < CZ_GUEST_WINDOWS || number >= f->index_count)
        return;
    x = &f->indexes[window];
    len = czi_space_window(f->space, window).len;
    if (!x->is_mapped)
        (void)snprintf(out, size, ": resource %u %s", window,
                       m->places[x->place].now.exists ? "has no data" : "does not exist");
    else if (h->trap_value - CZ_GUEST_WINDOW(window) < len && is_store && !x->writable)
        (void)snprintf(out, size, ": resource %u is declared read", window);
    else if (h->trap_value - CZ_GUEST_WINDOW(window) < len && is_store &&
             m->places[x->place].now.kind != CZ_DATA)
        (void)snprintf(out, size, ": resource %u is not of kind data", window);
    else /* at its end, or across it */
        (void)snprintf(out, size, ": resource %u ends at %zu bytes", window, len);
}

static void tell_trap(const struct czi_vm_manager *m, const struct czi_hart *h,
                      struct czi_run_result *ret)
{
    char more[64] = "";

    if (m->detail[0]) {
        memcpy(ret->detail, m->detail, sizeof ret->detail);
        return;
    }
    if (h->trap == CZI_TRAP_LOAD || h->trap == CZI_TRAP_STORE)
        tell_window(m, h, more, sizeof more);
    (void)snprintf(ret->detail, sizeof ret->detail, "%s, 0x%llx%s",
                   czi_trap_text((enum czi_trap)h->trap), (unsigned long long)h->trap_value,
                   more);
}

static void tell_end(const struct czi_vm_manager *m, enum czi_stop stop,
                     const struct czi_hart *h, struct czi_run_result *ret)
{
    ret->gas = m->in.gas - h->gas;
    ret->instructions = ret->gas - m->call_gas;
    ret->pc = h->pc;
    if (m->no_memory) {
        ret->status = CZI_RUN_NOMEM;
    } else if (stop == CZI_STOP_CALL) {
        ret->status = CZI_RUN_EXITED;
        ret->value = h->x[10];
    } else if (stop == CZI_STOP_GAS) {
        ret->status = CZI_RUN_NO_GAS;
    } else {
        ret->status = CZI_RUN_TRAPPED;
        ret->trap = h->trap;
        ret->value = h->trap_value;
        tell_trap(m, h, ret);
    }
}

void czi_vm_manager_run(struct czi_vm_manager *m, const struct czi_run_input *in,
                        struct czi_run_result *ret)
{
    struct czi_hart h;
    enum czi_stop stop;

    memset(ret, 0, offsetof(struct czi_run_result, detail) + 1);
    if (czi_vm_manager_begin(m, in, NULL)) {
        ret->status = CZI_RUN_NOMEM;
        return;
    }
    if (m->in.way == 'e') {
        if (in->is_open)
            note_code(m);
        declare(m, in);
        note_code(m);
    }
    stop = czi_frame_run(m, &m->frames[0], &h, in->gas);
    tell_end(m, stop, &h, ret);
    ret->output = czi_vm_manager_output(m);
    ret->messages = czi_vm_manager_messages(m);
    czi_collect_effects(m, ret);
    if (ret->status != CZI_RUN_EXITED || ret->value != 0)
        ret->op_count = 0;
}

/* ---- What was touched, and what shall be done ---------------------------------------------
 */

bool czi_track_resource_access(struct czi_vm_manager *m, unsigned index, enum cz_access mode)
{
    const struct czi_frame *f = czi_frame_now(m);
    struct czi_access *a;

    if (index >= f->index_count || (mode == CZ_WRITE && !f->indexes[index].writable))
        return false;
    a = &m->accesses[f->indexes[index].place];
    a->touched = true;
    if (mode == CZ_READ) {
        a->read = true;
        a->loads++;
        return true;
    }
    m->places[f->indexes[index].place].now.written = true;
    a->stores++;
    return true;
}

/* Those that create come first. */
static unsigned begin_list(struct czi_vm_manager *m, struct czi_run_result *ret)
{
    unsigned n = m->creation_count;

    ret->ops = n ? m->all_ops : m->ops;
    ret->op_actors = n ? m->all_actors : m->op_actors;
    if (n) {
        memcpy(m->all_ops, m->creations, n * sizeof m->creations[0]);
        memcpy(m->all_actors, m->creation_actors, n * sizeof m->creation_actors[0]);
        memcpy(m->all_ops + n, m->ops, m->op_count * sizeof m->ops[0]);
        memcpy(m->all_actors + n, m->op_actors, m->op_count * sizeof m->op_actors[0]);
    }
    return n + m->op_count;
}

/* What is in windows only: of what was created, the creation holds it. */
static void collect_windows(struct czi_vm_manager *m, struct czi_run_result *ret)
{
    const struct czi_frame *f = &m->frames[0];
    struct czi_op *ops = m->creation_count ? m->all_ops : m->ops;
    const uint8_t **actors = m->creation_count ? m->all_actors : m->op_actors;

    for (unsigned i = 0; i < f->index_count; i++) {
        const struct czi_now *now = &m->places[f->indexes[i].place].now;

        if (!czi_overlay_is_loose(m, f, i))
            continue;
        if (now->is_created && !now->is_filled) {
            ops[now->creation].data = czi_space_window(f->space, i);
            continue;
        }
        ops[ret->op_count] = (struct czi_op){.code = CZI_OP_WRITE,
                                             .a = f->indexes[i].place,
                                             .data = czi_space_window(f->space, i)};
        actors[ret->op_count++] = f->code_id;
    }
}

void czi_collect_effects(struct czi_vm_manager *m, struct czi_run_result *ret)
{
    struct czi_frame *f = &m->frames[0];

    for (unsigned i = 0; i < f->index_count; i++)
        czi_index_note(m, f, i);
    ret->op_count = begin_list(m, ret);
    collect_windows(m, ret);
    for (unsigned i = 0; i < m->place_count; i++) {
        m->accesses[i].written = m->places[i].now.written;
        m->accesses[i].ran = m->places[i].now.ran;
    }
    ret->accesses = m->accesses;
    ret->access_count = m->place_count;
}

/* How many accesses an operation names, and whether it changes them: what guests can ask for,
 * apart from how they ask. */
static unsigned op_names(unsigned code)
{
    switch (code) {
    case CZI_OP_TRANSFER:
    case CZI_OP_MOVE:
        return 2;
    case CZI_OP_WITHDRAW:
        return 3;
    case CZI_OP_NOTE:
    case CZI_OP_WHEN:
    case CZI_OP_USE:
    case CZI_OP_DEPOSIT:
    case CZI_OP_CONFIRM:
    case CZI_OP_RELEASE:
        return 0;
    default:
        return 1;
    }
}

_Static_assert((int)CZ_GUEST_EXITED == (int)CZI_RUN_EXITED &&
                   (int)CZ_GUEST_TRAPPED == (int)CZI_RUN_TRAPPED &&
                   (int)CZ_GUEST_NO_GAS == (int)CZI_RUN_NO_GAS,
               "the public names are the machine's");

cz_guest_run czi_guest_run_of(const struct czi_run_result *r)
{
    return (cz_guest_run){.status = (enum cz_guest_status)r->status,
                          .code = r->value,
                          .trap = r->trap,
                          .pc = r->pc,
                          .gas = r->gas,
                          .output = r->output.data,
                          .output_len = r->output.len,
                          .messages = r->messages.data,
                          .messages_len = r->messages.len};
}

static int validate_op(const struct czi_run_result *r, const struct czi_op *op, cz_error *err)
{
    const uint8_t named[] = {op->a, op->b, op->c};
    unsigned n = op_names(op->code);

    if (!n || op->code > CZI_OP_WITHDRAW)
        return czi_fail(err, CZ_INVALID, "a guest asks for the operation %s",
                        czi_opcode_name(op->code));
    for (unsigned i = 0; i < n; i++)
        if (named[i] >= r->access_count ||
            (op->code != CZI_OP_REQUIRE &&
             !(r->accesses[named[i]].writable && r->accesses[named[i]].written)))
            return czi_fail(err, CZ_INVALID, "%s of access %u, which may not be written",
                            czi_opcode_name(op->code), named[i]);
    return CZ_OK;
}

static int validate_access(const struct czi_run_result *r, const struct czi_run_input *in,
                           unsigned i, cz_error *err)
{
    const struct czi_access *a = &r->accesses[i];
    bool writable = a->writable, is_known = in->is_open;

    if (!in->is_open && i < in->access_count) {
        is_known = czi_id_equal(a->id, in->accesses[i].id);
        writable = in->accesses[i].writable;
    } else if (!in->is_open) {
        is_known = czi_id_equal(a->id, in->code_id);
        writable = false;
    }
    if (!is_known)
        return czi_fail(err, CZ_INVALID, "access %u was not declared", i);
    if (a->written && !(writable && a->writable))
        return czi_fail(err, CZ_INVALID, "access %u was written, but is declared read", i);
    if ((a->read || a->written) && !a->touched)
        return czi_fail(err, CZ_INVALID, "access %u was used, but not tracked", i);
    for (unsigned k = 0; k < i; k++)
        if (czi_id_equal(a->id, r->accesses[k].id))
            return czi_fail(err, CZ_INVALID, "accesses %u and %u are one resource", k, i);
    return CZ_OK;
}

int czi_validate_resource_access(const struct czi_run_result *r, const struct czi_run_input *in,
                                 cz_error *err)
{
    unsigned room = in->is_open ? CZ_OPEN_ACCESSES_MAX : in->access_count + 1;
    int rc = CZ_OK;

    if (r->access_count > room)
        return czi_fail(err, CZ_INVALID, "%u accesses, and room for %u", r->access_count, room);
    for (unsigned i = 0; i < r->access_count && !rc; i++)
        rc = validate_access(r, in, i, err);
    for (unsigned i = 0; i < r->op_count && !rc; i++)
        rc = validate_op(r, &r->ops[i], err);
    return rc;
}
