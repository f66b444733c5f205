/* wait_graph_codec.h - who holds and who waits, as bytes that another process reads.
 *
 * Layer: engine. Threads: pure functions. The form is in docs/reference/formats.md, "Control
 * socket". The encoder is a visitor of the graph; the decoder calls a visitor with what the
 * encoder was called with.
 */
#ifndef CZI_WAIT_GRAPH_CODEC_H
#define CZI_WAIT_GRAPH_CODEC_H

#include "base/bytes.h"
#include "causality/causality.h"

/* cz_wait_graph, or what a test has in its place. */
typedef int (*czi_wait_graph_fn)(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err);

/* Appends the graph to out, in at most size_max bytes: edges that would exceed the half of it
 * are counted and left out, and so are cycles with the other half. Text that is not UTF-8 (a
 * name cut within a character) gets '?' for each byte that is no ASCII. */
CZI_MUST_USE int czi_wait_graph_encode(czi_wait_graph_fn graph, cz_engine *g, size_t size_max,
                                       struct czi_buf *out, cz_error *err);
/* The visitor is called only if all is well-formed, CZ_INVALID otherwise, and its answer other
 * than 0 ends the walk and is returned. CZ_LIMIT, after everything else: so much was left out.
 */
CZI_MUST_USE int czi_wait_graph_decode(const void *bytes, size_t len,
                                       const cz_wait_graph_visitor *v, cz_error *err);

/* A text as UTF-8, at most size - 1 bytes of it; returns its length. */
size_t czi_clean_text(char *out, size_t size, const char *text);

#endif
