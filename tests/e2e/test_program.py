"""Programs on the command line: run, stopped, gone on with, read, replayed; the examples in every
way that they can end. Chains are simulated, facts come in as anybody would give them."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time

from test_cli_support import COMMAND, ROOT, TIMEOUT_S, Store, lines, main

MODULES = os.environ["CAUSALITY_MODULES"]


def module(name):
    return os.path.join(MODULES, name + ".so")


class Programs(Store):
    """A store that knows simulated chains, of which blocks are final two blocks later."""
    SEEDS = {"moon": 7, "sun": 8, "bank": 9}

    def setUp(self):
        super().setUp()
        for who in ("alice", "bob", "host"):
            self.ok("key", "new", self.folder / who)
        self.steps = {}

    def chain(self, name, *steps):
        """The chain takes more steps, and says all that it knows."""
        taken = self.steps.setdefault(name, [])
        taken += steps
        text = self.ok("sim", name, "--seed", self.SEEDS.get(name, 1), *taken, "domain", "facts")
        facts = [json.loads(line) for line in text.splitlines()]
        for line in facts:
            if "domain" in line and isinstance(line["domain"], dict):
                line["domain"].update(final_depth=2, safe_depth=2)
        return facts

    def tell(self, name, *steps):
        """The same, to the store."""
        self.run_code(0, "fact", "add", "-", stdin=lines(self.chain(name, *steps)))

    def escrow(self, label, *arguments, program):
        """An account of both, with a capability for the instance."""
        self.ok("account", "new", "escrow", "--threshold", 2, "--key", self.folder / "alice",
                "--key", self.folder / "bob")
        self.grant(label, *arguments, program=program)

    def grant(self, label, *arguments, program):
        key = json.loads(self.ok("program", "id", program, " ".join(map(str, arguments)),
                                 "--label", label, "--key", self.folder / "host", "--json"))
        self.ok("account", "grant", "escrow", "may", "--holder", key["key"], "--right",
                "withdraw", "--key", self.folder / "alice", "--key", self.folder / "bob")

    def run_program(self, code, file, name, label, *arguments, wait=None):
        words = ["program", "run", module(file), name, " ".join(map(str, arguments)),
                 "--label", label, "--key", self.folder / "host", "--json"]
        if wait is not None:
            words += ["--wait", wait]
        return json.loads(self.run_code(code, *words).stdout)

    def goes_on_until_credited(self, file, asset, quantity):
        """However slow the machine is."""
        for _ in range(100):
            self.goes_on(4, file, wait=50)
            if f"holds      {quantity} {asset}\n" in self.ok("account", "show", "escrow"):
                return
        self.fail("not credited")

    def goes_on(self, code, file, wait=None):
        words = ["program", "run", module(file), "--key", self.folder / "host", "--json"]
        if wait is not None:
            words += ["--wait", wait]
        return [json.loads(line) for line in self.run_code(code, *words).stdout.splitlines()]

    def outbox(self):
        return sorted((e["asset"], e["quantity"], e["destination"])
                      for e in map(json.loads, self.ok("account", "outbox", "escrow", "--json")
                                   .splitlines()) if e["kind"] == "withdrawal")

    def check(self, file, label):
        """The record holds without the chains, and the code without anything but its log."""
        self.ok("audit")
        self.ok("replay")
        self.assertIn("replay: equal", self.ok("replay", "--program", label, module(file),
                                               "--key", self.folder / "host"))


class Swap(Programs):
    ARGUMENTS = ("escrow may 200 220 300 moon MOON 100 alice-moon bob-moon "
                 "sun SUN 50 bob-sun alice-sun").split()

    def begin(self):
        self.tell("moon", "mine=1")
        self.tell("sun", "mine=1")
        self.escrow("one", *self.ARGUMENTS, program="swap")
        return self.run_program(4, "swap", "swap", "one", *self.ARGUMENTS, wait=50)

    def test_both_settle(self):
        self.assertEqual(self.begin()["state"], "running")
        self.tell("moon", "deposit=escrow:MOON:100", "mine=4")
        self.assertEqual(self.goes_on(4, "swap", wait=50)[0]["state"], "running")
        self.tell("sun", "deposit=escrow:SUN:50", "mine=4")
        (end,) = self.goes_on(0, "swap")
        self.assertEqual((end["state"], end["value"]), ("completed", "0"))
        self.assertEqual(self.outbox(), [("moon:MOON", "100", "bob-moon"),
                                         ("sun:SUN", "50", "alice-sun")])
        self.check("swap", "one")

    def test_one_never_deposits(self):
        self.begin()
        self.tell("moon", "deposit=escrow:MOON:100", "mine=4")
        self.goes_on_until_credited("swap", "moon:MOON", 100)
        self.tell("moon", "mine=40")
        (end,) = self.goes_on(0, "swap")
        self.assertEqual((end["state"], end["value"]), ("completed", "1"))
        self.assertEqual(self.outbox(), [("moon:MOON", "100", "alice-moon")])
        self.check("swap", "one")

    def test_facts_come_in_while_it_runs(self):
        self.begin()
        facts = self.folder / "facts"
        facts.write_bytes(lines(self.chain("moon", "deposit=escrow:MOON:100", "mine=4")
                                + self.chain("sun", "deposit=escrow:SUN:50", "mine=4")))
        text = self.ok("program", "run", module("swap"), "--key", self.folder / "host",
                       "--facts", facts)
        self.assertIn("state    completed, value 0", text)

    def test_whoever_kills_it_gains_nothing(self):
        self.begin()
        self.tell("moon", "deposit=escrow:MOON:100", "mine=4")
        for wait in (0.02, 0.05, 0.1):
            process = subprocess.Popen([COMMAND, "-C", self.store, "program", "run",
                                        module("swap"), "--key", self.folder / "host"])
            time.sleep(wait)  # whenever that is, it must not matter
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.tell("sun", "deposit=escrow:SUN:50", "mine=4")
        (end,) = self.goes_on(0, "swap")
        self.assertEqual((end["state"], end["value"]), ("completed", "0"))
        self.assertEqual(len(self.outbox()), 2)
        self.check("swap", "one")

    def test_what_it_did_can_be_read(self):
        report = self.begin()
        (row,) = map(json.loads, self.ok("program", "list", "--json").splitlines())
        self.assertEqual(row["program"], report["program"])
        self.assertIn(f"program  {report['program']}\n", self.ok("program", "show", "one"))
        self.assertIn("label    one\n", self.ok("program", "show", report["program"][:20]))
        log = self.ok("program", "log", "one")
        self.assertIn("swap", log)
        entries = [json.loads(e) for e in self.ok("program", "log", "one", "--json").splitlines()]
        self.assertEqual([e["number"] for e in entries],
                         [str(i + 1) for i in range(len(entries))])

    def test_other_code_is_found_out(self):
        self.begin()
        self.tell("moon", "deposit=escrow:MOON:100", "mine=4")
        self.goes_on(4, "swap", wait=50)
        self.assertIn("swap", self.refused(3, "replay", "--program", "one", module("escrow"),
                                           "--key", self.folder / "host"))

    def test_who_forgets_the_key_is_told(self):
        self.begin()
        self.tell("moon", "deposit=escrow:MOON:100", "mine=4")
        self.goes_on_until_credited("swap", "moon:MOON", 100)
        for words in (("replay", "--program", "one"), ("program", "run")):
            self.assertIn("--key", self.refused(6, *words, module("swap")))

    def test_it_can_be_cancelled(self):
        self.begin()
        text = self.ok("program", "cancel", "one", module("swap"), "--key", self.folder / "host")
        self.assertIn("cancelled", text)
        self.check("swap", "one")

    def test_the_process_that_runs_it_cancels_it_when_asked(self):
        self.begin()
        process = subprocess.Popen([COMMAND, "-C", self.store, "program", "run",
                                    module("swap"), "--key", self.folder / "host"],
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        for _ in range(200):
            done = self.run_command("program", "cancel", "one")
            if b"was asked to cancel" in done.stdout:
                break
            time.sleep(0.02)  # until it has opened the store
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertIn("cancelled", out)

    def test_mistakes_are_told(self):
        self.assertIn("label or id 'nobody'", self.refused(3, "program", "show", "nobody"))
        self.assertIn("has no program 'swop'", self.refused(3, "program", "run", module("swap"),
                                                            "swop"))
        self.assertIn("module", self.refused(3, "program", "run", "nothing.so", "swap"))
        done = self.run_code(1, "program", "run", module("swap"), "swap", "few")
        self.assertIn("15 arguments", done.stdout.decode())


class Others(Programs):
    ESCROW = "escrow may bank EUR 100 buyer-iban seller-iban ships parcel-7 {} 300"

    def escrow_of(self):
        verdict = {"op": "create", "resource": "verdict", "kind": "data", "data": "", "nonce": 1}
        self.run_code(0, "apply", "-", stdin=lines([verdict]))
        shown = json.loads(self.ok("show", "verdict", "--json"))
        arguments = self.ESCROW.format(shown["id"]).split()
        self.tell("bank", "mine=1")
        self.tell("ships", "mine=1")
        self.escrow("deal", *arguments, program="escrow")
        self.run_program(4, "escrow", "escrow", "deal", *arguments, wait=50)
        self.tell("bank", "deposit=escrow:EUR:100", "mine=4")
        self.goes_on_until_credited("escrow", "bank:EUR", 100)

    def ends(self, value, destination):
        (end,) = self.goes_on(0, "escrow")
        self.assertEqual((end["state"], end["value"]), ("completed", value))
        self.assertEqual(self.outbox(), [("bank:EUR", "100", destination)])
        self.check("escrow", "deal")

    def test_the_seller_is_paid_once_it_is_delivered(self):
        self.escrow_of()
        self.tell("ships", "register=parcel-7:delivered", "mine=1")
        self.ends("1", "seller-iban")

    def test_the_arbiter_decides(self):
        self.escrow_of()
        word = {"op": "write", "resource": "verdict", "data": "YnV5ZXI=", "nonce": 2}
        self.run_code(0, "apply", "-", stdin=lines([word]))
        self.ends("0", "buyer-iban")

    def test_the_buyer_has_it_back_in_the_end(self):
        self.escrow_of()
        self.tell("bank", "mine=40")
        self.ends("0", "buyer-iban")

    def bidder(self, name, nonce):
        """A balance of his own in the auction's account, and the id that he pays to."""
        (said,) = self.apply([{"op": "create", "resource": name, "creator": "escrow",
                               "kind": "fungible", "asset": "moon:MOON", "quantity": "0",
                               "controller": "escrow",
                               "nonce": nonce, "access": [{"resource": "escrow", "mode": "read"}],
                               "sign": [str(self.folder / "alice"), str(self.folder / "bob")]}])
        self.assertEqual(said["status"], "applied")
        return json.loads(self.ok("show", f"escrow/{name}", "--json"))["id"]

    def test_the_highest_bid_before_the_deadline_wins_and_all_others_go_back(self):
        arguments = ("escrow may moon MOON 60 seller-moon ann ann-moon ben ben-moon cid cid-moon"
                     ).split()
        self.tell("moon", "mine=1")
        self.escrow("auction", *arguments, program="auction")
        ids = {name: self.bidder(name, i + 1) for i, name in enumerate(("ann", "ben", "cid"))}
        self.run_program(4, "auction", "auction", "auction", *arguments, wait=50)
        # Heights 2, 3 and 8 are times 20, 30 and 80.
        self.tell("moon", f"deposit={ids['ann']}:MOON:30", "mine=1",
                  f"deposit={ids['ben']}:MOON:40", "mine=5", f"deposit={ids['cid']}:MOON:90",
                  "mine=1")
        self.goes_on(4, "auction", wait=50)
        self.tell("moon", "mine=4")
        for _ in range(100):
            ends = self.goes_on(0, "auction", wait=2000)
            if ends and ends[0]["state"] == "completed":
                break
        self.assertEqual(ends[0]["value"], "40")
        paid = self.outbox()
        self.assertIn(("moon:MOON", "40", "seller-moon"), paid)
        self.assertIn(("moon:MOON", "30", "ann-moon"), paid)
        self.assertIn(("moon:MOON", "90", "cid-moon"), paid)
        self.check("auction", "auction")

    def order(self):
        arguments = "escrow may bank EUR 100 shop-iban buyer-iban store ships o-1 300".split()
        for name in ("bank", "store", "ships"):
            self.tell(name, "mine=1")
        self.escrow("order", *arguments, program="order")
        self.run_program(4, "workflow", "order", "order", *arguments, wait=50)
        self.tell("bank", "deposit=escrow:EUR:100", "mine=4")
        self.goes_on_until_credited("workflow", "bank:EUR", 100)

    def test_an_order_is_paid_once_its_parcel_is_sent(self):
        self.order()
        self.tell("store", "register=o-1:reserved", "mine=1")
        self.goes_on(4, "workflow", wait=50)
        self.tell("ships", "register=o-1:accepted", "mine=1")
        ends = {e["name"]: e for e in self.goes_on(0, "workflow")}
        self.assertEqual(ends["order"]["value"], "1")
        self.assertEqual(self.outbox(), [("bank:EUR", "100", "shop-iban")])

    def test_an_order_that_nobody_reserves_is_paid_back(self):
        self.order()
        self.tell("bank", "mine=40")
        (end,) = self.goes_on(0, "workflow")
        self.assertEqual(end["value"], "0")
        self.assertEqual(self.outbox(), [("bank:EUR", "100", "buyer-iban")])
        self.check("workflow", "order")


