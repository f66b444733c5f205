/* effect.c - reading and writing canonical effects; see effect.h. */
#include "effect/effect.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "resource/policy.h"

const char *czi_opcode_name(unsigned code)
{
    static const char *const names[] = {
#define CZI_NAME(code, value, name, arguments) [value] = name,
        CZI_OPERATIONS(CZI_NAME)
#undef CZI_NAME
    };

    return code < CZI_COUNTOF(names) ? names[code] : "unknown";
}

static const char *const op_arguments[] = {
#define CZI_NAME(code, value, name, arguments) [value] = arguments,
    CZI_OPERATIONS(CZI_NAME)
#undef CZI_NAME
};

/* How many elements an operation's tuple has, from the letters of its arguments. */
static unsigned tuple_length(const char *arguments)
{
    unsigned n = 1;

    for (; *arguments; arguments++)
        n += *arguments == 'C' ? 7 : *arguments == 'R' || *arguments == 'T' ? 3 : 1;
    return n;
}

static void read_label(struct czi_cbor *c, struct czi_slice *ret)
{
    const char *problem;

    *ret = czi_cbor_text(c);
    problem = c->what ? NULL : czi_label_problem(*ret);
    if (problem)
        czi_cbor_fail(c, problem);
}

static const uint8_t *read_id(struct czi_cbor *c)
{
    struct czi_slice s = czi_cbor_bytes(c);

    if (!c->what && s.len != sizeof(cz_id))
        czi_cbor_fail(c, "an id must be 32 bytes");
    return s.data;
}

static void read_data(struct czi_cbor *c, struct czi_slice *ret)
{
    *ret = czi_cbor_bytes(c);
    if (ret->len > CZI_DATA_SIZE_MAX)
        czi_cbor_fail(c, "data is longer than 65536 bytes");
}

static void read_creation(struct czi_cbor *c, struct czi_op *op)
{
    op->creator = read_id(c);
    read_label(c, &op->label);
    op->kind = (uint8_t)czi_cbor_uint_max(c, CZI_KIND_LAST);
    if (czi_kind_has_data(op->kind)) {
        if (!czi_cbor_null(c))
            czi_cbor_fail(c, "data has no asset");
        read_data(c, &op->data);
    } else {
        read_label(c, &op->asset);
        if (op->kind == CZ_FUNGIBLE)
            op->quantity = czi_cbor_quantity(c);
        else if (!czi_cbor_null(c))
            czi_cbor_fail(c, "a position starts at zero");
        if (op->quantity < 0)
            czi_cbor_fail(c, "a fungible quantity is negative");
    }
    op->controller = read_id(c);
    op->if_absent = czi_cbor_bool(c);
}

static void read_requirement(struct czi_cbor *c, cz_requirement *r)
{
    r->has_state = !czi_cbor_null(c);
    if (r->has_state)
        r->state = (enum cz_state)czi_cbor_uint_max(c, CZ_ARCHIVED);
    r->has_version = !czi_cbor_null(c);
    if (r->has_version)
        r->version = czi_cbor_uint(c);
    r->has_quantity = !czi_cbor_null(c);
    if (r->has_quantity)
        r->quantity = czi_cbor_quantity(c);
    if (!r->has_state && !r->has_version && !r->has_quantity)
        czi_cbor_fail(c, "a requirement requires nothing");
}

/* Outside, nothing may move and be a transfer all the same (EIP-20), so a move may be zero. */
static void read_quantity(struct czi_cbor *c, struct czi_op *op)
{
    op->quantity = czi_cbor_quantity(c);
    if (!c->what && op->quantity < (op->code != CZI_OP_MOVE))
        czi_cbor_fail(c, "a quantity to transfer must be above zero, one to move not below");
}

static void read_destination(struct czi_cbor *c, struct czi_op *op)
{
    const char *problem;

    op->text = czi_cbor_text(c);
    problem = c->what ? NULL : czi_destination_problem(op->text);
    if (problem)
        czi_cbor_fail(c, problem);
}

