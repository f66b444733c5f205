/* ed25519.h - signatures (RFC 8032), as observers of domains and account owners make them.
 *
 * Layer: codec. Threads: pure functions. libsodium does the work; verification is its strict
 * one: a signature has one form, small-order keys are refused. Cost: sign 20 us, verify 40 us.
 */
#ifndef CZI_ED25519_H
#define CZI_ED25519_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define CZI_SEED_SIZE 32
#define CZI_PUBLIC_SIZE 32
#define CZI_SIGNATURE_SIZE 64

void czi_ed25519_public(const uint8_t seed[CZI_SEED_SIZE], uint8_t ret[CZI_PUBLIC_SIZE]);
void czi_ed25519_sign(const uint8_t seed[CZI_SEED_SIZE], const void *message, size_t len,
                      uint8_t ret[CZI_SIGNATURE_SIZE]);
CZI_MUST_USE bool czi_ed25519_verify(const uint8_t public_key[CZI_PUBLIC_SIZE],
                                     const void *message, size_t len,
                                     const uint8_t signature[CZI_SIGNATURE_SIZE]);

#endif
