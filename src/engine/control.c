/* control.c - see control.h. */
#include "engine/control.h"

#include "base/error.h"
#include "base/limits.h"
#include "codec/dag_cbor.h"
#include "codec/tags.h"
#include "engine/engine.h"
#include "platform/platform.h"

struct czi_control {
    cz_engine *engine;
    czi_wait_graph_fn graph;
    struct czi_listener *listener;
    struct czi_thread *thread;
};

/* ---- Messages --------------------------------------------------------------------------- */

/* [code, detail] with its tag: small enough for the stack, so that want of memory can be told.
 */
#define REFUSAL_SIZE_MAX (CZ_DETAIL_SIZE + 4 * CZI_CBOR_HEAD_SIZE_MAX)

static size_t put_refusal(uint8_t out[REFUSAL_SIZE_MAX], int code, const cz_error *why)
{
    char detail[CZ_DETAIL_SIZE];
    size_t len = czi_clean_text(detail, sizeof detail, why->detail);
    uint8_t *p = czi_cbor_put_array(out, 3);

    p = czi_cbor_put_uint(p, CZI_TAG_REFUSAL);
    p = czi_cbor_put_uint(p, (uint64_t)code);
    return (size_t)(czi_cbor_put_text(p, detail, len) - out);
}

/* *ret_program is set, and *ret_cancel, when that is what is asked for. */
static int read_request(const void *request, size_t len, bool *ret_cancel, cz_id *ret_program,
                        cz_error *err)
{
    struct czi_cbor c = czi_cbor(request, len);
    uint64_t n = czi_cbor_array(&c), tag = czi_cbor_uint(&c);
    bool cancel = tag == CZI_TAG_ASK_CANCEL;
    int rc;

    if (!c.what && (n != 1 + (uint64_t)cancel || (!cancel && tag != CZI_TAG_ASK_WAIT_GRAPH)))
        czi_cbor_fail(&c, "no request that this version knows");
    if (!c.what && cancel) {
        struct czi_slice id = czi_cbor_bytes(&c);

        if (!c.what && id.len != sizeof *ret_program)
            czi_cbor_fail(&c, "an id must be 32 bytes");
        if (!c.what)
            memcpy(ret_program, id.data, sizeof *ret_program);
    }
    *ret_cancel = cancel;
    rc = czi_cbor_end(&c, err);
    return rc ? czi_wrap(err, rc, "request") : CZ_OK;
}

static int answer_cancel(cz_engine *g, const cz_id *program, struct czi_buf *out, cz_error *err)
{
    uint8_t done[2 * CZI_CBOR_HEAD_SIZE_MAX];
    uint8_t *p = czi_cbor_put_uint(czi_cbor_put_array(done, 1), CZI_TAG_DONE);
    int rc = czi_runners_cancel(g, program, err);

    if (!rc)
        czi_buf_put(out, done, (size_t)(p - done));
    return rc;
}

int czi_control_answer(cz_engine *g, czi_wait_graph_fn graph, const void *request, size_t len,
                       struct czi_buf *out, cz_error *err)
{
    uint8_t refusal[REFUSAL_SIZE_MAX];
    cz_error why = {0};
    bool cancel = false;
    cz_id program;
    int rc = read_request(request, len, &cancel, &program, &why);

    if (!rc && cancel)
        rc = answer_cancel(g, &program, out, &why);
    else if (!rc)
        rc = czi_wait_graph_encode(graph, g, CZI_CONTROL_ANSWER_MAX, out, &why);
    if (rc == CZ_NOMEM) {
        if (err)
            *err = why;
        return rc;
    }
    if (rc)
        czi_buf_put(out, refusal, put_refusal(refusal, rc, &why));
    return out->failed ? czi_nomem(err, "an answer") : CZ_OK;
}

static int read_refusal(struct czi_cbor *c, cz_error *err)
{
    uint64_t code = czi_cbor_uint_max(c, UINT8_MAX);
    struct czi_slice detail = czi_cbor_text(c);
    int rc;

    if (code == CZ_OK)
        czi_cbor_fail(c, "a refusal without an error");
    rc = czi_cbor_end(c, err);
    if (rc)
        return czi_wrap(err, rc, "answer");
    return czi_fail(err, (int)code, "%.*s", (int)CZI_MIN(detail.len, (size_t)CZ_DETAIL_SIZE),
                    (const char *)detail.data);
}

int czi_control_read(const void *answer, size_t len, const cz_wait_graph_visitor *v,
                     cz_error *err)
{
    struct czi_cbor c = czi_cbor(answer, len);

    if (czi_cbor_array(&c) == 3 && czi_cbor_uint(&c) == CZI_TAG_REFUSAL)
        return read_refusal(&c, err);
    return czi_wait_graph_decode(answer, len, v, err);
}

/* ---- The engine's side ------------------------------------------------------------------ */

