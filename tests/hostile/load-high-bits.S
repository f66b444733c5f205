/* load-high-bits.S - reads at an address of its own with bits above the 32nd set. */
    .globl _start
    .section .text.start, "ax"
_start:
    la t0, word
    li t1, 1 << 32
    add t0, t0, t1
    ld a0, 0(t0)
    .data
word:
    .8byte 1
