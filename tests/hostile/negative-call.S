/* negative-call.S - asks for a call with the highest bit set. */
    .globl _start
    .section .text.start, "ax"
_start:
    li a7, -1
    ecall
