"""causality placement: groups that the journal suggests, applied, and nothing else changed."""
import unittest

from test_cli_support import Store, create, main, transfer

FAMILIES = [["ann", "abe"], ["ben", "bea", "bob"], ["cid", "cyn"]]


class Placement(Store):
    def setUp(self):
        super().setUp()
        people = [p for family in FAMILIES for p in family] + ["zoe"]
        effects = [create(p, 1000, n) for n, p in enumerate(people, 1)]
        nonce = len(people) + 1
        for _ in range(4):
            for family in FAMILIES:
                for a, b in zip(family, family[1:]):
                    effects.append(transfer(a, b, 1, nonce))
                    nonce += 1
        effects.append(transfer("zoe", "ann", 1, nonce))  # once: that says nothing
        self.apply(effects)

    def groups(self, *words):
        *members, report = self.json("placement", *words)
        found = {}
        for m in members:
            found.setdefault(m["group"], set()).add(m["resource"])
        return sorted(map(sorted, found.values())), report

    def test_what_is_used_together_is_suggested(self):
        found, report = self.groups("suggest")
        self.assertEqual(found, sorted(map(sorted, FAMILIES)))
        # 8 creations, and 4 rounds of 4 transfers and one more
        self.assertEqual(report, {"effects": "25", "resources": "8", "grouped": "7",
                                  "groups": 3, "pairs": "17", "together": "16"})
        self.assertEqual(self.groups("show")[0], [])

    def test_a_suggestion_is_applied_and_results_stay(self):
        before = [self.json("root"), self.json("list"), self.json("log", "bea")]
        report = self.json("placement", "apply", "--group-max", "3")[0]
        self.assertEqual((report["groups"], report["together"]), (3, "16"))
        self.assertEqual(self.groups("show")[0], sorted(map(sorted, FAMILIES)))
        self.assertEqual([self.json("root"), self.json("list"), self.json("log", "bea")], before)
        self.ok("reindex")
        self.assertEqual(self.groups("show")[0], sorted(map(sorted, FAMILIES)))
        self.ok("audit")
        self.ok("replay")
        self.apply([transfer("ann", "abe", 1, 100)])
        self.assertEqual(self.groups("show")[1]["together"], "17")

    def test_groups_of_one_are_none(self):
        self.ok("placement", "apply")
        self.ok("placement", "apply", "-g", "1")
        self.assertEqual(self.groups("show")[0], [])

    def test_as_text_with_labels_and_a_sum(self):
        text = self.ok("placement", "suggest").split("\n")
        self.assertEqual(text[0].split(), ["GROUP", "USES", "RESOURCE"])
        # ben 4 and bea 8 and bob 4 transfers, and each was created
        self.assertIn(["1", "9", "bea"], [line.split() for line in text])
        self.assertIn("3 groups with 7 of 8 resources; of 17 pairs that an effect used, "
                      "16 (94.1 %) lie together", text)

    def test_the_store_may_be_an_argument(self):
        self.ok("placement", "apply", str(self.store), store=self.folder)
        self.assertEqual(self.groups("show")[0], sorted(map(sorted, FAMILIES)))

    def test_wrong_usage_and_no_store_are_refused(self):
        self.assertIn("show", self.refused(2, "placement", "shew"))
        self.refused(2, "placement", "suggest", "--group-max", "0")
        self.refused(2, "placement", "show", "--group-max", "2")
        self.refused(3, "placement", "apply", str(self.folder / "none"))


if __name__ == "__main__":
    main()
