"""What gcc makes of C does in the virtual machine what it does under QEMU and on this machine.

tests/e2e/vm_kernels.c: divisions of all widths, 128 bits, packed structures, recursion, jump
tables, function pointers, floating point in software, atomics; with and without compressed
instructions, from -O0 to -O3. Output, exit code, blockwise and stepwise; and how many
instructions.
"""
import json
import re
import shutil
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

from test_cli_support import ROOT, Store, main

CC = "riscv64-unknown-elf-gcc"
QEMU = "qemu-riscv64"
SOURCE = ROOT / "tests/e2e/vm_kernels.c"
LINKED = f"-T{ROOT}/guest/sdk/guest.ld"
LEVELS = ("-O0", "-O1", "-O2", "-O3", "-Os", "-O3 -funroll-loops -fno-inline")
MARCHES = ("rv64imac", "rv64ima", "rv64im", "rv64i")


def need(*names):
    missing = [name for name in names if not shutil.which(name)]
    return unittest.skipIf(missing, f"not installed: {', '.join(missing)}")


@need(CC)
class Compiled(Store):
    def compile(self, march, level, *words):
        name = re.sub(r"\W", "", march + level + "".join(words)) + ".elf"
        atomics = [] if "a" in march else ["-DNO_ATOMICS"]
        subprocess.run([CC, f"-march={march}", "-mabi=lp64", "-mcmodel=medany", *level.split(),
                        *atomics, *words, "-ffreestanding", "-fno-builtin", "-fwrapv",
                        "-nostdlib", "-static", "-Wl,--no-relax", LINKED, "-o",
                        name, SOURCE, "-lgcc"], check=True, cwd=self.folder)
        return self.folder / name

    def native(self, *words):
        out = self.folder / "native"
        subprocess.run(["cc", "-O1", "-fwrapv", "-fno-builtin", *words, "-o", out, SOURCE],
                       check=True)
        done = subprocess.run([out], stdout=subprocess.PIPE)
        return done.returncode, done.stdout

    def ours(self, elf, *words):
        done = self.run_command("vm", "run", elf, *words)
        self.assertEqual(done.stderr, b"")
        return done.returncode, done.stdout

    def check_level(self, march, level):
        """None, or what differs."""
        wanted = self.native_results["a" in march]
        elf = self.compile(march, level)
        found = {"blockwise": self.ours(elf), "stepwise": self.ours(elf, "--stepwise")}
        if shutil.which(QEMU):
            done = subprocess.run([QEMU, self.compile(march, level, "-DLINUX")],
                                  stdout=subprocess.PIPE)
            found["QEMU"] = done.returncode, done.stdout
        wrong = [name for name, result in found.items() if result != wanted]
        return f"{march} {level}: {wrong}: {found}, not {wanted}" if wrong else None

    def test_compiled_c_computes_what_it_does_elsewhere(self):
        self.native_results = {True: self.native(), False: self.native("-DNO_ATOMICS")}
        with ThreadPoolExecutor(2) as pool:
            wrong = pool.map(lambda p: self.check_level(*p),
                             [(m, level) for m in MARCHES for level in LEVELS])
            self.assertEqual([w for w in wrong if w], [])

    @need(QEMU)
    def test_gas_is_the_number_of_instructions_that_qemu_counts(self):
        self.file("short.c", b"""
            static unsigned v[64];
            void _start(void)
            {
                unsigned s = 1;
                for (int i = 0; i < 3000; i++) {
                    s = s * 1103515245u + 12345u;
                    v[s >> 26] += s % (unsigned)(i + 1);
                }
                for (int i = 0; i < 64; i++)
                    s ^= v[i] << (i & 7);
                register long a0 __asm__("a0") = s & 127, a7 __asm__("a7") = 93;
                __asm__ volatile("ecall" :: "r"(a0), "r"(a7));
                for (;;);
            }""")
        for march in ("rv64imac", "rv64im"):
            for level in ("-O0", "-O2"):
                elf = self.folder / "short.elf"
                subprocess.run([CC, f"-march={march}", "-mabi=lp64", "-mcmodel=medany", level,
                                "-ffreestanding", "-nostdlib", "-static", "-Wl,--no-relax",
                                "-Wl,-Ttext=0x10000", "-o", elf, "short.c"], check=True,
                               cwd=self.folder)
                log = self.folder / "trace"
                code = subprocess.run([QEMU, "-singlestep", "-d", "exec,nochain", "-D", log,
                                       elf]).returncode
                count = sum(line.startswith("Trace ") for line in log.open())
                done = self.run_command("vm", "run", elf, "--json")
                self.assertEqual(done.returncode, code)
                found = json.loads(done.stdout)
                self.assertEqual((found["instructions"], found["gas"]), (str(count), str(count)))
                # With exactly that it ends, with one less it does not.
                self.assertEqual(self.run_command("vm", "run", elf, "--gas", count).returncode,
                                 code)
                self.assertEqual(self.run_command("vm", "run", elf, "--gas", count - 1).returncode,
                                 72)


if __name__ == "__main__":
    main()
