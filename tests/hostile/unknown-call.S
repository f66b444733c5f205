/* unknown-call.S - asks for a call that there is not. */
    .globl _start
    .section .text.start, "ax"
_start:
    li a7, 1200
    ecall
