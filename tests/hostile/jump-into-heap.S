/* jump-into-heap.S - writes code to its heap and calls it. */
    .globl _start
    .section .text.start, "ax"
_start:
    la t0, __heap_start
    li t1, 0x00008067
    sw t1, 0(t0)
    .4byte 0x0000100f       /* fence.i */
    jalr t0
