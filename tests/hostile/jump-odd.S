/* jump-odd.S - jumps to an odd address: bit 0 is cleared, so it goes on at the even one. */
    .globl _start
    .section .text.start, "ax"
_start:
    la t0, there
    jalr zero, 1(t0)
    ebreak
there:
    li a0, 7
    li a7, 93
    ecall
