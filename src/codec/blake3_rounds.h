/* blake3_rounds.h - the seven rounds of BLAKE3 as data: which message words each uses.
 *
 * Layer: codec, private to blake3*.c. Row r + 1 is row r after the permutation of table 2 of
 * the paper (2 6 3 10 7 0 4 13 1 11 12 5 9 14 15 8).
 */
#ifndef CZI_BLAKE3_ROUNDS_H
#define CZI_BLAKE3_ROUNDS_H

#define CZI_BLAKE3_ROUNDS(ROUND)                                                               \
    do {                                                                                       \
        ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);                           \
        ROUND(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8);                           \
        ROUND(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1);                           \
        ROUND(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6);                           \
        ROUND(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4);                           \
        ROUND(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7);                           \
        ROUND(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13);                           \
    } while (0)

#endif
