/* fuzz_wait_graph.c - requests to a running engine and its answers, over any bytes.
 *
 * Properties: whatever the request, the answer can be read; a graph that is read and told to
 * the encoder gives the same bytes, but for the count of what was left out, which is their end.
 */
#include "fuzz.h"

#include "engine/control.h"

static struct czi_slice graph;

/* Tells the graph that is in the input. */
static int tell(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    int rc = czi_wait_graph_decode(graph.data, graph.len, v, err);

    (void)g;
    return rc == CZ_LIMIT ? CZ_OK : rc;
}

static int edge(void *arg, const cz_wait_edge *e)
{
    CZI_CHECK(e->holds == !e->place && e->mode <= CZ_WRITE && e->party.kind <= CZ_PARTY_EFFECT);
    CZI_CHECK(strlen(e->label) <= CZ_LABEL_SIZE_MAX);
    ++*(uint64_t *)arg;
    return CZ_OK;
}

static int cycle(void *arg, const cz_cycle *c)
{
    for (size_t i = 0; i < c->count; i++)
        CZI_CHECK(strlen(c->steps[i].label) <= CZ_LABEL_SIZE_MAX);
    ++*(uint64_t *)arg;
    return CZ_OK;
}

static void check_request(const uint8_t *data, size_t size)
{
    uint64_t calls = 0;
    cz_wait_graph_visitor v = {edge, cycle, &calls};
    CZI_AUTOBUF answer = {0};
    cz_error err = {0};
    int rc;

    graph = (struct czi_slice){(const uint8_t *)"\x84\x0b\x80\x80\x00", 5};
    CZI_CHECK(czi_control_answer(NULL, tell, data, size, &answer, &err) == CZ_OK);
    rc = czi_control_read(answer.data, answer.len, &v, &err);
    CZI_CHECK((rc == CZ_OK || rc == CZ_INVALID) && calls == 0);
}

static void check_answer(const uint8_t *data, size_t size)
{
    uint64_t calls = 0;
    cz_wait_graph_visitor v = {edge, cycle, &calls};
    CZI_AUTOBUF again = {0};
    cz_error err = {0};
    int rc = czi_wait_graph_decode(data, size, &v, &err);

    if (rc == CZ_INVALID) {
        CZI_CHECK(calls == 0 && err.detail[0]);
        CZI_CHECK(czi_control_read(data, size, &v, &err) != CZ_OK && calls == 0);
        return;
    }
    CZI_CHECK(rc == CZ_OK || rc == CZ_LIMIT);
    graph = (struct czi_slice){data, size};
    CZI_CHECK(czi_wait_graph_encode(tell, NULL, 1u << 24, &again, &err) == CZ_OK);
    CZI_CHECK(again.len <= size && memcmp(again.data, data, again.len - 1) == 0);
    CZI_CHECK(rc == CZ_LIMIT || (again.len == size && data[size - 1] == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_request(data, size);
    check_answer(data, size);
    return 0;
}

/* ---- Seeds ------------------------------------------------------------------------------ */

static int sample(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    cz_wait_edge edges[] = {
        {{{1}}, "alice", {CZ_PARTY_THREAD, 1, "payer"}, CZ_WRITE, true, 0},
        {{{1}}, "alice", {CZ_PARTY_TASK, 2, "reader"}, CZ_READ, false, 1},
        {{{1}}, "alice", {CZ_PARTY_EFFECT, 70000, ""}, CZ_WRITE, false, 2},
        {{{2}}, "", {CZ_PARTY_CONTEXT, UINT64_MAX, "by hand"}, CZ_READ, true, 0},
    };
    cz_cycle_step steps[] = {
        {{CZ_PARTY_THREAD, 1, "payer"}, {{2}}, "bob", CZ_WRITE, false},
        {{CZ_PARTY_TASK, 2, "reader"}, {{3}}, "", CZ_READ, true},
    };
    cz_cycle cycles[] = {{steps, 2, 9}, {NULL, 0, 3}};

    (void)g;
    (void)err;
    for (size_t i = 0; i < CZI_COUNTOF(edges); i++)
        if (v->edge(v->arg, &edges[i]))
            return CZ_NOMEM;
    for (size_t i = 0; i < CZI_COUNTOF(cycles); i++)
        if (v->cycle(v->arg, &cycles[i]))
            return CZ_NOMEM;
    return CZ_OK;
}

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    static const char refusal[] = "\x83\x0c\x0b\x64gone";

    if (i == 0)
        CZI_CHECK(czi_wait_graph_encode(sample, NULL, 1u << 20, out, NULL) == CZ_OK);
    else if (i == 1) /* room for one edge and no cycle */
        CZI_CHECK(czi_wait_graph_encode(sample, NULL, 840, out, NULL) == CZ_OK);
    else if (i == 2)
        czi_buf_put(out, "\x81\x0a", 2);
    else if (i == 3)
        czi_buf_put(out, refusal, sizeof refusal - 1);
    return i < 4;
}
