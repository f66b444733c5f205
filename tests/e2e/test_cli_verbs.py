"""Every verb of the command: what it prints, as text and as JSON, and its exit codes."""
import gzip
import json
import os
import subprocess
import unittest

from test_cli_support import COMMAND, ROOT, Store, create, lines, main, transfer

FAMILY = [create("alice", 100, 1), create("bob", 0, 2), transfer("alice", "bob", 30, 1),
          {"op": "create", "resource": "note", "data": "h\u00e9llo", "nonce": 3},
          {"op": "create", "resource": "outside", "kind": "position", "asset": "ETH", "nonce": 4}]
VERBS = ["init", "import", "apply", "show", "list", "log", "domain", "fact", "account", "disputed",
         "program", "vm", "why", "before", "time-map", "root", "audit", "replay", "export",
         "reindex", "placement", "wait-graph", "key", "sim", "bench", "version", "help"]
READING = [["show", "alice"], ["list"], ["log", "alice"], ["root"], ["audit"], ["replay"]]


class Verbs(Store):
    def test_init_makes_a_store_once(self):
        self.assertEqual(self.json("init", store=self.folder / "new"),
                         [{"store": str(self.folder / "new")}])
        self.assertIn("there is a store here already",
                      self.refused(4, "init", store=self.folder / "new"))

    def test_init_takes_a_folder_inside_the_one_of_C(self):
        self.ok("init", "inner", store=self.folder)
        self.assertEqual(self.ok("list", store=self.folder / "inner").split()[0], "RESOURCE")

    def test_init_leaves_a_folder_with_other_files_alone(self):
        self.file("mine", b"x")
        self.refused(4, "init", store=self.folder)
        self.assertEqual((self.folder / "mine").read_bytes(), b"x")

    def test_show_and_list_print_the_same_object(self):
        self.apply(FAMILY)
        listed = self.json("list")
        self.assertEqual([r["resource"] for r in listed], ["alice", "bob", "note", "outside"])
        for resource in listed:
            self.assertEqual(self.json("show", resource["resource"]), [resource])
        alice = listed[0]
        self.assertEqual({k: alice[k] for k in ("kind", "asset", "quantity", "version", "state",
                                                "position", "lamport")},
                         {"kind": "fungible", "asset": "EUR", "quantity": "70", "version": "2",
                          "state": "active", "position": "3", "lamport": "2"})
        for key in ("id", "head", "controller", "creator"):
            self.assertRegex(alice[key], "^bafyr4i[a-z2-7]{52}$")
        note, outside = listed[2:]
        self.assertEqual((note["data"], note["quantity"], note["asset"]),
                         ("aMOpbGxv", None, None))
        self.assertEqual((outside["kind"], outside["quantity"]), ("position", "0"))

    def test_show_takes_any_unique_prefix_of_an_id(self):
        applied = self.apply(FAMILY)
        ids = [r["id"] for r in self.json("list")] + [a["effect"] for a in applied]
        for wanted in ids:
            n = next(n for n in range(8, 60)
                     if sum(i.startswith(wanted[:n]) for i in ids) == 1)
            shown = self.json("show", wanted[:n])[0]
            self.assertEqual(shown.get("id", shown.get("effect")), wanted)
            if n > 8:
                message = self.refused_with_candidates(wanted[:n - 1])
                self.assertIn(wanted, message)

    def refused_with_candidates(self, prefix):
        done = self.run_code(4, "show", prefix)
        self.assertIn("type more of the id", done.stderr.decode())
        return done.stderr.decode()

    def test_show_prints_an_effect_with_its_receipt(self):
        applied = self.apply(FAMILY)
        shown = self.json("show", applied[2]["effect"])[0]
        self.assertEqual(shown["ops"], [{"op": "transfer", "from": "alice", "to": "bob",
                                         "quantity": "30"}])
        self.assertEqual((shown["receipt"], shown["status"], shown["position"], shown["nonce"]),
                         (applied[2]["receipt"], "applied", "3", "1"))
        self.assertEqual({p["resource"]: p["quantity"] for p in shown["posts"]},
                         {"alice": "70", "bob": "30"})
        text = self.ok("show", applied[2]["effect"])
        self.assertIn("transfer 30 from alice to bob", text)

    def test_show_of_what_is_not_there_is_exit_3(self):
        for name in ("nobody", "bafyr4i", "bafyr4ia", "b" * 59, "", "x" * 500):
            self.refused(3, "show", name)

    def test_list_filters(self):
        self.apply(FAMILY + [{"op": "lock", "resource": "bob", "nonce": 5}])
        for words, labels in ((["--kind", "data"], ["note"]), (["--prefix", "a"], ["alice"]),
                              (["--asset", "EUR"], ["alice", "bob"]),
                              (["--state", "locked"], ["bob"]), (["--kind", "position"],
                                                                 ["outside"]),
                              (["--asset", "EUR", "--state", "active"], ["alice"]),
                              (["--prefix", "zz"], [])):
            self.assertEqual([r["resource"] for r in self.json("list", *words)], labels)

    def test_list_is_a_table_with_numbers_to_the_right(self):
        self.apply(FAMILY)
        self.assertEqual(self.ok("list"),
                         "RESOURCE  KIND      ASSET  QUANTITY  VERSION  STATE\n"
                         "alice     fungible  EUR          70        2  active\n"
                         "bob       fungible  EUR          30        2  active\n"
                         "note      data      -             -        1  active\n"
                         "outside   position  ETH           0        1  active\n")

    def test_log_lists_entries_oldest_first(self):
        applied = self.apply(FAMILY + [transfer("bob", "alice", 1, 1)])
        entries = self.json("log", "bob")
        self.assertEqual([(e["position"], e["version"], e["quantity"], e["state"])
                          for e in entries],
                         [("2", "1", "0", "active"), ("3", "2", "30", "active"),
                          ("6", "3", "29", "active")])
        self.assertEqual([e["effect"] for e in entries], [applied[i]["effect"] for i in (1, 2, 5)])
        self.assertEqual([e["receipt"] for e in entries],
                         [applied[i]["receipt"] for i in (1, 2, 5)])
        self.assertEqual(entries[2]["ops"][0]["from"], "bob")
        self.assertIn("transfer 1 from bob to alice", self.ok("log", "bob").splitlines()[3])

    def test_a_log_does_not_name_effects_that_were_rejected(self):
        self.apply(FAMILY)
        self.apply([transfer("bob", "alice", 31, 1)], code=1)
        self.assertEqual(len(self.json("log", "bob")), 2)

    def test_what_a_log_says_was_done_can_be_applied_to_another_store(self):
        self.apply(FAMILY)
        other = self.new_store("other")
        entries = self.json("log", "alice") + self.json("log", "bob")
        ops = {e["position"]: e["ops"] for e in entries}
        effects = [{"nonce": int(p), "origin": "copy", "ops": o} for p, o in sorted(ops.items())]
        self.apply(effects, store=other)
        self.assertEqual([(r["resource"], r["quantity"]) for r in self.json("list", store=other)],
                         [("alice", "70"), ("bob", "30")])

    def test_root_is_64_hex_digits_and_changes_with_the_state(self):
        before = self.root()
        self.apply(FAMILY)
        self.assertRegex(before, "^[0-9a-f]{64}$")
        self.assertNotEqual(self.root(), before)
        self.assertEqual(self.json("root"), [{"root": self.root()}])

    def test_audit_and_replay_agree_with_root(self):
        self.apply(FAMILY)
        for verb, verdict in (("audit", "ok"), ("replay", "equal")):
            report = self.json(verb)[0]
            self.assertEqual((report[verb], report["root"], report["effects"], report["applied"],
                              report["resources"]), (verdict, self.root(), "5", "5", "4"))
            self.assertTrue(self.ok(verb).endswith(f"{verb}: {verdict}\n"))
            self.assertEqual(self.json(verb, "--threads", "1"), [report])

    def test_a_flipped_bit_is_exit_6_with_the_place(self):
        self.apply(FAMILY)
        segment = next((self.store / "journal").iterdir())
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 1
        segment.write_bytes(data)
        done = self.run_code(6, "audit")
        self.assertEqual(done.stdout, b"audit: failed\n")
        self.assertRegex(done.stderr.decode(), rf"journal/{segment.name}.* \d+")
        done = self.run_code(6, "audit", "--json")
        finding = json.loads(done.stdout)
        self.assertEqual((finding["audit"], finding["code"]), ("failed", "corrupt"))
        self.assertIn(segment.name, finding["finding"])
        self.run_code(6, "replay")

    def test_export_writes_a_car_whole_or_not_at_all(self):
        self.apply(FAMILY)
        report = self.json("export", "--format", "car", "-o", "out.car")[0]
        data = (self.folder / "out.car").read_bytes()
        self.assertEqual(report["bytes"], str(len(data)))
        self.assertEqual(self.run_code(0, "export").stdout, data)
        # CAR v1: a varint and a header {"roots": […], "version": 1} in DAG-CBOR.
        self.assertEqual(data[1:2], b"\xa2")
        self.assertIn(b"gversion\x01", data[:100])
        self.refused(5, "export", "-o", "no/such/folder.car")
        self.refused(3, "export", "-o", "other.car", store=self.folder / "nowhere")
        self.assertEqual([p.name for p in self.folder.glob("*.car*")], ["out.car"])

    def test_export_with_json_wants_a_file(self):
        self.assertIn("--output", self.refused(2, "export", "--json"))

    def test_reindex_keeps_everything(self):
        self.apply(FAMILY)
        before = self.ok("list", "--json")
        self.assertEqual(self.json("reindex"), [{"effects": "5"}])
        self.assertEqual(self.ok("list", "--json"), before)
        self.ok("audit")

    def test_import_records_blocks_and_positions(self):
        data = gzip.decompress((ROOT / "tests/golden/anvil-segment.jsonl.gz").read_bytes())
        summary = json.loads((ROOT / "tests/golden/anvil-segment.summary.json").read_text())
        path = self.file("blocks.jsonl", data)
        report = self.json("import", "ethereum", path)[0]
        self.assertEqual(report["transactions"], str(summary["transactions"]))
        self.assertEqual(report["rejected"], "0")
        balances = {r["resource"].lower(): r["quantity"]
                    for r in self.json("list", "--kind", "position")}
        for account in summary["accounts"]:
            label = f"ethereum:{account['address']}:eth".lower()
            self.assertEqual(balances.get(label, "0"), account["position_eth"])
        root = self.root()
        again = self.json("import", "ethereum", path)[0]
        self.assertEqual((again["applied"], again["duplicates"]), ("0", report["applied"]))
        self.assertEqual(self.root(), root)

    def test_import_refuses_a_falsified_block_and_records_nothing(self):
        data = gzip.decompress((ROOT / "tests/golden/anvil-segment.jsonl.gz").read_bytes())
        before = self.journal()
        bad = data.replace(b'"value":"0x', b'"value":"0x1', 1)
        self.assertNotEqual(bad, data)
        self.refused(6, "import", "ethereum", self.file("bad.jsonl", bad))
        self.refused(6, "import", "ethereum", "--trust", "0x" + "00" * 32,
                     self.file("good.jsonl", data))
        self.refused(2, "import", "ethereum", self.file("junk", b"[1"))
        self.refused(2, "import", "litecoin", "x")
        self.refused(2, "import", "ethereum", "--trust", "0x12", "x")
        self.refused(3, "import", "ethereum", "nothing")
        self.assertEqual(self.journal(), before)

    def test_bench_prints_one_object(self):
        result = json.loads(self.ok("bench", "transfers", "--mode", "plan", "--effects", "1000",
                                    "--accounts", "10", "--json"))
        self.assertEqual((result["effects"], result["rejected"]), (1000, 0))

    def test_version(self):
        self.assertRegex(self.ok("version"), r"^causality \d+\.\d+\.\d+\n$")
        self.assertEqual(self.json("version")[0]["version"], self.ok("version").split()[1])

    def test_help_names_every_verb_and_every_exit_code(self):
        for text in (self.ok("help"), self.ok("--help"), self.ok("-h")):
            for verb in VERBS:
                self.assertRegex(text, rf"(?m)^  {verb} ")
            for code in (0, 1, 2, 3, 4, 5, 6, 7, 70):
                self.assertRegex(text, rf"(?m)^  {code} ")
        self.assertEqual([v["verb"] for v in self.json("help")], VERBS)

    def test_each_verb_explains_its_options(self):
        for verb in self.json("help"):
            text = self.ok(verb["verb"], "--help")
            self.assertEqual(self.ok("help", verb["verb"]), text)
            for option in verb["options"]:
                self.assertIn("--" + option["name"], text)
            names = [o["name"] for o in verb["options"]]
            letters = [o["letter"] for o in verb["options"] if o["letter"]]
            self.assertEqual(len(set(names)), len(names), verb["verb"])
            self.assertEqual(len(set(letters)), len(letters), verb["verb"])
            self.assertIn("directory", names)


