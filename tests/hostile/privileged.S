/* privileged.S - returns from machine mode. */
    .globl _start
    .section .text.start, "ax"
_start:
    .4byte 0x30200073
