/* calls_resource.c - a guest's calls about resources, by index; see overlay.h. */
#include "vm/overlay.h"

/* What opcode has a guest's transfer, by the kind of the two. */
static unsigned transfer_op(unsigned kind)
{
    return kind == CZ_FUNGIBLE ? CZI_OP_TRANSFER : CZI_OP_MOVE;
}

static struct czi_access *access_of(const struct czi_call *c, uint64_t index)
{
    return &c->m->accesses[c->f->indexes[index].place];
}

static struct czi_place *place_of(const struct czi_call *c, uint64_t index)
{
    return &c->m->places[c->f->indexes[index].place];
}

static void note_load(const struct czi_call *c, uint64_t index)
{
    struct czi_access *a = access_of(c, index);

    a->touched = a->read = true;
    a->loads++;
}

static void note_store(const struct czi_call *c, uint64_t index)
{
    struct czi_access *a = access_of(c, index);

    a->touched = true;
    a->stores++;
    place_of(c, index)->now.written = true;
}

bool czi_call_index(struct czi_call *c, uint64_t index, enum cz_access mode)
{
    if (CZI_UNLIKELY(index >= c->f->index_count)) {
        czi_call_refuse(c, "resource %llu is not declared; there are %u",
                        (unsigned long long)index, c->f->index_count);
        return false;
    }
    if (CZI_UNLIKELY(mode == CZ_WRITE && !c->f->indexes[index].writable)) {
        char text[CZ_ID_TEXT_SIZE];

        cz_id_print((const cz_id *)(const void *)access_of(c, index)->id, text);
        czi_call_refuse(c, "resource %llu (%s) may be read only", (unsigned long long)index,
                        text);
        return false;
    }
    return true;
}

/* ---- Looking ------------------------------------------------------------------------------
 */

static uint64_t refuse_id(struct czi_call *c, const uint8_t id[32], const char *why)
{
    char text[CZ_ID_TEXT_SIZE];

    cz_id_print((const cz_id *)(const void *)id, text);
    czi_call_refuse(c, "%s %s", text, why);
    return 0;
}

/* Found before to be read, and nothing of it was written. */
static void upgrade(struct czi_call *c, unsigned index)
{
    struct czi_index *x = &c->f->indexes[index];

    czi_index_note(c->m, c->f, index);
    x->writable = c->m->accesses[x->place].writable = true;
    czi_index_map(c->m, c->f, index, c->m->places[x->place].now.data);
}

/* (id 32, mode) */
uint64_t czi_call_do_open(struct czi_call *c)
{
    struct czi_vm_manager *m = c->m;
    bool opens = m->in.is_open && m->depth == 0, writes = c->a[1] == CZ_WRITE;
    uint8_t id[32];
    unsigned place, index;

    if (!czi_call_get(c, c->a[0], id, sizeof id))
        return 0;
    if (c->a[1] > CZ_WRITE)
        return czi_call_code(CZ_INVALID);
    place = czi_place_find(m, id);
    index = czi_index_find(c->f, place);
    if (index == c->f->index_count && !opens)
        return refuse_id(c, id, "is not declared");
    if (index < c->f->index_count && writes && !c->f->indexes[index].writable) {
        if (!opens)
            return refuse_id(c, id, "is declared to be read only");
        upgrade(c, index);
    }
    if (place == m->place_count) {
        if (place == CZ_OPEN_ACCESSES_MAX)
            return refuse_id(c, id, "is one too many: CZ_OPEN_ACCESSES_MAX (16)");
        (void)czi_place_add(m, id, writes, NULL);
    }
    if (index == c->f->index_count) {
        m->accesses[place].writable |= writes;
        (void)czi_index_add(m, c->f, place, writes, m->places[place].now.data);
    }
    m->accesses[place].touched = true;
    return index;
}

