/* endless-jumps.S - jumps between the halves of instructions for ever. */
    .globl _start
    .section .text.start, "ax"
_start:
    .option norvc
    la t0, middle + 2
    jr t0
middle:
    .4byte 0x8282a013       /* slti zero, t0, -2008; its second half: jr t0 */
