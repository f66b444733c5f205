/* shared.h - files for tests: public test data outside the tree, and golden files in it.
 *
 * Public data lie in the folder that CAUSALITY_SHARED names, ../shared beside the source tree
 * when it is unset. A test that needs them calls SHARED_OR_SKIP, and is skipped by name where
 * they are absent.
 */
#ifndef CZI_TEST_SHARED_H
#define CZI_TEST_SHARED_H

#include "test.h"

#include <jansson.h>
#include <unistd.h>

#define PATH_SIZE 512

/* The path of a file under the shared folder's data/. */
static inline const char *shared_path(const char *name, char out[PATH_SIZE])
{
    const char *folder = getenv("CAUSALITY_SHARED");

    (void)snprintf(out, PATH_SIZE, "%s/data/%s",
                   folder && *folder ? folder : CAUSALITY_SOURCE_ROOT "/../shared", name);
    return out;
}

#define SHARED_OR_SKIP(name)                                                                   \
    do {                                                                                       \
        char path_[PATH_SIZE];                                                                 \
        if (access(shared_path(name, path_), R_OK)) {                                          \
            print_message("skipped: %s is not there (CAUSALITY_SHARED)\n", path_);             \
            skip();                                                                            \
        }                                                                                      \
    } while (0)

/* A whole file as text; the caller frees. */
static inline char *read_file(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    char *text;
    long size;

    if (!f)
        fail_msg("%s cannot be read", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    size = ftell(f);
    rewind(f);
    text = malloc((size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, f), size);
    text[size] = 0;
    (void)fclose(f);
    if (ret_len)
        *ret_len = (size_t)size;
    return text;
}

static inline char *read_shared(const char *name, size_t *ret_len)
{
    char path[PATH_SIZE];

    return read_file(shared_path(name, path), ret_len);
}

/* A JSON file; the caller gives its reference back. */
static inline json_t *json_file(const char *path)
{
    json_error_t err;
    size_t len;
    char *text = read_file(path, &len);
    json_t *v = json_loadb(text, len, JSON_ALLOW_NUL, &err);

    free(text);
    if (!v)
        fail_msg("%s:%d: %s", path, err.line, err.text);
    return v;
}

static inline json_t *json_shared(const char *name)
{
    char path[PATH_SIZE];

    return json_file(shared_path(name, path));
}

/* Bytes of a text in hex, with or without "0x"; freed with the buffer. */
static inline void from_hex(struct czi_buf *out, const char *text)
{
    size_t len;

    if (text[0] == '0' && text[1] == 'x')
        text += 2;
    len = strlen(text);
    out->len = 0;
    assert_non_null(czi_buf_reserve(out, len / 2));
    assert_true(czi_unhex(out->data, len / 2, text, len));
    out->len = len / 2;
}

/* The mainnet blocks under ethereum-mainnet/, ascending. */
static const char *const mainnet_blocks[] = {
    "46147",    "116525",   "1150000",  "2179522",  "5891667",  "8889776",  "11814555",
    "12965000", "14029313", "15537394", "17666333", "19426587", "19807137",
};

static inline char *read_mainnet(size_t i, size_t *ret_len)
{
    char name[64];

    (void)snprintf(name, sizeof name, "ethereum-mainnet/%s.json", mainnet_blocks[i]);
    return read_shared(name, ret_len);
}

#endif
