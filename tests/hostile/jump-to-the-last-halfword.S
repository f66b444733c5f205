/* jump-to-the-last-halfword.S - jumps to the first half of an instruction of which the text has
 * no more. */
    .globl _start
    .section .text.start, "ax"
_start:
    j last
    .balign 4
    .2byte 0x0001
last:
    .2byte 0x0513
