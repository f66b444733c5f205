"""The programs in examples/, run as the README has it."""
import json
import os
import re
import subprocess

from test_cli_support import Store, main

FACTS = os.environ["EXAMPLE_FACTS"]
GUARDS = os.environ["EXAMPLE_GUARDS"]
WORLD = os.environ["EXAMPLE_WORLD"]


class Examples(Store):
    def test_two_parties_meet_one_is_refused_and_everybody_goes_on(self):
        program = subprocess.Popen([GUARDS, self.store], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        refused = program.stdout.readline()
        self.assertIn("'alice' waits for account (write), held by 'bob'", refused)
        self.assertIn("'bob' waits for invoice (write), held by 'alice'", refused)
        self.assertIn("Enter goes on", program.stdout.readline())
        graph = self.ok("wait-graph")
        self.assertRegex(graph, r"account +thread \d+ bob +write +holds")
        self.assertRegex(graph, r"invoice +thread \d+ alice +write +holds")
        self.assertRegex(graph, r"invoice +thread \d+ bob +write +waits 1")
        out, _ = program.communicate("\n", timeout=60)
        self.assertEqual(program.returncode, 0)
        self.assertRegex(out, r"(?s)becomes 'paid'.*was 'paid' at version 2, becomes 'settled'.*"
                              r"the effect came last, at position [56]\n")
        # Bob's other commit comes before the effect or after it.
        positions = [int(entry["position"]) for entry in self.json("log", "invoice")]
        self.assertIn(positions, ([1, 3, 4, 5], [1, 3, 4, 6]))
        self.ok("audit")
        self.ok("replay")
        self.assertIn("no process", self.refused(3, "wait-graph"))

    def test_a_deposit_is_credited_once_whatever_its_chain_does(self):
        out = subprocess.run([FACTS, self.store], check=True, stdout=subprocess.PIPE,
                             text=True).stdout.splitlines()
        self.assertRegex(out[0], "credit alice's deposit: applied")
        self.assertRegex(out[1], "once more: .*used for this purpose before")
        self.assertRegex(out[2], "alice pays bob: applied")
        self.assertEqual(out[3], "the chain drops the block:")
        self.assertRegex(out[4], r"disputed: .* position 4, which cites the deposit")
        self.assertRegex(out[5], r"disputed: .* position 5, which follows from it")
        self.assertEqual(out[6:8], ["the deposit is in another block:",
                                    "  nothing is disputed"])
        self.assertRegex(out[8], "in its new block: .*used for this purpose before")
        self.assertRegex(out[9], "price of 5: applied")
        self.assertRegex(out[10], "when it is 9: .*says otherwise now")
        quantities = {row["resource"]: row["quantity"] for row in
                      map(json.loads, self.ok("list", "--json").splitlines())}
        self.assertEqual(quantities, {"moon:vault": "910", "moon:alice": "70",
                                      "moon:bob": "20"})
        self.ok("audit")
        self.ok("replay")

    def live(self, name, seed):
        """What a world says, and the bytes of the store that it leaves."""
        store = self.folder / name
        out = subprocess.run([WORLD, store, str(seed)], check=True, stdout=subprocess.PIPE,
                             text=True).stdout
        self.ok("audit", store=store)
        self.ok("replay", store=store)
        return out, {file.name: file.read_bytes() for file in store.glob("**/*")
                     if file.is_file() and "index" not in file.parts}

    def test_a_world_tells_the_same_story_of_the_same_seed_and_loses_nothing_told(self):
        out, files = self.live("first", 3)
        lines = [re.fullmatch(r"step +(\d+)  told ([abc]*) +in the book ([abc]*)", line)
                 for line in out.splitlines()]
        self.assertEqual(len(lines), 5)
        for line in lines:
            self.assertTrue(line[3].startswith(line[2]))
        self.assertEqual([lines[-1][3].count(letter) for letter in "abc"], [10, 10, 10])
        again = self.live("again", 3)
        self.assertEqual(again[0], out)
        self.assertEqual(again[1], files)
        self.assertNotEqual(self.live("other", 4)[1], files)


if __name__ == "__main__":
    main()