static void read_when(struct czi_cbor *c, struct czi_op *op)
{
    op->text = czi_cbor_text(c);
    if (!c->what && (!op->text.len || op->text.len > CZI_DOMAIN_SIZE_MAX))
        czi_cbor_fail(c, "a domain has 1 to 32 bytes");
    op->not_before = czi_cbor_uint(c);
    op->not_after = czi_cbor_uint(c);
    if (!c->what && op->not_after < op->not_before)
        czi_cbor_fail(c, "the time required ends before it begins");
}

static void read_places(struct czi_cbor *c, struct czi_op *op)
{
    uint64_t n = czi_cbor_array(c), seen = 0;

    if (n > CZI_ACCESSES_MAX) {
        czi_cbor_fail(c, "more than 64 accesses");
        return;
    }
    op->places.data = c->at;
    for (uint64_t i = 0; i < n && !c->what; i++) {
        uint64_t bit = UINT64_C(1) << czi_cbor_uint_max(c, CZI_ACCESSES_MAX - 1);

        if (!c->what && seen & bit)
            czi_cbor_fail(c, "a run lists an access twice");
        seen |= bit;
    }
    op->places.len = (size_t)(c->at - op->places.data);
    op->place_count = (uint8_t)n;
}

unsigned czi_op_places(const struct czi_op *op, uint8_t ret[CZI_ACCESSES_MAX])
{
    struct czi_cbor c = czi_cbor(op->places.data, op->places.len);

    for (unsigned i = 0; i < op->place_count; i++)
        ret[i] = (uint8_t)czi_cbor_uint(&c);
    return op->place_count;
}

static void read_input(struct czi_cbor *c, struct czi_op *op)
{
    op->data = czi_cbor_bytes(c);
    if (op->data.len > CZ_GUEST_INPUT_MAX)
        czi_cbor_fail(c, "the input of a guest is longer than 32768 bytes");
}

/* What few operations have. */
static void read_argument(struct czi_cbor *c, char argument, struct czi_op *op)
{
    switch (argument) {
    case 'g':
        op->gas = czi_cbor_uint_max(c, CZ_GAS_MAX);
        break;
    case 'p':
        read_places(c, op);
        break;
    case 'i':
        read_input(c, op);
        break;
    case 'k':
        op->code_id = read_id(c);
        break;
    case 't':
        read_destination(c, op);
        break;
    case 'T':
        read_when(c, op);
        break;
    case 'C':
        read_creation(c, op);
        break;
    default:
        read_requirement(c, &op->requirement);
    }
}

void czi_op_next(struct czi_cbor *c, struct czi_op *op)
{
    uint64_t n = czi_cbor_array(c), code = czi_cbor_uint_max(c, CZI_OPCODES - 1);
    const char *arguments = op_arguments[code];
    uint8_t *const accesses[] = {&op->a, &op->b, &op->c};
    unsigned named = 0;

    *op = (struct czi_op){.code = (uint8_t)code};
    if (!c->what && n != tuple_length(arguments))
        czi_cbor_fail(c, "an operation has the wrong number of arguments");
    for (; *arguments && !c->what; arguments++) {
        switch (*arguments) {
        case 'w':
        case 'r':
            *accesses[named++] = (uint8_t)czi_cbor_uint_max(c, CZI_ACCESSES_MAX - 1);
            break;
        case 'f':
            op->fact = (uint8_t)czi_cbor_uint_max(c, CZI_CITATIONS_MAX - 1);
            break;
        case 'q':
            read_quantity(c, op);
            break;
        case 'd':
            read_data(c, &op->data);
            break;
        default:
            read_argument(c, *arguments, op);
        }
    }
}

static void put_null(struct czi_buf *b)
{
    czi_buf_put_byte(b, 0xf6);
}

