/* facts.c - a simulated chain's facts: blocks with their headers, and what is in them with its
 * path. See chain.h and sim.h. */
#include "domain/simulated/chain.h"

struct emission {
    const cz_sim_chain *chain;
    const uint8_t *seed; /* the observer's, or NULL */
    cz_sim_fact_fn fn;
    void *arg;
    struct czi_buf bytes;
    cz_id block; /* the fact that the others of the block rest on */
};

/* The fact without what is its own. */
static struct czi_fact anchored(const cz_sim_chain *c, const struct czi_sim_block *b)
{
    struct czi_fact f = {.domain = c->parameters.name,
                         .height = b->header.height,
                         .time = b->header.time,
                         .finality = CZ_SEEN,
                         .trust = CZI_TRUST_SIGNED};

    memcpy(f.block_hash, b->hash, sizeof f.block_hash);
    return f;
}

/* Signs it and makes its bytes. */
static int complete(struct emission *e, struct czi_fact *f, cz_id *ret, cz_error *err)
{
    int rc = e->seed ? czi_fact_sign(f, e->seed, err) : CZ_OK;

    if (rc == CZ_OK)
        rc = czi_fact_encode(f, &e->bytes, err);
    if (rc == CZ_OK)
        *ret = czi_fact_id(e->bytes.data, e->bytes.len);
    return rc;
}

static int give(struct emission *e, const struct czi_fact *f, const cz_id *id, uint64_t event,
                cz_error *err)
{
    cz_sim_fact fact = {.id = *id,
                        .kind = f->kind,
                        .height = f->height,
                        .event = event,
                        .is_final = f->finality == CZ_FINAL,
                        .bytes = e->bytes.data,
                        .len = e->bytes.len};

    return e->fn(e->arg, &fact, err);
}

static struct czi_fact_value hash_value(const uint8_t hash[32])
{
    return (struct czi_fact_value){.type = CZI_VALUE_BYTES, .bytes = {hash, 32}};
}

/* The block as seen, which all in it rests on, and if it is final, that too. */
static int emit_block(struct emission *e, const struct czi_sim_block *b, bool wanted,
                      cz_error *err)
{
    struct czi_fact f = anchored(e->chain, b);
    uint8_t certificate[CZI_SIGNATURE_SIZE];
    cz_id id;
    int rc;

    f.kind = CZ_FACT_BLOCK;
    f.event_key = (struct czi_slice){b->hash, sizeof b->hash};
    f.proof_count = 1;
    f.proof[0] = (struct czi_slice){b->signed_header, b->signed_len};
    f.claim_count = 3;
    f.claim[0] = hash_value(b->header.parent);
    f.claim[1] = hash_value(b->header.events_root);
    f.claim[2] = hash_value(b->header.state_root);
    rc = complete(e, &f, &e->block, err);
    if (rc != CZ_OK || !wanted)
        return rc;
    rc = give(e, &f, &e->block, 0, err);
    if (rc != CZ_OK || b->header.height > e->chain->final_height)
        return rc;
    czi_sim_certify(&b->header, b->hash, e->chain->seed, certificate);
    f.finality = CZ_FINAL;
    f.proof_count = 2;
    f.proof[1] = (struct czi_slice){certificate, sizeof certificate};
    rc = complete(e, &f, &id, err);
    return rc == CZ_OK ? give(e, &f, &id, 0, err) : rc;
}

static int emit_entry(struct emission *e, const struct czi_sim_block *b,
                      const struct czi_sim_entry *entry, const struct czi_sim_tree *tree,
                      size_t leaf, cz_error *err)
{
    struct czi_fact f = anchored(e->chain, b);
    uint8_t path[CZI_SIM_PATH_SIZE_MAX];
    cz_id id;
    int rc;

    f.kind = entry->kind;
    f.event_key = (struct czi_slice){entry->key, entry->key_len};
    f.has_header = true;
    f.header = e->block;
    f.claim_count = entry->claim_count;
    memcpy(f.claim, entry->claim, sizeof entry->claim);
    f.proof_count = 1;
    f.proof[0] = (struct czi_slice){path, czi_sim_tree_path(tree, leaf, path)};
    if (f.kind == CZ_FACT_PRICE && e->chain->price_age) {
        f.has_expires = true;
        f.expires = f.time + CZI_MIN(e->chain->price_age, UINT64_MAX - f.time);
    }
    rc = complete(e, &f, &id, err);
    return rc == CZ_OK ? give(e, &f, &id, entry->event, err) : rc;
}

static int emit_time(struct emission *e, const struct czi_sim_block *b, cz_error *err)
{
    struct czi_fact f = anchored(e->chain, b);
    uint8_t key[CZI_EVENT_KEY_SIZE_MAX];
    cz_id id;
    int rc;

    f.kind = CZ_FACT_TIME;
    f.event_key = (struct czi_slice){key, czi_sim_state_key(f.kind, NULL, key)};
    f.has_header = true;
    f.header = e->block;
    f.claim_count = 1;
    f.claim[0] = (struct czi_fact_value){.type = CZI_VALUE_UINT, .number = f.time};
    rc = complete(e, &f, &id, err);
    return rc == CZ_OK ? give(e, &f, &id, 0, err) : rc;
}

