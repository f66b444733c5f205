/* analyse.h - what a code's text says of the calls that it may make, without running it.
 *
 * Layer: vm. Threads: pure functions. Hints for people and for predicting what a run touches: a
 * constant that reaches a call on every way that was followed. Ways are followed from the
 * entry, through direct jumps and calls, arguments included; what only pointers lead to is
 * looked at as if it were entered with nothing known.
 */
#ifndef CZI_ANALYSE_H
#define CZI_ANALYSE_H

#include "vm/vm.h"

/* A resource that a call of OPEN names by a constant address. */
struct czi_open_site {
    uint8_t from;    /* CZ_TEMPLATE_FIXED_ID: in read-only data; CZ_TEMPLATE_INPUT_ID */
    bool write;      /* or it is not known */
    uint16_t offset; /* in the input */
    uint8_t id[32];  /* fixed */
};
#define CZI_ANALYSIS_OPENS_MAX 15 /* an open effect can touch no more beside its code */
#define CZI_ANALYSIS_CALLS_MAX 64

struct czi_analysis {
    unsigned sites;         /* ecall instructions that may be reached */
    unsigned unknown_sites; /* of these: their number is not known */
    unsigned call_count;
    uint64_t calls[CZI_ANALYSIS_CALLS_MAX]; /* numbers that occur, ascending */
    unsigned open_count;
    struct czi_open_site opens[CZI_ANALYSIS_OPENS_MAX];
    unsigned unknown_opens; /* sites of OPEN whose resource is not known */
    bool may_write;         /* nothing says that it only reads */
    bool is_whole;          /* it was not too large to be looked at */
};
/* Cost: about 10 ns for each byte of text. CZ_NOMEM. */
CZI_MUST_USE int czi_analyse(const struct czi_image *image, struct czi_analysis *ret,
                             cz_error *err);

#endif
