"""Facts, domains and disputes on the command line, told by a simulated chain: what is credited
once, what is refused and why, what a reorganisation disputes, how a frozen domain goes on."""
import base64
import gzip
import json
import os
import stat

from test_cli_support import ROOT, Store, create, lines, main, transfer


class Facts(Store):
    """What a simulated chain says goes into the store line by line."""

    def sim(self, *steps, seed=7, name="moon", **more):
        """The lines that a chain prints, as objects."""
        text = self.ok("sim", name, "--seed", seed, *steps, **more)
        return [json.loads(line) for line in text.splitlines()]

    def domain(self, **policy):
        """The chain's domain with another policy."""
        (line,) = self.sim("domain")
        line["domain"].update(policy)
        return line

    def add(self, facts, *words, code=0, store=None):
        done = self.run_code(code, "fact", "add", "--json", *words, "-", stdin=lines(facts),
                             store=store)
        return [json.loads(line) for line in done.stdout.decode().splitlines()]

    def add_refused(self, fact, fault, text):
        """One fact, and what is said of it for programs and for people."""
        before = self.journal()
        (said,) = self.add([fact], code=1)
        self.assertEqual((said["status"], said["fault"], said["id"]), ("refused", fault, None))
        self.assertIn(text, said["detail"])
        done = self.run_code(1, "fact", "add", "-", stdin=lines([fact]))
        self.assertIn(f"standard input:1: refused: {fault}: {said['detail']}\n",
                      done.stdout.decode())
        self.assertEqual(self.journal(), before)

    def start(self, *steps, **policy):
        """A store that knows the chain as far as the steps tell it."""
        facts = self.sim(*steps, "facts")
        said = self.add([self.domain(**policy), *facts])
        self.assertEqual({a["status"] for a in said}, {"recorded"})
        return facts

    def only(self, facts, kind, height=None):
        (fact,) = [f for f in facts if f.get("kind") == kind
                   and (height is None or f["height"] == str(height))
                   and not f.get("final")]
        return fact

    def credit(self, fact, label="alice", quantity=100, nonce=1, **terms):
        terms = {"fact": fact["id"], "purpose": "credit", **terms}
        return {**create(label, quantity, nonce, "MOON"),
                "facts": [{k: v for k, v in terms.items() if v is not None}]}

    def check(self):
        """Whatever happened can be audited and replayed without the chain."""
        self.assertIn("audit: ok", self.ok("audit"))
        self.assertIn("replay: equal", self.ok("replay"))