static int emit_all(struct emission *e, const struct czi_sim_block *b, enum czi_sim_part part,
                    cz_error *err)
{
    const struct czi_sim_list *state = &b->state->entries;
    int rc = emit_block(e, b, part != CZI_SIM_OTHERS, err);

    if (part == CZI_SIM_BLOCKS)
        return rc;
    for (size_t i = 0; i < b->events.count && rc == CZ_OK; i++)
        rc = emit_entry(e, b, b->events.at[i], &b->events_tree, i, err);
    for (size_t i = 0; i < state->count && rc == CZ_OK; i++)
        rc = emit_entry(e, b, state->at[i], &b->state->tree, i, err);
    return rc == CZ_OK ? emit_time(e, b, err) : rc;
}

int czi_sim_emit(const cz_sim_chain *c, uint64_t from, enum czi_sim_part part,
                 const uint8_t *seed, cz_sim_fact_fn fn, void *arg, cz_error *err)
{
    struct emission e = {.chain = c, .seed = seed, .fn = fn, .arg = arg};
    int rc = CZ_OK;

    for (uint64_t h = CZI_MAX(from, 1u); h < c->block_count && rc == CZ_OK; h++)
        rc = emit_all(&e, &c->blocks[h], part, err);
    czi_buf_done(&e.bytes);
    return rc;
}

int cz_sim_facts(const cz_sim_chain *c, uint64_t from, const uint8_t *seed, cz_sim_fact_fn fn,
                 void *arg, cz_error *err)
{
    return czi_sim_emit(c, from, CZI_SIM_ALL, seed, fn, arg, err);
}

/* ---- One of them ------------------------------------------------------------------------ */

/* A block, and in it, but for blocks and times, an entry. */
struct place {
    const struct czi_sim_block *block;
    const struct czi_sim_entry *entry;
    const struct czi_sim_tree *tree;
    size_t leaf;
};

static bool find_in(const struct czi_sim_block *b, enum cz_fact_kind kind, struct czi_slice key,
                    struct place *ret)
{
    bool event = czi_sim_place(kind) == CZI_SIM_EVENT;
    const struct czi_sim_list *l = event ? &b->events : &b->state->entries;

    for (size_t i = 0; i < l->count; i++) {
        const struct czi_sim_entry *e = l->at[i];

        if (e->kind != kind || e->key_len != key.len || memcmp(e->key, key.data, key.len) != 0)
            continue;
        *ret = (struct place){b, e, event ? &b->events_tree : &b->state->tree, i};
        return true;
    }
    return false;
}

/* False: it is no number. */
static bool read_number(const char *s, uint64_t *ret)
{
    uint64_t v = 0;

    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || v > (UINT64_MAX - 9) / 10)
            return false;
        v = v * 10 + (uint64_t)(*s - '0');
    }
    *ret = v;
    return true;
}

static bool find_event(const cz_sim_chain *c, enum cz_fact_kind kind, const char *name,
                       struct place *ret)
{
    uint8_t key[CZI_EVENT_KEY_SIZE_MAX];
    struct czi_slice wanted = {.data = key};
    uint64_t number;

    if (!read_number(name, &number))
        return false;
    wanted.len = czi_sim_event_key(c->parameters.name, number, key);
    for (size_t h = c->block_count; --h > 0;)
        if (find_in(&c->blocks[h], kind, wanted, ret))
            return true;
    return false;
}

static bool find(const cz_sim_chain *c, enum cz_fact_kind kind, const char *name,
                 struct place *ret)
{
    const struct czi_sim_block *newest = &c->blocks[c->block_count - 1];
    uint8_t key[CZI_EVENT_KEY_SIZE_MAX];
    struct czi_slice wanted = {.data = key};
    uint64_t height;

    if (czi_sim_place(kind) == CZI_SIM_EVENT)
        return find_event(c, kind, name, ret);
    if (kind == CZ_FACT_TIME) {
        *ret = (struct place){.block = newest};
        return c->block_count > 1;
    }
    if (kind == CZ_FACT_BLOCK) {
        if (!read_number(name, &height) || !height || height >= c->block_count)
            return false;
        *ret = (struct place){.block = &c->blocks[height]};
        return true;
    }
    if (strlen(name) > CZI_SIM_NAME_MAX || c->block_count == 1)
        return false;
    wanted.len = czi_sim_name_key((struct czi_slice){(const uint8_t *)name, strlen(name)}, key);
    return find_in(newest, kind, wanted, ret);
}

static int emit_one(struct emission *e, enum cz_fact_kind kind, const struct place *at,
                    cz_error *err)
{
    int rc = emit_block(e, at->block, kind == CZ_FACT_BLOCK, err);

    if (rc != CZ_OK || kind == CZ_FACT_BLOCK)
        return rc;
    if (kind == CZ_FACT_TIME)
        return emit_time(e, at->block, err);
    return emit_entry(e, at->block, at->entry, at->tree, at->leaf, err);
}

int cz_sim_fact_of(const cz_sim_chain *c, enum cz_fact_kind kind, const char *name,
                   const uint8_t *seed, cz_sim_fact_fn fn, void *arg, cz_error *err)
{
    struct emission e = {.chain = c, .seed = seed, .fn = fn, .arg = arg};
    struct place at;
    int rc;

    if (kind < CZ_FACT_BLOCK || kind > CZ_FACT_CUSTOM)
        return czi_fail(err, CZ_INVALID, "%d is no kind of facts", (int)kind);
    if (!find(c, kind, name, &at))
        return czi_fail(err, CZ_NOT_FOUND, "chain %s: no block proves the %s \"%.300s\"",
                        c->name, cz_fact_kind_name((int)kind), name);
    rc = emit_one(&e, kind, &at, err);
    czi_buf_done(&e.bytes);
    return rc;
}
