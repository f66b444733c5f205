/* output.c - JSON, text for terminals, progress.
 *
 * Layer: cli. Thread: each stream belongs to one. Errors of writing are kept by stdio and
 * checked where the command ends.
 */
#include "cli/cli.h"

#include "base/quantity.h"
#include "codec/dag_cbor.h"
#include "platform/platform.h"

#include <nettle/base64.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- JSON ------------------------------------------------------------------------------- */

static void put_quoted(FILE *out, struct czi_slice text)
{
    (void)putc_unlocked('"', out);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c < 0x20 || c == 0x7f)
            (void)fprintf(out, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            (void)fprintf(out, "\\%c", c);
        else
            (void)putc_unlocked(c, out);
    }
    (void)putc_unlocked('"', out);
}

static struct czi_slice slice_of(const char *text)
{
    return (struct czi_slice){(const uint8_t *)text, strlen(text)};
}

static void put_key(struct czi_json *j, const char *key)
{
    if (j->comma)
        (void)putc_unlocked(',', j->out);
    j->comma = true;
    if (!key)
        return;
    put_quoted(j->out, slice_of(key));
    (void)putc_unlocked(':', j->out);
}

void czi_json_open(struct czi_json *j, const char *key, char bracket)
{
    put_key(j, key);
    (void)putc_unlocked(bracket, j->out);
    j->comma = false;
}

void czi_json_close(struct czi_json *j, char bracket)
{
    (void)putc_unlocked(bracket, j->out);
    j->comma = true;
}

void czi_json_text(struct czi_json *j, const char *key, struct czi_slice text)
{
    put_key(j, key);
    put_quoted(j->out, text);
}

void czi_json_string(struct czi_json *j, const char *key, const char *text)
{
    if (text) {
        czi_json_text(j, key, slice_of(text));
        return;
    }
    put_key(j, key);
    (void)fputs_unlocked("null", j->out);
}

void czi_json_number(struct czi_json *j, const char *key, uint64_t v)
{
    char text[CZI_QUANTITY_TEXT_SIZE];

    (void)czi_quantity_print(text, v);
    put_key(j, key);
    (void)fputs_unlocked(text, j->out);
}

void czi_json_quantity(struct czi_json *j, const char *key, cz_quantity v)
{
    char text[CZI_QUANTITY_TEXT_SIZE];

    (void)czi_quantity_print(text, v);
    czi_json_string(j, key, text);
}

void czi_json_u64(struct czi_json *j, const char *key, uint64_t v)
{
    czi_json_quantity(j, key, v);
}

void czi_json_id(struct czi_json *j, const char *key, const cz_id *id)
{
    char text[CZ_ID_TEXT_SIZE];

    cz_id_print(id, text);
    czi_json_string(j, key, text);
}

void czi_json_hex(struct czi_json *j, const char *key, const void *data, size_t len)
{
    const uint8_t *p = data;

    put_key(j, key);
    (void)putc_unlocked('"', j->out);
    for (size_t i = 0; i < len; i++)
        (void)fprintf(j->out, "%02x", p[i]);
    (void)putc_unlocked('"', j->out);
}

void czi_json_base64(struct czi_json *j, const char *key, const void *data, size_t len)
{
    const uint8_t *p = data;

    put_key(j, key);
    (void)putc_unlocked('"', j->out);
    for (size_t i = 0; i < len; i += 48) {
        char part[BASE64_ENCODE_RAW_LENGTH(48)];
        size_t n = CZI_MIN(len - i, 48u);

        base64_encode_raw(part, n, p + i);
        (void)fwrite(part, 1, BASE64_ENCODE_RAW_LENGTH(n), j->out);
    }
    (void)putc_unlocked('"', j->out);
}

void czi_json_bool(struct czi_json *j, const char *key, bool v)
{
    put_key(j, key);
    (void)fputs_unlocked(v ? "true" : "false", j->out);
}

void czi_json_pairs(const char *const *pairs)
{
    struct czi_json j = {.out = stdout};

    czi_json_open(&j, NULL, '{');
    for (; *pairs; pairs += 2)
        czi_json_string(&j, pairs[0], pairs[1]);
    czi_json_close(&j, '}');
    (void)putc_unlocked('\n', stdout);
}

/* ---- Text ------------------------------------------------------------------------------- */

size_t czi_text_width(const char *text, size_t len)
{
    size_t width = 0;

    for (size_t i = 0; i < len; i++)
        width += ((uint8_t)text[i] & 0xc0) != 0x80;
    return width;
}

size_t czi_print_text(FILE *out, const char *text, size_t len)
{
    bool utf8 = czi_utf8_valid(text, len);
    size_t width = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];

        if (c < 0x20 || c == 0x7f || (!utf8 && c > 0x7f)) {
            (void)fprintf(out, "\\x%02x", c);
            width += 4;
        } else {
            (void)putc_unlocked(c, out);
            width += (c & 0xc0) != 0x80;
        }
    }
    return width;
}

static ssize_t write_buf(void *cookie, const char *data, size_t len)
{
    struct czi_buf *b = cookie;

    czi_buf_put(b, data, len);
    return b->failed ? 0 : (ssize_t)len;
}

FILE *czi_buf_stream(struct czi_buf *b)
{
    return fopencookie(b, "w", (cookie_io_functions_t){.write = write_buf});
}

unsigned czi_terminal_width(void)
{
    struct winsize size;

    if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

const char *czi_bold(const struct czi_cli *cli)
{
    return cli->colour ? "\033[1m" : "";
}

const char *czi_plain(const struct czi_cli *cli)
{
    return cli->colour ? "\033[0m" : "";
}

/* ---- Progress --------------------------------------------------------------------------- */

#define PROGRESS_CELLS 30u
#define PROGRESS_EVERY_NS 100000000u

void czi_progress_show(const struct czi_cli *cli, struct czi_progress *p, const char *what,
                       uint64_t done, uint64_t total)
{
    static const char bar[] = "##############################";
    uint64_t now;
    unsigned cells;

    if (!cli->err_terminal || !total)
        return;
    now = czi_clock_ns();
    if (!p->started_ns)
        p->started_ns = p->shown_ns = now;
    if (now - p->shown_ns < PROGRESS_EVERY_NS)
        return;
    p->shown_ns = now;
    p->visible = true;
    cells = (unsigned)((unsigned __int128)CZI_MIN(done, total) * PROGRESS_CELLS / total);
    (void)fprintf(stderr, "\r%s [%-*.*s] %3u%%", what, (int)PROGRESS_CELLS, (int)cells, bar,
                  (unsigned)((unsigned __int128)CZI_MIN(done, total) * 100 / total));
}

void czi_progress_clear(struct czi_progress *p)
{
    if (p->visible)
        (void)fputs("\r\033[K", stderr);
    p->visible = false;
}
