/* apply_input.h - cuts a file or a pipe into effects: lines of JSON, or items of DAG-CBOR.
 *
 * Layer: cli. Thread: main. One buffer; a record lies in it until the next fill.
 */
#ifndef CZI_APPLY_INPUT_H
#define CZI_APPLY_INPUT_H

#include "base/bytes.h"
#include "causality/causality.h"

enum czi_input_format { CZI_INPUT_UNKNOWN, CZI_INPUT_JSON, CZI_INPUT_CBOR };

struct czi_input {
    int fd;
    const char *name; /* for messages */
    bool owned;
    bool regular;   /* can be read twice */
    uint64_t start; /* where a regular file is read from */
    uint64_t size;  /* bytes from there; 0 for a pipe */
    enum czi_input_format forced;
    enum czi_input_format format; /* known after the first byte */
    uint8_t *data;
    size_t at, len;  /* what is unread */
    uint64_t taken;  /* bytes before `at` */
    uint64_t number; /* of the last record: its line, or its place among the items */
    bool ended;
};

enum czi_input_step {
    CZI_INPUT_RECORD, /* *ret is one */
    CZI_INPUT_MORE,   /* czi_input_fill is needed */
    CZI_INPUT_END,
};

/* "-" is standard input. */
CZI_MUST_USE int czi_input_open(struct czi_input *in, const char *path,
                                enum czi_input_format forced, cz_error *err);
void czi_input_close(struct czi_input *in);
/* Back to the start of a regular file. */
CZI_MUST_USE int czi_input_rewind(struct czi_input *in, cz_error *err);
/* The next record without reading; blank lines are passed over. */
enum czi_input_step czi_input_next(struct czi_input *in, struct czi_slice *ret);
/* Waits for bytes. Records taken before are gone. */
CZI_MUST_USE int czi_input_fill(struct czi_input *in, cz_error *err);

#endif
