/* host_invoke.c - programs that call programs, and what those emit.
 *
 * Layer: program. Thread: the host's. See host.h.
 *
 * Who invokes records that first, in an entry of its own; when that is on disk the other
 * program is begun, or found. So after a crash there is none that nobody asked for.
 *
 * A message is recorded by who emits it, in an entry of its own; when that is on disk it is
 * given to those that have invoked it as a stream, who count: what they have got before, or
 * have read in the other's log, they do not take again. Who emits goes on when they have taken
 * it, and they take no more while MESSAGES_MAX wait to be looked at.
 */
#include "base/error.h"
#include "program/host.h"

/* Received, and not looked at: enough that neither side waits for each one. */
#define MESSAGES_MAX 16u

struct message {
    struct message *next;
    size_t len;
    uint8_t data[];
};

struct invocation {
    struct czi_letter more;  /* there is room for messages again */
    struct czi_ask *ask;     /* NULL: it is over, and its code has messages to look at */
    struct czi_ask *entry;   /* that records it, until it is on disk */
    struct invocation *next; /* of the same program's; attached */
    cz_program *attached;
    struct czi_buf args;
    char name[64], label[65];
    uint32_t version;
    cz_id id;
    bool streams, recorded, cancelled, more_sent;
    bool held;         /* by cz_invoke_stream */
    bool has_ended;    /* the other one; its messages come first */
    uint64_t received; /* messages */
    uint64_t read;     /* messages in the other's log, when it was looked at, of which */
    struct message *backlog, *backlog_last; /* these were not received */
    struct message *queue, *queue_last;     /* received, and not looked at */
    uint32_t waiting;                       /* of these */
    struct czi_ask *listener;               /* who waits for one */
    struct czi_ask *emits, *emits_last;     /* that were not taken */
};

/* ---- Messages -------------------------------------------------------------------------------
 */

static bool append(struct message **first, struct message **last, const void *data, size_t len)
{
    struct message *m = czi_alloc(sizeof *m + len);

    if (!m)
        return false;
    m->next = NULL;
    m->len = len;
    if (len)
        memcpy(m->data, data, len);
    if (*first)
        (*last)->next = m;
    else
        *first = m;
    *last = m;
    return true;
}

static struct message *shift(struct message **first)
{
    struct message *m = *first;

    if (m)
        *first = m->next;
    return m;
}

static void wake_listener(struct invocation *v)
{
    struct czi_ask *a = v->listener;

    if (!a)
        return;
    v->listener = NULL;
    if (a->has_leaf)
        (void)czi_leaf_end(a->program->tree.runtime, a->future, CZ_OK, 0, NULL);
    a->has_leaf = false;
    czi_ask_drop(a);
}

/* One more, live or of the past. */
void czi_invoke_message(struct czi_ask *a, const struct czi_input *in)
{
    struct invocation *v = a->more;

    if (!append(&v->queue, &v->queue_last, in->payload.data, in->payload.len)) {
        czi_instance_stop(a->program, CZ_NOMEM, "out of memory for a message");
        return;
    }
    v->waiting++;
    v->received++;
    czi_input_note(a->program, in);
    wake_listener(v);
}

/* It is taken, or nobody is there to take it: now its letter is its own answer. */
static void free_emit(struct czi_ask *e)
{
    e->promised = true;
    e->value = 0;
    e->more = NULL;
    czi_host_post(e->program->host, &e->letter);
}

/* The next one that is there, if it may be taken. Who emitted it has its answer then. */
static bool take(struct invocation *v)
{
    struct czi_ask *a = v->ask, *e;
    struct czi_input in = {.kind = CZI_INPUT_MESSAGE, .number = a->number};
    struct message *m;

    if (v->waiting >= MESSAGES_MAX || a->program->state != CZI_INSTANCE_RUNS)
        return false;
    in.value = v->received + 1;
    m = shift(&v->backlog);
    if (m) {
        in.payload = (struct czi_slice){m->data, m->len};
        czi_invoke_message(a, &in);
        czi_free(m);
        return true;
    }
    e = v->emits;
    if (!e)
        return false;
    v->emits = e->next_unsent;
    if (e->value == in.value) {
        in.payload = czi_buf_slice(&e->payload);
        czi_invoke_message(a, &in);
    }
    free_emit(e);
    return true;
}

