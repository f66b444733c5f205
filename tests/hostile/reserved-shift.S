/* reserved-shift.S - shifts a word by 32. */
    .globl _start
    .section .text.start, "ax"
_start:
    .4byte 0x0205151b
