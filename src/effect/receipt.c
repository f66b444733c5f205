/* receipt.c - see receipt.h. */
#include "effect/receipt.h"

size_t czi_receipt_encode(uint8_t *out, const cz_id *effect, const struct czi_outcome *o)
{
    uint8_t *p = czi_cbor_put_array(out, 6);

    p = czi_cbor_put_uint(p, CZI_TAG_RECEIPT);
    p = czi_cbor_put_link(p, effect);
    p = czi_cbor_put_uint(p, o->position);
    p = czi_cbor_put_uint(p, o->lamport);
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
        p = post->kind == CZ_DATA ? czi_cbor_put_bytes(p, post->data_hash, 32)
                                  : czi_cbor_put_quantity(p, post->quantity);
    }
    return (size_t)(p - out);
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
