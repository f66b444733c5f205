/* host_watch.c - watches and sleeps of programs.
 *
 * Layer: program. Thread: the host's, but for `watched`. See host.h.
 */
#include "base/error.h"
#include "program/host.h"

/* What cz_watch is given, with all that it points to. */
struct watch {
    cz_watch_spec spec;
    cz_id resource;
    char domain[CZI_DOMAIN_SIZE_MAX + 1], deadline_domain[CZI_DOMAIN_SIZE_MAX + 1];
};

static cz_future failed(cz_program *p, int code, const char *what)
{
    cz_error err = {.code = code};

    czi_error_set(&err, code, "%s", what);
    return czi_leaf_over(&p->tree, code, 0, &err);
}

/* ---- Watches --------------------------------------------------------------------------------
 */

/* On the engine's thread: the domain's height as it is acknowledged. */
static uint64_t height_now(const cz_engine *g, const char *domain)
{
    const struct czi_domain_time *at =
        czi_time_map_find(&g->watches.now.map,
                          (struct czi_slice){(const uint8_t *)domain, strlen(domain)});

    return at ? at->height : 0;
}

static void watched(void *arg, const cz_watched *result)
{
    struct czi_ask *a = arg;
    const struct watch *w = a->more;

    a->code = result->code;
    if (result->code == CZ_OK)
        a->value = w->spec.resource ? result->version
                   : w->spec.domain ? height_now(a->engine, w->domain)
                                    : result->lamport;
    czi_ask_post(a);
}

static int ask_watch(struct czi_ask *a, cz_error *err)
{
    const struct watch *w = a->more;
    int rc;

    a->promised = true;
    rc = cz_watch(a->engine, &w->spec, watched, a, &a->watch, err);
    if (rc == CZ_OK)
        return rc;
    if (rc == CZ_CLOSED) {
        a->promised = false;
        return rc;
    }
    czi_ask_fail(a, err); /* what the engine says of it is an answer too */
    czi_host_post(a->program->host, &a->letter);
    return CZ_OK;
}

static void drop_watch(struct czi_ask *a)
{
    int rc = cz_unwatch(a->engine, a->watch, NULL);

    (void)rc; /* else its letter is on the way */
}

static bool watch_came(struct czi_ask *a)
{
    cz_error err = {0};

    if (a->code == CZ_CLOSED) {
        czi_instance_stop(a->program, CZ_CLOSED, "the engine is closing or has stopped");
        czi_ask_done(a);
        return false;
    }
    if (a->code && !a->payload.len) {
        (void)czi_fail(&err, a->code,
                       a->code == CZ_TIMEOUT ? "the deadline came before it became true"
                                             : "watch: the resource could not be entered");
        czi_ask_fail(a, &err);
    }
    return true;
}

static void free_watch(struct czi_ask *a)
{
    czi_free(a->more);
}

static const struct czi_ask_ops watch_ops = {
    .input = CZI_INPUT_WATCH,
    .ask = ask_watch,
    .drop = drop_watch,
    .came = watch_came,
    .free = free_watch,
};

/* Of a sleep the deadline is the success. */
static bool sleep_came(struct czi_ask *a)
{
    if (a->code == CZ_TIMEOUT || a->code == CZ_OK)
        a->code = CZ_OK;
    a->value = 0;
    return watch_came(a);
}

static const struct czi_ask_ops sleep_ops = {
    .input = CZI_INPUT_TIMER,
    .ask = ask_watch,
    .drop = drop_watch,
    .came = sleep_came,
    .free = free_watch,
};

static bool keep_name(char kept[CZI_DOMAIN_SIZE_MAX + 1], const char *name, const char **at)
{
    size_t len = name ? strlen(name) : 0;

    if (!name)
        return true;
    if (len > CZI_DOMAIN_SIZE_MAX)
        return false;
    memcpy(kept, name, len + 1);
    *at = kept;
    return true;
}

static void put_text(struct czi_buf *b, const char *text)
{
    if (text)
        czi_cbor_add_string(b, CZI_CBOR_BYTES, text, strlen(text));
    else
        czi_buf_put_byte(b, 0xf6);
}