/* (index, to struct cz_guest_info) */
uint64_t czi_call_do_info(struct czi_call *c)
{
    struct cz_guest_info info = {.mode = CZ_READ};
    const struct czi_place *p;

    if (!czi_call_index(c, c->a[0], CZ_READ) || !czi_call_can(c, c->a[1], sizeof info, true))
        return 0;
    note_load(c, c->a[0]);
    p = place_of(c, c->a[0]);
    memcpy(info.id, access_of(c, c->a[0])->id, sizeof info.id);
    info.mode = c->f->indexes[c->a[0]].writable ? CZ_WRITE : CZ_READ;
    info.exists = p->now.exists;
    if (p->now.exists) {
        info.kind = p->now.kind;
        info.state = p->now.state;
        info.version = p->found.version;
        if (czi_kind_has_data(p->now.kind))
            info.length = czi_index_contents(c->m, c->f, (unsigned)c->a[0]).len;
        info.quantity[0] = (uint64_t)p->now.quantity;
        info.quantity[1] = (uint64_t)(p->now.quantity >> 64);
        /* What somebody made in its name before the code was there is controlled by nobody. */
        info.is_own = (p->now.is_created || p->found.is_controlled) &&
                      czi_id_equal(p->now.controller, c->f->code_id);
    }
    (void)czi_call_put(c, c->a[1], &info, sizeof info);
    return 0;
}

/* Of what has bytes; otherwise *ret is why not. */
static bool has_bytes(const struct czi_call *c, uint64_t *ret)
{
    const struct czi_now *now = &place_of(c, c->a[0])->now;

    *ret = czi_call_code(now->exists ? CZ_WRONG_TYPE : CZ_NOT_FOUND);
    return now->exists && czi_kind_has_data(now->kind);
}

/* (index) */
uint64_t czi_call_do_length(struct czi_call *c)
{
    uint64_t why;

    if (!czi_call_index(c, c->a[0], CZ_READ))
        return 0;
    note_load(c, c->a[0]);
    return has_bytes(c, &why) ? czi_index_contents(c->m, c->f, (unsigned)c->a[0]).len : why;
}

/* (index, offset, to, size). Through scratch when it goes to a window, which may be the same
 * one. */
uint64_t czi_call_do_load(struct czi_call *c)
{
    uint64_t offset = c->a[1], to = c->a[2], size = c->a[3], why;
    struct czi_slice s;
    const uint8_t *from;
    size_t n;

    if (!czi_call_index(c, c->a[0], CZ_READ) || !czi_call_can(c, to, size, true))
        return 0;
    note_load(c, c->a[0]);
    if (!has_bytes(c, &why))
        return why;
    s = czi_index_contents(c->m, c->f, (unsigned)c->a[0]);
    n = offset < s.len ? (size_t)CZI_MIN(size, s.len - offset) : 0;
    if (!n)
        return 0;
    from = s.data + offset;
    if (to + size > CZ_GUEST_WINDOWS) {
        memcpy(c->m->scratch, from, n);
        from = c->m->scratch;
    }
    return czi_call_put(c, to, from, n) ? n : 0;
}

/* ---- Changing data ------------------------------------------------------------------------
 */

/* Data that may be written; otherwise *ret is why not. */
static bool may_write(const struct czi_call *c, uint64_t *ret)
{
    const struct czi_now *now = &place_of(c, c->a[0])->now;

    if (!has_bytes(c, ret))
        return false;
    *ret = czi_call_code(now->kind == CZ_DATA ? CZ_CONFLICT : CZ_WRONG_TYPE);
    return now->kind == CZ_DATA && now->state == CZ_ACTIVE;
}

/* Replaces n bytes of a window, which reaches so far, by those of scratch. */
static void fill(struct czi_call *c, uint64_t index, uint64_t offset, size_t n)
{
    CZI_CHECK(czi_space_write(c->f->space, CZ_GUEST_WINDOW(index) + offset, c->m->scratch, n));
}

/* (index, offset, from, size) */
uint64_t czi_call_do_store(struct czi_call *c)
{
    uint64_t index = c->a[0], offset = c->a[1], size = c->a[3], why;
    size_t len;

    if (!czi_call_index(c, index, CZ_WRITE) || !czi_call_can(c, c->a[2], size, false))
        return 0;
    access_of(c, index)->touched = access_of(c, index)->read = true;
    if (!may_write(c, &why))
        return why;
    if (offset > CZI_DATA_SIZE_MAX || size > CZI_DATA_SIZE_MAX - offset)
        return czi_call_code(CZ_LIMIT);
    if (!size)
        return 0;
    len = czi_space_window(c->f->space, (unsigned)index).len;
    if ((offset > len && !czi_call_pay_more(c, offset - len)) ||
        !czi_call_get(c, c->a[2], c->m->scratch, size))
        return 0;
    if (offset + size > len)
        czi_space_resize(c->f->space, (unsigned)index, offset + size);
    fill(c, index, offset, size);
    note_store(c, index);
    return 0;
}

