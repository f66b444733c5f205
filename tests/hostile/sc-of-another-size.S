/* sc-of-another-size.S - reserves a word and stores a double word: fails with 1. */
    .globl _start
    .section .text.start, "ax"
_start:
    addi t0, sp, -16
    lr.w a0, (t0)
    sc.d a0, a1, (t0)
    li a7, 93
    ecall
