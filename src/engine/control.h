/* control.h - a running engine answers other processes: the socket `control` in its store.
 *
 * Layer: engine. Threads: one of its own, which serves one client after the other. A request
 * (for the wait graph, or to cancel a program) is one message, its answer is one message
 * (docs/reference/formats.md, "Control socket"), and then the connection ends. Nothing that a
 * client sends or does not send holds the engine up: requests are bounded, each message has its
 * time, and the graph is copied before it is sent. Only the user of the process may connect.
 */
#ifndef CZI_CONTROL_H
#define CZI_CONTROL_H

#include "engine/wait_graph_codec.h"

#define CZI_CONTROL_NAME "control"

/* For one request, which a client sends at once, and for one answer. */
#define CZI_CONTROL_REQUEST_MS 1000u
#define CZI_CONTROL_ANSWER_MS 5000u
/* A client waits for those before it too. */
#define CZI_CONTROL_WAIT_MS 20000u

struct czi_control;

/* Of whoever has the writer's lock of the store in dir. graph is cz_wait_graph; it is called
 * with g on the control's thread until the control has stopped. */
CZI_MUST_USE int czi_control_start(cz_engine *g, const char *dir, czi_wait_graph_fn graph,
                                   struct czi_control **ret, cz_error *err);
/* Before the lock is given back. Waits for an answer that is being made, not for clients.
 * NULL: no-op. */
void czi_control_stop(struct czi_control *c);

/* Appends the answer to a request, whatever its bytes are. CZ_NOMEM. */
CZI_MUST_USE int czi_control_answer(cz_engine *g, czi_wait_graph_fn graph, const void *request,
                                    size_t len, struct czi_buf *out, cz_error *err);
/* What an answer says: the visitor is called, or the error is the other side's. */
CZI_MUST_USE int czi_control_read(const void *answer, size_t len,
                                  const cz_wait_graph_visitor *v, cz_error *err);

#endif