class Scenarios(Facts):
    def test_a_deposit_is_credited_once(self):
        facts = self.start("deposit=alice:MOON:100", "mine=2")
        deposit = self.only(facts, "deposit")
        said = self.apply([self.credit(deposit), self.credit(deposit, "again", nonce=2)], code=1)
        self.assertEqual([(a["status"], a["reason"]) for a in said],
                         [("applied", None), ("rejected", "event-consumed")])
        self.check()

    def test_a_deposit_that_is_included_again_is_credited_once(self):
        steps = ["deposit=alice:MOON:100", "mine=2"]
        facts = self.start(*steps)
        self.apply([self.credit(self.only(facts, "deposit"))])
        later = self.sim(*steps, "reorg=2", "retract=1", "facts")
        self.add(later)
        again = self.only(later, "deposit")
        self.assertNotEqual(again["id"], self.only(facts, "deposit")["id"])
        said = self.apply([self.credit(again, "again", nonce=2)], code=1)
        self.assertEqual(said[0]["reason"], "event-consumed")
        self.assertEqual(self.json("disputed"), [])
        self.check()

    def test_a_retraction_disputes_what_follows_and_nothing_else(self):
        steps = ["deposit=alice:MOON:100", "mine", "deposit=bob:MOON:50", "mine=2"]
        facts = self.start(*steps)
        first, second = (self.only(facts, "deposit", h) for h in (1, 2))
        said = self.apply([
            self.credit(first, "alice", 100, 1), self.credit(second, "bob", 50, 2),
            create("eve", 7, 3, "MOON"), create("shop", 0, 4, "MOON"),
            transfer("bob", "shop", 5, 1), transfer("eve", "alice", 1, 1),
            create("other", 0, 5, "EUR")])
        # The second block goes, and the deposit in it does not come again.
        self.add(self.sim(*steps, "reorg-drop=2", "retract=2", "facts=2"))
        disputed = self.json("disputed")
        self.assertEqual([(int(d["position"]), d["direct"], d["fact"]) for d in disputed],
                         [(2, True, second["id"]), (5, False, second["id"])])
        self.assertEqual([d["effect"] for d in disputed],
                         [said[1]["effect"], said[4]["effect"]])
        for i, answer in enumerate(said):
            self.assertIs(self.json("show", answer["effect"])[0]["disputed"], i in (1, 4))
        self.assertEqual([e["disputed"] for e in self.json("log", "shop")], [False, True])
        self.assertIn("[disputed] transfer 5", self.ok("log", "shop").splitlines()[-1])
        self.assertIn("\n         2  " + said[1]["effect"] + "  cites     " + second["id"],
                      self.ok("disputed"))
        self.assertIn("disputed   it rests on a fact", self.ok("show", said[4]["effect"]))
        self.check()

    def test_a_retraction_rejects_what_is_not_applied_yet(self):
        steps = ["deposit=alice:MOON:100", "mine"]
        facts = self.start(*steps)
        self.add(self.sim(*steps, "reorg-drop=1", "retract=1"))
        deposit = self.only(facts, "deposit")
        (said,) = self.apply([self.credit(deposit)], code=1)
        self.assertEqual(said["reason"], "not-canonical")
        (said,) = self.apply([self.credit(deposit, nonce=2)], "--propose", code=1)
        self.assertEqual((said["reason"], said["receipt"]), ("not-canonical", None))
        self.check()

    def test_retract_tells_how_many_effects_are_disputed_now(self):
        steps = ["deposit=alice:MOON:100", "mine"]
        facts = self.start(*steps)
        deposit, block = self.only(facts, "deposit"), self.only(facts, "block")
        self.apply([self.credit(deposit), create("shop", 0, 2, "MOON"),
                    transfer("alice", "shop", 5, 1)])
        (retraction,) = self.sim(*steps, "reorg-drop=1", "retract=1")
        evidence = self.file("header", base64.b64decode(retraction["evidence"]))
        text = self.ok("fact", "retract", block["id"][:20], "--evidence", evidence, "--note",
                       "a reorg")
        self.assertIn(f"fact       {block['id']}\nretraction bafyr4i", text)
        self.assertIn("disputed   2 effects; causality disputed lists them\n", text)
        by = text.split()[3]
        shown = self.json("fact", "show", deposit["id"])[0]
        self.assertEqual((shown["stands"], shown["retracted_by"]), (False, by))
        self.assertIn(f"standing   retracted\nby         {by}\n",
                      self.ok("fact", "show", deposit["id"]))
        self.assertEqual(self.json("fact", "show", by)[0]["note"], "a reorg")
        self.assertIn("note       a reorg\n", self.ok("show", by))
        self.assertEqual({f["kind"] for f in self.json("fact", "list", "--retracted")},
                         {"block", "deposit", "time"})
        self.assertEqual({f["type"] for f in self.json("fact", "list", "--standing")},
                         {"domain", "retraction"})

    def test_evidence_that_does_not_compete_is_refused(self):
        facts = self.start("mine=2")
        block = self.only(facts, "block", 2)
        for evidence in (b"", b"nonsense"):
            path = self.file("header", evidence)
            self.assertIn("header: ", self.refused(6, "fact", "retract", block["id"],
                                                   "--evidence", path))
        self.assertEqual(self.json("fact", "list", "--retracted"), [])

    def test_a_stale_fact_is_refused_and_a_still_true_one_is_not(self):
        steps = ["price=MOON/EUR:5", "mine"]
        price = self.only(self.start(*steps), "price")
        self.add(self.sim(*steps, "mine", "facts=2"))
        for words, nonce in (((), 1), (("--propose",), 3)):
            said = self.apply([self.credit(price, f"exact{nonce}", nonce=nonce, policy="exact",
                                           purpose=None),
                               self.credit(price, f"true{nonce}", nonce=nonce + 1, purpose=None)],
                              *words, code=1)
            self.assertEqual([a["reason"] for a in said], ["stale-fact", None])
            self.assertIs(said[0]["receipt"] is None, "--propose" in words)
        # When the price changes, what it was is not true any more.
        self.add(self.sim(*steps, "mine", "price=MOON/EUR:6", "mine", "facts=3"))
        (said,) = self.apply([self.credit(price, "late", nonce=9, purpose=None)], code=1)
        self.assertEqual(said["reason"], "stale-fact")
        (said,) = self.apply([self.credit(price, "then", nonce=10, purpose=None,
                                          policy="at-least-height")])
        self.assertEqual(said["status"], "applied")
        self.check()

    def test_an_optional_fact_does_not_block(self):
        steps = ["price=MOON/EUR:5", "mine"]
        price = self.only(self.start(*steps), "price")
        self.add(self.sim(*steps, "mine", "facts=2"))
        for words, nonce in (((), 1), (("--propose",), 2)):
            (said,) = self.apply([self.credit(price, f"r{nonce}", nonce=nonce, policy="exact",
                                              optional=True, purpose=None)], *words)
            self.assertEqual(said["status"], "applied")
        self.check()

    def test_what_is_asked_of_a_fact_must_hold(self):
        facts = self.start("deposit=a:MOON:1", "mine=3", final_depth="5")
        deposit = self.only(facts, "deposit")
        for nonce, (terms, reason) in enumerate((
                ({"finality": "final"}, "below-finality"), ({"depth": "3"}, "below-finality"),
                ({"max_age": "19"}, "expired"), ({"depth": "2", "max_age": "20"}, None)), 1):
            (said,) = self.apply([self.credit(deposit, f"r{nonce}", nonce=nonce, **terms)],
                                 code=0 if reason is None else 1)
            self.assertEqual(said["reason"], reason, terms)
        self.check()

    def test_facts_that_say_different_things_exclude_each_other(self):
        facts = self.start("price=MOON/EUR:5", "mine", "price=MOON/EUR:6", "mine")
        prices = [self.only(facts, "price", h)["id"] for h in (1, 2)]
        effect = create("a", 1, 1)
        effect["facts"] = [{"fact": p, "policy": "at-least-height"} for p in prices]
        (said,) = self.apply([effect], code=1)
        self.assertEqual(said["reason"], "fact-conflict")
        self.check()

    def test_two_final_facts_that_contradict_freeze_the_domain_until_somebody_decides(self):
        steps = ["deposit=alice:MOON:100", "mine=2", "finalize=1"]
        facts = self.start(*steps)
        block, deposit = self.only(facts, "block", 1), self.only(facts, "deposit")
        lie = [f for f in self.sim(*steps, "reorg-drop=2", "finalize=1", "facts")
               if f.get("final")]
        self.add(lie[:1])
        shown = self.json("domain", "show", "moon")[0]
        self.assertTrue(shown["frozen"])
        self.assertEqual(shown["against"], lie[0]["id"])
        text = self.ok("domain", "show", "moon")
        self.assertIn(f"frozen     stands:  {shown['stands']}\n", text)
        self.assertIn(f"against: {lie[0]['id']}\n", text)
        self.assertIn("causality domain resolve moon --keep ID", text)
        self.assertIn("frozen", self.ok("domain", "list").splitlines()[1])
        self.assertIn("standing   held", self.ok("fact", "show", lie[0]["id"]))
        (said,) = self.apply([self.credit(deposit)], code=1)
        self.assertEqual(said["reason"], "domain-frozen")
        self.add_refused(self.sim(*steps, "mine", "facts=3")[0], "domain-frozen",
                         "causality domain resolve moon --keep ID")
        # Neither another fact nor nothing can be kept.
        self.assertIn("none of the two", self.refused(2, "domain", "resolve", "moon", "--keep",
                                                      deposit["id"]))
        self.assertIn("--keep ID", self.refused(2, "domain", "resolve", "moon"))
        self.ok("domain", "resolve", "moon", "--keep", shown["stands"][:18], "--note", "a lie")
        self.assertFalse(self.json("domain", "show", "moon")[0]["frozen"])
        self.assertFalse(self.json("fact", "show", lie[0]["id"])[0]["stands"])
        self.assertTrue(self.json("fact", "show", block["id"])[0]["stands"])
        self.assertEqual(self.json("fact", "list", "--kind", "decision")[0]["note"], "a lie")
        (said,) = self.apply([self.credit(deposit, nonce=2)])
        self.assertEqual(said["status"], "applied")
        self.assertIn("not frozen", self.refused(2, "domain", "resolve", "moon", "--keep",
                                                 block["id"]))
        self.check()

    def test_what_is_dropped_by_a_decision_is_disputed(self):
        steps = ["deposit=alice:MOON:100", "mine=2", "finalize=1"]
        deposit = self.only(self.start(*steps), "deposit")
        self.apply([self.credit(deposit)])
        lie = [f for f in self.sim(*steps, "reorg-drop=2", "finalize=1", "facts")
               if f.get("final")]
        self.add(lie[:1])
        self.assertEqual(self.json("disputed"), [])
        self.ok("domain", "resolve", "moon", "--keep", lie[0]["id"])
        self.assertEqual([d["fact"] for d in self.json("disputed")], [deposit["id"]])
        self.check()

    def test_a_retraction_of_a_final_fact_freezes_its_domain(self):
        steps = ["mine=2", "finalize=2"]
        block = self.only(self.start(*steps), "block", 2)
        (retraction,) = self.sim(*steps, "reorg-drop=1", "retract=2")
        evidence = self.file("header", base64.b64decode(retraction["evidence"]))
        text = self.ok("fact", "retract", block["id"], "-e", evidence)
        self.assertIn("frozen     moon: the fact is final, so somebody must decide", text)
        self.ok("domain", "resolve", "moon", "--keep", text.split()[3])
        self.assertFalse(self.json("fact", "show", block["id"])[0]["stands"])
        self.check()


