/* stack-into-heap.S - moves its stack into its heap and runs over its own data, which is nobody
 * else's. */
    .globl _start
    .section .text.start, "ax"
_start:
    la sp, __heap_start + 64
again:
    addi sp, sp, -64
    sd sp, 0(sp)
    j again
