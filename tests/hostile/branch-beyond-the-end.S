/* branch-beyond-the-end.S - takes a branch to 2 KiB behind its text. */
    .globl _start
    .section .text.start, "ax"
_start:
    beq zero, zero, . + 2048
