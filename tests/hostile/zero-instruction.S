/* zero-instruction.S - executes sixteen zero bits. */
    .globl _start
    .section .text.start, "ax"
_start:
    .2byte 0
