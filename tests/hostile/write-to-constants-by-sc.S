/* write-to-constants-by-sc.S - the same by a conditional store. */
    .globl _start
    .section .text.start, "ax"
_start:
    la t0, bytes
    lr.w t1, (t0)
    sc.w t2, t1, (t0)
    .section .rodata
    .balign 4
bytes:
    .4byte 1
