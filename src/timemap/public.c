/* public.c - snapshots of the time map as callers hold them, and names of what facts and
 * causality are made of; see causality.h.
 *
 * Layer: timemap. Threads: any; snapshots are immutable.
 */
#include "codec/ed25519.h"
#include "timemap/time_map.h"

void cz_public_key(const uint8_t seed[32], uint8_t ret[32])
{
    czi_ed25519_public(seed, ret);
}

/* ---- Snapshots -------------------------------------------------------------------------- */

int czi_time_map_new(const struct czi_time_map *m, uint64_t lamport, cz_time_map **ret,
                     cz_error *err)
{
    cz_time_map *fresh = czi_alloc_zero(1, sizeof *fresh);
    int rc;

    if (!fresh)
        return czi_nomem(err, "a snapshot");
    fresh->lamport = lamport;
    rc = czi_time_map_copy(m, &fresh->map, err);
    if (rc == CZ_OK)
        rc = czi_time_map_id(&fresh->map, &fresh->id, err);
    if (rc != CZ_OK) {
        cz_time_map_free(fresh);
        return rc;
    }
    *ret = fresh;
    return CZ_OK;
}

void cz_time_map_free(cz_time_map *map)
{
    if (!map)
        return;
    czi_time_map_done(&map->map);
    czi_free(map);
}

cz_id cz_time_map_id(const cz_time_map *map)
{
    return map->id;
}

uint64_t cz_time_map_lamport(const cz_time_map *map)
{
    return map->lamport;
}

size_t cz_time_map_count(const cz_time_map *map)
{
    return map->map.count;
}

static cz_domain_time public_entry(const char *name, const struct czi_domain_time *at)
{
    cz_domain_time t = {.domain = name,
                        .height = at->height,
                        .time = at->time,
                        .safe_height = at->safe,
                        .final_height = at->final};

    memcpy(t.hash, at->hash, sizeof t.hash);
    return t;
}

cz_domain_time cz_time_map_at(const cz_time_map *map, size_t i)
{
    CZI_CHECK(i < map->map.count);
    return public_entry(map->map.entries[i].name, &map->map.entries[i].at);
}

int cz_time_map_find(const cz_time_map *map, const char *domain, cz_domain_time *ret,
                     cz_error *err)
{
    struct czi_slice name = {(const uint8_t *)domain, strlen(domain)};
    const struct czi_time_entry *e = czi_time_map_entry(&map->map, name);

    if (!e)
        return czi_fail(err, CZ_NOT_FOUND, "nothing was known of domain %s", domain);
    *ret = public_entry(e->name, &e->at);
    return CZ_OK;
}

int cz_time_map_merge(const cz_time_map *a, const cz_time_map *b, cz_time_map **ret,
                      cz_error *err)
{
    CZI_CLEANUP(czi_time_map_done) struct czi_time_map both = {0};
    int rc = czi_time_map_copy(&a->map, &both, err);

    if (rc == CZ_OK)
        rc = czi_time_map_merge(&both, &b->map, err);
    return rc == CZ_OK ? czi_time_map_new(&both, CZI_MAX(a->lamport, b->lamport), ret, err)
                       : rc;
}

bool cz_time_map_ahead(const cz_time_map *a, const cz_time_map *b)
{
    return czi_time_map_compare(&a->map, &b->map) == CZ_AFTER;
}

/* ---- Names ------------------------------------------------------------------------------ */

static const char *pick(const char *const *names, size_t count, int i)
{
    return i >= 0 && (size_t)i < count && names[i] ? names[i] : "unknown";
}

const char *cz_order_name(int order)
{
    static const char *const names[] = {[CZ_SAME] = "same",
                                        [CZ_BEFORE] = "before",
                                        [CZ_AFTER] = "after",
                                        [CZ_CONCURRENT] = "concurrent"};

    return pick(names, CZI_COUNTOF(names), order);
}

const char *cz_policy_name(int policy)
{
    static const char *const names[] = {[CZ_EXACT] = "exact",
                                        [CZ_STILL_TRUE] = "still-true",
                                        [CZ_AT_LEAST_HEIGHT] = "at-least-height"};

    return pick(names, CZI_COUNTOF(names), policy);
}

const char *cz_finality_name(int finality)
{
    static const char *const names[] = {
        [CZ_SEEN] = "seen", [CZ_DEPTH] = "depth", [CZ_SAFE] = "safe", [CZ_FINAL] = "final"};

    return pick(names, CZI_COUNTOF(names), finality);
}

const char *cz_fact_kind_name(int kind)
{
    static const char *const names[] = {
#define CZI_NAME(name, value, text) [value] = text,
        CZ_FACT_KINDS(CZI_NAME)
#undef CZI_NAME
    };

    return pick(names, CZI_COUNTOF(names), kind);
}

const char *cz_link_name(int link)
{
    static const char *const names[] = {
        [CZ_LINK_WRITE] = "write", [CZ_LINK_READ] = "read", [CZ_LINK_FACT] = "fact",
        [CZ_LINK_AFTER] = "after", [CZ_LINK_TASK] = "task", [CZ_LINK_BLOCK] = "block"};

    return pick(names, CZI_COUNTOF(names), link);
}
