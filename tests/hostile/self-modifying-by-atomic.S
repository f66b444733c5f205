/* self-modifying-by-atomic.S - the same by an atomic. */
    .globl _start
    .section .text.start, "ax"
_start:
    la t0, next
    li t1, 0x00000013
    amoswap.w zero, t1, (t0)
    .balign 4
next:
    ebreak
