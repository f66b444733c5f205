/* other-tasks-stack.S - writes the stack of a task that was not forked. */
    .globl _start
    .section .text.start, "ax"
_start:
    li t0, 0x01000000
    li t1, 0x00100000
    add t0, t0, t1
    sd zero, 0(t0)
