/* what-others-left.S - looks behind its input, in its heap and on its stack for what runs before
 * it left: zeroes only. */
    .globl _start
    .section .text.start, "ax"
_start:
    li t0, 0x01801000
    add a0, a0, a1
input:
    bgeu a0, t0, heap
    lbu t1, 0(a0)
    bnez t1, found
    addi a0, a0, 1
    j input
heap:
    la t0, __heap_start
    li t2, 0x01000000
    li t3, 512
again:
    ld t1, 0(t0)
    bnez t1, found
    add t0, t0, t3
    bltu t0, t2, again
    li t0, 0x01700000
stack:
    ld t1, 0(t0)
    bnez t1, found
    add t0, t0, t3
    bltu t0, sp, stack
    li a0, 0
    li a7, 93
    ecall
found:
    ebreak
