/* all-memory.S - touches each page of its heap and of its stack. */
    .globl _start
    .section .text.start, "ax"
_start:
    la t0, __heap_start
    li t1, 0x01000000
    li t2, 4096
heap:
    sd t0, 0(t0)
    add t0, t0, t2
    bltu t0, t1, heap
    li t0, 0x01700000
    li t1, 0x01800000
stack:
    sd t0, 0(t0)
    add t0, t0, t2
    bltu t0, t1, stack
    li a0, 11
    li a7, 93
    ecall
