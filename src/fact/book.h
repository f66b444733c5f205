/* book.h - the state that the items of all fact logs make: domains, blocks, facts, what is
 * consumed, and the time map (R5, R6, R7).
 *
 * Layer: fact. Thread: one at a time. No I/O, no clock, no cryptography but hashing: proofs and
 * signatures were checked before an item comes here (domain/domain.h), and are checked again by
 * audit and replay. What is decided here depends on the items before and nothing else, so that
 * replay decides the same.
 *
 * Blocks. The canonical chain of a domain is its standing blocks; there is at most one at each
 * height and of each hash, and where two stand at neighbouring heights the upper one's parent
 * is the lower one. Heights may be missing between them. The head is the highest. Facts that
 * agree in height, hash, time, event key and claim say the same block: it stands or falls with
 * all of them. When a block is retracted, so are all blocks above it and all facts that rest on
 * any of them. The time map only goes forward: after a retraction its entry stays until a block
 * beyond it is recorded.
 *
 * Finality of a height: final when a standing block at or above it came with finality `final`,
 * or head - height >= final depth (if that is not 0); safe likewise, final is safe too; depth n
 * when head - height = n > 0; else seen. What was safe or final once remains so when the head
 * falls or the policy changes; from the height of a retracted block on nothing is, and what
 * comes there instead begins anew.
 *
 * Taking an item gives CZ_APPLIED when it is recorded, or the reason why not, the first that
 * applies in this order. Nothing changes then.
 *
 *   every item but a domain's: CZ_UNKNOWN_DOMAIN there is no such domain
 *   fact, retraction: CZ_DOMAIN_FROZEN; CZ_BAD_OBSERVER the domain has observers and this is
 *     none of them, or it has none and the item has one
 *   fact: CZ_FACT_EXPIRED it expires before the time of the head
 *   block: CZ_BAD_ENCODING its claim is not a block's
 *     (a further fact of a block that stands is recorded, and may raise its finality)
 *     CZ_NOT_CANONICAL its hash stands at another height
 *     another block stands at its height, or a neighbour does not fit:
 *       its own height or that of the lowest such block is final, and so is the fact's own
 *       finality: recorded, *held*, and the domain is frozen; else CZ_NOT_CANONICAL
 *     CZ_NOT_CANONICAL its parent stands at another height than the one below, or is recorded
 *       and stands no more
 *   any other kind:
 *     the fact that `header` names is not a recorded block of the domain:
 *       CZ_HEAD_BEHIND the anchor is above the head; CZ_NOT_CANONICAL another block stands at
 *       its height; else CZ_HEAD_UNKNOWN
 *     that one is retracted or held: CZ_NOT_CANONICAL; its anchor or trust is another:
 *       CZ_HEAD_UNKNOWN
 *     CZ_HEAD_BEHIND head - height < record depth
 *     CZ_BELOW_FINALITY finality < record finality
 *     another claim about its (kind, event key) stands, for kinds that are no event: in the
 *       same block: when the heights of both are final, recorded, held, and the domain is
 *       frozen; else CZ_FACT_CONFLICT
 *   retraction: CZ_UNKNOWN_FACT; CZ_NOT_CANONICAL it does not stand any more; CZ_WRONG_STATE it
 *     is no fact of that domain. When its height is final: recorded, held, and the domain is
 *     frozen
 *   domain: CZ_BAD_ENCODING a name that is empty, too long or has a zero byte; CZ_EXISTS
 *     sequence 0 and it exists; CZ_UNKNOWN_DOMAIN it does not; CZ_STALE_FACT the sequence is
 *     not the next; CZ_WRONG_KIND another adapter or parameters; CZ_FULL
 *   decision: CZ_WRONG_STATE the domain is not frozen, or the two are not those that contradict
 *
 * What contradicts is the fact that stands (of blocks: the first fact of the lowest one that
 * does not fit) and the item that is held. A decision ends the freeze:
 *   what is dropped is retracted: a block with all above it; any other fact with all facts that
 *     have its key and claim, for kinds that are no event: in its block; of a retraction, it
 *     has no effect
 *   what is kept stands; a retraction takes effect
 * Whether an item was recorded before, the caller looks up first (czi_book_find). A fact that
 * was retracted is never recorded again; another fact may say the same.
 *
 * Cost: of taking and checking, some hashes and lookups, and the logarithm of how many facts
 * have the same key; of a retraction, linear in what it retracts. A head that moves costs a
 * hash of the time map. Memory: 220 bytes a fact, 420 a block (build/bench/book).
 */
#ifndef CZI_BOOK_H
#define CZI_BOOK_H

#include "base/id_table.h"
#include "fact/depend.h"
#include "fact/item.h"
#include "fact/statement.h"
#include "timemap/time_map.h"

/* A fact or other item stands until it is retracted, or dropped by a decision. Held: it
 * contradicts what is final, and a decision is due. */
enum czi_standing { CZI_STANDS, CZI_RETRACTED, CZI_HELD };

/* What is kept of an item; its number is the place in the journal, from 0. Of what is no fact:
 * id, type, domain, standing and retracted_by. */
struct czi_entry_info {
    cz_id id;
    uint8_t type;                     /* enum czi_item_type */
    uint8_t kind, finality, standing; /* finality: what its proof shows */
    uint32_t domain;
    uint32_t block; /* number of the block's fact that it rests on; of a block: its own */
    uint64_t height, time, expires; /* expires: UINT64_MAX never */
    cz_id key;                      /* hash of domain, kind and event key */
    cz_id claim;                    /* hash of key and claim */
    uint32_t retracted_by;          /* retraction or decision that did it; CZI_ID_NONE */
};

