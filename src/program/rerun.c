/* rerun.c - cz_program_replay: a program's code, run on its log alone (R16).
 *
 * Layer: program. Thread: the caller's. A host without an engine runs one instance whose past
 * is all that there is.
 */
#include "base/error.h"
#include "program/guest.h"

/* Of a guest: what the store holds under its name. */
static int load_code(cz_engine *g, const char *name, struct czi_buf *code, cz_error *err)
{
    cz_resource r = {0};
    cz_id id;
    int rc;

    if (!czi_guest_is_code(name, &id))
        return CZ_OK;
    rc = cz_resource_get(g, &id, &r, err);
    if (rc)
        return rc;
    if (r.data_len)
        czi_buf_put(code, r.data, r.data_len);
    return code->failed ? czi_nomem(err, "a code") : CZ_OK;
}

static int load(const char *dir, const cz_id *id, struct czi_past *past, struct czi_buf *code,
                cz_program_report *ret, cz_error *err)
{
    const cz_options options = {.read_only = true, .threads = 1};
    cz_engine *g = NULL;
    int closed, rc = cz_open(dir, &options, &g, err);

    if (rc)
        return rc;
    rc = cz_program_get(g, NULL, id, ret, err);
    if (!rc)
        rc = cz_program_log(g, id, czi_past_add, past, err);
    if (!rc)
        rc = load_code(g, ret->name, code, err);
    closed = cz_close(g, rc ? NULL : err);
    return rc ? rc : closed;
}

static int run(cz_host *h, cz_program *p, cz_program_replay_report *ret, cz_error *err)
{
    struct czi_past *past = p->past;

    czi_instance_run(p);
    czi_host_settle(h);
    ret->entries = p->entries;
    ret->inputs = past->told;
    ret->effects = past->effects;
    if (p->state == CZI_INSTANCE_STOPS && p->code != CZ_CLOSED)
        return czi_fail(err, p->code, "%s", p->detail);
    return CZ_OK;
}

static int take_code(cz_host *h, cz_program *p, struct czi_slice code, cz_error *err)
{
    cz_id id;
    int rc = czi_guest_is_code(p->name, &id) ? czi_guest_give(h, &id, code.data, code.len, err)
                                             : CZ_NOT_FOUND;

    return rc ? rc : czi_guest_take(p, err);
}

static int rerun(const struct czi_begin *begin, struct czi_past **past, struct czi_slice code,
                 const cz_id *id, const cz_host_options *options, cz_program_replay_report *ret,
                 cz_error *err)
{
    static const cz_host_options none;
    cz_program *p = NULL;
    cz_host *h = NULL;
    int rc = czi_host_make(options ? options : &none, &h, err);

    if (rc)
        return rc;
    rc = czi_instance_new(h, begin, id, &p, err);
    if (!rc && !p->def)
        rc = czi_fail(err, CZ_NOT_FOUND, "no program %s version %u is given", p->name,
                      p->version);
    if (!rc && p->def == &czi_guest_def)
        rc = take_code(h, p, code, err);
    if (!rc) {
        p->past = *past;
        *past = NULL;
        h->keeps_past = true;
        rc = run(h, p, ret, err);
    }
    if (p)
        czi_instance_free(p);
    czi_host_done(h);
    return rc;
}

int cz_program_replay(const char *dir, const cz_id *id, const cz_host_options *options,
                      cz_program_replay_report *ret, cz_error *err)
{
    struct czi_past *past = czi_alloc_zero(1, sizeof *past);
    cz_program_replay_report report = {0};
    struct czi_begin begin = {0};
    CZI_AUTOBUF code = {0};
    int rc = past ? load(dir, id, past, &code, &report.program, err)
                  : czi_nomem(err, "a program's log");

    if (!rc)
        rc = czi_past_start(past, &begin, err);
    if (!rc)
        rc = rerun(&begin, &past, czi_buf_slice(&code), id, options, &report, err);
    czi_past_free(past);
    if (!rc)
        *ret = report;
    return rc;
}
