"""Effects that start guests, by their bytes: what apply takes and show tells, and what readers
that share no line with the engine make of the journal and of an export."""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys

from test_cli_support import ROOT, Store, main

GUESTS = pathlib.Path(os.environ["CAUSALITY_GUESTS"])
COMPILER = "riscv64-unknown-elf-gcc"
# The first byte of the input: none writes "Z" over the first byte of resource 0 and says "out" and
# "hi"; 1 is a breakpoint, 2 a loop without end, 3 exits with 5.
GUEST = r"""
.globl _start
_start: beqz a1, 1f
        lbu t0, 0(a0)
        li t1, 1
        beq t0, t1, trap
        li t1, 2
        beq t0, t1, loop
        li a0, 5
        li a7, 93
        ecall
1:      la a0, text
        li a1, 2
        li a7, 1027
        ecall
        la a0, text + 2
        li a1, 3
        li a7, 1026
        ecall
        lui t0, 0x1a00
        li t1, 'Z'
        sb t1, 0(t0)
        li a0, 0
        li a7, 93
        ecall
trap:   ebreak
loop:   j loop
.section .rodata
text:   .ascii "hiout"
"""
REASONS = [None, None, "trapped", "out-of-gas", "guest-failed", "not-code", "guest-failed",
           "trapped", "not-code", "unknown-resource", "trapped"]


class Formats(Store):
    def setUp(self):
        super().setUp()
        if not shutil.which(COMPILER):
            self.skipTest(f"{COMPILER} is not installed")
        (self.folder / "guest.S").write_text(GUEST)
        subprocess.run([COMPILER, "-march=rv64imac", "-mabi=lp64", "-nostdlib", "-static",
                        "-Wl,-Ttext=0x10000", "-o", "guest.elf", "guest.S"], cwd=self.folder,
                       check=True)
        self.ok("program", "deploy", "guest.elf")
        [resource] = [json.loads(line) for line in self.ok("list", "--json").splitlines()]
        self.code = resource["resource"]
        self.assertEqual(resource["kind"], "code")
        self.nonce = 0

    def op(self, **keys):
        self.nonce += 1
        return {"nonce": self.nonce, "gas": 1000, "code": self.code, **keys}

    def run_on(self, mode="write", **keys):
        return self.op(op="run", accesses=[{"resource": "d", "mode": mode}], **keys)

    def apply(self, effects):
        (self.folder / "effects").write_text("".join(json.dumps(e) + "\n" for e in effects))
        done = self.run_command("apply", "--json", "effects")
        told = [json.loads(line) for line in done.stdout.decode().splitlines()]
        self.assertEqual(len(told), len(effects), done.stderr.decode())
        return told

    def make(self):
        self.nonce = 1
        return self.apply([{"op": "create", "resource": "d", "data": "abc", "nonce": 1},
                           self.run_on(), self.run_on(input_hex="01"),
                           self.run_on(input_hex="02"), self.op(op="run", input_hex="03"),
                           self.op(op="run", code="d", input="x"),
                           self.op(op="call", input_hex="03"), self.op(op="call"),
                           self.op(op="call", code="d"), self.op(op="call", code="not there"),
                           self.run_on("read")])

    def shown(self, effect):
        return json.loads(self.ok("show", "--json", effect["effect"]))

    def test_each_end_of_a_guest_is_its_effects_reason(self):
        self.assertEqual([e["reason"] for e in self.make()], REASONS)
        self.assertEqual(base64.b64decode(json.loads(self.ok("show", "--json", "d"))["data"]),
                         b"Zbc")

    def test_show_tells_how_a_run_ended(self):
        effects = self.make()
        run = self.shown(effects[1])["run"]
        self.assertEqual((run["status"], run["code"], run["trap"]), ("exited", "0", None))
        self.assertEqual(base64.b64decode(run["output"]), b"out")
        self.assertEqual([base64.b64decode(m) for m in run["messages"]], [b"hi"])
        trapped = self.shown(effects[2])["run"]
        self.assertEqual((trapped["status"], trapped["gas"]), ("trapped", "4"))
        self.assertEqual(trapped["trap"], "breakpoint")
        self.assertEqual(self.shown(effects[3])["run"]["status"], "out-of-gas")
        self.assertEqual(self.shown(effects[3])["run"]["gas"], "1000")
        self.assertEqual(self.shown(effects[4])["run"]["code"], "5")
        self.assertIsNone(self.shown(effects[5])["run"])
        self.assertNotIn("run", self.shown(effects[0]))
        text = self.ok("show", effects[1]["effect"])
        self.assertIn("output     3 bytes: out\n", text)
        self.assertIn("message    2 bytes: hi\n", text)

    def test_what_show_prints_is_what_apply_takes(self):
        for effect in self.make()[1:]:
            shown = self.shown(effect)
            again = {key: shown[key] for key in ("nonce", "origin", "ops")}
            told = self.apply([again])
            self.assertEqual((told[0]["status"], told[0]["effect"]),
                             ("duplicate", effect["effect"]))

    def mint(self):
        """An effect that declares nothing creates what it writes."""
        self.ok("program", "deploy", GUESTS / "token.elf")
        self.ok("key", "new", self.folder / "key")
        [token] = [r["resource"] for r in map(json.loads, self.ok("list", "--json").splitlines())
                   if r["kind"] == "code" and r["resource"] != self.code]
        amount = "6d" + (100).to_bytes(16, "little").hex()
        return self.apply([self.op(op="call", code=token, gas=100000, input_hex=amount,
                                   sign=[str(self.folder / "key")]) for _ in range(2)])

    def test_the_scope_of_a_call_is_told_as_its_posts(self):
        for n, effect in enumerate(self.mint()):
            self.assertEqual(effect["status"], "applied", effect)
            shown = self.shown(effect)
            self.assertEqual([op["op"] for op in shown["ops"]], ["call"])
            written = [p["version"] for p in shown["posts"] if p["mode"] == "write"]
            self.assertIn(str(n + 1), written)
            self.assertTrue(any(p["mode"] == "read" for p in shown["posts"]))

    def check(self):
        self.ok("replay")
        self.ok("audit")
        root = self.ok("root").split()[-1]
        done = subprocess.run([sys.executable, ROOT / "tests/property/verify.py", self.store],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(root, done.stdout)

    def test_replay_audit_and_a_second_verifier_find_nothing(self):
        self.make()
        self.mint()
        self.check()

    def test_an_export_is_read_by_ipld_tools(self):
        self.make()
        self.mint()
        self.ok("export", "--output", self.folder / "x.car")
        subprocess.run([ROOT / "tests/e2e/car/read-car", self.folder / "x.car"], check=True,
                       stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
