/* files.c - whole files: inputs of verbs, and keys.
 *
 * Layer: cli. Thread: main.
 */
#include "cli/cli.h"

#include "base/error.h"

#include <errno.h>
#include <sys/stat.h>

static int io_error(const char *name, int error, cz_error *err)
{
    return czi_fail(err, error == ENOENT ? CZ_NOT_FOUND : CZ_IO, "%s: %s", name,
                    strerror(error));
}

/* The whole of a file, up to the bound. */
static int load(FILE *f, const char *name, size_t size_max, const char *bound,
                struct czi_buf *buf, cz_error *err)
{
    enum { CHUNK = 1024 * 1024 };
    size_t before = buf->len, n;
    struct stat st;

    if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode))
        return czi_fail(err, CZ_IO, "%s: is a directory", name);
    do {
        uint8_t *room = czi_buf_reserve(buf, CHUNK);

        if (!room)
            return czi_nomem(err, name);
        n = fread(room, 1, CHUNK, f);
        buf->len += n;
        if (buf->len - before > size_max)
            return czi_fail(err, CZ_LIMIT, "%s: larger than %s (%zu bytes)", name, bound,
                            size_max);
    } while (n == CHUNK);
    return ferror(f) ? io_error(name, EIO, err) : CZ_OK;
}

int czi_cli_load(const char *path, size_t size_max, const char *bound, struct czi_buf *buf,
                 cz_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    FILE *f = standard ? stdin : fopen(path, "re");
    int rc = f ? load(f, name, size_max, bound, buf, err) : io_error(name, errno, err);

    if (f && !standard)
        (void)fclose(f);
    return rc;
}

/* Digits, and the end of the line. */
#define KEY_FILE_MAX 128

int czi_cli_seed(const char *path, uint8_t room[32], const uint8_t **ret, cz_error *err)
{
    CZI_AUTOBUF text = {0};
    int rc;

    if (!path) {
        *ret = NULL;
        return CZ_OK;
    }
    rc = czi_cli_load(path, KEY_FILE_MAX, "the size of a key", &text, err);
    if (rc)
        return rc;
    while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
        text.len--;
    if (!czi_unhex(room, 32, (const char *)text.data, text.len))
        return czi_fail(err, CZ_INVALID,
                        "%s: no key: a key file is 64 hex digits; causality key new makes one",
                        path);
    *ret = room;
    return CZ_OK;
}
