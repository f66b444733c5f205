/* write-to-constants.S - writes its read-only data. */
    .globl _start
    .section .text.start, "ax"
_start:
    la t0, bytes
    sb zero, 0(t0)
    .section .rodata
bytes:
    .byte 1
