"""`causality program disasm` against objdump: every encoding of 16 bits, random ones of 32, and
code that a compiler made."""
import os
import random
import re
import shutil
import subprocess
import unittest

from test_cli_support import ROOT, Store, main

PREFIX = "riscv64-unknown-elf-"
SEED = int(os.environ.get("CAUSALITY_SEED", "1"))
MARCH = ["-march=rv64imac", "-mabi=lp64"]
MAJOR = (0x03, 0x13, 0x17, 0x1b, 0x23, 0x33, 0x37, 0x3b, 0x63, 0x67, 0x6f, 0x73, 0x0f, 0x2f)


def is_difference(bits, length):
    """Where the machine differs from binutils on purpose (docs/reference/vm.md)."""
    if length == 4:
        opcode, funct3 = bits & 0x7f, bits >> 12 & 7
        return (opcode == 0x0f and funct3 < 2       # fields of fences are ignored, and pause
                                                    # has a name; nothing is privileged
                or opcode == 0x73 and funct3 in (0, 4) and bits not in (0x73, 0x100073)
                or bits & 0x1f == 0x1f)             # longer ones are four bytes at a time
    return bits == 0x6101                           # reserved: addi16sp of 0


@unittest.skipUnless(shutil.which(PREFIX + "objdump"), PREFIX + "objdump is not installed")
class Disassembly(Store):
    def tool(self, name, *words):
        return subprocess.run([PREFIX + name, *map(str, words)], check=True, cwd=self.folder,
                              stdout=subprocess.PIPE).stdout.decode()

    def assembled(self, encodings):
        """An ELF file of so many (bits, length)."""
        self.file("in.s", (".text\n.globl _start\n_start:\n" + "".join(
            f".insn {length}, {bits:#x}\n" for bits, length in encodings)).encode())
        self.tool("gcc", *MARCH, "-nostdlib", "-static", "-Wl,--no-relax", "in.s", "-o", "in.elf")
        return self.folder / "in.elf"

    def expected(self, elf):
        """address -> (bits, text), as objdump has it."""
        found = {}
        for line in self.tool("objdump", "-d", "-z", elf).splitlines():
            m = re.match(r" *([0-9a-f]+):\t([0-9a-f]+) *\t(.*)$", line)
            if m:
                text = m[3].split(" #")[0].strip().replace("\t", " ")
                found[int(m[1], 16)] = (m[2], text)
        return found

    def compare(self, elf):
        wanted, count = self.expected(elf), 0
        for line in self.ok("program", "disasm", elf).splitlines():
            m = re.match(r" *([0-9a-f]+):  ([0-9a-f]+) *  (.*)$", line)
            if not m or int(m[1], 16) not in wanted:
                continue
            bits, text = wanted[int(m[1], 16)]
            if is_difference(int(m[2], 16), len(m[2]) // 2):
                continue
            # Targets outside have no name here.
            plain = re.sub(r" <.*>", "", text)
            self.assertEqual((m[2], re.sub(r" <.*>", "", m[3])), (bits, plain))
            if "<" in m[3]:
                self.assertEqual(m[3], text)
            count += 1
        return count

    def test_every_encoding_of_16_bits(self):
        encodings = [(bits, 2) for bits in range(1 << 16) if bits & 3 != 3]
        self.assertEqual(self.compare(self.assembled(encodings)), 49151)

    def test_random_encodings_of_32_bits(self):
        rng = random.Random(SEED)
        encodings = [(rng.getrandbits(25) << 7 | rng.choice(MAJOR), 4) for _ in range(60000)]
        # Random fields are seldom zero or like each other, which is what aliases are about.
        for bits, _ in encodings[:30000]:
            for low, width in ((7, 5), (15, 5), (20, 5), (20, 12), (25, 7)):
                if rng.randrange(3) == 0:
                    bits &= ~(((1 << width) - 1) << low)
            encodings.append((bits, 4))
        print("seed", SEED)
        self.assertGreater(self.compare(self.assembled(encodings)), 70000)

    def test_code_of_a_compiler(self):
        for level in ("-O0", "-O2", "-Os"):
            for march in ("rv64imac", "rv64im"):
                self.file("c.c", (ROOT / "tests/e2e/guest_code.c").read_bytes())
                self.tool("gcc", f"-march={march}", "-mabi=lp64", level, "-nostdlib", "-static",
                          "-ffreestanding", "c.c", "-o", "c.elf")
                elf = self.folder / "c.elf"
                self.assertEqual(self.compare(elf), len(self.expected(elf)))


if __name__ == "__main__":
    main()
