/* write-to-input.S - writes its input. */
    .globl _start
    .section .text.start, "ax"
_start:
    sb zero, 0(a0)
