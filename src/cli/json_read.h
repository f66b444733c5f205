/* json_read.h - strict JSON (RFC 8259) into a flat list of tokens that know their place.
 *
 * Layer: cli. Thread: a document belongs to one. The library that we use elsewhere (jansson)
 * does not tell where in the text a value stands; messages about effects do. Beyond the RFC:
 * no U+0000 in strings, nesting up to CZI_JSON_DEPTH_MAX. Duplicate keys are for the reader of
 * an object to refuse.
 */
#ifndef CZI_JSON_READ_H
#define CZI_JSON_READ_H

#include "base/bytes.h"

enum czi_json_type {
    CZI_JSON_OBJECT,
    CZI_JSON_ARRAY,
    CZI_JSON_STRING,
    CZI_JSON_NUMBER,
    CZI_JSON_TRUE,
    CZI_JSON_FALSE,
    CZI_JSON_NULL,
};

/* An object is followed by key, value, key, value …; an array by its values. */
struct czi_json_token {
    uint8_t type;
    uint32_t at;           /* byte in the document */
    uint32_t next;         /* number of the token after this one and all within it */
    struct czi_slice text; /* of a string decoded, of a number as written */
};

/* All zero is valid; the memory is used again by the next parse. */
struct czi_json_doc {
    struct czi_buf tokens; /* of struct czi_json_token; the first is the document */
    struct czi_buf decoded;
    size_t size_max; /* of a document; 0: CZI_JSON_LINE_MAX */
    size_t at;       /* of an error */
    const char *what;
};

/* Appends what base64 with padding (RFC 4648, section 4) says. Refuses what would encode to
 * another text: white space, missing padding, spare bits. False also without memory
 * (b->failed).
 */
CZI_MUST_USE bool czi_unbase64(struct czi_buf *b, struct czi_slice text);

void czi_json_doc_done(struct czi_json_doc *d);
/* One whole document; strings may point into text. False: what and at say why and where. */
CZI_MUST_USE bool czi_json_parse(struct czi_json_doc *d, const char *text, size_t len);

static inline const struct czi_json_token *czi_json_token(const struct czi_json_doc *d,
                                                          uint32_t i)
{
    return (const struct czi_json_token *)(const void *)d->tokens.data + i;
}
static inline uint32_t czi_json_count(const struct czi_json_doc *d)
{
    return (uint32_t)(d->tokens.len / sizeof(struct czi_json_token));
}

#endif
