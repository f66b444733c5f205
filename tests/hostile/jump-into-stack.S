/* jump-into-stack.S - writes code to its stack and jumps there. */
    .globl _start
    .section .text.start, "ax"
_start:
    li t0, 0x05d00893
    sw t0, -16(sp)
    li t0, 0x00000073
    sw t0, -12(sp)
    addi t0, sp, -16
    jr t0
