/* space.h - a guest's memory, as run.c sees it.
 *
 * Layer: vm, internal. Threads: a space belongs to one at a time.
 *
 * One block holds two lists of pages, a state byte for each page, and then the memory, so that
 * one pointer leads to both of these, and what is not touched takes no memory of the host's.
 * Pages are filled (from the image, a window's bytes, with zeroes) when they are first touched,
 * and none is touched but by czi_space_touch. From then on their state lets run.c load, and
 * store, without asking.
 *
 *   S1  CZI_FAST_READ, CZI_FAST_WRITE: every byte of the page is mapped so, the page is filled,
 *       and it is known that it was read, written.
 *   S2  A page whose CZI_FILLED is not set holds anything: what was there before.
 *   S3  The last page of a window, of which a part is mapped, is never fast.
 */
#ifndef CZI_VM_SPACE_H
#define CZI_VM_SPACE_H

#include "vm/code.h"

#define CZI_PAGE_COUNT (CZ_GUEST_MEMORY_END / CZ_GUEST_PAGE)
#define CZI_STATES_SIZE 8192 /* of CZI_PAGE_COUNT states, a multiple of a page */
#define CZI_LIST_SIZE 16384  /* of as many numbers of pages */
#define CZI_WINDOW_PAGES (CZ_GUEST_WINDOW_SIZE / CZ_GUEST_PAGE)

enum {
    CZI_FAST_READ = 1,
    CZI_FAST_WRITE = 2,
    CZI_MAY_READ = 4,
    CZI_MAY_WRITE = 8,
    CZI_FILLED = 16,
    CZI_IN_FILLED = 32, /* it is in the list of filled pages; not windows */
    CZI_IN_DIRTY = 64,  /* it is in the list of written ones */
};

struct czi_window {
    struct czi_slice bytes; /* what pages are filled from */
    size_t len;
    uint16_t filled, dirty; /* bits of pages */
    bool is_writable, was_read, was_written;
};

struct czi_space {
    uint8_t *memory; /* states are CZI_STATES_SIZE before it */
    struct czi_code *code;
    uint64_t windows, stacks; /* bits: mapped ones */
    size_t input_len, output_len;
    unsigned filled_count, dirty_count, window_dirty_count;
    uint16_t *filled, *dirty; /* numbers of pages, each once */
    struct czi_window window[CZ_GUEST_WINDOWS_MAX];
    uint8_t *block;
    /* What is left of a run of instructions that there is not enough gas for (run.c). */
    uint32_t tail_at;
    struct czi_entry tail[CZI_RUN_MAX + 1];
};

/* Checks a range, len > 0, and makes its pages such that its bytes lie at memory + address: to
 * be read, or both to be read and overwritten. False, and nothing happened, when a byte of it
 * is not mapped so. */
CZI_MUST_USE bool czi_space_touch(struct czi_space *s, uint64_t address, size_t len,
                                  bool write);

#endif