static void put_creation(struct czi_buf *b, const struct czi_op *op)
{
    czi_cbor_add_string(b, 2, op->creator, sizeof(cz_id));
    czi_cbor_add_string(b, 3, op->label.data, op->label.len);
    czi_cbor_add_head(b, 0, op->kind);
    if (czi_kind_has_data(op->kind)) {
        put_null(b);
        czi_cbor_add_string(b, 2, op->data.data, op->data.len);
    } else {
        czi_cbor_add_string(b, 3, op->asset.data, op->asset.len);
        if (op->kind == CZ_FUNGIBLE)
            czi_cbor_add_quantity(b, op->quantity);
        else
            put_null(b);
    }
    czi_cbor_add_string(b, 2, op->controller, sizeof(cz_id));
    czi_buf_put_byte(b, op->if_absent ? 0xf5 : 0xf4);
}

static void put_requirement(struct czi_buf *b, const cz_requirement *r)
{
    if (r->has_state)
        czi_cbor_add_head(b, 0, r->state);
    else
        put_null(b);
    if (r->has_version)
        czi_cbor_add_head(b, 0, r->version);
    else
        put_null(b);
    if (r->has_quantity)
        czi_cbor_add_quantity(b, r->quantity);
    else
        put_null(b);
}

void czi_op_put(struct czi_buf *b, const struct czi_op *op)
{
    const char *arguments = op_arguments[op->code];
    const uint8_t accesses[] = {op->a, op->b, op->c};
    unsigned named = 0;

    czi_cbor_add_head(b, 4, tuple_length(arguments));
    czi_cbor_add_head(b, 0, op->code);
    for (; *arguments; arguments++) {
        switch (*arguments) {
        case 'w':
        case 'r':
            czi_cbor_add_head(b, 0, accesses[named++]);
            break;
        case 'f':
            czi_cbor_add_head(b, 0, op->fact);
            break;
        case 't':
            czi_cbor_add_string(b, 3, op->text.data, op->text.len);
            break;
        case 'T':
            czi_cbor_add_string(b, 3, op->text.data, op->text.len);
            czi_cbor_add_head(b, 0, op->not_before);
            czi_cbor_add_head(b, 0, op->not_after);
            break;
        case 'q':
            czi_cbor_add_quantity(b, op->quantity);
            break;
        case 'd':
        case 'i':
            czi_cbor_add_string(b, 2, op->data.data, op->data.len);
            break;
        case 'g':
            czi_cbor_add_head(b, 0, op->gas);
            break;
        case 'p':
            czi_cbor_add_head(b, 4, op->place_count);
            czi_buf_put(b, op->places.data, op->places.len);
            break;
        case 'k':
            czi_cbor_add_string(b, 2, op->code_id, sizeof(cz_id));
            break;
        case 'C':
            put_creation(b, op);
            break;
        default:
            put_requirement(b, &op->requirement);
        }
    }
}

/* A list of 32-byte ids or links, strictly ascending; returns the first one's offset. */
static size_t read_list(struct czi_cbor *c, bool links, uint8_t *ret_count)
{
    uint64_t n = czi_cbor_array(c), max = links ? CZI_CITATIONS_MAX : CZI_ACCESSES_MAX;
    size_t first = (size_t)(c->at - c->start) + (links ? CZI_CBOR_LINK_SIZE - 32 : 2);
    const uint8_t *before = NULL;

    if (n > max) {
        czi_cbor_fail(c, links ? "more than 64 citations" : "more than 64 accesses");
        n = 0;
    }
    for (uint64_t i = 0; i < n && !c->what; i++) {
        const uint8_t *id;

        if (links)
            (void)czi_cbor_link(c);
        else
            (void)read_id(c);
        id = c->at - 32;
        if (!c->what && before && !czi_id_before(before, id))
            czi_cbor_fail(c, "ids are not ascending");
        before = id;
    }
    *ret_count = (uint8_t)n;
    return first;
}

