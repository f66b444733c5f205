"""causality import ethereum: positions against an independent computation, falsified blocks."""
import gzip
import json
import os
import pathlib
import random
import re
import unittest

import eth_positions
from test_cli_support import ROOT, Store, main

GOLDEN = ROOT / "tests" / "golden"
SHARED = pathlib.Path(os.environ.get("CAUSALITY_SHARED", ROOT.parent / "shared")) / "data"
MAINNET = sorted((SHARED / "ethereum-mainnet").glob("*.json"))
needs_mainnet = unittest.skipUnless(MAINNET, "needs shared data: ethereum-mainnet")


class Import(Store):
    def segment(self):
        path = self.folder / "segment.jsonl"
        path.write_bytes(gzip.decompress((GOLDEN / "anvil-segment.jsonl.gz").read_bytes()))
        return path

    def positions(self, **more):
        lines = self.ok("list", "--kind", "position", "--json", **more).splitlines()
        return {row["resource"]: int(row["quantity"]) for row in map(json.loads, lines)}

    def blocks(self, *paths):
        return [block for path in paths for block in eth_positions.read_blocks(str(path))]

    def test_positions_of_the_recorded_segment_equal_an_independent_computation(self):
        path = self.segment()
        self.ok("import", "ethereum", path)
        self.assertEqual(self.positions(), dict(eth_positions.positions(self.blocks(path))))

    def test_positions_of_the_recorded_segment_equal_what_the_node_says(self):
        self.ok("import", "ethereum", self.segment())
        node = json.loads((GOLDEN / "anvil-segment.summary.json").read_text())
        ours = self.positions()
        for account in node["accounts"]:
            for member, token in (("position_eth", "ETH"), ("position_token", node["token"])):
                label = f"ethereum:{account['address'].lower()}:{token}"
                self.assertEqual(ours.get(label, 0), int(account[member]), label)

    @needs_mainnet
    def test_positions_of_mainnet_blocks_equal_an_independent_computation(self):
        self.ok("import", "ethereum", *MAINNET)
        self.assertEqual(self.positions(), dict(eth_positions.positions(self.blocks(*MAINNET))))

    @needs_mainnet
    def test_mainnet_blocks_audit_and_replay(self):
        self.ok("import", "ethereum", *MAINNET)
        self.run_code(0, "audit")
        self.run_code(0, "replay")

    def test_importing_again_changes_nothing(self):
        path = self.segment()
        self.ok("import", "ethereum", path)
        before = self.root(), self.positions()
        again = json.loads(self.ok("import", "ethereum", path, "--json"))
        self.assertEqual((self.root(), self.positions()), before)
        self.assertEqual(int(again["applied"]), 0)
        self.assertGreater(int(again["duplicates"]), 2000)

    def test_the_root_is_the_same_for_any_number_of_threads_and_any_split(self):
        path = self.segment()
        roots = set()
        for threads in (1, 2, 4):
            store = self.new_store(f"threads-{threads}")
            self.ok("import", "ethereum", "--threads", threads, path, store=store)
            roots.add(self.root(store=store))
        lines = path.read_text().splitlines()
        store = self.new_store("split")
        for i in range(0, len(lines), 5):
            part = self.folder / f"part-{i}.jsonl"
            part.write_text("\n".join(lines[i:i + 5]))
            self.ok("import", "ethereum", part, store=store)
        roots.add(self.root(store=store))
        self.assertEqual(len(roots), 1)

    def test_a_trusted_hash_pins_the_newest_block_and_its_ancestors(self):
        path = self.segment()
        newest = self.blocks(path)[-1]["hash"]
        self.ok("import", "ethereum", "--trust", newest, path)
        self.run_code(0, "audit")

    def test_a_trusted_hash_that_no_block_has_is_refused(self):
        before = self.journal()
        done = self.run_code(6, "import", "ethereum", "--trust", "0x" + "11" * 32, self.segment())
        self.assertIn(b"neither the trusted block nor linked to it", done.stderr)
        self.assertEqual(self.journal(), before)

    def test_what_must_wait_by_the_domains_rules_is_counted_and_can_be_imported_later(self):
        path = self.segment()
        self.ok("domain", "add", "ethereum", "--adapter", "ethereum", "--record-depth", "3")
        blocks = len(self.blocks(path))
        done = self.run_command("import", "ethereum", "--json", path)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"head is not that far yet", done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(int(report["facts"]), blocks)
        self.assertGreater(int(report["refused"]), 2000)
        self.assertEqual((report["applied"], report["rejected"]), ("0", "0"))
        self.ok("domain", "add", "ethereum", "--record-depth", "0")
        self.ok("import", "ethereum", path)
        self.assertEqual(self.positions(), dict(eth_positions.positions(self.blocks(path))))
        self.ok("audit")
        self.ok("replay")

    def falsify(self, path, rng):
        """One digit or letter of one value, anywhere in the file, and where that is."""
        text = path.read_text()
        found = rng.choice(list(re.finditer(r'"0x[0-9a-f]+"', text)))
        at = rng.randrange(found.start() + 3, found.end() - 1)
        other = rng.choice([c for c in "0123456789abcdef" if c != text[at]])
        return text[:at] + other + text[at + 1:], at

    def test_a_falsified_digit_anywhere_is_refused_and_the_store_is_as_before(self):
        seed = int(os.environ.get("CAUSALITY_SEED", "1"))
        rng = random.Random(seed)
        path = self.folder / "block.json"
        # A block after the merge without uncles: nothing in it is beyond proof.
        path.write_text(json.dumps(self.blocks(self.segment())[20]))
        before = self.journal()
        for _ in range(60):
            text, at = self.falsify(path, rng)
            bad = self.folder / "bad.json"
            bad.write_text(text)
            done = self.run_command("import", "ethereum", bad)
            where = f"seed {seed}, offset {at}: {text[max(0, at - 40):at + 20]}"
            self.assertIn(done.returncode, (2, 6), where)
            self.assertIn(b"block", done.stderr, where)
            self.assertEqual(self.journal(), before, where)

    def test_one_bad_block_among_good_ones_leaves_the_store_as_before(self):
        lines = self.segment().read_text().splitlines()
        lines[7] = lines[7].replace('"value":"0x', '"value":"0x1', 1)
        path = self.folder / "one-bad.jsonl"
        path.write_text("\n".join(lines))
        before = self.journal()
        done = self.run_command("import", "ethereum", path)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn(b"one-bad.jsonl:8", done.stderr)
        self.assertEqual(self.journal(), before)


if __name__ == "__main__":
    main()
