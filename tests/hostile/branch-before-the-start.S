/* branch-before-the-start.S - takes a branch to before its text. */
    .globl _start
    .section .text.start, "ax"
_start:
    bne sp, zero, . - 2048