/* No id is both written and read, and there are not too many. */
static void check_accesses(struct czi_cbor *c, const struct czi_effect_view *v)
{
    unsigned w = 0, r = 0;

    if (czi_effect_accesses(v) > CZI_ACCESSES_MAX)
        czi_cbor_fail(c, "more than 64 accesses");
    while (w < v->write_count && r < v->read_count) {
        int order = memcmp(czi_effect_access_id(c->start, v, w),
                           czi_effect_access_id(c->start, v, v->write_count + r), 32);

        if (order == 0) {
            czi_cbor_fail(c, "a resource is declared both written and read");
            return;
        }
        w += order < 0;
        r += order > 0;
    }
}

static unsigned count_accesses(const char *arguments)
{
    unsigned n = 0;

    for (; *arguments; arguments++)
        n += *arguments == 'w' || *arguments == 'r';
    return n;
}

static void check_places(struct czi_cbor *c, const struct czi_effect_view *v,
                         const struct czi_op *op)
{
    uint8_t places[CZI_ACCESSES_MAX];
    unsigned n = czi_op_places(op, places);

    for (unsigned i = 0; i < n; i++)
        if (places[i] >= czi_effect_accesses(v))
            czi_cbor_fail(c, "a run lists an access that is not declared");
}

/* An operation's rules that involve the declared accesses. */
static void check_op(struct czi_cbor *c, const struct czi_effect_view *v,
                     const struct czi_op *op)
{
    const char *arguments = op_arguments[op->code];
    unsigned limit = *arguments == 'r' ? czi_effect_accesses(v) : v->write_count;
    unsigned n = count_accesses(arguments);

    if ((op->code == CZI_OP_CALL) != v->is_open && op->code != CZI_OP_NOTE &&
        op->code != CZI_OP_WHEN)
        czi_cbor_fail(c, v->is_open ? "an effect that declares nothing names no resource"
                                    : "a call is of an effect that declares nothing");
    else if ((n > 0 && op->a >= limit) || (n > 1 && op->b >= limit) ||
             (n > 2 && op->c >= limit)) {
        czi_cbor_fail(c, "an operation names an access that is not declared for it");
    } else if (op->code == CZI_OP_RUN) {
        check_places(c, v, op);
    } else if (op->code == CZI_OP_CREATE) {
        cz_id id = czi_identity_id(op->creator, op->label);

        if (!czi_id_equal(&id, czi_effect_access_id(c->start, v, op->a)))
            czi_cbor_fail(c, "a created resource's id is not the hash of creator and label");
    }
}

static void set_shape(struct czi_effect_view *v, const struct czi_op *op)
{
    if (czi_effect_accesses(v) != 2)
        return;
    if (op->code == CZI_OP_TRANSFER && v->write_count == 2 && op->a != op->b) {
        v->shape = CZI_SHAPE_TRANSFER;
        v->from = op->a;
        v->to = op->b;
        v->quantity = op->quantity;
    } else if (op->code == CZI_OP_REQUIRE && v->read_count == 2 &&
               op->requirement.has_quantity && !op->requirement.has_state &&
               !op->requirement.has_version) {
        v->shape = CZI_SHAPE_CHECK;
        v->from = op->a;
        v->to = !op->a;
        v->quantity = op->requirement.quantity;
    }
}

/* What must hold of an operation beyond what stands before it. */
struct demands {
    unsigned facts; /* cited, at least */
    unsigned guests;
    bool program;
};

static void note_demands(struct czi_cbor *c, const struct czi_op *op, uint64_t place,
                         struct demands *d)
{
    if (strchr(op_arguments[op->code], 'f'))
        d->facts = CZI_MAX(d->facts, op->fact + 1u);
    d->guests += op->code == CZI_OP_RUN || op->code == CZI_OP_CALL;
    if (d->guests > 1)
        czi_cbor_fail(c, "an effect starts one guest at most");
    if (op->code != CZI_OP_NOTE)
        return;
    d->program = true;
    if (place > 0)
        czi_cbor_fail(c, "a note is an effect's first operation");
}

