/* instruction-of-48-bits.S - executes an encoding of a length that there is not. */
    .globl _start
    .section .text.start, "ax"
_start:
    .4byte 0x0000001f
    .2byte 0
