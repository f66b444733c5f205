/* wait-for-interrupt.S - sleeps until an interrupt, for ever. */
    .globl _start
    .section .text.start, "ax"
_start:
    .4byte 0x10500073
