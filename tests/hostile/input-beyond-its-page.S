/* input-beyond-its-page.S - reads its input up to the end of its page, and on. */
    .globl _start
    .section .text.start, "ax"
_start:
    li t0, 0x01801000
    lb a2, -1(t0)
    lb a2, 0(t0)