static void destroy(struct invocation *v)
{
    struct message *m;

    if (v->held || v->more_sent)
        return;
    while ((m = shift(&v->backlog)) || (m = shift(&v->queue)))
        czi_free(m);
    czi_buf_done(&v->args);
    czi_free(v);
}

static void open_more(cz_host *h, struct czi_letter *l)
{
    struct invocation *v = (struct invocation *)l;

    v->more_sent = false;
    if (!v->ask) {
        destroy(v);
        return;
    }
    if (take(v))
        czi_invoke_look(v->ask);
    if (v->has_ended && !v->backlog && !v->ask->promised) {
        v->ask->promised = true;
        czi_host_post(h, &v->ask->letter);
    }
}

/* In a turn nothing can be taken: it is, after that. */
void czi_invoke_look(struct czi_ask *a)
{
    struct invocation *v = a->more;

    if (v->more_sent || v->waiting >= MESSAGES_MAX || (!v->backlog && !v->emits))
        return;
    v->more_sent = true;
    czi_host_post(a->program->host, &v->more);
}

/* ---- Emitting -------------------------------------------------------------------------------
 */

/* It is on disk: for those that stream. The last of them answers. */
static bool emit_came(struct czi_ask *e)
{
    cz_program *p = e->program;
    struct invocation *taker = NULL;

    if (e->value == 0) { /* it was taken */
        e->code = CZ_OK;
        e->payload.len = 0;
        return true;
    }
    if (!czi_entry_result(e)) {
        czi_ask_done(e);
        return false;
    }
    for (struct invocation *v = p->invokers; v; v = v->next)
        if (v->streams && !taker)
            taker = v;
    if (!taker) {
        e->value = 0;
        e->payload.len = 0;
        return true;
    }
    e->next_unsent = NULL;
    if (taker->emits)
        taker->emits_last->next_unsent = e;
    else
        taker->emits = e;
    taker->emits_last = e;
    e->more = taker;
    czi_invoke_look(taker->ask);
    return false;
}

/* It was stopped, and somebody may have it in a list. */
static void free_emitted(struct czi_ask *e)
{
    struct invocation *v = e->more;
    struct czi_ask **at, *last = NULL;

    if (!v)
        return;
    for (at = &v->emits; *at && *at != e; at = &(*at)->next_unsent)
        last = *at;
    if (!*at)
        return;
    *at = e->next_unsent;
    if (v->emits_last == e)
        v->emits_last = last;
}

static const struct czi_ask_ops emit_ops = {
    .input = CZI_INPUT_EFFECT,
    .ask = czi_entry_send,
    .stays = true,
    .came = emit_came,
    .free = free_emitted,
};

int cz_program_emit(cz_program *p, const void *data, size_t len, cz_error *err)
{
    CZI_AUTOBUF what = {0};
    struct czi_ask *e;
    cz_future future;
    cz_error own = {0};
    int rc = czi_program_may(p, err);

    if (!rc && czi_is_cut(&p->tree))
        rc = czi_cut(&p->tree, err);
    if (!rc && len > CZ_EMIT_SIZE_MAX)
        rc = czi_fail(err, CZ_LIMIT, "emit: %zu bytes; at most %d (CZ_EMIT_SIZE_MAX)", len,
                      CZ_EMIT_SIZE_MAX);
    if (rc)
        return rc;
    czi_cbor_add_head(&what, CZI_CBOR_UINT, ++p->emitted);
    e = czi_ask_new(p, &emit_ops, czi_program_asks(p, CZI_INPUT_EFFECT, &what), &future);
    if (!e)
        return cz_join(p, future, NULL, err);
    e->value = p->emitted;
    if (len)
        czi_buf_put(&e->payload, data, len);
    if (e->payload.failed) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for a message");
        return cz_join(p, future, NULL, err);
    }
    if (!czi_note_has_room(&p->parts, len))
        czi_entry_flush(p);
    czi_note_add_emitted(&p->parts, (struct czi_slice){data, len});
    rc = czi_entry_make(p, e, &own);
    (void)rc; /* the instance is stopped, and so the leaf ends */
    return cz_join(p, future, NULL, err);
}

