/* guest_script.h - input of the guest tests/guests/player.c: what it shall do, step by step. */
#ifndef GUEST_SCRIPT_H
#define GUEST_SCRIPT_H

#include "causality/guest.h"
#include "test.h"

/* Where guests are; tests that need them are built when there is a compiler for guests. */
#ifndef GUESTS
#define GUESTS ""
#endif

enum script_what { SCRIPT_END, SCRIPT_CALL, SCRIPT_COPY, SCRIPT_LOAD, SCRIPT_STORE };
struct script_step {
    uint64_t what, a[7];
};

/* Steps, and behind them the bytes that they point to, 8-byte aligned. */
enum { SCRIPT_STEPS = 250, SCRIPT_DATA = 256 * sizeof(struct script_step) };
_Static_assert(sizeof(struct script_step) == 64, "as the player has it");
struct script {
    unsigned steps, results;
    size_t len; /* of all */
    uint8_t bytes[CZ_GUEST_INPUT_MAX];
};
/* Where a script may write: in the heap, far behind the player's own. */
#define SCRIPT_ROOM UINT64_C(0x900000)

static inline void script_begin(struct script *s)
{
    s->steps = s->results = 0;
    s->len = SCRIPT_DATA;
    memset(s->bytes, 0, SCRIPT_DATA);
}
static inline struct czi_slice script_input(const struct script *s)
{
    return (struct czi_slice){s->bytes, s->len};
}
static inline void script_step(struct script *s, const struct script_step *step)
{
    assert_true(s->steps < SCRIPT_STEPS);
    memcpy(s->bytes + 64 * (size_t)s->steps++, step, sizeof *step);
}
/* The address of a copy in the guest's input. */
static inline uint64_t script_data(struct script *s, const void *data, size_t len)
{
    size_t at = s->len;

    assert_true(len <= sizeof s->bytes - at - 8);
    if (len)
        memcpy(s->bytes + at, data, len);
    s->len += len;
    while (s->len % 8)
        s->bytes[s->len++] = 0;
    return CZ_GUEST_INPUT + at;
}
/* The number of its result. */
static inline unsigned script_call(struct script *s, uint64_t number, uint64_t a, uint64_t b,
                                   uint64_t c, uint64_t d)
{
    script_step(s, &(struct script_step){SCRIPT_CALL, {number, a, b, c, d}});
    return s->results++;
}
static inline unsigned script_load(struct script *s, uint64_t address, uint64_t len)
{
    script_step(s, &(struct script_step){SCRIPT_LOAD, {address, len}});
    return s->results++;
}
static inline void script_store(struct script *s, uint64_t address, uint64_t value,
                                uint64_t len)
{
    script_step(s, &(struct script_step){SCRIPT_STORE, {address, value, len}});
}
static inline void script_copy(struct script *s, uint64_t to, uint64_t from, uint64_t len)
{
    script_step(s, &(struct script_step){SCRIPT_COPY, {to, from, len}});
}
/* Results are put out, 8 bytes each, unless silent. */
static inline void script_end(struct script *s, uint64_t code, bool is_silent)
{
    script_step(s, &(struct script_step){SCRIPT_END, {code, !is_silent}});
}

/* The whole file, to be freed. */
static inline uint8_t *script_read_file(const char *name, size_t *ret_len)
{
    enum { ROOM = 1 << 20 };
    uint8_t *bytes = malloc(ROOM);
    FILE *f = fopen(name, "rb");

    if (!f)
        fail_msg("%s cannot be read", name);
    *ret_len = fread(bytes, 1, ROOM, f);
    (void)fclose(f);
    return bytes;
}

#endif