static void check_demands(struct czi_cbor *c, const struct czi_effect_view *v,
                          const struct demands *d)
{
    if (c->what)
        return;
    if (d->facts > v->fact_count)
        czi_cbor_fail(c, "an operation names a fact that is not cited");
    else if (d->program && !v->has_program)
        czi_cbor_fail(c, "a note is of a program's effect");
    else if (v->is_open && !d->guests)
        czi_cbor_fail(c, "an effect that declares nothing calls a guest");
}

/* changes: an operation so far does. */
static void note_guest(struct czi_effect_view *v, const struct czi_op *op, bool *changes)
{
    if (op->code == CZI_OP_RUN || op->code == CZI_OP_CALL) {
        v->has_guest = true;
        v->guest_first = !*changes;
        v->from = op->a;
    }
    *changes |= op->code != CZI_OP_NOTE && op->code != CZI_OP_WHEN && op->code != CZI_OP_USE &&
                op->code != CZI_OP_REQUIRE;
}

static void read_ops(struct czi_cbor *c, struct czi_effect_view *v, struct demands *d)
{
    uint64_t n = czi_cbor_array(c);
    bool changes = false;

    if (n > CZI_OPERATIONS_MAX) {
        czi_cbor_fail(c, "more than 256 operations");
        n = 0;
    }
    v->op_count = (uint16_t)n;
    v->ops = (uint32_t)(c->at - c->start);
    for (uint64_t i = 0; i < n && !c->what; i++) {
        struct czi_op op;

        czi_op_next(c, &op);
        if (!c->what)
            check_op(c, v, &op);
        if (!c->what)
            note_demands(c, &op, i, d);
        if (!c->what)
            note_guest(v, &op, &changes);
        if (n == 1 && !c->what)
            set_shape(v, &op);
    }
    v->ops_len = (uint32_t)(c->at - c->start) - v->ops;
}

static void read_terms(struct czi_cbor *c, struct czi_terms *t)
{
    *t = (struct czi_terms){0};
    czi_cbor_array_of(c, 6);
    t->policy = (uint8_t)czi_cbor_uint_max(c, CZ_AT_LEAST_HEIGHT);
    t->optional = czi_cbor_bool(c);
    t->finality = (uint8_t)czi_cbor_uint_max(c, CZ_FINAL);
    t->depth = czi_cbor_uint(c);
    if (!c->what && (t->depth != 0) != (t->finality == CZ_DEPTH))
        czi_cbor_fail(c, "a depth is needed with finality depth, and with no other");
    t->has_max_age = !czi_cbor_null(c);
    if (t->has_max_age)
        t->max_age = czi_cbor_uint(c);
    if (czi_cbor_null(c))
        return;
    t->purpose = czi_cbor_text(c);
    if (!c->what && (!t->purpose.len || t->purpose.len > CZI_PURPOSE_SIZE_MAX))
        czi_cbor_fail(c, "a purpose has 1 to CZI_PURPOSE_SIZE_MAX (64) bytes");
}

static bool is_plain(const struct czi_terms *t)
{
    return t->policy == CZ_STILL_TRUE && !t->optional && t->finality == CZ_SEEN &&
           !t->has_max_age && !t->purpose.data;
}

/* What stands between the predecessors and the signature. */
static void read_full(struct czi_cbor *c, struct czi_effect_view *v)
{
    uint64_t n = czi_cbor_array(c), task;
    bool says = false;

    v->terms = (uint32_t)(c->at - c->start);
    v->has_terms = n > 0;
    if (!c->what && n && n != v->fact_count)
        czi_cbor_fail(c, "terms are needed for each cited fact, or for none");
    for (uint64_t i = 0; i < n && !c->what; i++) {
        struct czi_terms t;

        read_terms(c, &t);
        says |= !is_plain(&t);
    }
    if (!c->what && n && !says)
        czi_cbor_fail(c, "terms that are all plain are left out");
    v->has_time = !czi_cbor_null(c);
    if (v->has_time)
        (void)czi_cbor_link(c);
    v->has_program = !czi_cbor_null(c);
    if (v->has_program) {
        czi_cbor_array_of(c, 2);
        (void)czi_cbor_bytes32(c);
        task = czi_cbor_uint_max(c, UINT32_MAX);
        (void)task;
    }
    if (!c->what && v->is_full && !says && !v->has_time && !v->has_program)
        czi_cbor_fail(c, "the full form is for effects that need it");
}

