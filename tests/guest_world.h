/* guest_world.h - resources, facts and times for guests that run without an engine, and the
 * player (guest_script.h) that runs on them. */
#ifndef GUEST_WORLD_H
#define GUEST_WORLD_H

#include "codec/blake3.h"
#include "guest_script.h"
#include "vm/manager.h"

enum { WORLD_MAX = 80, WORLD_FACTS = 4 };

struct world_resource {
    uint8_t id[32];
    struct czi_found found;
    struct czi_code *code; /* of kind code, borrowed */
};
struct world_fact {
    struct czi_slice bytes;
    cz_id id;
    unsigned finality;
    uint64_t number;
};
struct guest_world {
    struct world_resource all[WORLD_MAX];
    unsigned count;
    struct world_fact facts[WORLD_FACTS];
    unsigned fact_count;
    uint8_t origin[32], signers[2][64]; /* a key, and 32 bytes of something else */
    unsigned finds;                     /* how often somebody looked */
    struct czi_world world;
    /* The player's run. */
    struct czi_vm_manager *manager;
    struct czi_code *player;
    uint8_t player_id[32];
    struct czi_access accesses[CZI_ACCESSES_MAX];
    struct czi_run_input in;
    struct czi_run_result out;
    struct script script;
};

static inline void world_id(const char *name, uint8_t ret[32])
{
    czi_blake3(name, strlen(name), ret);
}

static inline struct world_resource *world_find(struct guest_world *w, const uint8_t id[32])
{
    for (unsigned i = 0; i < w->count; i++)
        if (memcmp(w->all[i].id, id, 32) == 0)
            return &w->all[i];
    return NULL;
}

static inline void world_on_find(void *arg, const uint8_t id[32], struct czi_found *ret)
{
    struct guest_world *w = arg;
    const struct world_resource *r = world_find(w, id);

    w->finds++;
    *ret = r ? r->found : (struct czi_found){.kind = 0};
}
static inline struct czi_code *world_on_code(void *arg, const uint8_t id[32])
{
    const struct world_resource *r = world_find(arg, id);

    return r ? r->code : NULL;
}
static inline bool world_on_fact(void *arg, unsigned i, struct czi_slice *ret_bytes,
                                 cz_id *ret_id, unsigned *ret_finality, uint64_t *ret_number)
{
    const struct guest_world *w = arg;

    if (i >= w->fact_count)
        return false;
    *ret_bytes = w->facts[i].bytes;
    *ret_id = w->facts[i].id;
    *ret_finality = w->facts[i].finality;
    *ret_number = w->facts[i].number;
    return true;
}
/* There is one domain, "moon". */
static inline bool world_on_time(void *arg, struct czi_slice domain, struct cz_guest_time *ret)
{
    (void)arg;
    if (domain.len != 4 || memcmp(domain.data, "moon", 4) != 0)
        return false;
    *ret = (struct cz_guest_time){.height = 7, .time = 1234};
    memset(ret->hash, 0xab, sizeof ret->hash);
    return true;
}

/* Everything active, version 3, position 10 and its number. */
static inline struct world_resource *world_add(struct guest_world *w, const char *name,
                                               unsigned kind)
{
    struct world_resource *r = &w->all[w->count++];

    assert_true(w->count <= WORLD_MAX);
    *r = (struct world_resource){.found = {.exists = true,
                                           .kind = (uint8_t)kind,
                                           .version = 3,
                                           .position = 10 + w->count}};
    world_id(name, r->id);
    return r;
}
static inline struct world_resource *world_data(struct guest_world *w, const char *name,
                                                const char *text)
{
    struct world_resource *r = world_add(w, name, CZ_DATA);

    r->found.data = (struct czi_slice){(const uint8_t *)text, strlen(text)};
    return r;
}
static inline struct world_resource *world_balance(struct guest_world *w, const char *name,
                                                   unsigned kind, const char *asset,
                                                   cz_quantity q)
{
    struct world_resource *r = world_add(w, name, kind);

    r->found.asset = (struct czi_slice){(const uint8_t *)asset, strlen(asset)};
    r->found.quantity = q;
    return r;
}
static inline struct world_resource *world_code(struct guest_world *w, const char *name,
                                                struct czi_code *code)
{
    struct world_resource *r = world_add(w, name, CZ_CODE);

    r->code = code;
    return r;
}

static inline struct czi_code *load_guest(const char *file)
{
    struct czi_code *code = NULL;
    cz_error err = {0};
    size_t len;
    uint8_t *bytes = script_read_file(file, &len);

    assert_ok(czi_code_new(bytes, len, &code, &err), err);
    free(bytes);
    return code;
}

/* With the player as a resource, and nothing declared. */
static inline void world_begin(struct guest_world *w)
{
    cz_error err = {0};

    memset(w, 0, sizeof *w);
    w->player = load_guest(GUESTS "/player.elf");
    world_id("player", w->player_id);
    (void)world_code(w, "player", w->player);
    memset(w->origin, 0x0e, sizeof w->origin);
    memset(w->signers[0], 0x51, 64);
    memset(w->signers[1], 0x52, 64);
    w->world = (struct czi_world){.arg = w,
                                  .find = world_on_find,
                                  .code = world_on_code,
                                  .fact = world_on_fact,
                                  .time = world_on_time,
                                  .origin = w->origin,
                                  .signers = w->signers[0],
                                  .signer_count = 2,
                                  .key_stride = 64};
    w->in = (struct czi_run_input){.code = w->player,
                                   .code_id = w->player_id,
                                   .gas = 10000000,
                                   .accesses = w->accesses,
                                   .world = &w->world};
    assert_ok(czi_vm_manager_new(&w->manager, &err), err);
    script_begin(&w->script);
}
static inline void world_end(struct guest_world *w)
{
    czi_vm_manager_free(w->manager);
    czi_code_drop(w->player);
}
/* Its index. */
static inline unsigned world_declare(struct guest_world *w, const char *name, bool writable)
{
    struct czi_access *a = &w->accesses[w->in.access_count];

    *a = (struct czi_access){.writable = writable};
    world_id(name, a->id);
    return w->in.access_count++;
}

/* Ends the script and runs it. */
static inline void world_run(struct guest_world *w)
{
    cz_error err = {0};

    script_end(&w->script, 0, false);
    w->in.input = script_input(&w->script);
    czi_vm_manager_run(w->manager, &w->in, &w->out);
    assert_ok(czi_validate_resource_access(&w->out, &w->in, &err), err);
}
static inline int64_t world_result(const struct guest_world *w, unsigned i)
{
    int64_t v;

    assert_int_equal(w->out.status, CZI_RUN_EXITED);
    assert_true(8 * (size_t)i + 8 <= w->out.output.len);
    memcpy(&v, w->out.output.data + 8 * (size_t)i, 8);
    return v;
}

#endif
