/* programs.c - programs as other threads see them: to start one, to cancel it, to await its
 * end.
 *
 * Layer: program. Threads: any. See host.h.
 */
#include "engine/programs.h"
#include "base/error.h"
#include "program/guest.h"

/* ---- Starting -------------------------------------------------------------------------------
 */

static int begin_of(const cz_program_spec *spec, struct czi_begin *ret, cz_error *err)
{
    if (!spec->name || !spec->label || (spec->args_len && !spec->args))
        return czi_fail(err, CZ_INVALID, "program: a name and a label are needed");
    *ret = (struct czi_begin){.name = {(const uint8_t *)spec->name, strlen(spec->name)},
                              .label = {(const uint8_t *)spec->label, strlen(spec->label)},
                              .args = {spec->args, spec->args_len},
                              .version = spec->version};
    return czi_instance_check(ret, err);
}

/* Under the host's lock. An instance that shall begin: with its letter, if it is new. */
static int enter(cz_host *h, const struct czi_begin *begin, const cz_id *id, bool resumes,
                 cz_program **ret_new, cz_error *err)
{
    cz_program *p = czi_instance_find(h, id);
    int rc;

    *ret_new = NULL;
    if (h->closing || h->stopped)
        return czi_fail(err, CZ_CLOSED, "program: %s",
                        h->closing ? "the host closes"
                                   : "the engine is closing or has stopped");
    if (p)
        return CZ_OK;
    rc = czi_instance_new(h, begin, id, &p, err);
    if (rc)
        return rc;
    rc = czi_instance_enter(h, p, err);
    if (rc) {
        czi_instance_free(p);
        return rc;
    }
    p->resumes = resumes;
    p->letters = 1;
    *ret_new = p;
    return CZ_OK;
}

static int start(cz_host *h, const cz_program_spec *spec, cz_id *ret, cz_error *err)
{
    const cz_program_def *def;
    struct czi_begin begin = {0};
    cz_program *p = NULL;
    cz_id id;
    int rc = begin_of(spec, &begin, err);

    if (!rc)
        rc = czi_instance_id(&begin, &id, err);
    if (rc)
        return rc;
    def = czi_host_program(h, spec->name, spec->version);
    if (!def)
        return czi_fail(err, CZ_NOT_FOUND, "program: the host has none named %s, version %u",
                        spec->name, spec->version);
    begin.version = def->version;
    if (def == &czi_guest_def) {
        cz_id code;

        rc = czi_guest_is_code(spec->name, &code) ? czi_guest_known(h->engine, &code, err)
                                                  : CZ_NOT_FOUND;
    }
    if (rc)
        return rc;
    czi_mutex_lock(h->lock);
    rc = enter(h, &begin, &id, false, &p, err);
    czi_mutex_unlock(h->lock);
    if (rc)
        return rc;
    if (p)
        czi_host_post(h, &p->letter);
    *ret = id;
    return CZ_OK;
}

int cz_program_start(cz_host *h, const cz_program_spec *spec, cz_id *ret, cz_error *err)
{
    cz_id id;
    int rc = start(h, spec, &id, err);

    if (!rc && ret)
        *ret = id;
    return rc;
}

bool czi_program_is_known(cz_engine *g, const cz_id *id)
{
    bool known;

    czi_manager_lock(g);
    known = czi_core_program(&g->step.core, id->bytes, false) != CZI_ID_NONE;
    czi_manager_unlock(g);
    return known;
}

/* ---- Going on -------------------------------------------------------------------------------
 */

struct unfinished {
    cz_host *host;
    struct czi_buf reports; /* of cz_program_report, without details */
};

static int find_unfinished(void *arg, const cz_program_report *r)
{
    struct unfinished *u = arg;

    if (r->state == CZ_PROGRAM_RUNNING && czi_host_program(u->host, r->name, r->version))
        czi_buf_put(&u->reports, &r->id, sizeof r->id);
    return u->reports.failed ? CZ_NOMEM : CZ_OK;
}

int czi_host_resume(cz_host *h, cz_error *err)
{
    struct unfinished u = {.host = h};
    const struct czi_begin unknown = {0};
    int rc = cz_program_list(h->engine, find_unfinished, &u, err);

    for (size_t at = 0; at < u.reports.len && !rc; at += sizeof(cz_id)) {
        cz_program *p = NULL;
        cz_id id;

        memcpy(&id, u.reports.data + at, sizeof id);
        czi_mutex_lock(h->lock);
        rc = enter(h, &unknown, &id, true, &p, err);
        czi_mutex_unlock(h->lock);
        if (p)
            czi_host_post(h, &p->letter);
    }
    if (u.reports.failed)
        rc = czi_nomem(err, "the programs of the store");
    czi_buf_done(&u.reports);
    return rc;
}

