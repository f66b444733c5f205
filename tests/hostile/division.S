/* division.S - divides by zero and overflows, which traps on other machines: goes on. */
    .globl _start
    .section .text.start, "ax"
_start:
    li a0, 5
    div a1, a0, zero
    li a2, -1
    bne a1, a2, wrong
    li a0, 1
    slli a0, a0, 63
    div a1, a0, a2
    bne a1, a0, wrong
    rem a1, a0, a2
    bnez a1, wrong
    li a0, 9
    li a7, 93
    ecall
wrong:
    ebreak