struct czi_terms czi_effect_next_terms(const uint8_t *bytes, size_t len,
                                       const struct czi_effect_view *v, unsigned i,
                                       struct czi_cbor *c)
{
    struct czi_terms t = czi_plain_terms();

    if (!v->has_terms)
        return t;
    if (i == 0)
        *c = czi_cbor(bytes + v->terms, len - v->terms);
    read_terms(c, &t);
    return t;
}

/* Behind the terms. */
static struct czi_cbor behind_terms(const uint8_t *bytes, size_t len,
                                    const struct czi_effect_view *v)
{
    struct czi_cbor c = czi_cbor(bytes + v->terms, len - v->terms);

    for (unsigned i = 0; v->has_terms && i < v->fact_count; i++)
        czi_cbor_skip(&c);
    return c;
}

const uint8_t *czi_effect_time(const uint8_t *bytes, size_t len,
                               const struct czi_effect_view *v)
{
    return v->has_time ? behind_terms(bytes, len, v).at + CZI_CBOR_LINK_SIZE - 32 : NULL;
}

const uint8_t *czi_effect_program(const uint8_t *bytes, size_t len,
                                  const struct czi_effect_view *v, uint32_t *ret_task)
{
    struct czi_cbor c;
    const uint8_t *id;

    if (!v->has_program)
        return NULL;
    c = behind_terms(bytes, len, v);
    if (!czi_cbor_null(&c))
        (void)czi_cbor_link(&c);
    czi_cbor_array_of(&c, 2);
    id = czi_cbor_bytes(&c).data;
    *ret_task = (uint32_t)czi_cbor_uint(&c);
    return id;
}

/* The bytes of an effect with one transfer and nothing else, but for its numbers: most of all
 * effects look like this, and reading one by its fixed places takes a third of the time. True
 * when they do; anything else is left to the complete way, which also finds what is wrong. */
static bool view_transfer(const uint8_t *b, size_t len, struct czi_effect_view *v)
{
    static const uint8_t head[4] = {0x8a, CZI_TAG_EFFECT, 0x58, 0x20};
    struct czi_cbor c = czi_cbor(b, len);
    const uint8_t *p;

    if (len < 116 || memcmp(b, head, sizeof head) != 0)
        return false;
    c.at += sizeof head + 32;
    v->nonce = czi_cbor_uint(&c);
    p = c.at;
    if (c.what || c.end - p < 2 + 2 * CZI_ID_STRIDE + 10 || p[0] >= CZI_PRIORITIES ||
        p[1] != 0x82 || p[2] != 0x58 || p[3] != 0x20 || p[36] != 0x58 || p[37] != 0x20 ||
        p[70] != 0x80 || p[71] != 0x81 || p[72] != 0x84 || p[73] != CZI_OP_TRANSFER ||
        p[74] + p[75] != 1 || v->nonce == UINT64_MAX || !czi_id_before(p + 4, p + 38))
        return false;
    c.at = p + 76;
    v->quantity = czi_cbor_uint(&c);
    if (c.what || c.end - c.at != 3 || v->quantity == 0 || c.at[0] != 0x80 || c.at[1] != 0x80 ||
        c.at[2] != 0xf6)
        return false;
    v->priority = p[0];
    v->write_count = 2;
    v->op_count = 1;
    v->shape = CZI_SHAPE_TRANSFER;
    v->from = p[74];
    v->to = p[75];
    v->writes = (uint16_t)(p + 4 - b);
    v->reads = (uint16_t)(p + 73 - b);
    v->ops = (uint32_t)(p + 72 - b);
    v->ops_len = (uint32_t)(c.at - b) - v->ops;
    v->facts = (uint32_t)(c.at - b) + 1 + CZI_CBOR_LINK_SIZE - 32;
    v->after = v->facts + 1;
    return true;
}

