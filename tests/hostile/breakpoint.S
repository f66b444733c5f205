/* breakpoint.S - asks a debugger that there is not. */
    .globl _start
    .section .text.start, "ax"
_start:
    ebreak
