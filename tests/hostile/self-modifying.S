/* self-modifying.S - writes an instruction over the next one. */
    .globl _start
    .section .text.start, "ax"
_start:
    la t0, next
    li t1, 0x00000013
    sw t1, 0(t0)
next:
    ebreak
