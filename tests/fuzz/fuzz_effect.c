/* fuzz_effect.c - the effect decoder over any bytes.
 *
 * Properties: what is accepted is canonical DAG-CBOR, encodes to the same bytes again, and the
 * short view of it stays within it; what is refused is refused with a place or a bound.
 */
#include "codec/dag_cbor.h"
#include "effect/effect.h"
#include "fuzz.h"

/* What only the full form says, by the short ways to it. */
static void check_full(const uint8_t *data, size_t size, const struct czi_effect_view *v)
{
    const uint8_t *time = czi_effect_time(data, size, v), *program;
    struct czi_cbor c = {0};
    uint32_t task;

    for (unsigned i = 0; i < v->fact_count; i++) {
        struct czi_terms t = czi_effect_next_terms(data, size, v, i, &c);

        CZI_CHECK(t.policy <= CZ_AT_LEAST_HEIGHT && t.finality <= CZ_FINAL && !c.what);
        CZI_CHECK(t.purpose.len <= CZI_PURPOSE_SIZE_MAX);
        CZI_CHECK(!t.purpose.data || (t.purpose.len && t.purpose.data > data &&
                                      t.purpose.data + t.purpose.len < data + size));
    }
    program = czi_effect_program(data, size, v, &task);
    CZI_CHECK(v->has_time == (time != NULL) && v->has_program == (program != NULL));
    CZI_CHECK(!time || (time > data && time + 32 < data + size));
    CZI_CHECK(!program || (program > data && program + 32 < data + size));
    CZI_CHECK(v->is_full || v->is_open || (!v->has_terms && !v->has_time && !v->has_program));
}

static void check_guest(const struct czi_effect_view *v, const struct czi_op *op)
{
    uint8_t places[CZI_ACCESSES_MAX];
    bool run = op->code == CZI_OP_RUN, call = op->code == CZI_OP_CALL;

    CZI_CHECK(!(run || call) || (v->has_guest && v->is_open == call));
    CZI_CHECK(op->place_count <= CZI_ACCESSES_MAX && (run || !op->place_count));
    for (unsigned i = 0; i < czi_op_places(op, places); i++)
        CZI_CHECK(places[i] < czi_effect_accesses(v));
    CZI_CHECK(op->gas <= CZ_GAS_MAX && call == (op->code_id != NULL));
}

