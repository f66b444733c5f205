/* support.c - what the compiler expects to find, and what nearly every guest needs. */
#include <causality/guest.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    /* The volatile empty statement keeps compilers from making a call of memcpy of this. */
    for (; len; len--) {
        *t++ = *f++;
        __asm__ volatile("");
    }
    return to;
}

void *memmove(void *to, const void *from, size_t len)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if ((uintptr_t)t - (uintptr_t)f >= len)
        return memcpy(to, from, len);
    while (len--) {
        t[len] = f[len];
        __asm__ volatile("");
    }
    return to;
}

void *memset(void *to, int value, size_t len)
{
    uint8_t *t = to;

    for (; len; len--) {
        *t++ = (uint8_t)value;
        __asm__ volatile("");
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a, *y = b;

    for (; len; len--, x++, y++)
        if (*x != *y)
            return *x < *y ? -1 : 1;
    return 0;
}

size_t strlen(const char *text)
{
    size_t len = 0;

    while (text[len])
        len++;
    return len;
}

/* The canonical bytes of [4, creator, label] (docs/reference/formats.md), hashed. */
void czg_resource_id(const cz_id *creator, const void *label, size_t len, cz_id *to)
{
    uint8_t bytes[1 + 1 + 34 + 2 + CZ_LABEL_SIZE_MAX] = {0x83, 4, 0x58, 32};
    size_t at = 36;

    if (len > CZ_LABEL_SIZE_MAX)
        czg_fail("a label is too long");
    memcpy(bytes + 4, creator, 32);
    if (len < 24) {
        bytes[at++] = (uint8_t)(0x60 + len);
    } else {
        bytes[at++] = 0x78;
        bytes[at++] = (uint8_t)len;
    }
    memcpy(bytes + at, label, len);
    (void)czg_hash(CZ_HASH_BLAKE3, bytes, at + len, to->bytes);
}

void czg_hex(const void *from, size_t len, char *to)
{
    const uint8_t *f = from;

    for (size_t i = 0; i < len; i++) {
        *to++ = "0123456789abcdef"[f[i] >> 4];
        *to++ = "0123456789abcdef"[f[i] & 15];
    }
}

size_t czg_text_len(const char *text, size_t max)
{
    size_t len = 0;

    while (len < max && text[len])
        len++;
    return len;
}

bool czg_has_signed(const uint8_t key[32])
{
    uint8_t signer[32];

    for (size_t i = 0; czg_signer(i, signer) == 0; i++)
        if (!memcmp(signer, key, 32))
            return true;
    return false;
}

void czg_fail(const char *text)
{
    (void)czg_log(text, strlen(text));
    czg_exit(1);
}

/* Anybody may have made a resource in the code's name before the code was there. */
int64_t czg_open_own(const void *label, size_t len, enum cz_access mode)
{
    struct cz_guest_info info;
    cz_id self, id;
    int64_t index;

    czg_self(&self);
    czg_resource_id(&self, label, len, &id);
    index = czg_open(&id, mode);
    if (index >= 0 && !czg_info(index, &info) && info.exists && !info.is_own)
        czg_fail("a resource in this code's name is not its own");
    return index;
}
