/* sc-without-lr.S - stores conditionally without a reservation: fails with 1. */
    .globl _start
    .section .text.start, "ax"
_start:
    addi t0, sp, -16
    sc.d a0, a1, (t0)
    li a7, 93
    ecall
