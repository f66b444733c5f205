/* guest_fixture.h - guests that are programs: tests/guests/program.elf on a host. */
#ifndef CZI_GUEST_FIXTURE_H
#define CZI_GUEST_FIXTURE_H

#include "host_fixture.h"
#include "program/guest.h"

/* As in tests/guests/program.c. */
struct gx_input {
    char what, rest[7];
    uint64_t n;
    cz_id a, b, c, counter;
    uint64_t name_len;
    char name[64];
};

struct gx_file {
    uint8_t bytes[CZI_DATA_SIZE_MAX];
    size_t len;
};

static inline const struct gx_file *gx_program(void)
{
    static struct gx_file file;
    FILE *f;

    if (file.len)
        return &file;
    f = fopen(GUESTS "/program.elf", "rb");
    assert_non_null(f);
    file.len = fread(file.bytes, 1, sizeof file.bytes, f);
    assert_true(feof(f) && file.len);
    (void)fclose(f);
    return &file;
}

/* Its id; it is in the store. */
static inline cz_id gx_deploy(cz_engine *g)
{
    const struct gx_file *file = gx_program();
    cz_id origin = fx_id("deployer"), id;
    cz_error err = {0};
    CZ_EFFECT(e);

    cz_effect_set_origin(e, &origin);
    cz_effect_set_nonce(e, 1);
    assert_ok(cz_effect_deploy(e, file->bytes, file->len, &id, &err), err);
    assert_ok(cz_perform(g, e, NULL, &err), err);
    return id;
}

/* a 100, b 0, c 0 of USD, and a register "counter". */
static inline void gx_make(cz_engine *g)
{
    cz_creation c = fx_creation("counter", CZ_DATA, NULL, 0);
    cz_error err = {0};
    cz_id id;

    fx_cash(g, "a", 100);
    fx_cash(g, "b", 0);
    fx_cash(g, "c", 0);
    c.data = (const uint8_t *)"0";
    c.data_len = 1;
    assert_ok(cz_create(g, &c, &id, &err), err);
}

static inline struct gx_input gx_input(char what, uint64_t n)
{
    return (struct gx_input){.what = what,
                             .n = n,
                             .a = fx_id("a"),
                             .b = fx_id("b"),
                             .c = fx_id("c"),
                             .counter = fx_id("counter")};
}

static inline cz_id gx_start(cz_host *h, const cz_id *code, const char *label,
                             const struct gx_input *in)
{
    char name[CZ_ID_TEXT_SIZE];
    cz_program_spec spec = {.name = name, .label = label, .args = in, .args_len = sizeof *in};
    cz_error err = {0};
    cz_id id;

    cz_id_print(code, name);
    assert_ok(cz_program_start(h, &spec, &id, &err), err);
    return id;
}

/* A host on an engine that is driven by hand, with the guest in the store. */
struct gx {
    cz_engine *g;
    cz_host *h;
    cz_id code;
};

static inline struct gx gx_begin(const cz_host_options *o)
{
    struct gx x = {.g = fx_open_driven()};

    gx_make(x.g);
    x.code = gx_deploy(x.g);
    x.h = hx_host_with(x.g, o);
    return x;
}

static inline void gx_end(struct gx *x)
{
    hx_close(x->h);
    fx_close(x->g);
}

/* How one ends. */
static inline cz_program_report gx_run(struct gx *x, const char *label,
                                       const struct gx_input *in)
{
    cz_id id = gx_start(x->h, &x->code, label, in);

    return hx_wait(x->h, &id);
}

/* One that ends well: its value. */
static inline uint64_t gx_value(struct gx *x, char what, uint64_t n)
{
    struct gx_input in = gx_input(what, n);
    char label[32];
    cz_program_report r;

    (void)snprintf(label, sizeof label, "%c %llu", what, (unsigned long long)n);
    r = gx_run(x, label, &in);
    if (r.state != CZ_PROGRAM_COMPLETED)
        fail_msg("%s: %s: %s", label, cz_code_name(r.code), r.detail);
    return r.value;
}

/* One that fails: why. */
static inline cz_program_report gx_fails(struct gx *x, char what, uint64_t n)
{
    struct gx_input in = gx_input(what, n);
    char label[32];
    cz_program_report r;

    (void)snprintf(label, sizeof label, "%c %llu", what, (unsigned long long)n);
    r = gx_run(x, label, &in);
    if (r.state != CZ_PROGRAM_FAILED)
        fail_msg("%s: %s", label, cz_program_state_name((int)r.state));
    return r;
}

#endif
