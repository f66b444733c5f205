/* crt.S - where a guest begins: a0 is the input's address, a1 its length, sp is set. */
    .section .text.start, "ax"
    .globl _start
    .type _start, @function
_start:
    .option push
    .option norelax
    lla gp, __global_pointer$
    .option pop
    call guest_main
    li a7, 93
    ecall
    .size _start, . - _start