/* ---- Invoking -------------------------------------------------------------------------------
 */

static void detach(struct invocation *v)
{
    struct invocation **at;

    if (!v->attached)
        return;
    for (at = &v->attached->invokers; *at != v;)
        at = &(*at)->next;
    *at = v->next;
    v->attached = NULL;
}

static void free_invocation(struct czi_ask *a)
{
    struct invocation *v = a->more;
    struct czi_ask *e;

    if (!v)
        return;
    detach(v);
    if (v->entry)
        v->entry->more = NULL;
    while ((e = v->emits) != NULL) {
        v->emits = e->next_unsent;
        free_emit(e);
    }
    v->ask = NULL;
    destroy(v);
}

void czi_invokers_forget(cz_program *p)
{
    while (p->invokers)
        detach(p->invokers);
}

/* It has ended: all that have invoked it are told. */
void czi_invokers_tell(cz_program *p, int code, uint64_t value, const char *detail)
{
    struct invocation *v;

    while ((v = p->invokers) != NULL) {
        struct czi_ask *a = v->ask;

        detach(v);
        a->code = code;
        a->value = value;
        a->payload.len = 0;
        if (code)
            czi_buf_put(&a->payload, detail, strlen(detail));
        a->promised = true;
        czi_host_post(a->program->host, &a->letter);
    }
}

/* Messages of the other's log that were not received. */
static int read_backlog(void *arg, const cz_program_entry *entry)
{
    struct invocation *v = arg;
    struct czi_note note = {0};
    struct czi_cbor c;

    if (czi_note_decode((struct czi_slice){entry->note, entry->note_len}, &note, NULL))
        return CZ_CORRUPT;
    c = czi_note_list_start(&note.emitted);
    for (uint64_t i = 0; i < note.emitted.count; i++) {
        struct czi_slice s = czi_note_next_emitted(&c);

        if (++v->read > v->received && !append(&v->backlog, &v->backlog_last, s.data, s.len))
            return CZ_NOMEM;
    }
    return CZ_OK;
}

static void answer(struct czi_ask *a, const cz_error *err)
{
    czi_ask_fail(a, err);
    a->promised = true;
    czi_host_post(a->program->host, &a->letter);
}

/* The other program is there, or begins. */
static void start(struct czi_ask *a)
{
    struct invocation *v = a->more;
    cz_host *h = a->program->host;
    cz_program_spec spec = {v->name, v->version, v->label, v->args.data, v->args.len};
    cz_error err = {0};
    bool known = czi_program_is_known(a->engine, &v->id);
    cz_program *other;
    int rc = CZ_OK;

    if (v->cancelled && !known)
        rc = czi_fail(&err, CZ_CANCELLED, "it was cancelled before it began");
    if (!rc && known && v->streams)
        rc = cz_program_log(a->engine, &v->id, read_backlog, v, &err);
    if (!rc)
        rc = cz_program_start(h, &spec, NULL, &err);
    if (rc == CZ_CLOSED || rc == CZ_CORRUPT) {
        czi_instance_stop(a->program, rc, err.detail);
        return;
    }
    if (rc) {
        err.code = rc;
        answer(a, &err);
        return;
    }
    czi_mutex_lock(h->lock);
    other = czi_instance_find(h, &v->id);
    czi_mutex_unlock(h->lock);
    CZI_CHECK(other); /* what ends is taken out by this thread alone */
    v->attached = other;
    v->next = other->invokers;
    other->invokers = v;
    if (v->cancelled)
        (void)!cz_program_cancel(h, &v->id, NULL);
    czi_invoke_look(a);
}

/* Its entry is on disk. */
static void recorded(struct czi_ask *entry)
{
    struct czi_ask *a = entry->more;
    struct invocation *v = a ? a->more : NULL;

    if (!v)
        return;
    v->recorded = true;
    v->entry = NULL;
    entry->more = NULL;
    if (a->is_asked)
        start(a);
}

