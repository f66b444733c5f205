/* float-load-compressed.S - loads a number of type double. */
    .globl _start
    .section .text.start, "ax"
_start:
    .2byte 0x2108