/* ---- Cancelling -----------------------------------------------------------------------------
 */

int cz_program_cancel(cz_host *h, const cz_id *id, cz_error *err)
{
    char text[CZ_ID_TEXT_SIZE];
    cz_program *p;
    bool post = false;

    czi_mutex_lock(h->lock);
    p = czi_instance_find(h, id);
    if (p && p->state != CZI_INSTANCE_STOPS && !p->told_to_end) {
        p->told_to_end = post = true;
        p->letters++;
    }
    czi_mutex_unlock(h->lock);
    if (post)
        czi_host_post(h, &p->cancel);
    if (p)
        return CZ_OK;
    cz_id_print(id, text);
    return czi_fail(err, CZ_NOT_FOUND, "this host does not run a program %s", text);
}

/* ---- Waiting --------------------------------------------------------------------------------
 */

bool czi_host_misfit(cz_host *h, const cz_id *id, char ret_detail[CZ_DETAIL_SIZE])
{
    const cz_program *p;
    bool misfits;

    czi_mutex_lock(h->lock);
    p = czi_instance_find(h, id);
    misfits = p && p->misfits;
    if (misfits)
        memcpy(ret_detail, p->detail, CZ_DETAIL_SIZE);
    czi_mutex_unlock(h->lock);
    return misfits;
}

/* Under the host's lock. CZ_BUSY: it runs. CZ_OK: the store knows how it is. */
static int look(const cz_host *h, const cz_id *id, cz_error *err)
{
    const cz_program *p = czi_instance_find(h, id);

    if (!p)
        return CZ_OK;
    if (p->state == CZI_INSTANCE_STOPS)
        return czi_fail(err, p->code, "%s", p->detail);
    if (h->gone)
        return czi_fail(err, CZ_CLOSED, "the host closes");
    return CZ_BUSY;
}

/* Under the host's lock, which it gives up. */
static int wait_for_news(cz_host *h, uint64_t deadline, cz_error *err)
{
    uint64_t now = deadline == UINT64_MAX ? 0 : czi_host_now(h);

    if (deadline != UINT64_MAX && now >= deadline)
        return czi_fail(err, CZ_TIMEOUT, "the program has not ended in time");
    if (h->engine->driven) {
        czi_mutex_unlock(h->lock);
        czi_manager_drive(h->engine, deadline);
        czi_mutex_lock(h->lock);
    } else if (deadline == UINT64_MAX) {
        czi_cond_wait(h->news, h->lock);
    } else {
        (void)czi_cond_wait_ms(h->news, h->lock, (deadline - now) / 1000000 + 1);
    }
    return CZ_OK;
}

/* CZ_OK: the store knows how it is. */
static int wait_for(cz_host *h, const cz_id *id, uint64_t deadline, cz_error *err)
{
    int rc, waited = CZ_OK;

    czi_mutex_lock(h->lock);
    while ((rc = look(h, id, err)) == CZ_BUSY && !waited)
        waited = wait_for_news(h, deadline, err);
    czi_mutex_unlock(h->lock);
    return rc == CZ_BUSY ? waited : rc;
}

static void come(cz_host *h)
{
    czi_mutex_lock(h->lock);
    h->visitors++;
    czi_mutex_unlock(h->lock);
}

static void go(cz_host *h)
{
    czi_mutex_lock(h->lock);
    if (--h->visitors == 0 && h->gone)
        czi_cond_broadcast(h->news);
    czi_mutex_unlock(h->lock);
}

void czi_host_see_off(cz_host *h)
{
    czi_mutex_lock(h->lock);
    h->gone = true;
    czi_cond_broadcast(h->news);
    while (h->visitors && !h->engine->driven)
        czi_cond_wait(h->news, h->lock);
    czi_mutex_unlock(h->lock);
}

int cz_program_wait(cz_host *h, const cz_id *id, uint64_t timeout_ms, cz_program_report *ret,
                    cz_error *err)
{
    cz_program_report report = {0};
    int rc;

    come(h);
    rc = wait_for(h, id, czi_manager_deadline(h->engine, timeout_ms), err);
    if (!rc)
        rc = cz_program_get(h->engine, h, id, &report, err);
    go(h);
    if (!rc && report.state == CZ_PROGRAM_RUNNING)
        rc = czi_fail(err, CZ_UNSUPPORTED,
                      "this host does not run the program: it has no %s version %u",
                      report.name, report.version);
    if (!rc && ret)
        *ret = report;
    return rc;
}
