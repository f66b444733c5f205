"""`causality vm run` and `program inspect`: guests that know nothing of causality, made with other
people's compilers, linkers and libraries; and what is said when they end badly."""
import base64
import json
import re
import shutil
import subprocess
import unittest

from test_cli_support import ROOT, Store, main

PREFIX = "riscv64-unknown-elf-"
# Without the file's header, which linkers otherwise put before the code.
TEXT_ALONE = f"-T{ROOT}/guest/sdk/guest.ld"
EXIT = "li a7, 93\n ecall\n"
# In the form of the public tests of the architecture: the number of a test in gp, 0 for pass.
SELF_TEST = """
.macro CHECK value
    li t6, \\value
    bne a0, t6, fail
.endm
.macro TEST number
    li gp, \\number
.endm
.globl _start
_start:
    TEST 2; li a0, 0x7fffffff; addiw a0, a0, 1; CHECK 0xffffffff80000000
    TEST 3; li a1, -5; li a2, 4; div a0, a1, a2; CHECK -1
    TEST 4; li a1, 5; li a2, 0; rem a0, a1, a2; CHECK 5
    TEST 5; li a1, -1; li a2, -1; mulhu a0, a1, a2; CHECK 0xfffffffffffffffe
    TEST 6; la a1, bytes; ld a0, 0(a1); CHECK 0x0807060504030201
    TEST 7; ld a0, 1(a1); CHECK 0x0908070605040302
    TEST 8; lhu a0, 4(a1); CHECK 0x0605
    TEST 9; la a1, bytes; sd a0, 16(a1); ld a0, 2(a1); CHECK 0x0a09080706050403
    TEST 10; la a1, word; li a2, 3; amoadd.w a0, a2, (a1); CHECK 7
    TEST 11; lr.w a0, (a1); CHECK 10
    TEST 12; sc.w a0, a2, (a1); CHECK 0
    TEST 13; lw a0, 0(a1); CHECK 3
    TEST 14; sc.w a0, a2, (a1); CHECK 1
    TEST 15; c.li a0, 0x15; c.addi a0, 0x1f; c.addi a0, 0x1f; c.addi a0, 2; CHECK 0x55
    li a0, 0
    li a7, 93
    ecall
fail:
    slli a0, gp, 1
    ori a0, a0, 1
    li a7, 93
    ecall
.data
bytes: .byte 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
    .space 16
    .balign 4
word: .word 7
"""
# Puts out its input twice, logs "hi", exits with 300.
ECHO = """
.globl _start
_start: mv s0, a0
    mv s1, a1
    li a7, 1026
    ecall
    mv a0, s0
    mv a1, s1
    ecall
    la a0, hi
    li a1, 2
    li a7, 1027
    ecall
    li a0, 300
""" + EXIT + "hi: .ascii \"hi\"\n"
PRINTF = r"""
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int put(char c, FILE *f)
{
    register long a0 __asm__("a0") = (long)&c, a1 __asm__("a1") = 1, a7 __asm__("a7") = 1026;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a7) : "memory");
    return a0;
}
static FILE out = FDEV_SETUP_STREAM(put, NULL, NULL, _FDEV_SETUP_WRITE);
FILE *const stdout = &out;
void _exit(int code)
{
    register long a0 __asm__("a0") = code, a7 __asm__("a7") = 93;
    __asm__ volatile("ecall" : : "r"(a0), "r"(a7));
    __builtin_unreachable();
}
int main(void)
{
    char *p = realloc(memset(malloc(100000), 1, 100000), 200000);
    errno = p[99999];
    printf("%d %s %g\n", 42, "world", 1.5);
    free(p);
    return errno;
}
"""
PRINTF_START = """
.globl _start
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la a0, __tls_area
    call _set_tls
    call main
    call exit
"""
PRINTF_LINK = """
ENTRY(_start)
SECTIONS {
  . = 0x10000;
  .text : { *(.text .text.*) }
  .rodata : { *(.rodata .rodata.* .srodata .srodata.*) }
  . = ALIGN(4096);
  .data : { *(.data .data.*) __global_pointer$ = . + 0x800; *(.sdata .sdata.*) }
  .tdata : { __tls_base = .; *(.tdata .tdata.*) }
  .tbss (NOLOAD) : { *(.tbss .tbss.*) }
  __tdata_source = ADDR(.tdata);
  __tdata_size = SIZEOF(.tdata);
  __tbss_size = SIZEOF(.tbss);
  .bss : { *(.bss .bss.* .sbss .sbss.* COMMON) . = ALIGN(16); __tls_area = .; . += 256; }
  . = ALIGN(16);
  __heap_start = .;
  __heap_end = 0x1000000;
}
"""


