/* endless-loop.S - does nothing for ever. */
    .globl _start
    .section .text.start, "ax"
_start:
    j .
