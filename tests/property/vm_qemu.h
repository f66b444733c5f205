/* vm_qemu.h - what test_vm_qemu.c and the program that it starts under QEMU tell each other. */
#ifndef CZI_VM_QEMU_H
#define CZI_VM_QEMU_H

#include <stdint.h>

#define VM_BATCH_MAX 2048
#define VM_BATCH_MAGIC UINT64_C(0x686374616276)
#define VM_TEXT 0x100000L
#define VM_SLOT 256 /* bytes of a program's text */
/* The last two pages of the image, so that there is no heap, and nothing behind. */
#define VM_SANDBOX 0xffe000L
#define VM_SANDBOX_SIZE 8192
/* Of the first task: mapped in our machine, so under QEMU too. */
#define VM_STACK 0x1700000L
#define VM_STACK_SIZE 0x100000L

struct vm_batch {
    uint64_t magic, count, text_size;
    uint64_t sandbox[VM_SANDBOX_SIZE / 8]; /* with which each program begins */
    uint64_t x[VM_BATCH_MAX][32];          /* x[0]: pc */
};
/* The text is behind, at a page's beginning. */
#define VM_BATCH_HEAD ((long)(sizeof(struct vm_batch) + 4095) & ~4095L)

struct vm_record {
    uint64_t signal, memory; /* hash of the sandbox */
    uint64_t x[32];          /* x[0]: pc */
};

static inline uint64_t vm_hash(const uint64_t *words)
{
    uint64_t h = 0;

    for (int i = 0; i < VM_SANDBOX_SIZE / 8; i++)
        h = (h ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15) + (h >> 29);
    return h;
}

#endif