struct czi_domain_info {
    const char *name, *adapter; /* the book's */
    struct czi_slice parameters;
    struct czi_domain_policy policy;
    uint64_t sequence;
    uint32_t observer_count;
    const uint8_t (*observers)[32];
    bool has_head, frozen;
    struct czi_domain_time head; /* of the standing chain */
    uint32_t contradicts[2];     /* frozen: the item that stands, and the one against it */
};

struct czi_book; /* allocated, so that its parts stay private */

struct czi_book *czi_book_new(void); /* NULL when out of memory */
void czi_book_free(struct czi_book *b);

/* ---- Taking items ------------------------------------------------------------------------ */

#define CZI_BOOK_NOMEM 255 /* instead of a reason; the book must not be used any more */

/* The number of a recorded item, or CZI_ID_NONE. */
uint32_t czi_book_find(const struct czi_book *b, const cz_id *id);
/* Takes one that is not recorded; its number is czi_book_count before. *ret_domain: the number
 * of its domain, when it is recorded. */
CZI_MUST_USE uint8_t czi_book_take(struct czi_book *b, const struct czi_item *item,
                                   const cz_id *id, uint32_t *ret_domain);

/* What czi_book_take would give, without taking. */
CZI_MUST_USE uint8_t czi_book_judge(const struct czi_book *b, const struct czi_item *item);

/* ---- Dependencies of effects (depend.h) -------------------------------------------------- */

/* Whether the i-th of all these dependencies holds now; CZ_APPLIED or the reason, the first
 * that applies:
 *   CZ_UNKNOWN_FACT it is not recorded, or the item is no fact
 *   CZ_DOMAIN_FROZEN
 *   CZ_NOT_CANONICAL it does not stand, whatever else says the same: nothing stands in for it
 *   CZ_STALE_FACT exact: the time map's entry of its domain is not its anchor; still true, for
 *     kinds that are no event: the highest standing fact with its key has another claim; at
 *     least height: never, newer facts with its key do not matter
 *   CZ_BELOW_FINALITY of its block. A depth is blocks built on it; what is final is deep enough
 *     for any
 *   CZ_FACT_EXPIRED older than max age by the time map's time, or it expired before that
 *   CZ_FACT_CONFLICT one before it that holds has another claim about the same domain, kind and
 *     event key
 *   CZ_EVENT_CONSUMED it has a purpose, and the event was consumed for it, or is by one before
 *     it that holds
 * An optional dependency that does not hold is left out: *ret_holds is false and the reason
 * CZ_APPLIED. i is below CZI_CITATIONS_MAX. */
CZI_MUST_USE uint8_t czi_book_check(const struct czi_book *b, const struct czi_dependency *all,
                                    unsigned i, bool *ret_holds);
/* Consumes the event of a dependency with a purpose that holds: for ever, whatever becomes of
 * the fact. False: out of memory. */
CZI_MUST_USE bool czi_book_consume(struct czi_book *b, const struct czi_dependency *d);

/* ---- Asking ------------------------------------------------------------------------------ */

uint32_t czi_book_count(const struct czi_book *b);
const cz_id *czi_book_id(const struct czi_book *b, uint32_t number);
void czi_book_entry(const struct czi_book *b, uint32_t number, struct czi_entry_info *ret);
/* Level of the block that a fact rests on, and blocks built on it: now, or when the block was
 * retracted. CZ_SEEN and 0 of what is no fact. */
enum cz_finality czi_book_finality(const struct czi_book *b, uint32_t number,
                                   uint64_t *ret_depth);
/* False unless the item is a block's fact. */
bool czi_book_block(const struct czi_book *b, uint32_t number, struct czi_block *ret);
/* What a fact says, if it is a statement; slices are the book's. */
bool czi_book_statement(const struct czi_book *b, uint32_t number, struct czi_statement *ret);
/* A fact with the same domain, kind, event key and claim that stands, itself first, then the
 * highest: what rests on it is not disputed. CZI_ID_NONE. */
uint32_t czi_book_standing(const struct czi_book *b, uint32_t number);

uint32_t czi_book_domains(const struct czi_book *b);
uint32_t czi_book_domain(const struct czi_book *b, struct czi_slice name); /* CZI_ID_NONE */
void czi_book_domain_info(const struct czi_book *b, uint32_t domain,
                          struct czi_domain_info *ret);

/* The time map, and the id of its snapshot (all zero when empty), which is kept up to date. */
const struct czi_time_map *czi_book_time(const struct czi_book *b);
const cz_id *czi_book_time_id(const struct czi_book *b);

/* ---- Rows of the index ------------------------------------------------------------------- */

/* All that changed since czi_book_saved. Keys are 'd' and the domain's number (u32 big-endian),
 * 'f' and the item's number, 'u' and the hash of a consumed event and purpose, 't' alone: the
 * time map. Values are canonical CBOR. CZ_NOMEM, or what fn returns. */
typedef int (*czi_book_row_fn)(void *arg, const uint8_t *key, size_t key_len,
                               const struct czi_buf *value);
CZI_MUST_USE int czi_book_save(struct czi_book *b, czi_book_row_fn fn, void *arg,
                               cz_error *err);
void czi_book_saved(struct czi_book *b);
/* One row of those that were saved, into a book that takes nothing before all are loaded; they
 * come ascending by key. CZ_CORRUPT. */
CZI_MUST_USE int czi_book_load(struct czi_book *b, struct czi_slice key, struct czi_slice value,
                               cz_error *err);
/* After the last one: what the rows do not say but follows from them. */
CZI_MUST_USE int czi_book_loaded(struct czi_book *b, cz_error *err);
/* Whether the book would save this very row. */
bool czi_book_has_row(const struct czi_book *b, struct czi_slice key, struct czi_slice value);
/* How many rows it would save if nothing had been saved. */
uint64_t czi_book_rows(const struct czi_book *b);

#endif
