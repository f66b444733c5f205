/* adapter.c - checks the proofs of simulated chains.
 *
 * Layer: domain/simulated. Threads: pure functions. All that a fact says is checked but its
 * expiry, which is its observer's. Cost: a block's fact takes one signature, or two when it is
 * final (40 us each), any other one a hash for each step of its path.
 */
#include "domain/domain.h"
#include "domain/simulated/format.h"
#include "domain/simulated/merkle.h"

static int check_parameters(struct czi_slice parameters, cz_error *err)
{
    struct czi_sim_parameters p;
    int rc = czi_sim_parameters_decode(parameters, &p, err);

    return rc == CZ_OK ? CZ_OK : czi_wrap(err, CZ_INVALID, "a simulated chain's parameters");
}

static bool same(struct czi_slice a, const void *data, size_t len)
{
    return a.len == len && memcmp(a.data, data, len) == 0;
}

/* ---- Blocks ----------------------------------------------------------------------------- */

static bool claims_hash(const struct czi_fact *f, size_t i, const uint8_t hash[32])
{
    return same(f->claim[i].bytes, hash, 32);
}

static int check_final(const struct czi_sim_parameters *p, const struct czi_sim_header *h,
                       const struct czi_fact *f, cz_error *err)
{
    bool final = f->finality == CZ_FINAL;

    if (!final && f->finality != CZ_SEEN)
        return czi_fail(err, CZ_BAD_HEADER, "a header shows a block as seen or final only");
    if (f->proof_count != (final ? 2 : 1))
        return czi_fail(err, CZ_BAD_HEADER,
                        "the proof has %zu items; it is a header, and of a final block a "
                        "certificate",
                        f->proof_count);
    if (final && !czi_sim_certified(p, h, f->block_hash, f->proof[1]))
        return czi_fail(err, CZ_BAD_HEADER, "the certificate of finality does not hold");
    return CZ_OK;
}

static int check_header(struct czi_slice parameters, const struct czi_fact *f, cz_error *err)
{
    struct czi_sim_parameters p;
    struct czi_sim_header h;
    uint8_t hash[32];

    if (f->kind != CZ_FACT_BLOCK || f->has_header || !f->proof_count)
        return czi_fail(err, CZ_BAD_HEADER, "it does not have the form of a block's fact");
    if (czi_sim_parameters_decode(parameters, &p, err) != CZ_OK ||
        czi_sim_header_verify(&p, f->proof[0], &h, hash, err) != CZ_OK)
        return czi_wrap(err, CZ_BAD_HEADER, "proof");
    if (!same(f->domain, p.name.data, p.name.len))
        return czi_fail(err, CZ_BAD_HEADER, "the domain does not have the chain's name");
    if (memcmp(hash, f->block_hash, 32) != 0)
        return czi_fail(err, CZ_BAD_HEADER, "the header's hash is not that of the anchor");
    if (h.height != f->height || h.time != f->time)
        return czi_fail(err, CZ_BAD_HEADER,
                        "the header's height or time is not that of the anchor");
    if (!h.height || (h.height == 1 && memcmp(h.parent, p.genesis, 32) != 0))
        return czi_fail(err, CZ_BAD_HEADER, "the block is not built on the chain's genesis");
    if (!same(f->event_key, hash, 32))
        return czi_fail(err, CZ_BAD_HEADER, "the event key is not the block's hash");
    if (f->trust != CZI_TRUST_SIGNED)
        return czi_fail(err, CZ_BAD_HEADER, "the trust is not that of a signed header");
    if (!czi_sim_claim_fits(f->kind, f->claim, f->claim_count) ||
        !claims_hash(f, 0, h.parent) || !claims_hash(f, 1, h.events_root) ||
        !claims_hash(f, 2, h.state_root))
        return czi_fail(err, CZ_BAD_HEADER,
                        "the claim is not the header's parent, events root and state root");
    return check_final(&p, &h, f, err);
}

/* ---- Inclusion -------------------------------------------------------------------------- */

