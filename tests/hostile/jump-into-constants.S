/* jump-into-constants.S - executes its read-only data. */
    .globl _start
    .section .text.start, "ax"
_start:
    la a0, bytes
    jr a0
    .section .rodata
    .balign 4
bytes:
    .4byte 0x00000513, 0x05d00893, 0x00000073