static int ask_program(struct czi_ask *a, cz_error *err)
{
    const struct invocation *v = a->more;

    (void)err;
    if (v->recorded)
        start(a);
    return CZ_OK;
}

/* It is told when it has ended. */
static void cancel_other(struct czi_ask *a)
{
    struct invocation *v = a->more;

    v->cancelled = true;
    if (v->attached)
        (void)!cz_program_cancel(a->program->host, &v->id, NULL);
}

/* Messages come before the end, one at a time. */
static bool end_came(struct czi_ask *a)
{
    struct invocation *v = a->more;

    v->has_ended = v->backlog != NULL;
    if (v->has_ended)
        czi_invoke_look(a);
    return !v->has_ended;
}

static void tell_end(struct czi_ask *a, const struct czi_input *in, cz_error *err)
{
    (void)in;
    (void)err;
    wake_listener(a->more);
}

static const struct czi_ask_ops invoke_ops = {
    .input = CZI_INPUT_INVOKED,
    .ask = ask_program,
    .drop = cancel_other,
    .stays = true,
    .came = end_came,
    .tell = tell_end,
    .free = free_invocation,
};

bool czi_ask_is_invocation(const struct czi_ask *a)
{
    return a->ops == &invoke_ops;
}

static int take_spec(struct invocation *v, const cz_program_spec *spec, cz_error *err)
{
    struct czi_begin begin = {0};
    int rc;

    if (!spec->name || !spec->label || (spec->args_len && !spec->args))
        return czi_fail(err, CZ_INVALID, "invoke: a name and a label are needed");
    begin.name = (struct czi_slice){(const uint8_t *)spec->name, strlen(spec->name)};
    begin.label = (struct czi_slice){(const uint8_t *)spec->label, strlen(spec->label)};
    begin.args = (struct czi_slice){spec->args, spec->args_len};
    rc = czi_instance_check(&begin, err);
    if (!rc)
        rc = czi_instance_id(&begin, &v->id, err);
    if (rc)
        return rc;
    memcpy(v->name, spec->name, begin.name.len);
    memcpy(v->label, spec->label, begin.label.len);
    v->version = spec->version;
    if (spec->args_len)
        czi_buf_put(&v->args, spec->args, spec->args_len);
    return v->args.failed ? czi_nomem(err, "a program's arguments") : CZ_OK;
}

/* False: there is no room, and v is gone. */
static bool begin(cz_program *p, struct invocation *v, bool streams, cz_future *ret)
{
    CZI_AUTOBUF what = {0};
    struct czi_ask *a;

    czi_cbor_add_head(&what, CZI_CBOR_ARRAY, 3);
    czi_cbor_add_string(&what, CZI_CBOR_BYTES, &v->id, sizeof v->id);
    czi_cbor_add_head(&what, CZI_CBOR_UINT, v->version);
    czi_cbor_add_head(&what, CZI_CBOR_UINT, streams);
    a = czi_ask_new(p, &invoke_ops, czi_program_asks(p, CZI_INPUT_INVOKED, &what), ret);
    if (!a) {
        czi_buf_done(&v->args);
        czi_free(v);
        return false;
    }
    a->more = v;
    v->ask = a;
    v->streams = streams;
    v->more.open = open_more;
    v->entry = czi_entry_record(p, recorded);
    if (v->entry)
        v->entry->more = a;
    else
        v->recorded = true; /* in the past, or never */
    czi_ask_go(a);
    return true;
}

static cz_future invoke(cz_program *p, const cz_program_spec *spec, bool streams,
                        struct invocation **ret)
{
    struct invocation *v;
    cz_future future;
    cz_error err = {0};
    int rc = czi_program_may(p, &err);