static void read_signatures(struct czi_cbor *c, struct czi_effect_view *v)
{
    struct czi_slice s = czi_cbor_bytes(c);

    if (c->what)
        return;
    if (s.len == 0 || s.len % CZI_SIGNER_SIZE || s.len / CZI_SIGNER_SIZE > CZI_SIGNATURES_MAX)
        czi_cbor_fail(c, "signatures are 1 to 16 times 96 bytes");
    for (size_t at = CZI_SIGNER_SIZE; at < s.len && !c->what; at += CZI_SIGNER_SIZE)
        if (memcmp(s.data + at - CZI_SIGNER_SIZE, s.data + at, 32) >= 0)
            czi_cbor_fail(c, "the keys of signatures are not ascending");
    v->signature_count = (uint8_t)(s.len / CZI_SIGNER_SIZE);
}

/* Their string's head has two or three bytes. */
void czi_effect_signing_id(const uint8_t *bytes, size_t len, const struct czi_effect_view *v,
                           uint8_t ret[32])
{
    static const uint8_t none = 0xf6;
    size_t size = (size_t)v->signature_count * CZI_SIGNER_SIZE;
    struct czi_blake3 h;

    if (size)
        len -= size + (size > 255 ? 3 : 2);
    else
        len -= sizeof none;
    czi_blake3_init(&h);
    czi_blake3_update(&h, bytes, len);
    czi_blake3_update(&h, &none, sizeof none);
    czi_blake3_final(&h, ret);
}

static void read_head(struct czi_cbor *c, struct czi_effect_view *v)
{
    uint64_t n = czi_cbor_array(c), tag = czi_cbor_uint(c);

    v->is_full = tag == CZI_TAG_EFFECT_FULL;
    v->is_open = tag == CZI_TAG_EFFECT_OPEN;
    if (!c->what && (tag != CZI_TAG_EFFECT || n != 10) && (!v->is_full || n != 13) &&
        (!v->is_open || n != 11))
        czi_cbor_fail(c, "this is not an effect");
}

static void read_accesses(struct czi_cbor *c, struct czi_effect_view *v)
{
    v->writes = (uint16_t)read_list(c, false, &v->write_count);
    v->reads = (uint16_t)read_list(c, false, &v->read_count);
    if (!c->what && v->read_count)
        check_accesses(c, v);
}

size_t czi_scope_encode(uint8_t *out, const cz_id *writes, unsigned write_count,
                        const cz_id *reads, unsigned read_count)
{
    uint8_t *p = czi_cbor_put_array(out, write_count);

    CZI_CHECK(write_count + read_count <= CZ_OPEN_ACCESSES_MAX);
    for (unsigned i = 0; i < write_count; i++)
        p = czi_cbor_put_bytes(p, &writes[i], sizeof writes[i]);
    p = czi_cbor_put_array(p, read_count);
    for (unsigned i = 0; i < read_count; i++)
        p = czi_cbor_put_bytes(p, &reads[i], sizeof reads[i]);
    return (size_t)(p - out);
}

