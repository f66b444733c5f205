/* misaligned-atomic-at-a-page.S - a double word atomically across two pages. */
    .globl _start
    .section .text.start, "ax"
_start:
    li t0, 0x00ffeffc
    amoor.d a0, a1, (t0)
