"""What the tests of the command share: running it, stores in temporary folders, inputs.

CAUSALITY names the built command. A test file is a program; each of its functions is reported as
one test, in the form that scripts/run_tests.py counts.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

COMMAND = os.environ["CAUSALITY"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_S = 120


class Result(unittest.TestResult):
    def _say(self, word, test, text=""):
        print(f"[ {word:>8} ] {test._testMethodName}\n{text}", end="", flush=True)

    def addSuccess(self, test):
        self._say("OK", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._say("FAILED", test, self._exc_info_to_string(err, test))

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self._say("FAILED", test, str(subtest) + "\n" + self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._say("SKIPPED", test, reason + "\n")


def main():
    names = sys.argv[1:] or None
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    if names:
        suite = unittest.TestSuite(t for group in suite for t in group
                                   if t._testMethodName in names)
    result = Result()
    suite.run(result)
    sys.exit(0 if result.testsRun and result.wasSuccessful() else 1)


class Store(unittest.TestCase):
    """Each test has a folder, and a store in it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="causality-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.store = self.new_store("store")

    def new_store(self, name):
        path = self.folder / name
        self.ok("init", store=path)
        return path

    def run_command(self, *words, store=None, stdin=b"", env=None, **more):
        command = [COMMAND, "-C", str(store or getattr(self, "store", self.folder)),
                   *map(str, words)]
        more.setdefault("stdout", subprocess.PIPE)
        return subprocess.run(command, input=stdin, stderr=subprocess.PIPE, timeout=TIMEOUT_S,
                              env={**os.environ, **(env or {})}, cwd=self.folder, **more)

    def run_code(self, code, *words, **more):
        done = self.run_command(*words, **more)
        self.assertEqual(done.returncode, code, done.stderr.decode())
        return done

    def ok(self, *words, **more):
        """Standard output of a run that ends with 0 and says nothing on standard error."""
        done = self.run_code(0, *words, **more)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode()

    def refused(self, code, *words, **more):
        """Standard error of a run that prints nothing else."""
        done = self.run_code(code, *words, **more)
        self.assertEqual(done.stdout, b"")
        message = done.stderr.decode()
        self.assertTrue(message.startswith("causality: "), message)
        return message

    def json(self, *words, **more):
        text = self.ok(*words, "--json", **more)
        return [json.loads(line) for line in text.splitlines()]

    def apply(self, effects, *words, code=0, store=None):
        """Applies a list of effects; returns what --json says of each."""
        done = self.run_code(code, "apply", "--json", *words, "-", stdin=lines(effects),
                             store=store)
        return [json.loads(line) for line in done.stdout.decode().splitlines()]

    def root(self, store=None):
        return self.ok("root", store=store).strip()

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data if isinstance(data, bytes) else lines(data))
        return path

    def journal(self, store=None):
        """Every byte of the journal, by file."""
        folder = (store or self.store) / "journal"
        return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def lines(effects):
    return b"".join(json.dumps(e).encode() + b"\n" for e in effects)


def create(label, quantity, nonce, asset="EUR"):
    return {"op": "create", "resource": label, "asset": asset, "quantity": str(quantity),
            "nonce": nonce}


def transfer(source, target, quantity, nonce):
    return {"op": "transfer", "from": source, "to": target, "quantity": str(quantity),
            "nonce": nonce}


def stream(effects, accounts=50, seed=1):
    """Creations, then transfers between them by a fixed rule; some overdraw."""
    yield from (create(f"acct{i}", 1000, i + 1) for i in range(accounts))
    nonces = [0] * accounts
    x = seed
    for _ in range(effects):
        x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
        source, target = (x >> 33) % accounts, (x >> 45) % accounts
        nonces[source] += 1
        yield transfer(f"acct{source}", f"acct{target}", 1 + (x >> 20) % 400, nonces[source])
