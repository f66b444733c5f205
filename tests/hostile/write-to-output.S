/* write-to-output.S - writes what it has put out, where it can be read. */
    .globl _start
    .section .text.start, "ax"
_start:
    li t0, 0x01900000
    sb zero, 0(t0)