class Faults(Facts):
    """Every way that a fact can be wrong is told apart, and changes nothing."""

    def test_of_an_unknown_domain(self):
        self.add_refused(self.sim("mine", "facts")[0], "unknown-domain", "moon")

    def test_bytes_that_are_no_fact(self):
        self.start("mine")
        whole = base64.b64decode(self.sim("mine=2", "facts=2")[0]["fact"])
        for data in (b"\xa0", whole[:-1], whole + b"\0", b""):
            self.add_refused({"fact": base64.b64encode(data).decode()}, "bad-encoding",
                             "not a fact's canonical form")

    def test_a_header_that_the_validator_has_not_signed(self):
        self.start("mine")
        self.add_refused(self.sim("mine", "facts", seed=8)[0], "bad-header", "header: ")

    def altered(self, fact, old, new):
        data = base64.b64decode(fact["fact"])
        self.assertEqual(data.count(old), 1)
        return {"fact": base64.b64encode(data.replace(old, new)).decode()}

    def test_a_claim_that_the_block_does_not_hold(self):
        self.start("mine")
        steps = ("mine", "deposit=alice:MOON:100", "deposit=bob:MOON:1", "mine")
        block, deposit = self.sim(*steps, "facts=2")[:2]
        self.add([block])
        self.add_refused(self.altered(deposit, b"ealice", b"ecarol"), "bad-inclusion",
                         "inclusion: ")
        self.add([deposit])

    def test_a_fact_whose_block_is_not_recorded(self):
        facts = self.sim("mine=2", "deposit=alice:MOON:100", "mine=2", "facts")
        blocks = [f for f in facts if f["kind"] == "block"]
        self.add([self.domain(), *blocks[:2]])
        self.add_refused(self.only(facts, "deposit"), "head-behind", "head is not that far")
        self.add(blocks[3:])
        self.add_refused(self.only(facts, "deposit"), "head-unknown", "not recorded")
        self.add(blocks[2:3])
        self.add([self.only(facts, "deposit")])

    def test_a_block_that_competes(self):
        self.start("mine=2")
        self.add_refused(self.sim("mine=2", "reorg=1", "facts=2")[0], "not-canonical",
                         "part of the chain")

    def test_a_fact_below_what_the_domain_asks(self):
        facts = self.sim("deposit=alice:MOON:100", "mine=2", "facts")
        deposit = self.only(facts, "deposit")
        self.add([self.domain(final_depth=2, record_finality="final"),
                  *(f for f in facts if f["kind"] == "block")])
        self.add_refused(deposit, "below-finality", "not as settled")
        self.add([self.sim("deposit=alice:MOON:100", "mine=3", "facts=3")[0]])
        self.assertEqual(self.add([deposit])[0]["status"], "recorded")

    def test_a_fact_above_the_depth_that_the_domain_asks(self):
        facts = self.sim("deposit=alice:MOON:100", "mine=2", "facts")
        self.add([self.domain(record_depth=2), *(f for f in facts if f["kind"] == "block")])
        self.add_refused(self.only(facts, "deposit"), "head-behind", "not that far")

    def test_a_price_that_expired(self):
        steps = ("price-age=15", "price=MOON/EUR:5", "mine")
        price = self.only(self.sim(*steps, "facts"), "price")
        blocks = [f for f in self.sim(*steps, "mine=2", "facts") if f["kind"] == "block"]
        self.add([self.domain(), *blocks])
        self.add_refused(price, "expired", "too old")

    def test_a_fact_that_no_observer_has_signed(self):
        key = self.folder / "key"
        public = self.ok("key", "new", key).strip()
        self.add([self.domain(observers=[public])])
        fact = self.sim("mine", "facts")[0]
        self.add_refused(fact, "bad-observer", "no observer of the domain")
        other = self.folder / "other"
        self.ok("key", "new", other)
        (said,) = self.add([fact], "--sign", other, code=1)
        self.assertEqual(said["fault"], "bad-observer")
        (said,) = self.add([fact], "--sign", key)
        self.assertEqual(said["status"], "recorded")
        self.assertEqual(self.json("fact", "show", said["id"])[0]["observer"], public)

    def test_facts_that_are_signed_on_the_way_in_are_those_of_a_chain_that_signs(self):
        key = self.folder / "key"
        public = self.ok("key", "new", key).strip()
        steps = ("deposit=alice:MOON:100", "mine=2", "finalize=1")
        said = self.add([self.domain(observers=[public]), *self.sim(*steps, "facts")],
                        "--sign", key)
        self.assertEqual({a["status"] for a in said}, {"recorded"})
        signed = self.ok("sim", "moon", "--seed", 7, "--sign", key, *steps).splitlines()
        self.assertEqual([a["id"] for a in said[1:]],
                         [json.loads(line)["id"] for line in signed[1:]])
        later = self.sim(*steps, "facts", "reorg-drop=1", "retract=2", "facts=2")
        said = self.add(later, "--sign", key)
        known = len(signed) - 1
        self.assertEqual([a["status"] for a in said],
                         ["known"] * known + ["recorded"] * (len(said) - known))
        self.assertEqual({f["observer"] for f in self.json("fact", "list", "moon")
                          if f["type"] != "domain"}, {public})

    def test_a_signature_over_something_else(self):
        key = self.folder / "key"
        self.ok("key", "new", key)
        steps = ("deposit=alice:MOON:100", "mine")
        text = self.ok("sim", "moon", "--sign", key, *steps).splitlines()
        domain, block, deposit, _ = map(json.loads, text)
        self.add([domain, block])
        data = base64.b64decode(deposit["fact"])
        bent = base64.b64encode(data[:-1] + bytes([data[-1] ^ 1])).decode()
        self.add_refused({"fact": bent}, "bad-observer", "observer: ")
        self.add([deposit])

    def test_a_retraction_without_evidence(self):
        self.start("mine")
        self.add_refused({"retract": self.sim("mine", "facts")[0]["id"]}, "bad-header", "header")