static void check_view(const uint8_t *data, size_t size)
{
    struct czi_effect_view v;
    struct czi_cbor c;
    cz_error err = {0};

    CZI_CHECK(czi_effect_view(data, size, &v, &err) == CZ_OK);
    CZI_CHECK(czi_effect_accesses(&v) <= CZI_ACCESSES_MAX &&
              (v.op_count >= 1 || v.has_program));
    CZI_CHECK(v.write_count == 0 || v.writes + v.write_count * (size_t)CZI_ID_STRIDE <= size);
    CZI_CHECK(v.read_count == 0 || v.reads + v.read_count * (size_t)CZI_ID_STRIDE - 2 <= size);
    CZI_CHECK((size_t)v.ops + v.ops_len <= size);
    c = czi_cbor(data + v.ops, v.ops_len);
    for (unsigned i = 0; i < v.op_count; i++) {
        struct czi_op op;

        czi_op_next(&c, &op);
        CZI_CHECK(!c.what && op.b < CZI_ACCESSES_MAX);
        CZI_CHECK(op.a < czi_effect_accesses(&v) || (op.a == 0 && v.is_open));
        check_guest(&v, &op);
    }
    CZI_CHECK(czi_cbor_end(&c, &err) == CZ_OK);
    check_full(data, size, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cz_effect *e = cz_effect_new();
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    CZI_CHECK(e);
    if (cz_effect_decode(e, data, size, &err) == CZ_OK) {
        CZI_CHECK(czi_cbor_validate(data, size, &err) == CZ_OK);
        CZI_CHECK(cz_effect_encode(e, &bytes, &len, &err) == CZ_OK);
        CZI_CHECK(len == size && memcmp(bytes, data, size) == 0);
        check_view(data, size);
    } else {
        CZI_CHECK(err.code == CZ_INVALID || err.code == CZ_LIMIT);
        CZI_CHECK(err.detail[0]);
    }
    cz_effect_free(e);
    return 0;
}

static void add_op(cz_effect *e, size_t i, const cz_id *a, const cz_id *b)
{
    cz_creation c = {.creator = *a,
                     .controller = *b,
                     .label = "label",
                     .kind = (enum cz_kind)(i % 3),
                     .asset = i % 3 == CZ_DATA ? NULL : "asset",
                     .data = (const uint8_t *)"data",
                     .data_len = i % 3 == CZ_DATA ? 4 : 0};
    cz_requirement r = {true, true, true, CZ_ACTIVE, 3, -5};
    cz_error err = {0};
    int rc = CZ_OK;

    switch (i) {
    case 0:
    case 1:
    case 2:
        rc = cz_effect_create(e, &c, &err);
        break;
    case 3:
        rc = cz_effect_transfer(e, a, b, 1, &err);
        break;
    case 4:
        rc = cz_effect_move(e, a, b, (cz_quantity)1 << 100, &err);
        break;
    case 5:
        rc = cz_effect_write(e, a, "bytes", 5, &err);
        break;
    case 6:
        rc = cz_effect_require(e, a, &r, &err);
        break;
    default:
        rc = cz_effect_consume(e, b, &err);
    }
    CZI_CHECK(rc == CZ_OK);
}

/* Terms, time and program, in every combination. */
static void add_full(cz_effect *e, size_t i, const cz_id *a)
{
    cz_dependency d = {.fact = *a,
                       .policy = CZ_AT_LEAST_HEIGHT,
                       .optional = true,
                       .finality = CZ_DEPTH,
                       .depth = 300,
                       .has_max_age = true,
                       .max_age = 3600,
                       .purpose = "purpose"};
    cz_error err = {0};

    if (i & 1)
        CZI_CHECK(!cz_effect_depend(e, &d, &err));
    if (i & 2)
        cz_effect_set_time(e, a);
    if (i & 4)
        cz_effect_set_program(e, a, 70000);
}

/* One of each operation, with all other parts; then one of all of them; then none; then calls
 * of a guest in short and at length, and a run. */
static void add_guest(cz_effect *e, bool call, const cz_id *a, const cz_id *b)
{
    cz_guest_access seen[] = {{*b, CZ_WRITE}, {*a, CZ_READ}};
    cz_error err = {0};

    if (call)
        CZI_CHECK(!cz_effect_call(e, a, CZ_GAS_MAX, "input", 5, &err));
    else
        CZI_CHECK(!cz_effect_run(e, a, 300, seen, 2, "input", 5, &err));
}

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    bool call = i == 10 || i == 11;
    cz_id a = {{1}}, b = {{2}};
    cz_effect *e = cz_effect_new();
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    CZI_CHECK(e);
    for (size_t k = 0; k < 8; k++)
        if (k == i || i == 8)
            add_op(e, k, &a, &b);
    CZI_CHECK(!cz_effect_cite(e, &a, &err) && !cz_effect_follow(e, &b, &err));
    if (i >= 10)
        add_guest(e, call, &a, &b);
    CZI_CHECK(call || !cz_effect_access(e, &b, CZ_READ, &err));
    CZI_CHECK(i % 2 == 0 || !cz_effect_sign(e, a.bytes, &err));
    add_full(e, i < 9 ? i : i == 10 ? 0 : 7, &a);
    if (i <= 12) {
        CZI_CHECK(cz_effect_encode(e, &bytes, &len, &err) == CZ_OK);
        czi_buf_put(out, bytes, len);
    }
    cz_effect_free(e);
    return i <= 12;
}