/* A client that is gone, too slow or silent gets nothing; one that errs is told. */
static void serve(struct czi_control *c, struct czi_stream *s)
{
    CZI_AUTOBUF request = {0}, answer = {0};
    uint8_t refusal[REFUSAL_SIZE_MAX];
    cz_error err = {0};
    int rc =
        czi_stream_receive(s, CZI_CONTROL_MESSAGE_MAX, CZI_CONTROL_REQUEST_MS, &request, &err);

    if (rc && rc != CZ_LIMIT && rc != CZ_NOMEM)
        return;
    if (rc == CZ_LIMIT)
        rc = czi_wrap(&err, rc, "CZI_CONTROL_MESSAGE_MAX");
    if (!rc)
        rc = czi_control_answer(c->engine, c->graph, request.data, request.len, &answer, &err);
    if (rc)
        rc = czi_stream_send(s, refusal, put_refusal(refusal, rc, &err), CZI_CONTROL_ANSWER_MS,
                             &err);
    else
        rc = czi_stream_send(s, answer.data, answer.len, CZI_CONTROL_ANSWER_MS, &err);
    (void)rc; /* whoever asked sees that the answer did not come */
}

static void control_main(void *arg)
{
    struct czi_control *c = arg;
    struct czi_stream *s;

    while ((s = czi_accept(c->listener)) != NULL) {
        serve(c, s);
        czi_stream_close(s);
    }
}

int czi_control_start(cz_engine *g, const char *dir, czi_wait_graph_fn graph,
                      struct czi_control **ret, cz_error *err)
{
    struct czi_control *c = czi_alloc_zero(1, sizeof *c);
    int rc;

    if (!c)
        return czi_nomem(err, "the control of an engine");
    c->engine = g;
    c->graph = graph;
    rc = czi_listen(dir, CZI_CONTROL_NAME, &c->listener, err);
    if (!rc)
        rc = czi_thread_start(&c->thread, control_main, c, "cz-control", err);
    if (rc) {
        czi_listener_close(c->listener);
        czi_free(c);
        return rc;
    }
    *ret = c;
    return CZ_OK;
}

void czi_control_stop(struct czi_control *c)
{
    if (!c)
        return;
    czi_listener_stop(c->listener);
    czi_thread_join(c->thread);
    czi_listener_close(c->listener);
    czi_free(c);
}

/* ---- The other side --------------------------------------------------------------------- */

/* One request to the process that writes the store in dir, and its answer. */
static int ask(const char *dir, const uint8_t *request, size_t len, struct czi_buf *answer,
               cz_error *err)
{
    struct czi_stream *s = NULL;
    int rc = czi_dial(dir, CZI_CONTROL_NAME, CZI_CONTROL_WAIT_MS, &s, err);

    if (rc == CZ_NOT_FOUND)
        return czi_fail(err, rc, "no process has a store in %s open for writing", dir);
    if (!rc)
        rc = czi_stream_send(s, request, len, CZI_CONTROL_WAIT_MS, err);
    if (!rc)
        rc = czi_stream_receive(s, CZI_CONTROL_ANSWER_MAX, CZI_CONTROL_WAIT_MS, answer, err);
    czi_stream_close(s);
    if (rc == CZ_TIMEOUT)
        return czi_fail(err, CZ_BUSY, "the process that writes the store in %s does not answer",
                        dir);
    return rc ? czi_wrap(err, rc, "asking the process that writes the store in %s", dir) : rc;
}

int cz_wait_graph_of(const char *dir, const cz_wait_graph_visitor *v, cz_error *err)
{
    uint8_t request[2 * CZI_CBOR_HEAD_SIZE_MAX];
    uint8_t *p = czi_cbor_put_uint(czi_cbor_put_array(request, 1), CZI_TAG_ASK_WAIT_GRAPH);
    CZI_AUTOBUF answer = {0};
    int rc = ask(dir, request, (size_t)(p - request), &answer, err);

    return rc ? rc : czi_control_read(answer.data, answer.len, v, err);
}

static int read_done(const void *answer, size_t len, cz_error *err)
{
    struct czi_cbor c = czi_cbor(answer, len);
    uint64_t n = czi_cbor_array(&c), tag = czi_cbor_uint(&c);
    int rc;

    if (n == 3 && tag == CZI_TAG_REFUSAL)
        return read_refusal(&c, err);
    if (!c.what && (n != 1 || tag != CZI_TAG_DONE))
        czi_cbor_fail(&c, "no answer that this version knows");
    rc = czi_cbor_end(&c, err);
    return rc ? czi_wrap(err, rc, "answer") : CZ_OK;
}

int cz_program_cancel_of(const char *dir, const cz_id *id, cz_error *err)
{
    uint8_t request[4 * CZI_CBOR_HEAD_SIZE_MAX + sizeof *id];
    uint8_t *p = czi_cbor_put_uint(czi_cbor_put_array(request, 2), CZI_TAG_ASK_CANCEL);
    CZI_AUTOBUF answer = {0};
    int rc;

    p = czi_cbor_put_bytes(p, id, sizeof *id);
    rc = ask(dir, request, (size_t)(p - request), &answer, err);
    return rc ? rc : read_done(answer.data, answer.len, err);
}