def need(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    return unittest.skipIf(missing, f"not installed: {' '.join(missing)}")


class Guests(Store):
    def compile(self, *words, cc=PREFIX + "gcc"):
        out = self.folder / "guest.elf"
        march = [] if any(str(w).startswith("-march") for w in words) else ["-march=rv64imac"]
        # Nobody sets gp, which relaxing would use.
        subprocess.run([cc, *march, "-mabi=lp64", "-static", "-nostartfiles", "-Wl,--no-relax",
                        *map(str, words), "-o", out], check=True, cwd=self.folder)
        return out

    def assemble(self, text, *words):
        self.file("guest.s", text.encode())
        return self.compile("-nostdlib", "guest.s", *words)

    def vm(self, code, *words, **more):
        return self.run_code(code, "vm", "run", *words, **more)

    def both(self, code, *words, **more):
        """Blockwise and stepwise end alike; the object."""
        first, second = (json.loads(self.vm(code, *words, "--json", *step, **more).stdout)
                         for step in ([], ["--stepwise"]))
        self.assertEqual(first, second)
        return first


@need(PREFIX + "gcc")
class Running(Guests):
    def test_the_exit_code_is_the_guests(self):
        for wanted, code in ((0, 0), (7, 7), (255, 255), (256, 0), (-1, 255)):
            elf = self.assemble(f".globl _start\n_start: li a0, {wanted}\n{EXIT}")
            self.vm(code, elf)
            self.assertEqual(self.both(code, elf)["code"], str(wanted % 2 ** 64))

    def test_input_output_and_messages_go_where_a_programs_go(self):
        elf = self.assemble(ECHO)
        self.file("input", b"abc\0\n")
        for words, stdin in ((["--input", "input"], b""), (["-i", "-"], b"abc\0\n")):
            done = self.vm(44, elf, *words, stdin=stdin)
            self.assertEqual((done.stdout, done.stderr), (b"abc\0\nabc\0\n", b"log: hi\n"))
        found = self.both(44, elf, "--input", "input")
        self.assertEqual(base64.b64decode(found["output"]), b"abc\0\nabc\0\n")
        self.assertEqual([base64.b64decode(m) for m in found["messages"]], [b"hi"])
        self.file("large", b"x" * 32769)
        self.assertIn("CZ_GUEST_INPUT_MAX", self.refused(7, "vm", "run", elf, "-i", "large"))

    def test_the_file_may_come_through_a_pipe(self):
        elf = self.assemble(f".globl _start\n_start: li a0, 3\n{EXIT}")
        self.vm(3, "-", stdin=elf.read_bytes())
        self.assertIn("not both", self.refused(2, "vm", "run", "-", "--input", "-"))

    def test_gas_is_exact(self):
        elf = self.assemble(f".globl _start\n_start: li a0, 5\n addi a0, a0, 1\n{EXIT}")
        self.assertEqual(self.both(6, elf, "--gas", 4)["gas"], "4")
        found = self.both(72, elf, "--gas", 3)
        self.assertEqual((found["status"], found["gas"], found["instruction"]),
                         ("out of gas", "3", "ecall"))
        self.assertIn("out of gas at 0x", self.vm(72, elf, "-g", 3).stderr.decode())
        self.refused(2, "vm", "run", elf, "--gas", 0)

    def test_an_endless_loop_ends_with_its_gas(self):
        elf = self.assemble(".globl _start\n_start: j _start\n")
        self.assertEqual(self.both(72, elf, "--gas", 1000000)["instructions"], "1000000")

    def test_a_trap_names_the_place_and_what_it_was(self):
        cases = (("lw a0, 4(zero)", "lw a0,4(zero)", "load", "4"),
                 ("la a1, _start; sb a0, 0(a1)", "sb a0,0(a1)", "store", None),
                 (".4byte 0xffffffff", ".4byte 0xffffffff", "illegal", str(0xffffffff)),
                 ("csrr a0, cycle", ".4byte 0xc0002573", "illegal", str(0xc0002573)),
                 ("ebreak", "ebreak", "break", "0"),
                 ("li a7, 4096; ecall", "ecall", "call 4096", "4096"),
                 ("li a7, 1043; ecall", "ecall", "1043 in this way", "1043"),
                 ("li a7, 1026; li a0, 8; li a1, 1; ecall", "ecall", "at 0x8 cannot be read", "8"),
                 ("la a1, _start + 1; amoadd.w a0, a0, (a1)", "amoadd.w a0,a0,(a1)", "aligned",
                  None))
        for text, instruction, trap, value in cases:
            elf = self.assemble(f".globl _start\n_start: nop\nhere: {text}\n",
                                "-march=rv64imac_zicsr")
            found = self.both(71, elf)
            self.assertEqual((found["status"], found["instruction"]), ("trapped", instruction))
            self.assertIn(trap, found["trap"] + found["detail"])
            self.assertRegex(found["symbol"], r"^here(\+0x[0-9a-f]+)?$")
            if value:
                self.assertEqual(found["code"], value)
            said = self.vm(71, elf).stderr.decode()
            self.assertRegex(said, rf"^causality: .*guest\.elf: trapped at {found['pc']} "
                                   rf"<here[^>]*>, \"{re.escape(instruction)}\": ")

    def test_a_guest_that_exits_with_a_number_of_ours_is_told_apart(self):
        elf = self.assemble(f".globl _start\n_start: li a0, 71\n{EXIT}")
        self.assertEqual(self.both(71, elf)["status"], "exited")
        done = self.vm(71, elf, "--stats")
        self.assertIn("status         exited, 71\n", done.stderr.decode())

    def test_stats_are_counts_of_what_was_done(self):
        elf = self.assemble(".globl _start\n_start: sd zero, -8(sp)\n" + EXIT, "-march=rv64im",
                            TEXT_ALONE)
        said = self.vm(0, elf, "--stats").stderr.decode()
        self.assertRegex(said, r"(?m)^instructions   3\ngas            3\npages written  1\n"
                               r"provable       yes\ntime           \d+\.\d{6} s, \d+ million")

    def test_what_cannot_be_loaded_is_refused_with_its_place(self):
        elf = self.assemble(f".globl _start\n_start: {EXIT}")
        good = elf.read_bytes()
        for at, value, text in ((0, b"\x7e", "offset 0"), (18, b"\x3e", "machine 62"),
                                (24, b"\1", "entry 0x"), (16, b"\3", "-no-pie")):
            self.file("bad.elf", good[:at] + value + good[at + len(value):])
            said = self.refused(2, "vm", "run", "bad.elf")
            self.assertIn("bad.elf: ELF file, offset", said)
            self.assertIn(text, said)
        self.assertIn("No such file", self.refused(3, "vm", "run", "nothing.elf"))


@need(PREFIX + "gcc")
class OtherPeoplesPrograms(Guests):
    def test_self_tests_in_the_form_of_the_public_ones_pass(self):
        for words in ([], [TEXT_ALONE], ["-Wl,-Ttext=0x10000"], ["-Wl,-n,-Tdata=0x20000"]):
            self.both(0, self.assemble(SELF_TEST, *words))
        writable = self.assemble(SELF_TEST, "-Wl,-N,--no-warn-rwx-segments")
        self.assertIn("can be written and executed", self.refused(2, "vm", "run", writable))
        wrong = SELF_TEST.replace("CHECK 10\n", "CHECK 12\n")
        self.both(11 << 1 | 1, self.assemble(wrong))

    def test_compiled_c_ends_as_on_this_machine(self):
        source = ROOT / "tests/e2e/guest_code.c"
        subprocess.run(["cc", "-O1", "-o", self.folder / "native", source], check=True)
        wanted = subprocess.run([self.folder / "native"]).returncode
        for march in ("rv64im", "rv64imac", "rv64i"):
            for level in ("-O0", "-O1", "-O2", "-O3", "-Os"):
                # Without M, division is libgcc's.
                elf = self.compile(f"-march={march}", level, "-ffreestanding", "-nostdlib",
                                   source, "-lgcc")
                self.both(wanted, elf)

    @need("riscv64-linux-gnu-gcc", "qemu-riscv64")
    def test_another_toolchain_and_qemu_agree(self):
        source = ROOT / "tests/e2e/guest_code.c"
        elf = self.compile("-O2", "-ffreestanding", "-nostdlib", "-no-pie", source,
                           cc="riscv64-linux-gnu-gcc")
        wanted = subprocess.run(["qemu-riscv64", elf]).returncode
        self.both(wanted, elf)
        pie = self.compile("-O2", "-ffreestanding", "-nostdlib", "-Wl,-pie,--no-dynamic-linker",
                           source, cc="riscv64-linux-gnu-gcc")
        self.assertIn("-static -no-pie", self.refused(2, "vm", "run", pie))

    def test_a_c_library_works_with_its_heap_and_variables_of_threads(self):
        found = subprocess.run([PREFIX + "gcc", "--specs=picolibc.specs", "-E", "-"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        if found.returncode:
            self.skipTest("picolibc is not installed")
        self.file("main.c", PRINTF.encode())
        self.file("start.s", PRINTF_START.encode())
        self.file("link.ld", PRINTF_LINK.encode())
        elf = self.compile("-w", "-O2", "--specs=picolibc.specs", "-Tlink.ld", "start.s",
                           "main.c")
        self.assertEqual(self.vm(1, elf).stdout, b"42 world 1.5\n")


@need(PREFIX + "gcc")
class Inspecting(Guests):
    SOURCE = f""".globl _start
_start: c.nop
    amoadd.w a0, a1, (a2)
    {EXIT}
.data
    .word 1
.bss
    .space 5000
"""

    def test_inspect_says_what_a_code_is_made_of(self):
        elf = self.assemble(self.SOURCE, TEXT_ALONE)
        found = json.loads(self.ok("program", "inspect", elf, "--json"))
        self.assertRegex(found["code"], "^bafyr4i[a-z2-7]{52}$")
        self.assertEqual((found["instructions"], found["compressed"], found["atomics"],
                          found["call_sites"], found["unknown"], found["provable"],
                          found["template"], found["size"]),
                         ("4", "1", "1", "1", "0", False, "0", str(elf.stat().st_size)))
        self.assertEqual([(s["mode"], s["file_size"]) for s in found["segments"]],
                         [("r-x", "14"), ("rw-", "4")])
        self.assertIn("entry         " + found["entry"] + " <_start>\n",
                      self.ok("program", "inspect", elf))

    def test_inspect_says_what_the_text_opens(self):
        elf = self.assemble(f""".globl _start
_start: addi a0, a0, 64
    li a1, 1
    li a7, 1040
    ecall
    lla a0, fixed
    li a1, 0
    ecall
    {EXIT}
.section .rodata
fixed: .fill 32, 1, 0x11
""")
        found = json.loads(self.ok("program", "inspect", elf, "--json"))
        self.assertEqual((found["calls"], found["unknown_calls"], found["may_write"]),
                         (["exit", "open"], "0", True))
        self.assertEqual([(a["source"], a["from"], a["mode"], a["offset"], a["prefix"])
                          for a in found["accesses"]],
                         [("text", "input-id", "write", 64, ""),
                          ("text", "fixed-id", "read", 0, "11" * 32)])
        text = self.ok("program", "inspect", elf)
        self.assertIn("calls         exit open\n", text)
        self.assertIn("access        text, write: the id in the input at 64\n", text)

    def test_a_stripped_code_has_no_names_and_another_id(self):
        elf = self.assemble(self.SOURCE)
        whole = json.loads(self.ok("program", "inspect", elf, "--json"))
        subprocess.run([PREFIX + "strip", elf], check=True)
        bare = json.loads(self.ok("program", "inspect", elf, "--json"))
        self.assertNotEqual(whole["code"], bare["code"])
        self.assertNotIn("<_start>", self.ok("program", "disasm", elf))

    def test_what_is_no_file_is_looked_for_in_the_store(self):
        said = self.refused(3, "program", "inspect", "nothing")
        self.assertIn('there is no code "nothing"', said)
        self.refused(3, "program", "disasm", "nothing")

    def test_a_code_of_the_store_is_its_file(self):
        elf = self.assemble(self.SOURCE, TEXT_ALONE)
        found = self.ok("program", "inspect", elf, "--json")
        self.ok("program", "deploy", elf)
        code = json.loads(found)["code"]
        label = self.json("list", "--kind", "code")[0]["resource"]
        for name in (code, code[:20], label):
            self.assertEqual(self.ok("program", "inspect", name, "--json"), found)
            self.assertEqual(self.ok("program", "disasm", name),
                             self.ok("program", "disasm", elf))

    def test_disasm_is_lines_or_objects(self):
        elf = self.assemble(self.SOURCE, TEXT_ALONE)
        rows = [json.loads(line) for line in
                self.ok("program", "disasm", elf, "--json").splitlines()]
        self.assertEqual([(r["symbol"], r["text"]) for r in rows],
                         [("_start", "nop"), (None, "amoadd.w a0,a1,(a2)"),
                          (None, "li a7,93"), (None, "ecall")])
        text = self.ok("program", "disasm", elf)
        self.assertRegex(text, r"<_start>:\n +[0-9a-f]+:  0001      nop\n")


if __name__ == "__main__":
    main()