/* Of a claim that fits. */
static bool key_fits(const struct czi_sim_parameters *p, const struct czi_fact *f)
{
    uint8_t key[CZI_EVENT_KEY_SIZE_MAX];

    if (czi_sim_place(f->kind) == CZI_SIM_EVENT)
        return czi_sim_is_event_key(p->name, f->event_key);
    return same(f->event_key, key, czi_sim_state_key(f->kind, f->claim, key));
}

/* The block itself says its time; everything else is a leaf under one of its roots. */
static int check_place(const struct czi_fact *f, const struct czi_block *block, cz_error *err)
{
    enum czi_sim_place place = czi_sim_place(f->kind);
    uint8_t leaf[32], root[32];

    if (place == CZI_SIM_BLOCK) {
        if (f->proof_count)
            return czi_fail(err, CZ_BAD_INCLUSION, "a time needs no proof beside its block");
        if (f->claim[0].number != block->time)
            return czi_fail(err, CZ_BAD_INCLUSION, "the claimed time is not the block's");
        return CZ_OK;
    }
    if (block->root_count != 2)
        return czi_fail(err, CZ_BAD_INCLUSION, "its block does not have two roots");
    if (f->proof_count != 1)
        return czi_fail(err, CZ_BAD_INCLUSION, "the proof is not one path");
    czi_sim_leaf(f->kind, f->event_key, f->claim, f->claim_count, leaf);
    if (!czi_sim_path_root(leaf, f->proof[0], root))
        return czi_fail(err, CZ_BAD_INCLUSION, "the path is malformed");
    if (memcmp(root, block->roots[place == CZI_SIM_STATE], 32) != 0)
        return czi_fail(err, CZ_BAD_INCLUSION, "the path does not lead to the block's %s root",
                        place == CZI_SIM_STATE ? "state" : "events");
    return CZ_OK;
}

static int check_inclusion(struct czi_slice parameters, const struct czi_fact *f,
                           const struct czi_block *block, cz_error *err)
{
    struct czi_sim_parameters p;

    if (f->kind == CZ_FACT_BLOCK)
        return czi_fail(err, CZ_BAD_INCLUSION, "a block is not included in another one");
    if (czi_sim_parameters_decode(parameters, &p, err) != CZ_OK)
        return czi_wrap(err, CZ_BAD_INCLUSION, "the domain's parameters");
    if (!same(f->domain, p.name.data, p.name.len))
        return czi_fail(err, CZ_BAD_INCLUSION, "the domain does not have the chain's name");
    if (f->finality != CZ_SEEN)
        return czi_fail(err, CZ_BAD_INCLUSION, "inclusion does not prove finality");
    if (!czi_sim_claim_fits(f->kind, f->claim, f->claim_count))
        return czi_fail(err, CZ_BAD_INCLUSION, "the claim does not have the form of its kind");
    if (!key_fits(&p, f))
        return czi_fail(err, CZ_BAD_INCLUSION, "the event key is not that of what is claimed");
    return check_place(f, block, err);
}

/* ---- Retraction ------------------------------------------------------------------------- */

/* The validator has signed another block of the same height. */
static int check_retraction(struct czi_slice parameters, const struct czi_retraction *r,
                            uint64_t height, const uint8_t hash[32], cz_error *err)
{
    struct czi_sim_parameters p;
    struct czi_sim_header h;
    uint8_t other[32];

    if (r->evidence_count != 1)
        return czi_fail(err, CZ_BAD_HEADER,
                        "the evidence is one header that competes, not %zu items",
                        r->evidence_count);
    if (czi_sim_parameters_decode(parameters, &p, err) != CZ_OK ||
        czi_sim_header_verify(&p, r->evidence[0], &h, other, err) != CZ_OK)
        return czi_wrap(err, CZ_BAD_HEADER, "the evidence");
    if (h.height != height)
        return czi_fail(err, CZ_BAD_HEADER, "the evidence is a header of another height");
    if (memcmp(other, hash, 32) == 0)
        return czi_fail(err, CZ_BAD_HEADER, "the evidence is the header of that very block");
    return CZ_OK;
}

const struct czi_adapter czi_adapter_simulated = {
    .name = "simulated",
    .parameters = check_parameters,
    .header = check_header,
    .inclusion = check_inclusion,
    .retraction = check_retraction,
};