static void put_spec(struct czi_buf *b, const cz_watch_spec *s)
{
    czi_cbor_add_head(b, CZI_CBOR_ARRAY, 8);
    if (s->resource)
        czi_cbor_add_string(b, CZI_CBOR_BYTES, s->resource, sizeof(cz_id));
    else
        put_text(b, s->domain);
    czi_cbor_add_head(b, CZI_CBOR_UINT,
                      (unsigned)(s->resource_is != NULL) + 2u * (s->time_is != NULL) +
                          4u * s->with_data);
    czi_cbor_add_head(b, CZI_CBOR_UINT, s->height);
    put_text(b, s->deadline_domain);
    czi_cbor_add_head(b, CZI_CBOR_UINT, s->deadline_time);
    czi_cbor_add_head(b, CZI_CBOR_UINT, s->deadline_height);
    czi_cbor_add_head(b, CZI_CBOR_UINT, s->deadline_lamport);
    czi_buf_put_byte(b, s->time_map ? 0xf5 : 0xf4);
}

/* The ask for a spec whose names are checked; it takes w over. */
static cz_future begin(cz_program *p, const struct czi_ask_ops *ops, struct watch *w)
{
    CZI_AUTOBUF what = {0};
    struct czi_ask *a;
    cz_future future;

    put_spec(&what, &w->spec);
    a = czi_ask_new(p, ops, czi_program_asks(p, ops->input, &what), &future);
    if (!a) {
        czi_free(w);
        return future;
    }
    a->more = w;
    czi_ask_go(a);
    return future;
}

static cz_future start_watch(cz_program *p, const struct czi_ask_ops *ops,
                             const cz_watch_spec *spec)
{
    struct watch *w;
    cz_error err = {0};
    int rc = czi_program_may(p, &err);

    if (!rc && czi_is_cut(&p->tree))
        rc = czi_cut(&p->tree, &err);
    if (rc)
        return czi_leaf_over(&p->tree, rc, 0, &err);
    w = czi_alloc_zero(1, sizeof *w);
    if (!w) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for a watch");
        return failed(p, CZ_NOMEM, "out of memory for a watch");
    }
    w->spec = *spec;
    if (spec->resource) {
        w->resource = *spec->resource;
        w->spec.resource = &w->resource;
    }
    if (!keep_name(w->domain, spec->domain, &w->spec.domain) ||
        !keep_name(w->deadline_domain, spec->deadline_domain, &w->spec.deadline_domain)) {
        czi_free(w);
        return failed(p, CZ_UNKNOWN_DOMAIN, "watch: no domain has such a long name");
    }
    return begin(p, ops, w);
}

cz_future cz_watch_future(cz_program *p, const cz_watch_spec *spec)
{
    return start_watch(p, &watch_ops, spec);
}

int cz_program_watch(cz_program *p, const cz_watch_spec *spec, uint64_t *ret, cz_error *err)
{
    return cz_join(p, cz_watch_future(p, spec), ret, err);
}

/* ---- Sleeps ---------------------------------------------------------------------------------
 */

static int ask_timer(struct czi_ask *a, cz_error *err)
{
    uint64_t deadline = czi_manager_deadline(a->engine, a->value);
    int rc;

    a->value = 0;
    if (deadline == UINT64_MAX)
        return CZ_OK; /* never */
    rc = czi_host_arm(a->program->host, a, deadline, err);
    a->promised = !rc;
    return rc;
}

static void drop_timer(struct czi_ask *a)
{
    if (czi_host_disarm(a->program->host, a)) /* else its letter is on the way */
        a->promised = false;
}

static const struct czi_ask_ops timer_ops = {
    .input = CZI_INPUT_TIMER,
    .ask = ask_timer,
    .drop = drop_timer,
};

static cz_future sleep_ms(cz_program *p, uint64_t after_ms)
{
    CZI_AUTOBUF what = {0};
    struct czi_ask *a;
    cz_future future;

    czi_cbor_add_head(&what, CZI_CBOR_UINT, after_ms);
    a = czi_ask_new(p, &timer_ops, czi_program_asks(p, CZI_INPUT_TIMER, &what), &future);
    if (!a)
        return future;
    a->value = after_ms;
    czi_ask_go(a);
    return future;
}

cz_future czi_program_sleep(struct czi_tree *t, const cz_deadline *deadline)
{
    cz_program *p = (cz_program *)t;
    cz_watch_spec spec = {.domain = deadline->domain,
                          .height = UINT64_MAX,
                          .deadline_domain = deadline->domain,
                          .deadline_time = deadline->time};
    cz_error err = {0};
    int rc = czi_program_may(p, &err);

    if (!rc && czi_is_cut(t))
        rc = czi_cut(t, &err);
    if (rc)
        return czi_leaf_over(t, rc, 0, &err);
    if (!deadline->domain)
        return sleep_ms(p, deadline->after_ms);
    if (deadline->time == 0)
        return czi_leaf_over(t, CZ_OK, 0, NULL);
    return start_watch(p, &sleep_ops, &spec);
}
