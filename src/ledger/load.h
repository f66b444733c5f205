/* load.h - turns a tail and the engine's rows into one sorted run and loads it.
 *
 * Layer: ledger. Thread: the background one of a checkpoint; reads only what was handed over.
 */
#ifndef CZI_LOAD_H
#define CZI_LOAD_H

#include "ledger/checkpoint.h"
#include "ledger/tail.h"

/* Effects: key 'e', first two bytes of their ids, first position of the run that the row came
 * with (8 bytes, big endian); value per effect the next ten bytes of its id and its position
 * less that of the run (4 bytes, little-endian), in the order of positions. */
#define CZI_EFFECT_KEY_SIZE 11
#define CZI_EFFECT_ENTRY_SIZE 14
#define CZI_FRAME_KEY_SIZE 9
#define CZI_FRAME_VALUE_SIZE 12

struct czi_load {
    struct czi_index *index;
    struct czi_rows rows;
    const struct czi_tail *tail;
    struct czi_place place;
};

/* The rows of the engine, one a bucket of effects, one a frame with positions, one a frame with
 * facts, the meta row. */
CZI_MUST_USE int czi_load_run(const struct czi_load *load, cz_error *err);

void czi_effect_key(uint8_t out[CZI_EFFECT_KEY_SIZE], const uint8_t *id,
                    uint64_t first_position);
/* The key of a frame's row: 'p' and its first position, or 'g' and the facts before it, big
 * endian, so that rows sort by it. */
void czi_frame_key(uint8_t out[CZI_FRAME_KEY_SIZE], char table, uint64_t first);

#endif
