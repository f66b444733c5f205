"""Guests of effects on the command line: the README's, as it is written, and those of guest/."""
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess

from test_cli_support import COMMAND, Store, main

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUESTS = pathlib.Path(os.environ["CAUSALITY_GUESTS"])
TIMEOUT_S = 60


class Readme(Store):
    def sh(self, text, code=0):
        where = f"{pathlib.Path(COMMAND).resolve().parent}:{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", text], cwd=self.folder, timeout=TIMEOUT_S,
                              env={**os.environ, "PATH": where}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, code, text + "\n" + done.stdout)
        return done.stdout

    def test_its_guest_counts_and_is_refused_what_it_cannot_have(self):
        section = (ROOT / "README.md").read_text().split("\n## Guests\n")[1].split("\n## ")[0]
        (self.folder / "visits.c").write_text(re.search(r"```c\n(.*?)```", section, re.S)[1])
        make, inspect, deploy, _, apply, audit = [
            line.replace("guest/sdk", str(ROOT / "guest/sdk"))
            for line in re.findall(r"^    \$ (.*)$", section, re.M)[1:]]
        effects = re.search(r"cat visit.jsonl\n((?:    \{.*\n)+)", section)[1]
        expected = re.search(r"jq -c .*\n((?:    \{.*\n)+)", section)[1]
        self.sh("causality -C ledger init")
        self.sh(make)
        self.assertIn("entry", self.sh(inspect))
        code = self.sh(deploy).strip()
        (self.folder / "visit.jsonl").write_text(effects.replace("bafyr4i…", code))
        told = self.sh(apply.replace(" | jq -c '{line,status,reason}'", ""), 1)
        self.assertEqual([{key: line[key] for key in ("line", "status", "reason")} for line in
                          map(json.loads, told.splitlines())],
                         [json.loads(line) for line in expected.splitlines()])
        self.sh(audit)
        self.sh("causality -C ledger replay")
        run = json.dumps({"op": "run", "code": code, "gas": "100000", "nonce": 31})
        (self.folder / "run.jsonl").write_text(run)
        told = json.loads(self.sh("causality -C ledger apply run.jsonl --json", 1))
        self.assertIn("call that must not be (open)",
                      self.sh("causality -C ledger show " + told["effect"]))


class Fragment(Store):
    """guest/sdk/guest.mk in somebody's makefile."""

    def make(self, sdk):
        (self.folder / "one.c").write_text(
            '#include <causality/guest.h>\n'
            'int64_t guest_main(const uint8_t *in, size_t len) { return czg_output(in, len); }\n')
        (self.folder / "more.mk").write_text("MORE = 1\n")
        (self.folder / "Makefile").write_text(f"all: one.elf\ninclude {sdk}/guest.mk\n"
                                              "include more.mk\n")
        subprocess.run(["make", "-C", self.folder], check=True, timeout=TIMEOUT_S,
                       stdout=subprocess.DEVNULL)
        self.ok("vm", "run", self.folder / "one.elf")

    def test_it_finds_sdk_and_headers_whatever_is_included_behind_it(self):
        self.make(ROOT / "guest/sdk")

    def test_it_finds_them_where_they_are_installed(self):
        prefix = self.folder / "opt"
        shutil.copytree(ROOT / "guest/sdk", prefix / "share/causality/guest")
        shutil.copytree(ROOT / "include", prefix / "include")
        self.make(prefix / "share/causality/guest")


class Token(Store):
    """guest/token.c: what the owner of a key may do, and nobody else."""

    def setUp(self):
        super().setUp()
        self.code = self.ok("program", "deploy", GUESTS / "token.elf").strip()
        self.keys = {}
        for who in ("anna", "ben"):
            self.ok("key", "new", self.folder / who)
            text = self.ok("key", "show", self.folder / who)
            self.keys[who] = bytes.fromhex(re.search(r"[0-9a-f]{64}", text)[0])
        self.nonce = 0

    def call(self, data, *signers, **more):
        self.nonce += 1
        return {"op": "call", "code": self.code, "gas": "100000", "nonce": self.nonce,
                "input_base64": base64.b64encode(data).decode(),
                "sign": [str(self.folder / who) for who in signers], **more}

    def mint(self, amount, who):
        return self.call(b"m" + amount.to_bytes(16, "little"), who)

    def pay(self, source, to, amount, *signers, **more):
        return self.call(b"t" + self.keys[source] + self.keys[to] + amount.to_bytes(16, "little"),
                         *signers, **more)

    def reasons(self, *effects):
        path = self.folder / "effects.jsonl"
        path.write_text("".join(json.dumps(e) + "\n" for e in effects))
        done = subprocess.run([COMMAND, "-C", self.store, "apply", path, "--json"],
                              stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_S)
        return [json.loads(line)["reason"] for line in done.stdout.splitlines()]

    def balance(self, who):
        row = json.loads(self.ok("show", self.keys[who].hex(), "--json"))
        return int.from_bytes(base64.b64decode(row["data"]), "little")

    def test_money_moves_when_its_owner_says_so(self):
        self.assertEqual(
            self.reasons(self.mint(100, "anna"), self.pay("anna", "ben", 30, "anna"),
                         self.pay("anna", "ben", 71, "anna"), self.pay("anna", "ben", 1, "ben"),
                         self.mint(1, "ben"), self.pay("ben", "anna", 5, "ben")),
            [None, None, "guest-failed", "guest-failed", "guest-failed", None])
        self.assertEqual((self.balance("anna"), self.balance("ben")), (75, 25))
        self.ok("audit")
        self.ok("replay")

    def test_nothing_but_the_code_changes_a_balance(self):
        self.assertEqual(self.reasons(self.mint(100, "anna")), [None])
        row = json.loads(self.ok("show", self.keys["anna"].hex(), "--json"))
        write = {"op": "write", "resource": row["id"], "data_hex": "ff" * 16, "nonce": 90}
        consume = {"op": "consume", "resource": row["id"], "nonce": 91}
        self.assertEqual(self.reasons(write, consume), ["code-only", "code-only"])
        self.assertEqual(self.balance("anna"), 100)


if __name__ == "__main__":
    main()
