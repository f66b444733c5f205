/* load-beyond-memory.S - reads behind all that can be mapped. */
    .globl _start
    .section .text.start, "ax"
_start:
    li t0, 0x01e00000
    lb a0, 0(t0)
