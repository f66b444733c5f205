/* input-across-its-page.S - reads a word that ends one byte behind the last page of its input. */
    .globl _start
    .section .text.start, "ax"
_start:
    li t0, 0x01801000
    lw a2, -4(t0)
    lw a2, -3(t0)
