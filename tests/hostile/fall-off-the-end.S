/* fall-off-the-end.S - runs on where its text ends. */
    .globl _start
    .section .text.start, "ax"
_start:
    li a0, 0
    nop