class Usage(Store):
    def test_unknown_words_are_exit_2_with_the_nearest_known_one(self):
        for words, hint in ((["lsit"], '"list"'), (["aply", "x"], '"apply"'),
                            (["help", "rot"], '"root"'), (["list", "--kin", "data", "--sate"],
                                                          "--state"),
                            (["list", "--jsno"], "--json"), (["apply", "--tread", "1", "x"],
                                                             "--threads"),
                            (["--jsom", "list"], "--json")):
            self.assertIn(f"did you mean {hint}?", self.refused(2, *words), words)
        self.assertNotIn("did you mean", self.refused(2, "qwertyuiop"))

    def test_wrong_arguments_are_exit_2(self):
        for words, text in (([], "a verb is missing"), (["show"], "an argument is missing"),
                            (["show", "a", "b"], '"b" is one argument too many'),
                            (["root", "x"], "too many"), (["apply"], "missing"),
                            (["list", "--kind"], "--kind needs an argument"),
                            (["list", "--kind", "gold"], "none of fungible|position|data"),
                            (["list", "-x"], "no option -x"),
                            (["root", "--json=1"], "--json takes no argument"),
                            (["apply", "--threads", "0", "x"], "from 1 to 64"),
                            (["apply", "--threads", "many", "x"], "from 1 to 64"),
                            (["apply", "--batch", "8193", "x"], "from 1 to 8192"),
                            (["apply", "--format", "xml", "x"], "none of json|cbor"),
                            (["export", "--format", "zip"], "none of car")):
            self.assertIn(text, self.refused(2, *words), words)

    def test_C_stands_before_or_after_the_verb(self):
        for words in (["-C", self.store, "root"], ["root", "-C", self.store],
                      ["root", "--directory", self.store], [f"--directory={self.store}", "root"]):
            done = subprocess.run([COMMAND, *map(str, words)], stdout=subprocess.PIPE,
                                  cwd="/", check=True)
            self.assertEqual(done.stdout.decode().strip(), self.root())

    def test_a_folder_that_is_no_store_is_exit_3_with_a_hint(self):
        for words in READING + [["apply", "-"], ["reindex"], ["export", "-o", "x"]]:
            for folder in (self.folder, self.folder / "nowhere"):
                message = self.refused(3, *words, store=folder)
                self.assertIn("causality init", message, words)
        self.assertFalse((self.folder / "nowhere").exists())

    def test_colour_is_for_terminals_without_NO_COLOR(self):
        self.apply(FAMILY)
        self.assertNotIn("\033", self.ok("list"))
        coloured, plain = (self.on_terminal("list", NO_COLOR=value) for value in ("", "1"))
        self.assertIn("\033[1mRESOURCE", coloured)
        self.assertNotIn("\033", plain)

    def test_a_narrow_terminal_cuts_labels(self):
        self.apply([create("long-" * 20, 1, 1)])
        text = self.on_terminal("list", NO_COLOR="1", columns=60)
        self.assertTrue(all(len(line) <= 60 for line in text.splitlines()), text)
        self.assertIn("\u2026", text)
        self.assertIn("long-" * 20, self.ok("list"))

    def on_terminal(self, *words, columns=80, **env):
        import fcntl
        import pty
        import struct
        import termios
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.run_code(0, *words, stdout=slave, env={"TERM": "xterm", **env})
        os.close(slave)
        data = b""
        try:
            while part := os.read(master, 65536):
                data += part
        except OSError:
            pass
        os.close(master)
        return data.decode()

    def test_output_that_cannot_be_written_is_exit_5(self):
        self.apply(FAMILY)
        for words in READING + [["version"], ["help"], ["show", "alice", "--json"], ["export"]]:
            with open("/dev/full", "wb") as full:
                done = self.run_code(5, *words, stdout=full)
            self.assertIn("No space left", done.stderr.decode(), words)
            reader, writer = os.pipe()
            os.close(reader)
            done = self.run_code(5, *words, stdout=writer)
            os.close(writer)
            self.assertIn("Broken pipe", done.stderr.decode(), words)

    @unittest.skipIf(os.geteuid() == 0 and not os.path.exists("/usr/bin/setpriv"),
                     "root may write anywhere, and setpriv is not there")
    def test_reading_verbs_work_where_nothing_may_be_written(self):
        self.apply(FAMILY)
        subprocess.run(["chmod", "-R", "a+rX,a-w", self.store], check=True)
        subprocess.run(["chmod", "a+rx", self.folder], check=True)
        nobody = []
        if os.geteuid() == 0:
            nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        try:
            for words in READING:
                done = subprocess.run([*nobody, COMMAND, "-C", str(self.store), *words],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/")
                self.assertEqual(done.returncode, 0, done.stderr)
            done = subprocess.run([*nobody, COMMAND, "-C", str(self.store), "apply", "-"],
                                  input=lines(FAMILY), stderr=subprocess.PIPE, cwd="/")
            self.assertEqual(done.returncode, 5, done.stderr)
        finally:
            subprocess.run(["chmod", "-R", "u+w", self.store], check=True)


class UnfinishedTail(Store):
    def test_audit_does_not_vouch_for_what_follows_the_last_whole_frame(self):
        self.apply([create("a", 5, 1)])
        segment = self.store / "journal" / "0000000000000001"
        segment.write_bytes(segment.read_bytes() + b"half of an append")
        done = self.run_code(1, "audit")
        self.assertIn(b"torn tail      17 bytes", done.stdout)
        self.assertIn(b"audit: ok up to position 1, not behind it", done.stdout)


if __name__ == "__main__":
    main()
