/* observer.c - see observer.h; the signing of facts. */
#include "fact/observer.h"

#include "codec/blake3.h"
#include "fact/fact.h"

#define SIGNATURE_SIZE (2 + CZI_SIGNATURE_SIZE) /* with its head */

uint8_t *czi_observer_put(uint8_t *p, bool has, const uint8_t observer[CZI_PUBLIC_SIZE],
                          const uint8_t signature[CZI_SIGNATURE_SIZE])
{
    if (!has)
        return czi_cbor_put_null(czi_cbor_put_null(p));
    p = czi_cbor_put_bytes(p, observer, CZI_PUBLIC_SIZE);
    return czi_cbor_put_bytes(p, signature, CZI_SIGNATURE_SIZE);
}

void czi_observer_read(struct czi_cbor *c, bool *ret_has, uint8_t observer[CZI_PUBLIC_SIZE],
                       uint8_t signature[CZI_SIGNATURE_SIZE])
{
    struct czi_slice bytes = {0};
    cz_id key = {{0}};

    *ret_has = !czi_cbor_null(c);
    if (*ret_has) {
        key = czi_cbor_bytes32(c);
        bytes = czi_cbor_bytes(c);
        if (bytes.len != CZI_SIGNATURE_SIZE)
            czi_cbor_fail(c, "the signature does not have 64 bytes");
    } else if (!czi_cbor_null(c)) {
        czi_cbor_fail(c, "a signature without its observer");
    }
    memcpy(observer, key.bytes, sizeof key.bytes);
    memset(signature, 0, CZI_SIGNATURE_SIZE);
    if (bytes.len == CZI_SIGNATURE_SIZE)
        memcpy(signature, bytes.data, CZI_SIGNATURE_SIZE);
}

cz_id czi_observer_message(struct czi_buf *bytes)
{
    cz_id id;

    CZI_CHECK(bytes->len > SIGNATURE_SIZE);
    bytes->len -= SIGNATURE_SIZE;
    (void)czi_cbor_put_null(bytes->data + bytes->len++);
    czi_blake3(bytes->data, bytes->len, id.bytes);
    return id;
}

int czi_fact_sign(struct czi_fact *f, const uint8_t seed[32], cz_error *err)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_fact signed_fact = *f;
    cz_id message;
    int rc;

    signed_fact.has_observer = true;
    czi_ed25519_public(seed, signed_fact.observer);
    rc = czi_fact_encode(&signed_fact, &bytes, err);
    if (rc != CZ_OK)
        return rc;
    message = czi_observer_message(&bytes);
    czi_ed25519_sign(seed, message.bytes, sizeof message.bytes, signed_fact.signature);
    *f = signed_fact;
    return CZ_OK;
}

int czi_fact_check_signature(const struct czi_fact *f, cz_error *err)
{
    CZI_AUTOBUF bytes = {0};
    cz_id message;
    int rc;

    if (!f->has_observer)
        return CZ_OK;
    rc = czi_fact_encode(f, &bytes, err);
    if (rc != CZ_OK)
        return rc;
    message = czi_observer_message(&bytes);
    if (!czi_ed25519_verify(f->observer, message.bytes, sizeof message.bytes, f->signature))
        return czi_fail(err, CZ_BAD_OBSERVER, "the fact's signature is not its observer's");
    return CZ_OK;
}
