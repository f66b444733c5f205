/* time_map.h - what is known of every domain's height, block and time; snapshots of it.
 *
 * Layer: timemap. Thread: one at a time; a map of all zero is empty. Together with a Lamport
 * time this is the record's TimeMap: receipts name both (R4).
 *
 * Maps form a join-semilattice. An entry is greater than another one of its domain when its
 * height is, or with equal heights its time, or with these equal its hash as a big-endian
 * number; safe and final heights are greater by themselves. Merging takes the greater of each,
 * so it is commutative, associative and idempotent, and advancing is merging: a map never goes
 * back.
 *
 * Canonical bytes of a snapshot, whose hash is its id (of the empty map there are none at all):
 *
 *   [17, [[domain text, height, hash bytes(32), time, safe, final]…]]   ascending by domain
 *
 * A domain's name is 1 to CZI_DOMAIN_SIZE_MAX bytes of UTF-8 without a zero, since it is handed
 * out as a C string.
 */
#ifndef CZI_TIME_MAP_H
#define CZI_TIME_MAP_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/limits.h"

/* Of one domain. */
struct czi_domain_time {
    uint64_t height, time; /* time: the domain's own unit, seconds for chains */
    uint8_t hash[32];      /* of the block */
    uint64_t safe, final;  /* heights; 0: none yet */
};

struct czi_time_entry {
    char name[CZI_DOMAIN_SIZE_MAX + 1];
    struct czi_domain_time at;
};

struct czi_time_map {
    struct czi_time_entry *entries; /* owned; ascending by name, bytewise */
    uint32_t count, room;
};

void czi_time_map_done(struct czi_time_map *m);
/* The entry of a domain, or NULL; with its name, or what is known alone. */
const struct czi_time_entry *czi_time_map_entry(const struct czi_time_map *m,
                                                struct czi_slice domain);
const struct czi_domain_time *czi_time_map_find(const struct czi_time_map *m,
                                                struct czi_slice domain);
/* Merges one entry; *ret_changed (may be NULL): whether the map is another one now. CZ_NOMEM,
 * CZ_LIMIT beyond CZI_DOMAINS_MAX or CZI_DOMAIN_SIZE_MAX, CZ_INVALID no name; then nothing has
 * changed. Cost: logarithmic, of a new domain linear. */
CZI_MUST_USE int czi_time_map_advance(struct czi_time_map *m, struct czi_slice domain,
                                      const struct czi_domain_time *at, bool *ret_changed,
                                      cz_error *err);
/* Merges all of `other` into m; all or nothing. CZ_NOMEM, CZ_LIMIT. Cost: linear in both. */
CZI_MUST_USE int czi_time_map_merge(struct czi_time_map *m, const struct czi_time_map *other,
                                    cz_error *err);
/* *ret must be empty. CZ_NOMEM. */
CZI_MUST_USE int czi_time_map_copy(const struct czi_time_map *m, struct czi_time_map *ret,
                                   cz_error *err);

/* CZ_AFTER: a is ahead of b: it knows at least as much of every domain, and more of one; of a
 * domain that is not there nothing is known. CZ_SAME: they have the same canonical bytes. */
enum cz_order czi_time_map_compare(const struct czi_time_map *a, const struct czi_time_map *b);

/* Replaces what out holds by the canonical bytes. CZ_NOMEM. */
CZI_MUST_USE int czi_time_map_encode(const struct czi_time_map *m, struct czi_buf *out,
                                     cz_error *err);
/* Strict. *ret must be empty, and is untouched on failure. CZ_INVALID with the byte offset,
 * CZ_LIMIT, CZ_NOMEM. */
CZI_MUST_USE int czi_time_map_decode(const void *bytes, size_t len, struct czi_time_map *ret,
                                     cz_error *err);
/* The hash of the canonical bytes, or 32 zero bytes of the empty map. Cost: linear. */
CZI_MUST_USE int czi_time_map_id(const struct czi_time_map *m, cz_id *ret, cz_error *err);

/* ---- Snapshots that are handed out ------------------------------------------------------- */

/* Immutable: any thread may read one. */
struct cz_time_map {
    struct czi_time_map map;
    cz_id id;
    uint64_t lamport;
};

/* Copies the map; freed by cz_time_map_free. CZ_NOMEM. */
CZI_MUST_USE int czi_time_map_new(const struct czi_time_map *m, uint64_t lamport,
                                  cz_time_map **ret, cz_error *err);

#endif
