/* observe.c - brings a store up to a simulated chain, by public calls alone.
 *
 * Layer: domain/simulated. Thread: the caller's. Blocks are recorded before everything that
 * rests on them, so that what a domain's policy wants of a block can be there.
 */
#include "base/id_table.h"
#include "domain/simulated/chain.h"

/* A block that stands in the store but not in the chain. */
struct gone {
    uint64_t height;
    cz_id fact;
};

struct observation {
    const cz_sim_chain *chain;
    cz_engine *engine;
    const uint8_t *seed;
    struct czi_id_table recorded;
    struct czi_buf gone; /* of struct gone */
    bool out_of_memory;
};

/* ---- What the store has ------------------------------------------------------------------ */

static bool is_gone(const cz_sim_chain *c, const cz_fact *fact)
{
    return fact->kind == CZ_FACT_BLOCK && fact->stands &&
           (fact->height >= c->block_count ||
            memcmp(fact->block_hash, c->blocks[fact->height].hash, 32) != 0);
}

static int note(void *arg, const cz_fact *fact)
{
    struct observation *o = arg;

    if (is_gone(o->chain, fact)) {
        struct gone gone = {fact->height, fact->id};

        czi_buf_put(&o->gone, &gone, sizeof gone);
    }
    if (o->gone.failed || (czi_id_table_find(&o->recorded, &fact->id) == CZI_ID_NONE &&
                           czi_id_table_insert(&o->recorded, &fact->id) == CZI_ID_NONE))
        o->out_of_memory = true;
    return o->out_of_memory;
}

static int look(struct observation *o, cz_error *err)
{
    int rc = cz_fact_list(o->engine, o->chain->name, note, o, err);

    return o->out_of_memory ? czi_nomem(err, "what is recorded of a chain") : rc;
}

/* ---- What the chain dropped -------------------------------------------------------------- */

static int retract(struct observation *o, const struct gone *gone, cz_error *err)
{
    const uint8_t *header;
    size_t len;
    cz_id id;
    int rc = cz_sim_header(o->chain, gone->height, &header, &len, err);

    if (rc == CZ_OK)
        rc = cz_fact_retract(o->engine, &gone->fact, header, len, "the chain dropped it",
                             o->seed, &id, err);
    return rc == CZ_NOT_CANONICAL ? CZ_OK : rc; /* it went with one below it */
}

/* From the lowest up. */
static int retract_all(struct observation *o, cz_error *err)
{
    struct gone *all = (struct gone *)(void *)o->gone.data;
    size_t count = o->gone.len / sizeof *all;
    int rc = CZ_OK;

    while (count && rc == CZ_OK) {
        size_t lowest = 0;

        for (size_t i = 1; i < count; i++)
            if (all[i].height < all[lowest].height)
                lowest = i;
        rc = retract(o, &all[lowest], err);
        all[lowest] = all[--count];
    }
    return rc;
}

/* ---- What the chain has ------------------------------------------------------------------ */

static int record(void *arg, const cz_sim_fact *fact, cz_error *err)
{
    struct observation *o = arg;
    cz_id id;
    int rc;

    if (czi_id_table_find(&o->recorded, &fact->id) != CZI_ID_NONE)
        return CZ_OK;
    rc = cz_fact_add(o->engine, fact->bytes, fact->len, NULL, &id, err);
    if (fact->kind != CZ_FACT_BLOCK &&
        (rc == CZ_HEAD_BEHIND || rc == CZ_BELOW_FINALITY || rc == CZ_FACT_EXPIRED))
        return CZ_OK;
    return rc;
}

int cz_sim_observe(const cz_sim_chain *chain, cz_engine *engine, const uint8_t *seed,
                   cz_error *err)
{
    struct observation o = {.chain = chain, .engine = engine, .seed = seed};
    int rc = look(&o, err);

    if (rc == CZ_OK)
        rc = retract_all(&o, err);
    if (rc == CZ_OK)
        rc = czi_sim_emit(chain, 1, CZI_SIM_BLOCKS, seed, record, &o, err);
    if (rc == CZ_OK)
        rc = czi_sim_emit(chain, 1, CZI_SIM_OTHERS, seed, record, &o, err);
    czi_id_table_done(&o.recorded);
    czi_buf_done(&o.gone);
    return rc == CZ_OK ? CZ_OK : czi_wrap(err, rc, "chain %s", chain->name);
}
