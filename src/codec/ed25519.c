/* ed25519.c - see ed25519.h. */
#include "codec/ed25519.h"

#include <sodium.h>
#include <stdatomic.h>

_Static_assert(CZI_SEED_SIZE == crypto_sign_SEEDBYTES &&
                   CZI_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES &&
                   CZI_SIGNATURE_SIZE == crypto_sign_BYTES,
               "the sizes of RFC 8032");

/* The library chooses its code for this processor; it does so once and under a lock of its own,
 * which every later call would take again. */
static void prepare(void)
{
    static atomic_bool ready;

    if (CZI_LIKELY(atomic_load_explicit(&ready, memory_order_acquire)))
        return;
    CZI_CHECK(sodium_init() >= 0);
    atomic_store_explicit(&ready, true, memory_order_release);
}

/* libsodium's secret key is the seed and the public key behind it. */
static void expand(const uint8_t *seed, uint8_t public_key[crypto_sign_PUBLICKEYBYTES],
                   uint8_t secret[crypto_sign_SECRETKEYBYTES])
{
    prepare();
    CZI_CHECK(crypto_sign_seed_keypair(public_key, secret, seed) == 0);
}

void czi_ed25519_public(const uint8_t seed[CZI_SEED_SIZE], uint8_t ret[CZI_PUBLIC_SIZE])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];

    expand(seed, ret, secret);
    sodium_memzero(secret, sizeof secret);
}

void czi_ed25519_sign(const uint8_t seed[CZI_SEED_SIZE], const void *message, size_t len,
                      uint8_t ret[CZI_SIGNATURE_SIZE])
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];

    expand(seed, public_key, secret);
    CZI_CHECK(crypto_sign_detached(ret, NULL, message, len, secret) == 0);
    sodium_memzero(secret, sizeof secret);
}

bool czi_ed25519_verify(const uint8_t public_key[CZI_PUBLIC_SIZE], const void *message,
                        size_t len, const uint8_t signature[CZI_SIGNATURE_SIZE])
{
    prepare();
    return crypto_sign_verify_detached(signature, message, len, public_key) == 0;
}
