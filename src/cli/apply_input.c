/* apply_input.c - see apply_input.h. */
#include "cli/apply_input.h"

#include "base/error.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* One read; and beyond it room for a record that it cut, or that is too long by a byte. */
#define READ_SIZE (1024u * 1024u)
#define RECORD_MAX CZI_MAX(CZI_JSON_LINE_MAX, CZI_EFFECT_SIZE_MAX)
#define ROOM (READ_SIZE + RECORD_MAX + 2)

int czi_input_open(struct czi_input *in, const char *path, enum czi_input_format forced,
                   cz_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    struct stat st;
    off_t start;

    *in = (struct czi_input){.fd = STDIN_FILENO,
                             .name = standard ? "standard input" : path,
                             .owned = !standard,
                             .forced = forced};
    if (!standard)
        in->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (in->fd < 0 || fstat(in->fd, &st) != 0)
        return czi_fail(err, errno == ENOENT ? CZ_NOT_FOUND : CZ_IO, "%s: %s", in->name,
                        strerror(errno));
    if (S_ISDIR(st.st_mode))
        return czi_fail(err, CZ_IO, "%s: is a directory", in->name);
    start = S_ISREG(st.st_mode) ? lseek(in->fd, 0, SEEK_CUR) : -1;
    in->regular = start >= 0;
    if (in->regular) {
        in->start = (uint64_t)start;
        in->size = st.st_size > start ? (uint64_t)(st.st_size - start) : 0;
    }
    in->data = czi_alloc(ROOM);
    in->format = forced;
    return in->data ? CZ_OK : czi_nomem(err, "the input's buffer");
}

void czi_input_close(struct czi_input *in)
{
    czi_free(in->data);
    in->data = NULL;
    if (in->owned && in->fd >= 0)
        (void)close(in->fd);
}

int czi_input_rewind(struct czi_input *in, cz_error *err)
{
    if (lseek(in->fd, (off_t)in->start, SEEK_SET) < 0)
        return czi_fail(err, CZ_IO, "%s: %s", in->name, strerror(errno));
    in->at = in->len = 0;
    in->taken = in->number = 0;
    in->ended = false;
    in->format = in->forced;
    return CZ_OK;
}

int czi_input_fill(struct czi_input *in, cz_error *err)
{
    ssize_t n;

    memmove(in->data, in->data + in->at, in->len - in->at);
    in->len -= in->at;
    in->at = 0;
    CZI_CHECK(in->len < ROOM);
    do {
        n = read(in->fd, in->data + in->len, CZI_MIN((size_t)READ_SIZE, ROOM - in->len));
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return czi_fail(err, CZ_IO, "%s: %s", in->name, strerror(errno));
    in->ended = n == 0;
    in->len += (size_t)n;
    return CZ_OK;
}

static void take(struct czi_input *in, size_t len, struct czi_slice *ret)
{
    *ret = (struct czi_slice){in->data + in->at, len};
    in->at += len;
    in->taken += len;
    in->number++;
}

static bool is_blank(struct czi_slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    return true;
}

/* A line of the buffer without its end; one that is too long is handed out as far as it goes,
 * for the reader to refuse. */
static enum czi_input_step next_line(struct czi_input *in, struct czi_slice *ret)
{
    for (;;) {
        const uint8_t *start = in->data + in->at, *newline;
        size_t left = in->len - in->at;

        newline = memchr(start, '\n', left);
        if (!newline && !in->ended && left <= RECORD_MAX)
            return CZI_INPUT_MORE;
        if (!left)
            return CZI_INPUT_END;
        take(in, newline ? (size_t)(newline - start) : left, ret);
        if (newline) {
            in->at++;
            in->taken++;
        }
        if (!is_blank(*ret))
            return CZI_INPUT_RECORD;
    }
}

/* How long the item at p is; 0 when it goes on beyond len. Only the structure is looked at:
 * where that is broken, the extent so far, for the decoder to refuse. */
static size_t item_extent(const uint8_t *p, size_t len)
{
    uint64_t pending = 1;
    size_t at = 0;

    while (pending) {
        unsigned major, info, size;
        uint64_t arg = 0;

        if (at == len)
            return 0;
        major = p[at] >> 5;
        info = p[at++] & 31;
        if (info > 27)
            return at;
        size = info < 24 ? 0 : 1u << (info - 24);
        if (len - at < size)
            return 0;
        for (unsigned i = 0; i < size; i++)
            arg = arg << 8 | p[at++];
        arg = info < 24 ? info : arg;
        pending--;
        if (arg > CZI_EFFECT_SIZE_MAX && major >= 2 && major <= 5)
            return at;
        if ((major == 2 || major == 3) && len - at < arg)
            return 0;
        if (major == 2 || major == 3)
            at += arg;
        else if (major == 4 || major == 5)
            pending += (major - 3) * arg;
        else if (major == 6)
            pending++;
        if (pending > CZI_EFFECT_SIZE_MAX)
            return at;
    }
    return at;
}

static enum czi_input_step next_item(struct czi_input *in, struct czi_slice *ret)
{
    size_t left = in->len - in->at, len = left ? item_extent(in->data + in->at, left) : 0;

    if (!len && !in->ended && left <= RECORD_MAX)
        return CZI_INPUT_MORE;
    if (!left)
        return CZI_INPUT_END;
    take(in, len ? len : left, ret);
    return CZI_INPUT_RECORD;
}

/* An effect is an array of ten, eleven or thirteen: no JSON text begins with these bytes. */
static bool begins_effect(uint8_t byte)
{
    return byte == 0x8a || byte == 0x8b || byte == 0x8d;
}

enum czi_input_step czi_input_next(struct czi_input *in, struct czi_slice *ret)
{
    if (in->format == CZI_INPUT_UNKNOWN) {
        if (in->at == in->len)
            return in->ended ? CZI_INPUT_END : CZI_INPUT_MORE;
        in->format = begins_effect(in->data[in->at]) ? CZI_INPUT_CBOR : CZI_INPUT_JSON;
    }
    return in->format == CZI_INPUT_CBOR ? next_item(in, ret) : next_line(in, ret);
}
