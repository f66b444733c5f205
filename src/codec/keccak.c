/* keccak.c - see keccak.h. Nettle absorbs and permutes; the padding and the output are here,
 * because nettle 3.8 offers them for SHA3 only. */
#include "codec/keccak.h"

void czi_keccak_init(struct czi_keccak *k)
{
    sha3_256_init(&k->sponge);
}

void czi_keccak_update(struct czi_keccak *k, const void *data, size_t len)
{
    sha3_256_update(&k->sponge, len, data);
}

void czi_keccak_final(struct czi_keccak *k, uint8_t out[32])
{
    struct sha3_256_ctx *s = &k->sponge;

    memset(s->block + s->index, 0, sizeof s->block - s->index);
    s->block[s->index] = 0x01;
    s->block[sizeof s->block - 1] |= 0x80;
    for (size_t i = 0; i < sizeof s->block / 8; i++)
        s->state.a[i] ^= czi_get_u64le(s->block + 8 * i);
    sha3_permute(&s->state);
    for (size_t i = 0; i < 4; i++)
        czi_put_u64le(out + 8 * i, s->state.a[i]);
}

void czi_keccak256(const void *data, size_t len, uint8_t out[32])
{
    struct czi_keccak k;

    czi_keccak_init(&k);
    czi_keccak_update(&k, data, len);
    czi_keccak_final(&k, out);
}