class Add(Facts):
    def test_nothing_is_added_unless_every_line_can_be_read(self):
        good = self.domain()
        before = self.journal()
        for bad, where in ((b"{", ":2:"), (b'{"fact":1}', ":2:9: "), (b'{"fact":"%"}', ":2:9: "),
                           (b"{}", "just one of"), (b'{"fact":"","retract":""}', "just one of"),
                           (b'{"retract":"bafyr4i"}', "whole id"),
                           (b'{"fact":"","x":1}', "unknown"),
                           (b'{"domain":{"name":"m"}}', "needs"), (b"[]", "expected an object"),
                           (b'{"domain":{"name":"m","adapter":"a","observers":["00"]}}',
                            "64 hex digits"),
                           (b'{"fact":"","note":"x"}', 'go with "retract"'),
                           (b'{"fact":"","fact":""}', "given twice")):
            message = self.refused(2, "fact", "add", "-", stdin=lines([good]) + bad + b"\n")
            self.assertIn(where, message)
            self.assertIn("standard input:2:", message)
        other = self.file("other", b"nonsense")
        self.refused(2, "fact", "add", self.file("good", [good]), other)
        self.assertEqual(self.journal(), before)

    def test_what_is_known_already_changes_nothing(self):
        facts = self.sim("deposit=a:MOON:1", "mine=2", "finalize=1")
        self.add(facts)
        before = self.journal()
        self.assertEqual({a["status"] for a in self.add(facts)}, {"known"})
        text = self.ok("fact", "add", "-", stdin=lines(facts))
        self.assertIn("recorded   0\nknown      %d\nrefused    0\n" % len(facts), text)
        self.assertEqual(self.journal(), before)

    def test_growing_steps_are_one_chain(self):
        steps = ["deposit=a:MOON:1", "mine=2", "price=X:3", "mine"]
        seen = []
        for n in range(1, len(steps) + 1):
            now = self.sim(*steps[:n], "facts")
            self.assertEqual(now[:len(seen)], seen)
            seen = now
        self.assertEqual(self.sim(*steps), self.sim(*steps, "domain", "facts"))
        self.assertEqual(self.sim(*steps, "facts=3"),
                         [f for f in self.sim(*steps, "facts") if int(f["height"]) >= 3])

    def test_a_file_may_be_one_item_in_cbor(self):
        self.add([self.domain()])
        path = self.file("block", base64.b64decode(self.sim("mine", "facts")[0]["fact"]))
        self.assertIn(f"{path}: recorded fact bafyr4i", self.ok("fact", "add", path))

    def test_a_domain_can_be_made_known_and_changed(self):
        parameters = self.domain()["domain"]["parameters"]
        self.assertIn("--adapter", self.refused(2, "domain", "add", "moon"))
        self.ok("domain", "add", "moon", "--adapter", "simulated", "--parameters", parameters)
        public = self.ok("key", "new", self.folder / "k").strip()
        self.ok("domain", "add", "moon", "--final-depth", 6, "--safe-depth", 2, "--observer",
                public, "--record-finality", "safe")
        shown = self.json("domain", "show", "moon")[0]
        self.assertEqual({k: shown[k] for k in ("adapter", "safe_depth", "final_depth",
                                                "record_depth", "record_finality", "observers",
                                                "height", "frozen", "items")},
                         {"adapter": "simulated", "safe_depth": "2", "final_depth": "6",
                          "record_depth": "0", "record_finality": "safe", "observers": [public],
                          "height": None, "frozen": False, "items": "2"})
        self.assertEqual(self.json("domain", "list"), [shown])
        self.assertIn(f"observer   {public}\n", self.ok("domain", "show", "moon"))
        self.ok("domain", "add", "moon", "-o", "none", "--record-finality", "seen")
        self.assertEqual(self.json("domain", "show", "moon")[0]["observers"], [])
        raw = self.file("raw", bytes.fromhex(parameters))
        self.ok("domain", "add", "moon", "--parameters", raw)
        self.assertEqual(self.json("domain", "show", "moon")[0]["items"], "3")
        for words, text in ((["--parameters", "zz"], "neither hex digits nor a file"),
                            (["--observer", "00"], "64 hex digits"),
                            (["--keep", "x"], 'does not go with "add"'),
                            (["--safe-depth", "-1"], "is not a number")):
            self.assertIn(text, self.refused(2, "domain", "add", "moon", *words))
        self.assertIn("domain list", self.refused(3, "domain", "show", "sun"))
        self.assertIn('did you mean "show"?', self.refused(2, "domain", "shwo", "moon"))

    def test_keys_are_for_their_owner_and_never_overwritten(self):
        key = self.folder / "key"
        public = self.ok("key", "new", key).strip()
        self.assertRegex(public, "^[0-9a-f]{64}$")
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)
        seed = key.read_text()
        self.assertRegex(seed, "^[0-9a-f]{64}\n$")
        self.assertEqual(self.ok("key", "show", key).strip(), public)
        self.assertEqual(self.json("key", "show", key), [{"file": str(key), "public": public}])
        self.refused(4, "key", "new", key)
        self.assertEqual(key.read_text(), seed)
        self.assertIn("causality key new", self.refused(2, "key", "show", self.file("x", b"1")))
        # RFC 8032, section 7.1, test 1.
        path = self.file("rfc", b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        self.assertEqual(self.ok("key", "show", path).strip(),
                         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")

    def test_wrong_steps_are_told(self):
        for step, text in (("mien", "none of mine, deposit"), ("deposit=a:b", "ACCOUNT:ASSET:"),
                           ("deposit", "ACCOUNT:ASSET:AMOUNT"), ("price=x:y", "PAIR:VALUE"),
                           ("domain=1", "takes no argument"), ("mine=x", "mine=N")):
            self.assertIn(text, self.refused(2, "sim", "moon", step))
        self.assertIn("was dropped", self.refused(3, "sim", "moon", "mine", "retract=1"))


class Show(Facts):
    def test_all_of_a_fact_is_shown(self):
        key = self.folder / "key"
        public = self.ok("key", "new", key).strip()
        steps = ["deposit=alice:MOON:100", "deposit=bob:MOON:1", "mine=3", "finalize=1"]
        text = self.ok("sim", "moon", "--sign", key, *steps).splitlines()
        facts = list(map(json.loads, text))
        self.add(facts)
        deposit = [f for f in facts if f.get("kind") == "deposit"][0]
        block = [f for f in facts if f.get("kind") == "block"][0]
        (shown,) = self.json("fact", "show", deposit["id"][:22])
        self.assertEqual(shown, self.json("show", deposit["id"])[0])
        self.assertEqual(shown, [f for f in self.json("fact", "list", "moon", "--kind", "deposit")
                                 if f["id"] == deposit["id"]][0])
        wanted = {"id": deposit["id"], "domain": "moon", "type": "fact", "kind": "deposit",
                  "height": "1", "time": "10", "claim": ["alice", "MOON", "100"],
                  "finality": "final", "depth": "2", "proven_finality": "seen",
                  "trust": "signed", "block": block["id"], "observer": public, "stands": True,
                  "held": False, "expires": None, "retracted_by": None}
        self.assertEqual({k: shown[k] for k in wanted}, wanted)
        page = self.ok("fact", "show", deposit["id"])
        for line in ("kind       deposit", "claim      alice MOON 100", "height     1",
                     "finality   final, 2 blocks on it", f"block      {block['id']}",
                     f"observer   {public}", "standing   stands"):
            self.assertIn(line + "\n", page)
        self.assertRegex(page, r"(?m)^proof      inclusion: \d+ bytes in 1 part$")
        self.assertIn("proof      header: ", self.ok("fact", "show", block["id"]))
        self.assertIn("there is no fact", self.refused(3, "fact", "show", "bafyr4iaaaaaaaaaaaaaaa"))
        self.refused(2, "fact", "list", "--standing", "--retracted")

    def test_verify_tells_each_layer(self):
        facts = self.start("deposit=alice:MOON:100", "mine=2", "finalize=1")
        for fact in facts:
            (said,) = self.json("fact", "verify", fact["id"])
            layers = {"observer", "header"} | ({"inclusion"} if fact["kind"] != "block" else set())
            self.assertEqual({k for k, v in said.items() if v == "ok"}, layers)
            self.assertIsNone(said["fault"])
        self.assertEqual(self.ok("fact", "verify", self.only(facts, "deposit")["id"]),
                         "observer   ok\nheader     ok\ninclusion  ok\n")

    def test_imported_blocks_are_facts_of_a_domain(self):
        path = self.folder / "segment.jsonl"
        data = gzip.decompress((ROOT / "tests/golden/anvil-segment.jsonl.gz").read_bytes())
        path.write_bytes(data)
        report = self.json("import", "ethereum", path)[0]
        (domain,) = self.json("domain", "list")
        self.assertEqual((domain["domain"], domain["adapter"]), ("ethereum", "ethereum"))
        facts = self.json("fact", "list", "ethereum")
        kinds = [f.get("kind") for f in facts]
        self.assertEqual(kinds.count("block"), int(report["blocks"]))
        heights = [int(f["height"]) for f in facts if f.get("kind") == "block"]
        self.assertEqual(int(domain["height"]), max(heights))
        moved = [f for f in facts if f.get("kind") == "transaction"][0]
        self.assertIsNone(self.json("fact", "verify", moved["id"])[0]["fault"])
        self.assertIn("trust      operator\n", self.ok("fact", "show", moved["id"]))
        (now,) = self.json("time-map")
        self.assertEqual(now["domains"][0]["height"], domain["height"])


    def test_a_block_that_was_imported_can_be_retracted(self):
        path = self.folder / "segment.jsonl"
        data = gzip.decompress((ROOT / "tests/golden/anvil-segment.jsonl.gz").read_bytes())
        path.write_bytes(data)
        self.ok("import", "ethereum", path)
        facts = self.json("fact", "list", "ethereum")
        height = max(int(f["height"]) for f in facts if "height" in f)
        gone = {f["id"]: f["kind"] for f in facts if f.get("height") == str(height - 1)
                or f.get("height") == str(height)}
        block = [f["id"] for f in facts if f.get("kind") == "block"
                 and f["height"] == str(height - 1)][0]
        self.assertIn("disputed   ", self.ok("fact", "retract", block, "--note", "a reorg"))
        retracted = self.json("fact", "list", "ethereum", "--retracted")
        self.assertEqual({f["id"] for f in retracted}, set(gone))
        disputed = self.json("disputed")
        moved = {i for i, kind in gone.items() if kind == "transaction"}
        self.assertGreater(len(moved), 10)
        self.assertEqual({d["fact"] for d in disputed}, moved)
        self.assertTrue(all(d["direct"] for d in disputed))
        (domain,) = self.json("domain", "list")
        self.assertEqual(int(domain["height"]), height - 2)
        # The map of time does not go back.
        self.assertEqual(int(self.json("time-map")[0]["domains"][0]["height"]), height)
        self.check()


class TimeMap(Facts):
    def test_an_effect_carries_what_was_known(self):
        (empty,) = self.json("time-map")
        self.assertEqual((empty["snapshot"], empty["domains"]), (None, []))
        self.apply([create("a", 1, 1)])
        self.start("mine=2", "finalize=1")
        (now,) = self.json("time-map")
        self.assertEqual({k: now["domains"][0][k] for k in ("domain", "height", "time", "final")},
                         {"domain": "moon", "height": "2", "time": "20", "final": "1"})
        said = self.apply([create("b", 1, 2)])
        self.add(self.sim("mine=3", "finalize=1", "facts=3"))
        (shown,) = self.json("show", said[0]["effect"])
        self.assertEqual(shown["time_map"], now["snapshot"])
        (then,) = self.json("time-map", "--at", said[0]["effect"][:25])
        self.assertEqual((then["snapshot"], then["domains"]), (now["snapshot"], now["domains"]))
        self.assertEqual(then["lamport"], shown["lamport"])
        self.assertNotEqual(self.json("time-map")[0]["snapshot"], now["snapshot"])
        self.assertIn(f"snapshot   {now['snapshot']}\n",
                      self.ok("time-map", "--at", said[0]["effect"]))

    def test_a_proposal_carries_what_was_known_then(self):
        deposit = self.only(self.start("deposit=a:MOON:1", "mine"), "deposit")
        (now,) = self.json("time-map")
        (said,) = self.apply([self.credit(deposit)], "--propose")
        self.assertEqual(said["status"], "applied")
        plain = {**self.credit(deposit), "time": now["snapshot"]}
        (again,) = self.apply([plain])
        self.assertEqual((again["status"], again["effect"]), ("duplicate", said["effect"]))

    def blocks(self, car):
        """The blocks of a CAR file (version 1): each a length, a CID of 36 bytes, and data."""
        def varint(at):
            value = shift = 0
            while True:
                value |= (car[at] & 127) << shift
                shift += 7
                at += 1
                if car[at - 1] < 128:
                    return value, at

        size, at = varint(0)
        at += size
        while at < len(car):
            size, at = varint(at)
            yield car[at + 36:at + size]
            at += size

    def test_effects_with_terms_are_the_same_in_cbor(self):
        deposit = self.only(self.start("deposit=a:MOON:1", "mine"), "deposit")
        said = self.apply([self.credit(deposit, policy="exact", finality="seen"),
                           {**create("p", 1, 2), "program": {"id": "swap", "task": 1}},
                           create("q", 1, 3)], "--propose")
        self.ok("export", "-o", self.folder / "car")
        effects = [b for b in self.blocks((self.folder / "car").read_bytes())
                   if b[:2] in (b"\x8a\x01", b"\x8d\x0d")]
        self.assertEqual(len(effects), 3)
        self.store = self.new_store("other")
        self.start("deposit=a:MOON:1", "mine")
        order = {a["effect"]: i for i, a in enumerate(said)}
        again = []
        for words in ((), ("--propose",)):
            done = self.run_command("apply", "--json", *words, "-", stdin=b"".join(effects))
            again.append([json.loads(line) for line in done.stdout.splitlines()])
        self.assertEqual(sorted(order), sorted(a["effect"] for a in again[0]))
        self.assertEqual({a["status"] for a in again[0]}, {"applied"})
        self.assertEqual(sorted(str(a["reason"]) for a in again[1]),
                         ["None", "None", "event-consumed"])

    def test_show_prints_the_terms_of_cited_facts_as_apply_reads_them(self):
        facts = self.start("deposit=a:MOON:1", "price=X:1", "mine")
        terms = [{"fact": self.only(facts, "deposit")["id"], "policy": "exact", "optional": True,
                  "finality": "seen", "max_age": "5", "purpose": "credit"}]
        effect = {**create("a", 1, 1), "facts": terms + [self.only(facts, "price")["id"]],
                  "program": {"id": "swap", "task": 3}}
        (said,) = self.apply([effect])
        (shown,) = self.json("show", said["effect"])
        key = lambda f: f if isinstance(f, str) else f["fact"]
        self.assertEqual(shown["facts"], sorted(effect["facts"], key=key))
        self.assertEqual((shown["program"]["task"], shown["clock"]), (3, {"3": "1"}))
        page = self.ok("show", said["effect"])
        self.assertIn(f"{terms[0]['fact']}: exact, seen, at most 5 old, optional, consumed for "
                      "credit\n", page)
        self.assertIn("clock      3:1\n", page)


if __name__ == "__main__":
    main()
