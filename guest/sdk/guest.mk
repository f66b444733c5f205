# guest.mk - how a guest is made; to be included by a makefile:
#
#     CAUSALITY_GUEST = /usr/share/causality/guest
#     include $(CAUSALITY_GUEST)/guest.mk
#     all: token.elf
#
# token.elf is then made of token.c. GUEST_CC may be clang-19 --target=riscv64 -fuse-ld=lld too.
# GUEST_ARCH = rv64im makes programs that count as provable.
# The headers are those that were installed or checked out with it, else those of /usr/include.

# At once: later on the last makefile is another one.
ifndef CAUSALITY_GUEST
CAUSALITY_GUEST := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
endif
ifndef CAUSALITY_INCLUDE
CAUSALITY_INCLUDE := $(patsubst %/causality/guest.h,%,$(firstword $(wildcard \
	$(CAUSALITY_GUEST)/../../include/causality/guest.h \
	$(CAUSALITY_GUEST)/../../../include/causality/guest.h) /usr/include/causality/guest.h))
endif
GUEST_CC ?= riscv64-unknown-elf-gcc
GUEST_ARCH ?= rv64imac
GUEST_CFLAGS ?= -Os -g0
GUEST_FLAGS = -march=$(GUEST_ARCH) -mabi=lp64 -mcmodel=medany -std=gnu11 -ffreestanding \
	-fno-builtin-printf -ffunction-sections -fdata-sections -Wall -Wextra \
	-I$(CAUSALITY_INCLUDE)
GUEST_LDFLAGS = -nostdlib -static -Wl,-T,$(CAUSALITY_GUEST)/guest.ld -Wl,--gc-sections \
	-Wl,-z,max-page-size=4096 -Wl,--build-id=none -Wl,-s
GUEST_SDK = $(CAUSALITY_GUEST)/crt.S $(CAUSALITY_GUEST)/support.c $(CAUSALITY_GUEST)/account.c

%.elf: %.c $(GUEST_SDK) $(CAUSALITY_GUEST)/guest.ld
	$(GUEST_CC) $(GUEST_FLAGS) $(GUEST_CFLAGS) $(GUEST_LDFLAGS) -o $@ $< $(GUEST_SDK)
