/* invoke.c - a guest that runs another code, on the same overlay; see overlay.h.
 *
 * The other code has a space of its own, sees the resources that it is given as its indexes,
 * and is undone as a whole when it does not exit with 0. Whatever both may write is kept before
 * it begins and when it has ended, so that each operation is of the code that asked for it.
 */
#include "vm/overlay.h"

struct invocation {
    struct cz_guest_invoke in;
    uint8_t code_id[32];
    unsigned place; /* of the code */
    struct czi_code *code;
    uint64_t indexes[CZ_GUEST_WINDOWS_MAX];
};

static bool is_shared(const struct czi_call *c, uint64_t index)
{
    return !(index & CZ_INVOKE_READ) && c->f->indexes[index].writable;
}

/* All pointers, before anything is done. */
static bool read_arguments(struct czi_call *c, struct invocation *v)
{
    struct cz_guest_invoke *in = &v->in;

    if (!czi_call_get(c, c->a[0], in, sizeof *in) ||
        !czi_call_can(c, c->a[0], sizeof *in, true))
        return false;
    if (in->count > CZ_GUEST_WINDOWS_MAX || in->input_len > CZ_GUEST_INPUT_MAX) {
        czi_call_refuse(c, "more than 64 resources or 32768 bytes of input");
        return false;
    }
    in->output_size = CZI_MIN(in->output_size, CZ_GUEST_OUTPUT_MAX);
    return czi_call_pay_more(c, in->input_len + in->output_size) &&
           czi_call_get(c, in->code, v->code_id, sizeof v->code_id) &&
           czi_call_get(c, in->indexes, v->indexes, in->count * sizeof v->indexes[0]) &&
           czi_call_can(c, in->output, in->output_size, true) &&
           czi_call_can(c, in->input, in->input_len, false);
}

/* Each was given to the guest itself, and none is named twice. */
static bool check_indexes(struct czi_call *c, const struct invocation *v)
{
    bool named[CZ_GUEST_WINDOWS_MAX] = {false};

    for (unsigned i = 0; i < v->in.count; i++) {
        uint64_t index = v->indexes[i] & ~CZ_INVOKE_READ;

        if (!czi_call_index(c, index, CZ_READ))
            return false;
        if (named[index]) {
            czi_call_refuse(c, "resource %u is named twice", (unsigned)index);
            return false;
        }
        named[index] = true;
    }
    return true;
}

/* CZ_OK also when the call is stopped. */
static int find_code(struct czi_call *c, struct invocation *v)
{
    struct czi_vm_manager *m = c->m;

    v->place = czi_place_find(m, v->code_id);
    if (v->place == m->place_count &&
        (!m->in.is_open || m->place_count == CZ_OPEN_ACCESSES_MAX)) {
        char text[CZ_ID_TEXT_SIZE];

        cz_id_print((const cz_id *)(const void *)v->code_id, text);
        czi_call_refuse(c, "%s is %s", text,
                        m->in.is_open ? "one too many: CZ_OPEN_ACCESSES_MAX (16)"
                                      : "not declared");
        return CZ_OK;
    }
    if (v->place == m->place_count)
        (void)czi_place_add(m, v->code_id, false, NULL);
    m->accesses[v->place].touched = m->accesses[v->place].read = true;
    m->accesses[v->place].loads++;
    if (!m->places[v->place].found.exists)
        return CZ_NOT_FOUND;
    v->code = m->in.world->code(m->in.world->arg, v->code_id);
    if (!v->code)
        return CZ_WRONG_TYPE;
    return m->depth + 1 == CZI_RUN_DEPTH_MAX ? CZ_LIMIT : CZ_OK;
}

/* Keeps what of the frame's windows is loose and which of them `which` tells; bytes are paid.
 */
static int keep_loose(struct czi_call *c, struct czi_frame *f, const bool *which)
{
    unsigned count = 0;
    uint64_t len = 0;
    int rc = CZ_OK;

    for (unsigned i = 0; i < f->index_count; i++) {
        if (!which[i] || !czi_overlay_is_loose(c->m, f, i))
            continue;
        count++;
        len += czi_space_window(f->space, i).len;
    }
    if (!czi_overlay_fits(c->m, count))
        return CZ_LIMIT;
    if (!czi_call_pay_more(c, len))
        return CZ_OK;
    for (unsigned i = 0; i < f->index_count && !rc; i++)
        if (which[i] && czi_overlay_is_loose(c->m, f, i))
            rc = czi_overlay_keep(c->m, f, i);
    if (rc == CZ_NOMEM)
        czi_call_no_memory(c);
    return rc;
}

