"""Guests as programs on the command line: deployed, run, killed, gone on with, cancelled, read,
replayed. What the guest does by the letter that it is given: tests/guests/program.c."""
import json
import os
import signal
import struct
import subprocess
import time

from test_cli_support import COMMAND, Store, main

GUEST = os.path.join(os.environ["CAUSALITY_GUESTS"], "program.elf")
NOBODY = bytes(32)


class Guests(Store):
    def setUp(self):
        super().setUp()
        self.code = self.ok("program", "deploy", GUEST).strip()

    def input(self, what, n=0):
        """struct input of tests/guests/program.c, without resources."""
        path = self.folder / f"input-{what}-{n}"
        path.write_bytes(what.encode() + bytes(7) + struct.pack("<Q", n) + 4 * NOBODY + bytes(72))
        return path

    def guest(self, code, what, label, *more, n=0, given=None):
        return json.loads(self.run_code(code, "program", "run", given or self.code, "--input",
                                        self.input(what, n), "--label", label, "--json",
                                        *more).stdout)

    def refused(self, code, *words):
        return self.run_code(code, *words).stderr.decode()

    def check(self, label):
        self.ok("audit")
        self.ok("replay")
        self.assertIn("replay: equal", self.ok("replay", "--program", label))


class Deploying(Guests):
    def test_twice_is_once(self):
        again = json.loads(self.ok("program", "deploy", GUEST, "--json"))
        self.assertEqual(again, {"code": self.code, "new": False})
        self.assertEqual(len(self.ok("list").splitlines()), 2)

    def test_what_is_no_program_is_refused_with_what_is_wrong(self):
        bad = self.folder / "bad.elf"
        with open(GUEST, "rb") as file:
            bad.write_bytes(file.read()[:100])
        self.assertIn(str(bad), self.refused(2, "program", "deploy", bad))
        self.assertEqual(len(self.ok("list").splitlines()), 2)

    def test_a_file_too_large_is_refused(self):
        large = self.folder / "large.elf"
        with open(GUEST, "rb") as file:
            large.write_bytes(file.read() + bytes(70000))
        self.assertIn("DATA_SIZE_MAX", self.refused(7, "program", "deploy", large))


class Running(Guests):
    def test_by_file_code_and_label_of_the_code(self):
        label = json.loads(self.ok("list", "--json"))["resource"]
        for i, given in enumerate((GUEST, self.code, label)):
            end = self.guest(0, "y", f"say {i}", given=given)
            self.assertEqual((end["state"], end["name"]), ("completed", self.code))
            self.check(f"say {i}")

    def test_what_it_said_is_in_its_log(self):
        self.guest(0, "y", "says")
        log = self.ok("program", "log", "says")
        for text in ("hello", "there", "out"):
            self.assertIn(f'"{text}"', log)

    def test_a_failure_names_its_code_and_last_words(self):
        end = self.guest(1, "y", "fails", n=3)
        self.assertEqual((end["state"], end["detail"]),
                         ("failed", "the guest ended with code 3; before that: hello"))
        self.check("fails")

    def test_a_trap_names_the_instruction(self):
        end = self.guest(1, "X", "traps", n=0xdeadbee0)
        self.assertIn("trapped at 0x", end["detail"])
        self.assertIn("0xdeadbee0", end["detail"])
        self.check("traps")

    def test_arguments_in_words(self):
        end = json.loads(self.run_code(1, "program", "run", self.code, "two words", "--label",
                                       "words", "--json").stdout)
        self.assertEqual(end["detail"], "the guest ended with code 99")  # not its input's size

    def test_a_code_that_is_not_there(self):
        other = self.ok("program", "inspect", GUEST, "--json")
        self.assertEqual(json.loads(other)["code"], self.code)
        self.assertIn("no code", self.refused(3, "program", "run", "nothing"))

    def test_its_id_is_known_before_it_is_started(self):
        path = self.input("y")
        ids = {json.loads(self.ok("program", "id", name, "--input", path, "--label", "one",
                                  "--json"))["program"] for name in (GUEST, self.code)}
        self.assertEqual(ids, {self.guest(0, "y", "one")["program"]})
        self.assertIn("the code's id", self.refused(2, "program", "id", "code:" + self.code))

    def test_input_is_for_guests(self):
        module = self.folder / "some.so"
        module.write_bytes(b"")
        self.assertIn("for guests", self.refused(2, "program", "run", module, "x", "--input",
                                                 self.input("y")))


class GoingOn(Guests):
    def test_a_killed_one_goes_on(self):
        path = self.input("Z")
        for wait in (0.1, 0.05, 0.2):
            process = subprocess.Popen(
                [COMMAND, "-C", self.store, "program", "run", self.code, "--input", path,
                 "--label", "sleeper"], stdout=subprocess.DEVNULL)
            time.sleep(wait)  # whenever that is, it must not matter
            process.send_signal(signal.SIGKILL)
            process.wait()
        report = json.loads(self.run_code(4, "program", "run", self.code, "--input", path,
                                          "--label", "sleeper", "--wait", 10, "--json").stdout)
        self.assertEqual(report["state"], "running")
        (row,) = map(json.loads, self.ok("program", "list", "--json").splitlines())
        self.assertEqual(row["label"], "sleeper")
        self.assertIn("replay: equal", self.ok("replay", "--program", "sleeper"))
        self.assertIn("cancelled", self.ok("program", "cancel", "sleeper"))
        self.check("sleeper")

    def test_what_is_over_cannot_be_cancelled(self):
        self.guest(0, "y", "two")
        self.assertIn("two is over", self.refused(3, "program", "cancel", "two"))

    def test_a_guest_is_no_module(self):
        self.guest(0, "y", "two")
        self.assertIn("is a guest and no module",
                      self.refused(2, "replay", "--program", "two", GUEST))

    def test_one_that_computes_without_end_is_replayed_and_cancelled(self):
        self.guest(4, "S", "spins", "--wait", 300)
        self.assertIn("replay: equal", self.ok("replay", "--program", "spins"))
        self.assertIn("cancelled", self.ok("program", "cancel", "spins"))
        self.check("spins")

    def test_without_more_those_that_are_unfinished_go_on(self):
        self.guest(4, "Z", "one", "--wait", 10)
        self.guest(0, "y", "two")
        (row,) = map(json.loads, self.run_code(4, "program", "run", self.code, "--wait", 10,
                                               "--json").stdout.splitlines())
        self.assertEqual((row["label"], row["state"]), ("one", "running"))


if __name__ == "__main__":
    main()
