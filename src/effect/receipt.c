/* receipt.c - see receipt.h. */
#include "effect/receipt.h"

static uint8_t *put_extra(uint8_t *p, const struct czi_extra *x)
{
    unsigned left_out = (unsigned)__builtin_popcountll(x->left_out);

    if (x->clock) {
        p = czi_cbor_put_array(p, x->clock->count);
        for (unsigned i = 0; i < x->clock->count; i++) {
            p = czi_cbor_put_array(p, 2);
            p = czi_cbor_put_uint(p, x->clock->parts[i].task);
            p = czi_cbor_put_uint(p, x->clock->parts[i].count);
        }
    } else {
        p = czi_cbor_put_null(p);
    }
    p = czi_cbor_put_array(p, left_out);
    for (unsigned i = 0; i < CZI_CITATIONS_MAX; i++)
        if (x->left_out >> i & 1)
            p = czi_cbor_put_uint(p, i);
    return p;
}

static uint8_t *put_run(uint8_t *p, const cz_guest_run *run)
{
    if (!run)
        return czi_cbor_put_null(p);
    p = czi_cbor_put_array(p, 7);
    p = czi_cbor_put_uint(p, run->status);
    p = czi_cbor_put_uint(p, run->code);
    p = czi_cbor_put_uint(p, run->trap);
    p = czi_cbor_put_uint(p, run->pc);
    p = czi_cbor_put_uint(p, run->gas);
    p = czi_cbor_put_bytes(p, run->output, run->output_len);
    return czi_cbor_put_bytes(p, run->messages, run->messages_len);
}

static uint8_t *put_scope(uint8_t *p, struct czi_slice scope)
{
    if (!scope.data)
        return czi_cbor_put_null(p);
    p = czi_cbor_put_array(p, 2);
    memcpy(p, scope.data, scope.len);
    return p + scope.len;
}

cz_guest_run *czi_guest_run_copy(const cz_guest_run *run)
{
    cz_guest_run *copy = czi_alloc(sizeof *copy + run->output_len + run->messages_len);
    uint8_t *bytes;

    if (!copy)
        return NULL;
    bytes = (uint8_t *)(copy + 1);
    *copy = *run;
    if (copy->status != CZ_GUEST_TRAPPED)
        copy->trap = 0;
    if (copy->status == CZ_GUEST_NO_GAS)
        copy->code = 0;
    copy->output = bytes;
    copy->messages = bytes + run->output_len;
    if (run->output_len)
        memcpy(bytes, run->output, run->output_len);
    if (run->messages_len)
        memcpy(bytes + run->output_len, run->messages, run->messages_len);
    return copy;
}

static bool same_bytes(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return a_len == b_len && (!a_len || memcmp(a, b, a_len) == 0);
}

bool czi_guest_run_same(const cz_guest_run *a, const cz_guest_run *b)
{
    if (!a || !b)
        return a == b;
    return a->status == b->status && a->code == b->code && a->trap == b->trap &&
           a->pc == b->pc && a->gas == b->gas &&
           same_bytes(a->output, a->output_len, b->output, b->output_len) &&
           same_bytes(a->messages, a->messages_len, b->messages, b->messages_len);
}

/* guest is a constant wherever this is called: most receipts are not to pay for the others. */
static inline __attribute__((always_inline)) size_t encode(uint8_t *out, const cz_id *effect,
                                                           const struct czi_outcome *o,
                                                           bool guest)
{
    uint8_t *p = czi_cbor_put_array(out, guest ? 11 : 9);

    p = czi_cbor_put_uint(p, guest ? CZI_TAG_RECEIPT_RUN : CZI_TAG_RECEIPT);
    p = czi_cbor_put_link(p, effect);
    p = czi_cbor_put_uint(p, o->position);
    p = czi_cbor_put_uint(p, o->lamport);
    if (o->time) {
        memcpy(p, CZI_CBOR_LINK_PREFIX, CZI_CBOR_LINK_PREFIX_SIZE);
        memcpy(p + CZI_CBOR_LINK_PREFIX_SIZE, o->time, 32);
        p += CZI_CBOR_LINK_SIZE;
    } else {
        p = czi_cbor_put_null(p);
    }
    if (CZI_UNLIKELY(o->extra)) {
        p = put_extra(p, o->extra);
    } else {
        p = czi_cbor_put_null(p);
        p = czi_cbor_put_array(p, 0);
    }
    if (guest)
        p = put_scope(p, o->extra->scope);
    p = czi_cbor_put_uint(p, o->reason);
    p = czi_cbor_put_array(p, o->post_count);
    for (unsigned i = 0; i < o->post_count; i++) {
        const struct czi_post *post = &o->posts[i];

        if (o->reason || !post->written) {
            p = czi_cbor_put_uint(p, post->version);
            continue;
        }
        p = czi_cbor_put_array(p, 3);
        p = czi_cbor_put_uint(p, post->version);
        p = czi_cbor_put_uint(p, post->state);
        p = czi_kind_has_data(post->kind) ? czi_cbor_put_bytes(p, post->data_hash, 32)
                                          : czi_cbor_put_quantity(p, post->quantity);
    }
    if (guest)
        p = put_run(p, o->extra->run);
    return (size_t)(p - out);
}

static __attribute__((noinline)) size_t encode_guest(uint8_t *out, const cz_id *effect,
                                                     const struct czi_outcome *o)
{
    return encode(out, effect, o, true);
}

size_t czi_receipt_encode(uint8_t *out, const cz_id *effect, const struct czi_outcome *o)
{
    if (CZI_UNLIKELY(o->extra) && o->extra->has_guest)
        return encode_guest(out, effect, o);
    return encode(out, effect, o, false);
}

size_t czi_node_encode(uint8_t *out, const uint8_t previous[32], const uint8_t item[32])
{
    static const uint8_t none[32];
    uint8_t *p = czi_cbor_put_array(out, 2);
    cz_id id;

    if (memcmp(previous, none, 32) == 0) {
        p = czi_cbor_put_null(p);
    } else {
        memcpy(id.bytes, previous, 32);
        p = czi_cbor_put_link(p, &id);
    }
    memcpy(id.bytes, item, 32);
    p = czi_cbor_put_link(p, &id);
    return (size_t)(p - out);
}
