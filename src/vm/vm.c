/* vm.c - cz_vm_run: a guest alone, with input and output and no ledger.
 *
 * Layer: vm. Threads: each run has a manager of its own.
 */
#include "base/error.h"
#include "vm/manager.h"

const char *cz_guest_trap_text(unsigned trap)
{
    return czi_trap_text((enum czi_trap)trap);
}

/* Output and messages stay where the manager has them. */
static void fill_report(cz_vm_report *report, const struct czi_run_result *r,
                        struct czi_vm_manager *m)
{
    _Static_assert(sizeof r->detail <= sizeof report->detail, "a detail fits");
    report->run = czi_guest_run_of(r);
    report->instructions = r->instructions;
    report->pages_written = czi_space_dirty(czi_vm_manager_space(m));
    memcpy(report->detail, r->detail, sizeof r->detail);
    report->owned = m;
}

static int run(struct czi_code *code, const cz_vm_options *o, cz_vm_report *ret, cz_error *err)
{
    cz_vm_report report = {.provable = czi_code_info(code).provable};
    struct czi_run_input in = {.code = code, .way = 'v', .gas = CZ_GAS_MAX};
    struct czi_vm_manager *m;
    struct czi_run_result r;
    int rc = czi_vm_manager_new(&m, err);

    if (rc != CZ_OK)
        return rc;
    if (o) {
        in.gas = o->gas ? o->gas : CZ_GAS_MAX;
        in.stepwise = o->stepwise;
        in.input = (struct czi_slice){o->input, o->input_len};
    }
    czi_vm_manager_run(m, &in, &r);
    if (r.status == CZI_RUN_NOMEM) {
        czi_vm_manager_free(m);
        return czi_nomem(err, "a guest's memory");
    }
    fill_report(&report, &r, m);
    *ret = report;
    return CZ_OK;
}

int cz_vm_run(const void *elf, size_t len, const cz_vm_options *options, cz_vm_report *ret,
              cz_error *err)
{
    struct czi_code *code;
    int rc;

    if (options && options->input_len > CZ_GUEST_INPUT_MAX)
        return czi_fail(err, CZ_LIMIT, "an input of %zu bytes, at most %u are allowed",
                        options->input_len, CZ_GUEST_INPUT_MAX);
    rc = czi_code_new(elf, len, &code, err);
    if (rc != CZ_OK)
        return rc;
    rc = run(code, options, ret, err);
    czi_code_drop(code);
    return rc;
}

void cz_vm_report_done(cz_vm_report *report)
{
    czi_vm_manager_free(report->owned);
    *report = (cz_vm_report){0};
}
