/* jump-to-null.S - calls a null pointer. */
    .globl _start
    .section .text.start, "ax"
_start:
    jalr zero