class Readme(Store):
    """Its program and its commands, as they are written."""

    def sh(self, text, code=0):
        where = f"{pathlib.Path(COMMAND).resolve().parent}:{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", text], cwd=self.folder, timeout=TIMEOUT_S,
                              env={**os.environ, "PATH": where}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, code, text + "\n" + done.stdout)
        return done.stdout

    def test_its_program_goes_on_and_is_replayed(self):
        text = (ROOT / "README.md").read_text()
        payments = re.search(r"\$ cat payments.jsonl\n((?:    \{.*\n)+)", text)[1]
        section = text.split("\n## Programs\n")[1].split("\n## ")[0]
        code = re.search(r"```c\n(.*?)```", section, re.S)[1]
        flags = f"-I{ROOT / 'include'} -Wall -Wextra -Werror"
        commands = [line.replace("$(pkg-config --cflags causality)", flags)
                    for line in re.findall(r"^    \$ (.*)$", section, re.M)]
        (self.folder / "payments.jsonl").write_text(payments)
        (self.folder / "invoice.c").write_text(code)
        self.sh("causality -C ledger init; causality -C ledger apply payments.jsonl", 1)
        done = [self.sh(c, 4 if "--wait" in c else 0) for c in commands]
        self.assertEqual(len(done), 7)
        self.assertIn("running", done[1])
        self.assertIn("completed, value 0", done[4])
        self.assertIn("transfer 50 from bob to alice", done[5])
        self.assertIn("replay: equal", done[6])


if __name__ == "__main__":
    main()
