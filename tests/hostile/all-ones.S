/* all-ones.S - executes thirty-two ones. */
    .globl _start
    .section .text.start, "ax"
_start:
    .4byte 0xffffffff
