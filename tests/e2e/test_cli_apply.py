"""causality apply: formats, places of errors, pipes, idempotence, splits, kills, two writers."""
import base64
import json
import os
import shutil
import signal
import subprocess

from test_cli_support import COMMAND, Store, create, lines, main, stream, transfer

PAIR = [create("alice", 100, 1), create("bob", 0, 2)]


def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 1 << 8 * size:
            return bytes([major << 5 | code]) + value.to_bytes(size, "big")


def cbor(value):
    """DAG-CBOR of what effects are made of."""
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    return head(4, len(value)) + b"".join(map(cbor, value))


def digest(text):
    """The 32 bytes in an id's text: multibase b, CIDv1, dag-cbor, blake3, length 32."""
    data = base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))
    assert data[:4] == b"\x01\x71\x1e\x20"
    return data[4:]


def cbor_transfer(source, target, quantity, nonce, priority=2):
    writes = sorted({source, target})
    return cbor([1, source, nonce, priority, writes, [],
                 [[1, writes.index(source), writes.index(target), quantity]], [], [], None])


class Writer:
    """An apply that reads a pipe which this test writes."""

    def __init__(self, test, *words, store=None):
        self.process = subprocess.Popen(
            [COMMAND, "-C", str(store or test.store), "apply", *words, "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        test.addCleanup(self.end)

    def send(self, effects):
        self.process.stdin.write(lines(effects))
        self.process.stdin.flush()

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def finish(self):
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out.decode(), err.decode()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Apply(Store):
    def test_each_effect_is_answered_with_its_line(self):
        done = self.run_code(1, "apply", "--json", self.file("in", lines(PAIR) + b"\n \r\n" + lines(
            [transfer("alice", "bob", 30, 1), transfer("alice", "bob", 71, 2),
             transfer("alice", "carol", 1, 3), transfer("alice", "bob", 7, 1)])))
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(a["line"], a["status"], a["reason"], a["position"]) for a in answers],
                         [(1, "applied", None, "1"), (2, "applied", None, "2"),
                          (5, "applied", None, "3"), (6, "rejected", "overdraft", "4"),
                          (7, "rejected", "unknown-resource", "5"),
                          (8, "rejected", "nonce", None)])
        self.assertIsNone(answers[5]["receipt"])
        for answer in answers[:5]:
            self.assertRegex(answer["receipt"], "^bafyr4i[a-z2-7]{52}$")
            self.assertEqual(set(answer), {"line", "effect", "status", "receipt", "reason",
                                           "position"})

    def test_the_summary_counts_and_names_the_first_places(self):
        path = self.file("in", PAIR + [transfer("alice", "bob", 1000, n) for n in range(1, 9)])
        text = self.run_code(1, "apply", path).stdout.decode()
        self.assertRegex(text, r"(?m)^applied +2$")
        self.assertRegex(text, r"(?m)^rejected +8$")
        self.assertRegex(text, r"(?m)^  overdraft +8: .* line 3, 4, 5, 6, 7, …$")
        self.assertRegex(self.run_code(1, "apply", path).stdout.decode(),
                         r"(?m)^duplicate +10, of which 8 were rejected the first time$")

    def test_applying_again_changes_nothing_and_gives_the_first_receipts(self):
        effects = list(stream(300))
        first = self.apply(effects, code=1)
        journal, root = self.journal(), self.root()
        again = self.apply(effects, code=1)
        self.assertEqual([a["receipt"] for a in again], [a["receipt"] for a in first])
        self.assertEqual({a["status"] for a in again}, {"duplicate"})
        self.assertEqual([a["position"] for a in again], [a["position"] for a in first])
        self.assertEqual((self.journal(), self.root()), (journal, root))

    def test_any_split_at_any_number_of_threads_gives_the_same_root(self):
        effects = list(stream(600))
        answers, roots = [], []
        for threads in (1, 2, 4):
            for step in (len(effects), 250, 97):
                store = self.new_store(f"split-{threads}-{step}")
                said = []
                for i in range(0, len(effects), step):
                    done = self.run_command("apply", "--json", "--threads", threads, "-",
                                            stdin=lines(effects[i:i + step]), store=store)
                    self.assertIn(done.returncode, (0, 1), done.stderr)
                    said += [json.loads(x)["receipt"] for x in done.stdout.splitlines()]
                answers.append(said)
                roots.append(self.root(store))
        self.assertEqual(len(set(roots)), 1)
        self.assertTrue(all(a == answers[0] for a in answers))

    def test_batch_sizes_do_not_matter(self):
        effects = list(stream(400))
        roots = set()
        for batch in (1, 7, 8192):
            store = self.new_store(f"batch-{batch}")
            self.apply(effects, "--batch", str(batch), code=1, store=store)
            roots.add(self.root(store))
        self.assertEqual(len(roots), 1)

    def test_cbor_and_json_are_the_same_effects(self):
        self.apply(PAIR)
        ids = {r["resource"]: digest(r["id"]) for r in self.json("list")}
        items = [cbor_transfer(ids["alice"], ids["bob"], q, q) for q in (1, 2, 30)]
        path = self.file("effects.cbor", b"".join(items))
        done = self.run_code(0, "apply", "--json", path)
        said = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(a["line"], a["status"]) for a in said],
                         [(1, "applied"), (2, "applied"), (3, "applied")])
        again = self.apply([transfer("alice", "bob", q, q) for q in (1, 2, 30)])
        self.assertEqual([(a["effect"], a["status"]) for a in again],
                         [(a["effect"], "duplicate") for a in said])
        if shutil.which("b3sum"):
            for item, answer in zip(items, said):
                hashed = subprocess.run(["b3sum", "--no-names"], input=item, check=True,
                                        stdout=subprocess.PIPE).stdout.decode().strip()
                self.assertEqual(digest(answer["effect"]).hex(), hashed)

    def test_cbor_comes_through_a_pipe_in_any_pieces(self):
        self.apply(PAIR)
        ids = {r["resource"]: digest(r["id"]) for r in self.json("list")}
        writer = Writer(self, "--json")
        for nonce in (1, 2, 3):
            for byte in cbor_transfer(ids["alice"], ids["bob"], 1, nonce):
                writer.process.stdin.write(bytes([byte]))
                writer.process.stdin.flush()
            self.assertEqual(writer.answer()["line"], nonce)
        self.assertEqual(writer.finish()[0], 0)

    def test_a_script_gets_each_answer_before_it_sends_the_next(self):
        writer = Writer(self, "--json")
        for i, effect in enumerate(PAIR + [transfer("alice", "bob", 1, n) for n in range(1, 20)]):
            writer.send([effect])
            self.assertEqual(writer.answer()["line"], i + 1)
        self.assertEqual(writer.finish(), (0, "", ""))

    def test_what_was_answered_is_durable_after_kill_9(self):
        writer = Writer(self, "--json")
        writer.send(PAIR + [transfer("alice", "bob", 1, n) for n in range(1, 50)])
        answers = [writer.answer() for _ in range(51)]
        writer.process.send_signal(signal.SIGKILL)
        writer.process.wait()
        for answer in (answers[0], answers[-1]):
            shown = self.json("show", answer["effect"])[0]
            self.assertEqual(shown["receipt"], answer["receipt"])
        self.assertEqual(self.json("show", "bob")[0]["quantity"], "49")

    def test_a_killed_apply_applied_again_gives_the_uninterrupted_root(self):
        effects = list(stream(20000))
        path = self.file("in", effects)
        whole = self.new_store("whole")
        self.run_code(1, "apply", path, store=whole)
        for answers in (1, 100, 5000):
            store = self.new_store(f"killed-{answers}")
            process = subprocess.Popen([COMMAND, "-C", str(store), "apply", "--json", "--batch",
                                        "64", str(path)], stdout=subprocess.PIPE)
            said = [process.stdout.readline() for _ in range(answers)]
            process.kill()
            process.communicate()
            self.root(store)
            self.assertEqual(self.json("show", json.loads(said[-1])["effect"], store=store)[0]
                             ["receipt"], json.loads(said[-1])["receipt"])
            self.run_code(1, "apply", path, store=store)
            self.assertEqual(self.root(store), self.root(whole))
            self.ok("audit", store=store)

    def test_a_second_writer_is_told_that_the_store_is_busy(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        first = subprocess.Popen([COMMAND, "-C", str(self.store), "apply", "--json", str(fifo)],
                                 stdout=subprocess.PIPE)
        with open(fifo, "wb") as pipe:
            pipe.write(lines(PAIR))
            pipe.flush()
            first.stdout.readline()
            message = self.refused(4, "apply", "-", stdin=lines(PAIR))
            self.assertIn("busy" if "busy" in message else "process", message)
            self.refused(4, "reindex")
            self.assertEqual(self.json("show", "alice")[0]["quantity"], "100")
        self.assertEqual(first.wait(60), 0)
        first.stdout.close()

    def test_an_apply_whose_reader_is_gone_ends_with_exit_5(self):
        writer = Writer(self, "--json")
        writer.send(PAIR)
        writer.answer()
        writer.process.stdout.close()
        self.assertEqual(writer.process.wait(60), 5)
        writer.process.stdin.close()
        self.assertIn(b"standard output", writer.process.stderr.read())
        writer.process.stdin = writer.process.stdout = None

    def test_results_that_cannot_be_written_are_exit_5(self):
        with open("/dev/full", "wb") as full:
            self.run_code(5, "apply", "--json", self.file("in", PAIR), stdout=full)
        self.assertEqual(len(self.json("list")), 2)

    def test_files_that_are_not_there_or_not_files(self):
        self.refused(3, "apply", "nothing")
        self.refused(5, "apply", self.folder)
        self.assertEqual(self.apply([]), [])
        self.assertEqual(self.apply([], "--format", "cbor"), [])


GOOD = lines(PAIR)
# What stands on line 3, the column that is wrong, words of the message, and the exit code.
MALFORMED = [
    (b"junk", 1, "expected a JSON value", 2),
    (b'{"op":"lock"', 13, "expected ','", 2),
    (b'{"op":"lock","resource":"a","nonce":1}}', 39, "something follows", 2),
    (b'{"op":"lock","resource":"a"}', 1, "nonce", 2),
    (b'{"op":"steal","resource":"a","nonce":1}', 7, "none of create", 2),
    (b'{"op":"lock","resource":"a","nonce":1,"nonce":2}', 39, "given twice", 2),
    (b'{"op":"lock","resource":"a","nonce":1,"extra":2}', 39, "unknown key", 2),
    (b'{"op":"lock","resource":"a","nonce":12345678901234567890}', 37, "as a string", 2),
    (b'{"op":"lock","resource":"a","nonce":1e3}', 37, "no integer", 2),
    (b'{"op":"lock","resource":5,"nonce":1}', 25, "must be a string", 2),
    (b'{"op":"lock","resource":"\x80","nonce":1}', 25, "UTF-8", 2),
    (b'{"op":"lock","resource":"a\\u0007","nonce":1}', 25, "a label", 2),
    (b'{"op":"transfer","from":"a","to":"b","quantity":"-5","nonce":1}', 49, "above zero", 2),
    (b'{"op":"transfer","from":"a","to":"b","quantity":"5.0","nonce":1}', 49, "decimal", 2),
    (b'{"op":"create","resource":"' + b"x" * 129 + b'","asset":"U","nonce":1}', 1, "128", 7),
    (b'{"op":"write","resource":"a","nonce":1,"data":"' + b"x" * 65537 + b'"}', 1, "65536", 7),
    (b" " * 262144 + b"{", 1, "CZI_JSON_LINE_MAX", 7),
    (b'{"nonce":1,"ops":[' + b",".join([b'{"op":"lock","resource":"a"}'] * 257) + b"]}", 7443,
     "256 operations", 7),
]


class Malformed(Store):
    def test_a_bad_line_is_named_exactly_and_nothing_is_applied(self):
        before = self.journal()
        for line, column, words, code in MALFORMED:
            path = self.file("bad", GOOD + line + b"\nmore junk\n")
            for words_in, name in ((["apply", path], str(path)),
                                   (["apply", "--json", path], str(path))):
                message = self.refused(code, *words_in)
                self.assertTrue(message.startswith(f"causality: {name}:3:{column}: "), message)
                self.assertIn(words, message)
            self.assertEqual(self.journal(), before)

    def test_standard_input_from_a_file_is_checked_whole_too(self):
        path = self.file("bad", GOOD + b"junk\n")
        before = self.journal()
        with open(path, "rb") as f:
            done = subprocess.run([COMMAND, "-C", str(self.store), "apply", "-"], stdin=f,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"standard input:3:1: ", done.stderr)
        self.assertEqual(self.journal(), before)

    def test_a_pipe_stops_at_the_bad_line_and_says_what_was_applied(self):
        for line, column, words, code in MALFORMED:
            done = self.run_command("apply", "--json", "-", stdin=GOOD + line + b"\n")
            self.assertEqual(done.returncode, code)
            self.assertEqual(len(done.stdout.splitlines()), 2)
            self.assertIn(f"standard input:3:{column}: ", done.stderr.decode())
            self.assertRegex(done.stderr.decode(),
                             "2 effects before that were taken: (2|0) applied")

    def test_a_last_line_without_its_end_counts(self):
        self.ok("apply", self.file("in", GOOD.rstrip()))
        self.assertEqual(len(self.json("list")), 2)

    def test_bad_cbor_is_named_by_item_and_byte(self):
        a, b = b"\x01" * 32, b"\x02" * 32
        good = cbor_transfer(a, b, 1, 1)
        before = self.journal()
        for bad, words in ((good[:-1], "byte"), (good[:40], "byte"), (b"\x8a" * 5, "byte"),
                           (good[:-1] + b"\xff", "byte"), (b"\x8a\x18\x01" + good[2:], "shortest"),
                           (cbor_transfer(a, b, 1, 1, priority=9), "maximum"),
                           (b"\x00", "array"), (b"\x9f", "indefinite"),
                           (b"\x8a\x01\x5b" + b"\xff" * 8, "byte"), (b"\x1c", "byte")):
            message = self.refused(2, "apply", self.file("bad", good + bad))
            self.assertIn(f"bad: item 2 at byte {len(good)}: ", message)
            self.assertIn(words, message)
            self.assertEqual(self.journal(), before)

    def test_a_forced_format_is_not_guessed(self):
        path = self.file("in", GOOD)
        self.assertIn("item 1", self.refused(2, "apply", "--format", "cbor", path))
        path = self.file("in", b"\x8a")
        self.assertIn("in:1:1: ", self.refused(2, "apply", "--format", "json", path))

    def test_control_characters_of_the_input_do_not_reach_the_terminal(self):
        path = self.file("bad", b'{"\\u001b[31m":1}\n')
        self.assertNotIn("\033", self.refused(2, "apply", path))


if __name__ == "__main__":
    main()