static int keep_shared(struct czi_call *c, const struct invocation *v)
{
    bool which[CZ_GUEST_WINDOWS_MAX] = {false};

    for (unsigned i = 0; i < v->in.count; i++)
        which[v->indexes[i] & ~CZ_INVOKE_READ] = is_shared(c, v->indexes[i]);
    return keep_loose(c, c->f, which);
}

/* The frame above, with its memory, input and windows. False: out of memory. */
static bool set_up(struct czi_call *c, const struct invocation *v, struct czi_frame *f)
{
    struct czi_slice input = {c->m->scratch, v->in.input_len};

    if (!czi_call_get(c, v->in.input, c->m->scratch, v->in.input_len))
        return false;
    if (!czi_frame_begin(c->m, f, v->code, c->m->accesses[v->place].id, input)) {
        czi_call_no_memory(c);
        return false;
    }
    for (unsigned i = 0; i < v->in.count; i++) {
        unsigned outer = (unsigned)(v->indexes[i] & ~CZ_INVOKE_READ);
        unsigned index =
            czi_index_add(c->m, f, c->f->indexes[outer].place, is_shared(c, v->indexes[i]),
                          czi_index_contents(c->m, c->f, outer));

        f->indexes[index].outer = (uint8_t)outer;
    }
    return true;
}

/* The frame below gets what was changed. CZ_OK also when the call is stopped. */
static int hand_back(struct czi_call *c, struct czi_frame *f)
{
    bool which[CZ_GUEST_WINDOWS_MAX] = {false};
    int rc;

    for (unsigned i = 0; i < f->index_count; i++)
        which[i] = f->indexes[i].writable;
    rc = keep_loose(c, f, which);
    if (rc || c->stop)
        return rc;
    for (unsigned i = 0; i < f->index_count; i++) {
        const struct czi_index *x = &f->indexes[i];

        if (!x->is_kept)
            continue;
        czi_index_note(c->m, c->f, x->outer);
        czi_index_map(c->m, c->f, x->outer, c->m->places[x->place].now.data);
        c->f->indexes[x->outer].is_kept = true;
    }
    return CZ_OK;
}

static uint64_t tell_end(enum czi_stop stop, const struct czi_hart *h)
{
    return stop == CZI_STOP_CALL  ? h->x[10]
           : stop == CZI_STOP_GAS ? CZ_INVOKE_NO_GAS
                                  : CZ_INVOKE_TRAPPED;
}

/* Runs it and takes over or undoes what it did; CZ_OK also when the call is stopped. */
static int run(struct czi_call *c, struct invocation *v, struct czi_frame *f)
{
    struct czi_vm_manager *m = c->m;
    struct czi_mark *mark = &m->marks[m->depth];
    uint64_t gas = CZI_MIN(v->in.gas, c->h->gas);
    struct czi_hart h;
    enum czi_stop stop;
    int rc = CZ_REJECTED;

    czi_overlay_mark(m, mark);
    m->depth++;
    stop = czi_frame_run(m, f, &h, gas);
    m->depth--;
    m->detail[0] = 0;
    c->h->gas -= gas - h.gas;
    c->inner += gas - h.gas;
    for (unsigned i = 0; i < f->index_count; i++)
        czi_index_note(m, f, i);
    if (m->no_memory)
        czi_call_no_memory(c);
    else if (stop == CZI_STOP_CALL && h.x[10] == 0)
        rc = hand_back(c, f);
    v->in.ret_code = tell_end(stop, &h);
    if (rc) {
        f->output_len = 0;
        czi_overlay_undo(m, mark);
    } else {
        m->places[v->place].now.ran = true;
    }
    return rc;
}

/* (struct cz_guest_invoke) */
uint64_t czi_call_do_invoke(struct czi_call *c)
{
    struct czi_frame *f = c->f + 1;
    struct invocation v;
    uint64_t len;
    int rc;

    if (!read_arguments(c, &v) || !check_indexes(c, &v))
        return 0;
    rc = find_code(c, &v);
    if (!rc && !c->stop)
        rc = keep_shared(c, &v);
    if (rc || c->stop || !set_up(c, &v, f))
        return czi_call_code(rc);
    rc = run(c, &v, f);
    if (c->stop)
        return 0;
    v.in.ret_output = f->output_len;
    len = CZI_MIN(v.in.ret_output, v.in.output_size);
    if (len && !czi_call_put(c, v.in.output, f->output, len))
        return 0;
    (void)czi_call_put(c, c->a[0] + offsetof(struct cz_guest_invoke, ret_output),
                       &v.in.ret_output, 2 * sizeof(uint64_t));
    return czi_call_code(rc);
}
