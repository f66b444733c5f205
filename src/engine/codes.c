/* codes.c - see codes.h. */
#include "engine/codes.h"

#include "base/error.h"
#include "platform/platform.h"

int czi_codes_init(struct czi_codes *c, cz_error *err)
{
    *c = (struct czi_codes){.lock = czi_mutex_new()};
    return c->lock ? CZ_OK : czi_nomem(err, "the codes of guests");
}

static size_t size_of(const struct czi_code *code)
{
    return czi_code_info(code).decoded_bytes;
}

static void drop(struct czi_codes *c, struct czi_kept_code *k)
{
    c->bytes -= size_of(k->code);
    czi_code_drop(k->code);
    k->code = NULL;
}

void czi_codes_done(struct czi_codes *c)
{
    for (uint32_t i = 0; i < c->ids.count; i++)
        czi_code_drop(c->kept[i].code);
    czi_free(c->kept);
    czi_id_table_done(&c->ids);
    czi_mutex_free(c->lock);
    *c = (struct czi_codes){0};
}

/* Under lock. The place of an id, made if need be; NULL when out of memory. */
static struct czi_kept_code *place_of(struct czi_codes *c, const uint8_t id[32])
{
    uint32_t n = czi_id_table_find(&c->ids, id);
    struct czi_kept_code *more;
    cz_id copy;

    if (n != CZI_ID_NONE)
        return &c->kept[n];
    if (c->ids.count == c->room) {
        more = czi_realloc(c->kept, (2 * (size_t)c->room + 16) * sizeof *more);
        if (!more)
            return NULL;
        c->kept = more;
        c->room = 2 * c->room + 16;
    }
    memcpy(&copy, id, sizeof copy);
    n = czi_id_table_insert(&c->ids, &copy);
    if (n == CZI_ID_NONE)
        return NULL;
    c->kept[n] = (struct czi_kept_code){0};
    return &c->kept[n];
}

int czi_codes_get(struct czi_codes *c, const uint8_t id[32], struct czi_slice file,
                  struct czi_code **ret)
{
    struct czi_kept_code *k;
    int rc = CZ_OK;

    czi_mutex_lock(c->lock);
    k = place_of(c, id);
    if (!k)
        rc = CZ_NOMEM;
    else if (!k->code) {
        rc = czi_code_new(file.data, file.len, &k->code, NULL);
        if (!rc)
            c->bytes += size_of(k->code);
    }
    if (!rc) {
        k->used = ++c->time;
        *ret = k->code;
    }
    czi_mutex_unlock(c->lock);
    return rc;
}

void czi_codes_trim(struct czi_codes *c)
{
    while (czi_codes_overfull(c)) {
        struct czi_kept_code *oldest = NULL;

        for (uint32_t i = 0; i < c->ids.count; i++)
            if (c->kept[i].code && (!oldest || c->kept[i].used < oldest->used))
                oldest = &c->kept[i];
        CZI_CHECK(oldest); /* or nothing would be kept */
        drop(c, oldest);
    }
}