int czi_effect_set_scope(struct czi_effect_view *v, const uint8_t *bytes, size_t len,
                         size_t room, size_t *ret_len, cz_error *err)
{
    struct czi_cbor c = czi_cbor(bytes, len + room);
    struct czi_effect_view scope = *v;

    CZI_CHECK(v->is_open && len <= CZI_OPEN_EFFECT_SIZE_MAX);
    c.at += len;
    read_accesses(&c, &scope);
    if (c.what)
        return czi_fail(err, CZ_INVALID, "scope: byte %zu: %s", c.offset - len, c.what);
    if (czi_effect_accesses(&scope) > CZ_OPEN_ACCESSES_MAX)
        return czi_fail(err, CZ_LIMIT, "scope: %u accesses, at most %d are allowed",
                        czi_effect_accesses(&scope), CZ_OPEN_ACCESSES_MAX);
    *v = scope;
    *ret_len = (size_t)(c.at - bytes) - len;
    return CZ_OK;
}

int czi_effect_view(const void *bytes, size_t len, struct czi_effect_view *ret, cz_error *err)
{
    struct czi_cbor c = czi_cbor(bytes, len);
    struct czi_effect_view v = {0};
    struct demands demands = {0};
    int rc;

    if (view_transfer(bytes, len, &v)) {
        *ret = v;
        return CZ_OK;
    }
    v = (struct czi_effect_view){0};
    if (len > CZI_EFFECT_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "effect: %zu bytes, at most %u are allowed", len,
                        CZI_EFFECT_SIZE_MAX);
    read_head(&c, &v);
    if (v.is_open && len > CZI_OPEN_EFFECT_SIZE_MAX)
        return czi_fail(
            err, CZ_LIMIT,
            "effect: %zu bytes, at most %u are allowed of one that declares nothing", len,
            CZI_OPEN_EFFECT_SIZE_MAX);
    (void)read_id(&c);
    v.nonce = czi_cbor_uint_max(&c, UINT64_MAX - 1);
    v.priority = (uint8_t)czi_cbor_uint_max(&c, CZI_PRIORITIES - 1);
    if (!v.is_open)
        read_accesses(&c, &v);
    read_ops(&c, &v, &demands);
    v.facts = (uint32_t)read_list(&c, true, &v.fact_count);
    v.after = (uint32_t)read_list(&c, true, &v.after_count);
    if (v.is_full || v.is_open)
        read_full(&c, &v);
    if (!c.what && !v.op_count && !v.has_program)
        czi_cbor_fail(&c, "an effect needs an operation, or a program");
    check_demands(&c, &v, &demands);
    if (!czi_cbor_null(&c))
        read_signatures(&c, &v);
    rc = czi_cbor_end(&c, err);
    if (rc)
        return czi_wrap(err, rc, "effect");
    if (v.fact_count || v.after_count || v.is_full)
        v.shape = CZI_SHAPE_GENERAL;
    *ret = v;
    return CZ_OK;
}

size_t czi_transfer_encode(uint8_t *out, const cz_id *origin, uint64_t nonce, unsigned priority,
                           const cz_id *from, const cz_id *to, cz_quantity quantity)
{
    int order = memcmp(from, to, sizeof *from);
    uint8_t *p = czi_cbor_put_array(out, 10);

    p = czi_cbor_put_uint(p, CZI_TAG_EFFECT);
    p = czi_cbor_put_bytes(p, origin, 32);
    p = czi_cbor_put_uint(p, nonce);
    p = czi_cbor_put_uint(p, priority);
    p = czi_cbor_put_array(p, order ? 2 : 1);
    p = czi_cbor_put_bytes(p, order <= 0 ? from : to, 32);
    if (order)
        p = czi_cbor_put_bytes(p, order < 0 ? to : from, 32);
    p = czi_cbor_put_array(p, 0);
    p = czi_cbor_put_array(p, 1);
    p = czi_cbor_put_array(p, 4);
    p = czi_cbor_put_uint(p, CZI_OP_TRANSFER);
    p = czi_cbor_put_uint(p, order > 0);
    p = czi_cbor_put_uint(p, order < 0);
    p = czi_cbor_put_quantity(p, quantity);
    p = czi_cbor_put_array(p, 0);
    p = czi_cbor_put_array(p, 0);
    p = czi_cbor_put_null(p);
    return (size_t)(p - out);
}