    *ret = NULL;
    if (!rc && czi_is_cut(&p->tree))
        rc = czi_cut(&p->tree, &err);
    if (rc)
        return czi_leaf_over(&p->tree, rc, 0, &err);
    v = czi_alloc_zero(1, sizeof *v);
    rc = v ? take_spec(v, spec, &err) : czi_nomem(&err, "an invocation");
    if (!rc && memcmp(&v->id, &p->id, sizeof v->id) == 0)
        rc = czi_fail(&err, CZ_DEADLOCK, "invoke: the program would wait for itself");
    if (rc) {
        if (v)
            czi_buf_done(&v->args);
        czi_free(v);
        if (rc == CZ_NOMEM)
            czi_instance_stop(p, rc, err.detail);
        return czi_leaf_over(&p->tree, rc, 0, &err);
    }
    if (begin(p, v, streams, &future))
        *ret = v;
    return future;
}

cz_future cz_invoke_future(cz_program *p, const cz_program_spec *spec)
{
    struct invocation *v;

    return invoke(p, spec, false, &v);
}

int cz_invoke(cz_program *p, const cz_program_spec *spec, uint64_t *ret, cz_error *err)
{
    return cz_join(p, cz_invoke_future(p, spec), ret, err);
}

int cz_invoke_batch(cz_program *p, const cz_program_spec *specs, size_t count,
                    cz_completion *ret, cz_error *err)
{
    cz_future *futures = czi_alloc_zero(count, sizeof *futures);
    int rc = CZ_OK;

    if (count && !futures) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for invocations");
        return czi_nomem(err, "invocations");
    }
    for (size_t i = 0; i < count; i++)
        futures[i] = cz_invoke_future(p, &specs[i]);
    for (size_t i = 0; i < count; i++) {
        cz_completion c = {.index = i};

        c.code = cz_join(p, futures[i], &c.value, NULL);
        ret[i] = c;
    }
    czi_free(futures);
    if (czi_is_cut(&p->tree))
        rc = czi_cut(&p->tree, err);
    return rc;
}

/* ---- Streams --------------------------------------------------------------------------------
 */

static void free_listener(struct czi_ask *a)
{
    struct invocation *v = a->more;

    if (v && v->listener == a)
        v->listener = NULL;
}

static int listens(struct czi_ask *a, cz_error *err)
{
    (void)a;
    (void)err;
    return CZ_OK;
}

/* Nothing that is asked outside: it ends with what comes to its invocation. */
static const struct czi_ask_ops listen_ops = {
    .input = CZI_INPUT_KINDS,
    .ask = listens,
    .free = free_listener,
};

static int listen(cz_program *p, struct invocation *v, cz_error *err)
{
    cz_future future;
    struct czi_ask *a = czi_ask_new(p, &listen_ops, 0, &future);

    if (a) {
        a->more = v;
        v->listener = a;
    }
    return cz_join(p, future, NULL, err);
}

/* The next message, or the end: then *ret is NULL. */
static int next_message(cz_program *p, struct invocation *v, struct message **ret,
                        cz_error *err)
{
    int rc = CZ_OK;

    while (!rc && !v->queue && v->ask)
        rc = listen(p, v, err);
    *ret = rc ? NULL : shift(&v->queue);
    if (!*ret)
        return rc;
    v->waiting--;
    if (v->ask)
        czi_invoke_look(v->ask);
    return rc;
}

int cz_invoke_stream(cz_program *p, const cz_program_spec *spec, cz_emitted_fn each, void *arg,
                     uint64_t *ret, cz_error *err)
{
    struct invocation *v;
    struct message *m = NULL;
    cz_future future = invoke(p, spec, true, &v);
    cz_error own = {0};
    int rc;

    if (!v)
        return cz_join(p, future, ret, err);
    v->held = true;
    do {
        rc = next_message(p, v, &m, &own);
        if (m)
            rc = each(p, arg, m->data, m->len, &own);
        czi_free(m);
    } while (m && !rc);
    if (rc == CZ_NOMEM) /* nobody else is to be cancelled for that */
        czi_instance_stop(p, rc, own.detail);
    if (rc)
        (void)!cz_cancel(p, future, NULL);
    else
        rc = cz_join(p, future, ret, &own);
    v->held = false;
    if (!v->ask)
        destroy(v);
    if (rc && err)
        *err = own;
    return rc;
}
