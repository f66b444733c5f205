/* store-across-the-end-of-the-heap.S - writes half into its heap and half behind it; neither is
 * written. */
    .globl _start
    .section .text.start, "ax"
_start:
    li t0, 0x01000000
    li t1, -1
    sw t1, -8(t0)
    sd zero, -4(t0)