/* (index, size) */
uint64_t czi_call_do_resize(struct czi_call *c)
{
    uint64_t index = c->a[0], why;

    if (!czi_call_index(c, index, CZ_WRITE))
        return 0;
    access_of(c, index)->touched = access_of(c, index)->read = true;
    if (!may_write(c, &why))
        return why;
    if (c->a[1] > CZI_DATA_SIZE_MAX)
        return czi_call_code(CZ_LIMIT);
    czi_space_resize(c->f->space, (unsigned)index, c->a[1]);
    note_store(c, index);
    return 0;
}

uint64_t czi_call_replace(struct czi_call *c, unsigned index, uint64_t from, uint64_t len)
{
    uint64_t why;

    c->a[0] = index;
    if (!czi_call_get(c, from, c->m->scratch, len))
        return 0;
    access_of(c, index)->touched = access_of(c, index)->read = true;
    if (!may_write(c, &why))
        return why;
    czi_space_resize(c->f->space, index, len);
    fill(c, index, 0, len);
    note_store(c, index);
    return 0;
}

/* ---- Creating -----------------------------------------------------------------------------
 */

/* A text of the guest's, as a slice of scratch at `at`; false: stopped, or *ret_code is why it
 * cannot be a label. */
static bool get_label(struct czi_call *c, uint64_t address, uint64_t len, size_t at,
                      struct czi_slice *ret, int *ret_code)
{
    *ret = (struct czi_slice){c->m->scratch + at, len};
    *ret_code = CZ_INVALID;
    if (len > CZI_LABEL_SIZE_MAX ||
        !czi_call_get(c, address, c->m->scratch + at, (size_t)len) || czi_label_problem(*ret))
        return false;
    *ret_code = CZ_OK;
    return true;
}

static cz_quantity quantity_of(const uint64_t words[2])
{
    return (cz_quantity)((unsigned __int128)words[1] << 64 | words[0]);
}

/* Whether the resource can be made; CZ_OK also when the call is stopped. */
static int creation_fault(struct czi_call *c, const struct cz_guest_new *in, struct czi_op *op)
{
    cz_id id;
    int rc;

    if (!get_label(c, in->label, in->label_len, 0, &op->label, &rc))
        return rc;
    if (in->kind == CZ_FUNGIBLE &&
        !get_label(c, in->asset, in->asset_len, CZI_LABEL_SIZE_MAX, &op->asset, &rc))
        return rc;
    if (place_of(c, c->a[0])->now.exists)
        return CZ_CONFLICT;
    if (in->kind == CZ_FUNGIBLE && quantity_of(in->quantity) < 0)
        return CZ_INVALID;
    if (in->kind == CZ_DATA && in->length > CZI_DATA_SIZE_MAX)
        return CZ_LIMIT;
    id = czi_identity_id(c->f->code_id, op->label);
    if (!czi_id_equal(&id, access_of(c, c->a[0])->id))
        return CZ_INVALID;
    return czi_overlay_fits(c->m, 1) ? CZ_OK : CZ_LIMIT;
}

/* Copies the texts to where they stay. */
static int keep_texts(struct czi_vm_manager *m, struct czi_op *op)
{
    size_t len = op->label.len + op->asset.len;
    int rc;
    uint8_t *bytes = czi_overlay_bytes(m, len, &rc);

    if (!bytes)
        return rc;
    memcpy(bytes, op->label.data, op->label.len);
    op->label.data = bytes;
    if (op->asset.len) {
        memcpy(bytes + op->label.len, op->asset.data, op->asset.len);
        op->asset.data = bytes + op->label.len;
    }
    return CZ_OK;
}

static void create(struct czi_call *c, const struct czi_op *op, size_t length)
{
    struct czi_vm_manager *m = c->m;
    struct czi_index *x = &c->f->indexes[c->a[0]];
    struct czi_now *now = &m->places[x->place].now;

    *now = (struct czi_now){.quantity = op->quantity,
                            .controller = op->controller,
                            .asset = op->asset,
                            .creation = (uint16_t)m->creation_count,
                            .kind = op->kind,
                            .state = CZ_ACTIVE,
                            .exists = true,
                            .is_created = true,
                            .is_filled = op->kind != CZ_DATA};
    m->creation_actors[m->creation_count] = c->f->code_id;
    m->creations[m->creation_count++] = *op;
    czi_index_map(m, c->f, (unsigned)c->a[0], now->data);
    if (op->kind == CZ_DATA && length)
        czi_space_resize(c->f->space, (unsigned)c->a[0], length);
    note_store(c, c->a[0]);
}

