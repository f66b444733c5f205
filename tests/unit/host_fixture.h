/* host_fixture.h - hosts of programs: on an engine driven by hand, live, and in a world.
 *
 * Programs of tests tell what they have seen by what they return and by what they record, since
 * they are called again when they go on.
 */
#ifndef CZI_HOST_FIXTURE_H
#define CZI_HOST_FIXTURE_H

#include "causality/sim.h"
#include "guard_fixture.h"
#include "program/host.h"

static inline cz_host *hx_host_with(cz_engine *g, const cz_host_options *o)
{
    cz_host *h = NULL;
    cz_error err = {0};

    assert_ok(cz_host_new(g, o, &h, &err), err);
    return h;
}

/* A host with one program. */
static inline cz_host *hx_host(cz_engine *g, const char *name, cz_program_fn fn)
{
    cz_program_def def = {.name = name, .version = 1, .fn = fn};

    return hx_host_with(g, &(cz_host_options){.programs = &def, .count = 1});
}

static inline cz_id hx_start(cz_host *h, const char *name, const char *label)
{
    cz_program_spec spec = {.name = name,
                            .label = label,
                            .args = label,
                            .args_len = strlen(label)};
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_program_start(h, &spec, &id, &err), err);
    return id;
}

/* Its end, which is on disk. */
static inline cz_program_report hx_wait(cz_host *h, const cz_id *id)
{
    cz_program_report r = {0};
    cz_error err = {0};

    assert_ok(cz_program_wait(h, id, CZ_FOREVER, &r, &err), err);
    return r;
}

static inline void hx_close(cz_host *h)
{
    cz_error err = {0};

    assert_ok(cz_host_close(h, &err), err);
}

/* Starts one, and waits until it has ended well. Its value. */
static inline uint64_t hx_run(cz_engine *g, cz_program_fn fn, const char *label)
{
    cz_host *h = hx_host(g, "test", fn);
    cz_id id = hx_start(h, "test", label);
    cz_program_report r = hx_wait(h, &id);

    if (r.state != CZ_PROGRAM_COMPLETED)
        fail_msg("%s: %s", cz_code_name(r.code), r.detail);
    hx_close(h);
    return r.value;
}

/* In a program: n of USD from one to the other. */
static inline int hx_pay(cz_program *p, const char *from, const char *to, cz_quantity n,
                         cz_result *ret, cz_error *err)
{
    cz_effect *e = cz_effect_new();
    cz_id creator = cz_operator(), a, b;
    int rc = e ? cz_resource_id(&creator, from, &a, err) : CZ_NOMEM;

    if (!rc)
        rc = cz_resource_id(&creator, to, &b, err);
    if (!rc)
        rc = cz_effect_transfer(e, &a, &b, n, err);
    if (!rc)
        rc = cz_program_perform(p, e, ret, err);
    cz_effect_free(e);
    return rc;
}

#endif
