/* reserved-compressed.S - executes c.addi4spn of 0 with a register. */
    .globl _start
    .section .text.start, "ax"
_start:
    .2byte 0x0004