/* (index, struct cz_guest_new) */
uint64_t czi_call_do_allocate(struct czi_call *c)
{
    struct cz_guest_new in;
    struct czi_op op = {.code = CZI_OP_CREATE,
                        .creator = c->f->code_id,
                        .controller = c->f->code_id};
    size_t length;
    int rc;

    if (!czi_call_index(c, c->a[0], CZ_WRITE) || !czi_call_get(c, c->a[1], &in, sizeof in))
        return 0;
    access_of(c, c->a[0])->touched = access_of(c, c->a[0])->read = true;
    if (in.kind != CZ_DATA && in.kind != CZ_FUNGIBLE)
        return czi_call_code(CZ_WRONG_TYPE);
    op.a = c->f->indexes[c->a[0]].place;
    op.kind = (uint8_t)in.kind;
    if (in.kind == CZ_FUNGIBLE)
        op.quantity = quantity_of(in.quantity);
    rc = creation_fault(c, &in, &op);
    if (rc || c->stop)
        return czi_call_code(rc);
    length = in.kind == CZ_DATA ? in.length : 0;
    if (!czi_call_pay_more(c, op.label.len + op.asset.len + length))
        return 0;
    rc = keep_texts(c->m, &op);
    if (rc == CZ_NOMEM)
        czi_call_no_memory(c);
    if (rc)
        return czi_call_code(rc);
    create(c, &op, length);
    return 0;
}

/* ---- Quantities ---------------------------------------------------------------------------
 */

static int transfer_fault(const struct czi_now *from, const struct czi_now *to, unsigned code,
                          cz_quantity q)
{
    unsigned kind = code == CZI_OP_TRANSFER ? CZ_FUNGIBLE : CZ_POSITION;
    cz_quantity changed;

    if (!from->exists || !to->exists)
        return CZ_NOT_FOUND;
    if (from->kind != kind || to->kind != kind || from->asset.len != to->asset.len ||
        memcmp(from->asset.data, to->asset.data, from->asset.len) != 0)
        return CZ_WRONG_TYPE;
    if (q < (code == CZI_OP_TRANSFER))
        return CZ_INVALID;
    if (from->state != CZ_ACTIVE || to->state != CZ_ACTIVE)
        return CZ_CONFLICT;
    if (code == CZI_OP_TRANSFER && from->quantity < q)
        return CZ_REJECTED;
    if (from != to && (__builtin_sub_overflow(from->quantity, q, &changed) ||
                       __builtin_add_overflow(to->quantity, q, &changed)))
        return CZ_LIMIT;
    return CZ_OK;
}

uint64_t czi_call_move(struct czi_call *c, uint64_t from, uint64_t to, unsigned code,
                       cz_quantity q)
{
    struct czi_now *a = &place_of(c, from)->now, *b = &place_of(c, to)->now;
    int rc;

    note_load(c, from);
    note_load(c, to);
    rc = transfer_fault(a, b, code, q);
    if (!rc && !czi_overlay_fits(c->m, 1))
        rc = CZ_LIMIT;
    if (rc)
        return czi_call_code(rc);
    a->quantity -= q;
    b->quantity += q;
    *czi_overlay_op(c->m, c->f) = (struct czi_op){.code = (uint8_t)code,
                                                  .a = c->f->indexes[from].place,
                                                  .b = c->f->indexes[to].place,
                                                  .quantity = q};
    note_store(c, from);
    note_store(c, to);
    return 0;
}

/* (from index, to index, quantity low, high) */
uint64_t czi_call_do_transfer(struct czi_call *c)
{
    if (!czi_call_index(c, c->a[0], CZ_WRITE) || !czi_call_index(c, c->a[1], CZ_WRITE))
        return 0;
    return czi_call_move(c, c->a[0], c->a[1], transfer_op(place_of(c, c->a[0])->now.kind),
                         quantity_of(&c->a[2]));
}
