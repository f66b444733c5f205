/* builder_guest.c - what starts guests, and deploys what they run; see builder.h. */
#include "base/error.h"
#include "codec/blake3.h"
#include "effect/builder.h"

/* What a run and a call have in common. */
static int check_guest(const cz_effect *e, uint64_t gas, size_t len, cz_error *err)
{
    if (!e)
        return czi_nomem(err, "an effect");
    if (e->has_guest)
        return czi_fail(err, CZ_INVALID, "an effect starts one guest at most");
    if (gas > CZ_GAS_MAX)
        return czi_fail(err, CZ_LIMIT, "run: at most CZ_GAS_MAX (10^10) of gas");
    if (len > CZ_GUEST_INPUT_MAX)
        return czi_fail(err, CZ_LIMIT, "run: %zu bytes of input, at most %u are allowed", len,
                        CZ_GUEST_INPUT_MAX);
    return CZ_OK;
}

static int add_guest(cz_effect *e, struct czi_builder_op *p, const void *input, size_t len,
                     cz_error *err)
{
    int rc;

    p->op.data.len = len;
    p->data = czi_builder_keep(e, input, len);
    rc = czi_builder_add(e, p, err);
    if (!rc)
        e->has_guest = true;
    return rc;
}

int cz_effect_run(cz_effect *e, const cz_id *code, uint64_t gas,
                  const cz_guest_access *accesses, size_t count, const void *input, size_t len,
                  cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = CZI_OP_RUN, .gas = gas}};
    uint8_t places[CZI_ACCESSES_MAX];
    uint64_t seen = 0;
    int rc = check_guest(e, gas, len, err);

    if (!rc && count > CZI_ACCESSES_MAX)
        rc = czi_fail(err, CZ_LIMIT, "run: %zu accesses, at most %d are allowed", count,
                      CZI_ACCESSES_MAX);
    if (!rc)
        rc = czi_builder_use(e, code, false, &p.op.a, err);
    for (size_t i = 0; i < count && !rc; i++) {
        rc = czi_builder_use(e, &accesses[i].resource, accesses[i].mode == CZ_WRITE, &places[i],
                             err);
        if (!rc && seen >> places[i] & 1)
            rc = czi_fail(err, CZ_INVALID, "run: access %zu is listed before", i);
        if (!rc)
            seen |= UINT64_C(1) << places[i];
    }
    if (rc)
        return rc;
    p.op.place_count = (uint8_t)count;
    p.places = czi_builder_keep(e, places, count);
    return add_guest(e, &p, input, len, err);
}

int cz_effect_call(cz_effect *e, const cz_id *code, uint64_t gas, const void *input, size_t len,
                   cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = CZI_OP_CALL, .gas = gas}};
    int rc = check_guest(e, gas, len, err);

    if (!rc && e->access_count)
        rc = czi_fail(err, CZ_INVALID, "call: the effect names other resources");
    if (rc)
        return rc;
    p.code_id = czi_builder_keep(e, code, sizeof *code);
    rc = add_guest(e, &p, input, len, err);
    if (!rc)
        e->is_open = true;
    return rc;
}

int cz_effect_deploy(cz_effect *e, const void *elf, size_t len, cz_id *ret, cz_error *err)
{
    char label[CZI_CODE_LABEL_SIZE];
    cz_creation c = {
        .label = label, .kind = CZ_CODE, .data = elf, .data_len = len, .if_absent = true};
    cz_id hash;
    int rc;

    if (len > CZI_DATA_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "deploy: %zu bytes, at most %u are allowed", len,
                        CZI_DATA_SIZE_MAX);
    czi_blake3(elf, len, hash.bytes);
    czi_code_label(&hash, label);
    rc = cz_effect_create(e, &c, err);
    if (!rc)
        *ret = czi_code_identity(&hash);
    return rc;
}
