"""Accounts on the command line, as a new user meets them: keys, accounts, what comes in and goes
out, who may do it, and what is said when it is not so."""
import json

from test_cli_support import Store, lines, main

RIGHTS = ("debit", "withdraw", "write", "lifecycle", "create", "delegate")


class Accounts(Store):
    def setUp(self):
        super().setUp()
        self.keys, self.steps = {}, []

    def key(self, name):
        """The option that signs with a key, which is made once."""
        if name not in self.keys:
            self.keys[name] = self.ok("key", "new", self.folder / f"{name}.key").strip()
        return ("--key", self.folder / f"{name}.key")

    def public(self, name):
        self.key(name)
        return self.keys[name]

    def account(self, action, *words, code=0, signers=(), **more):
        """What --json says of an action that changes something."""
        keys = [word for name in signers for word in self.key(name)]
        done = self.run_code(code, "account", action, *words, *keys, "--json", **more)
        self.said = done.stderr.decode()
        return json.loads(done.stdout.decode())

    def refuse(self, reason, *words, signers=(), text=""):
        """Refused before anything is recorded: what is said, and that nothing has changed."""
        before = self.journal()
        said = self.account(*words, code=1, signers=signers)
        self.assertEqual((said["status"], said["reason"], said["receipt"], said["position"]),
                         ("refused", reason, None, None))
        self.assertTrue(self.said.startswith("causality: "), self.said)
        self.assertIn(text, self.said)
        self.assertEqual(self.journal(), before)

    def new(self, *names):
        for name in names:
            self.assertEqual(self.account("new", name, signers=[name])["status"], "applied")

    def moon(self, *steps):
        """The chain goes on; what it says is recorded."""
        self.steps += steps
        facts = self.ok("sim", "moon", *self.steps)
        done = self.run_code(0, "fact", "add", "--json", "-", stdin=facts.encode())
        return [json.loads(line)["id"] for line in done.stdout.decode().splitlines()
                if json.loads(line)["status"] == "recorded"]

    def newest(self, kind):
        return self.json("fact", "list", "--kind", kind)[-1]["id"]

    def fund(self, name, amount):
        self.moon(f"deposit={name}:MOON:{amount}", "mine")
        return self.account("deposit", self.newest("deposit"))

    def show(self, name):
        (account,) = self.json("account", "show", name)
        return account

    def holds(self, name):
        """Quantities by asset: of balances, and of reserves."""
        holdings = self.show(name)["holdings"]
        return ({h["asset"]: int(h["quantity"]) for h in holdings if not h["reserve"]},
                {h["asset"]: int(h["quantity"]) for h in holdings if h["reserve"]})

    def check(self):
        self.assertIn("audit: ok", self.ok("audit"))
        self.assertIn("replay: equal", self.ok("replay"))


class Life(Accounts):
    def test_a_new_account_is_shown_with_its_owner(self):
        self.new("alice")
        account = self.show("alice")
        self.assertEqual((account["account"], account["state"], account["threshold"],
                          account["owners"], account["limits"], account["holdings"],
                          account["capabilities"]),
                         ("alice", "active", 1, [self.public("alice")], [], [], []))
        text = self.ok("account", "show", "alice")
        self.assertIn("account    alice\n", text)
        self.assertIn(f"owners     1 of 1 must sign\n           {self.public('alice')}\n", text)
        self.check()

    def test_money_comes_in_moves_and_goes_out(self):
        self.new("alice", "bob")
        self.assertEqual(self.fund("alice", 100)["status"], "applied")
        self.account("transfer", "alice", "bob", 30, "moon:MOON", signers=["alice"])
        out = self.account("withdraw", "bob", 20, "moon:MOON", "0xabc", signers=["bob"])
        self.assertEqual(out["reference"], f"0xabc#{out['effect']}/0")
        self.assertEqual(self.holds("bob"), ({"moon:MOON": 10}, {"moon:MOON": 20}))
        self.moon(f"withdrawal={out['reference']}:MOON:20", "mine")
        self.account("close", "bob", self.newest("withdrawal"))
        self.assertEqual(self.holds("bob"), ({"moon:MOON": 10}, {"moon:MOON": 0}))
        self.assertEqual(self.holds("alice"), ({"moon:MOON": 70}, {}))
        self.check()

    def test_inbox_and_outbox_tell_it_in_order(self):
        self.new("alice", "bob")
        deposit = self.fund("alice", 100)
        fact = self.newest("deposit")
        sent = self.account("transfer", "alice", "bob", 30, "moon:MOON", signers=["alice"])
        out = self.account("withdraw", "alice", 20, "moon:MOON", "0xabc", signers=["alice"])
        refused = out["effect"] + "/0"
        self.moon(f"register={refused}:refused", "mine")
        back = self.account("close", "alice", self.newest("register"))
        entries = self.json("account", "inbox", "alice")
        self.assertEqual([(e["kind"], e["effect"], e["quantity"], e["fact"]) for e in entries],
                         [("deposit", deposit["effect"], "100", fact),
                          ("released", back["effect"], "20", self.newest("register"))])
        self.assertEqual(entries[1]["withdrawal"], out["effect"])
        entries = self.json("account", "outbox", "alice")
        self.assertEqual([(e["kind"], e["effect"], e["quantity"]) for e in entries],
                         [("transfer", sent["effect"], "30"), ("withdrawal", out["effect"], "20")])
        self.assertEqual((entries[1]["destination"], entries[1]["reference"], entries[1]["open"]),
                         ("0xabc", out["reference"], False))
        self.assertEqual(self.json("account", "outbox", "alice", "--open"), [])
        text = self.ok("account", "inbox", "bob").splitlines()
        self.assertEqual(text[0].split()[:3], ["POSITION", "WHAT", "QUANTITY"])
        self.assertEqual(text[1].split()[1:], ["transfer", "30", "moon:MOON", "from",
                                               "alice/moon:MOON"])
        self.check()

    def test_an_open_withdrawal_is_listed_until_a_fact_closes_it(self):
        self.new("alice")
        self.fund("alice", 9)
        first = self.account("withdraw", "alice", 1, "moon:MOON", "a", signers=["alice"])
        second = self.account("withdraw", "alice", 2, "moon:MOON", "b", signers=["alice"])
        self.moon(f"withdrawal={first['reference']}:MOON:1", "mine")
        self.account("close", "alice", self.newest("withdrawal"))
        (entry,) = self.json("account", "outbox", "alice", "--open")
        self.assertEqual((entry["effect"], entry["open"]), (second["effect"], True))
        self.assertTrue(self.ok("account", "outbox", "alice").splitlines()[2].endswith("  open"))

    def test_a_deposit_that_its_chain_dropped_is_shown_as_disputed(self):
        self.new("alice", "bob")
        self.fund("alice", 100)
        self.account("transfer", "alice", "bob", 30, "moon:MOON", signers=["alice"])
        self.moon("reorg-drop=1", "retract=1", "facts")
        self.assertIs(self.json("account", "inbox", "alice")[0]["disputed"], True)
        self.assertTrue(self.ok("account", "inbox", "bob").rstrip().endswith("[disputed]"))

    def test_an_empty_balance_can_be_opened_by_anybody(self):
        self.new("alice")
        self.assertEqual(self.account("open", "alice", "EUR")["status"], "applied")
        self.assertEqual(self.holds("alice"), ({"EUR": 0}, {}))

    def test_what_an_account_has_is_named_by_a_path(self):
        self.new("alice", "bob")
        for name in ("alice", "bob"):
            self.account("open", name, "EUR")
        self.assertIn("\nalice/EUR  fungible  EUR", self.ok("list"))
        self.assertIn("resource   alice/EUR\n", self.ok("show", "alice/EUR"))
        self.assertNotEqual(self.json("show", "alice/EUR")[0]["id"],
                            self.json("show", "bob/EUR")[0]["id"])
        message = self.run_code(4, "show", "EUR").stderr.decode()
        self.assertIn("  resource  alice/EUR\n", message)
        self.assertEqual([r["resource"] for r in self.json("list", "--prefix", "alice")],
                         ["alice", "EUR"])


class Repeating(Accounts):
    def setUp(self):
        super().setUp()
        self.new("alice", "bob")
        self.fund("alice", 100)
        self.pay = ("transfer", "alice", "bob", 30, "moon:MOON")

    def test_the_same_command_again_is_another_transfer(self):
        first = self.account(*self.pay, signers=["alice"])
        second = self.account(*self.pay, signers=["alice"])
        self.assertEqual((first["status"], second["status"]), ("applied", "applied"))
        self.assertEqual(self.holds("bob"), ({"moon:MOON": 60}, {}))

    def test_with_an_id_it_happens_once(self):
        first = self.account(*self.pay, "--id", "rent", signers=["alice"])
        self.account("transfer", "alice", "bob", 65, "moon:MOON", signers=["alice"])
        # Now alice could not even pay it again.
        second = self.account(*self.pay, "--id", "rent", signers=["alice"])
        self.assertEqual((second["status"], second["effect"], second["position"]),
                         ("duplicate", first["effect"], first["position"]))
        self.assertEqual(self.holds("bob"), ({"moon:MOON": 95}, {}))

    def test_an_id_that_was_used_for_something_else_is_told(self):
        self.account(*self.pay, "--id", "rent", signers=["alice"])
        said = self.account("transfer", "alice", "bob", 31, "moon:MOON", "--id", "rent", code=1,
                            signers=["alice"])
        self.assertEqual((said["status"], said["reason"]), ("rejected", "nonce"))
        self.assertEqual(self.said, "causality: --id rent was used for something else\n")
        self.assertEqual(self.holds("bob"), ({"moon:MOON": 30}, {}))

    def test_accounts_do_not_share_an_origin(self):
        self.account(*self.pay, signers=["alice"])
        self.account("transfer", "bob", "alice", 1, "moon:MOON", signers=["bob"])
        origins = [self.json("show", e["effect"])[0]["origin"]
                   for e in self.json("account", "inbox", "bob") + self.json("account", "outbox",
                                                                             "bob")]
        self.assertEqual(len(set(origins)), 2)

    def test_a_deposit_is_credited_once(self):
        self.refuse("event-consumed", "deposit", self.newest("deposit"),
                    text="the event was used for this purpose before")

    def test_a_withdrawal_is_closed_once(self):
        out = self.account("withdraw", "alice", 20, "moon:MOON", "0xabc", signers=["alice"])
        self.moon(f"withdrawal={out['reference']}:MOON:20", "mine")
        self.account("close", "alice", self.newest("withdrawal"))
        message = self.refused(1, "account", "close", "alice", self.newest("withdrawal"))
        self.assertIn("does not hold the withdrawal", message)


class Authority(Accounts):
    def test_without_the_owner_nothing_leaves(self):
        self.new("alice", "bob")
        self.fund("alice", 100)
        pay = ("transfer", "alice", "bob", 5, "moon:MOON")
        self.refuse("unsigned", *pay, text="alice")
        self.refuse("wrong-key", *pay, signers=["bob"], text="alice")
        self.refuse("unsigned", "withdraw", "alice", 5, "moon:MOON", "0xabc", text="alice")
        self.assertEqual(self.holds("alice"), ({"moon:MOON": 100}, {}))

    def test_messages_name_what_is_meant_and_no_ids(self):
        self.new("alice", "bob")
        self.fund("alice", 100)
        self.refuse("unsigned", "transfer", "alice", "bob", 5, "moon:MOON")
        self.assertNotIn("bafyr4i", self.said)

    def test_an_overdraft_is_recorded_and_told(self):
        self.new("alice", "bob")
        self.fund("alice", 4)
        done = self.run_code(1, "account", "transfer", "alice", "bob", 5, "moon:MOON",
                             *self.key("alice"))
        self.assertTrue(done.stdout.decode().startswith(
            "status     rejected: the quantity is not there\neffect     bafyr4i"))

    def test_two_of_three_owners_must_sign(self):
        owners = [w for name in ("a", "b", "c") for w in ("--owner", self.public(name))]
        self.account("new", "joint", *owners, "--threshold", 2, signers=["a", "b"])
        self.new("bob")
        self.fund("joint", 100)
        pay = ("transfer", "joint", "bob", 5, "moon:MOON")
        self.refuse("below-threshold", *pay, signers=["c"], text="joint")
        self.assertEqual(self.account(*pay, signers=["a", "c"])["status"], "applied")
        self.assertIn("owners     2 of 3 must sign\n", self.ok("account", "show", "joint"))
        self.check()

    def test_a_new_account_is_signed_by_its_owners(self):
        self.refuse("unsigned", "new", "alice", "--owner", self.public("alice"))
        self.refuse("below-threshold", "new", "joint", "--owner", self.public("a"), "--owner",
                    self.public("b"), "--threshold", 2, signers=["a"])

    def test_a_name_is_taken_once(self):
        self.new("alice")
        said = self.account("new", "alice", code=1, signers=["other"])
        self.assertEqual((said["status"], said["reason"]), ("rejected", "exists"))

    def test_owners_hand_over(self):
        self.new("alice", "bob")
        self.fund("alice", 100)
        self.refuse("wrong-key", "policy", "alice", "--owner", self.public("new"), signers=["new"])
        self.account("policy", "alice", "--owner", self.public("new"), signers=["alice"])
        self.assertEqual(self.show("alice")["owners"], [self.public("new")])
        pay = ("transfer", "alice", "bob", 5, "moon:MOON")
        self.refuse("wrong-key", *pay, signers=["alice"])
        self.assertEqual(self.account(*pay, signers=["new"])["status"], "applied")
        self.check()

    def test_a_limit_holds_within_a_window_of_domain_time(self):
        self.account("new", "alice", "--limit", "moon:MOON:10:moon:100", signers=["alice"])
        self.new("bob")
        self.fund("alice", 100)
        pay = ("transfer", "alice", "bob", 6, "moon:MOON")
        self.account(*pay, signers=["alice"])
        self.refuse("rate-limit", *pay, signers=["alice"], text="alice")
        (limit,) = self.show("alice")["limits"]
        self.assertEqual((limit["asset"], limit["quantity"], limit["spent"]),
                         ("moon:MOON", "10", "6"))
        self.assertIn("limit      10 moon:MOON within each 100 of the time of moon; 6 within "
                      "number 0\n", self.ok("account", "show", "alice"))
        self.moon("interval=100", "mine")
        self.assertEqual(self.account(*pay, signers=["alice"])["status"], "applied")
        self.account("policy", "alice", "--limit", "none", signers=["alice"])
        self.assertEqual(self.show("alice")["limits"], [])
        self.assertEqual(self.account(*pay, signers=["alice"])["status"], "applied")
        self.check()


class Capabilities(Accounts):
    def setUp(self):
        super().setUp()
        self.new("alice", "bob")
        self.fund("alice", 100)

    def grant(self, *words, name="shop", holder="shop", signers=("alice",), **more):
        return self.account("grant", "alice", name, "--holder", self.public(holder), *words,
                            signers=signers, **more)

    def pay(self, quantity=5, use="shop"):
        return ("transfer", "alice", "bob", quantity, "moon:MOON", "--use", use)

    def test_its_holder_pays_within_the_ceiling(self):
        said = self.grant("--right", "debit", "--ceiling", 10)
        self.assertEqual(self.account(*self.pay(6), signers=["shop"])["status"], "applied")
        self.refuse("over-ceiling", *self.pay(5), signers=["shop"], text="alice/shop")
        (capability,) = self.show("alice")["capabilities"]
        self.assertEqual((capability["capability"], capability["id"], capability["rights"],
                          capability["ceiling"], capability["spent"], capability["holder"]),
                         ("shop", said["capability"], ["debit"], "10", "6", self.public("shop")))
        self.assertIn("capability shop: debit, up to 10 of which 6 are spent\n",
                      self.ok("account", "show", "alice"))
        self.check()

    def test_nobody_else_uses_it(self):
        self.grant("--right", "debit")
        self.refuse("wrong-key", *self.pay(), signers=["bob"])
        self.refuse("unsigned", *self.pay())

    def test_it_gives_the_rights_that_it_names_for_what_it_names(self):
        self.account("open", "alice", "EUR")
        self.grant("--right", "withdraw", name="out")
        self.refuse("right-missing", *self.pay(use="out"), signers=["shop"])
        self.grant("--right", "debit", "--asset", "EUR", name="euros")
        self.refuse("other-resource", *self.pay(use="euros"), signers=["shop"])
        self.grant("--right", "debit", "--resource", "alice/EUR", name="one")
        self.refuse("other-resource", *self.pay(use="one"), signers=["shop"])
        done = self.account("withdraw", "alice", 5, "moon:MOON", "0xabc", "--use", "out",
                            signers=["shop"])
        self.assertEqual(done["status"], "applied")
        self.check()

    def test_it_expires_in_domain_time(self):
        self.grant("--right", "debit", "--until", "moon:25")
        self.assertEqual(self.account(*self.pay(), signers=["shop"])["status"], "applied")
        self.moon("mine=2")
        self.refuse("capability-expired", *self.pay(), signers=["shop"])
        self.assertIn(", until 25 of moon\n", self.ok("account", "show", "alice"))

    def test_it_is_revoked_with_all_that_were_delegated_of_it(self):
        self.grant("--right", "debit", "--right", "delegate", "--ceiling", 10)
        self.grant("--right", "debit", "--ceiling", 4, "--parent", "shop", name="till",
                   holder="till", signers=["shop"])
        self.assertEqual(self.account(*self.pay(3, "till"), signers=["till"])["status"],
                         "applied")
        self.refuse("over-ceiling", *self.pay(2, "till"), signers=["till"])
        self.assertEqual({c["capability"]: c["spent"] for c in self.show("alice")["capabilities"]},
                         {"shop": "3", "till": "3"})
        self.assertIn("by     alice/shop\n", self.ok("account", "show", "alice"))
        self.refuse("unsigned", "revoke", "shop")
        self.account("revoke", "shop", signers=["alice"])
        self.refuse("revoked", *self.pay(1, "till"), signers=["till"])
        self.check()

    def test_who_holds_it_may_give_it_back(self):
        self.grant("--right", "debit")
        self.account("revoke", "shop", signers=["shop"])
        self.assertEqual(self.show("alice")["capabilities"], [])

    def test_no_more_is_delegated_than_there_is(self):
        self.grant("--right", "debit", "--right", "delegate", "--ceiling", 10)
        more = ("grant", "alice", "till", "--holder", self.public("till"), "--parent", "shop")
        self.refuse("not-attenuated", *more, "--right", "debit", signers=["shop"])
        self.refuse("not-attenuated", *more, "--right", "withdraw", "--ceiling", 5,
                    signers=["shop"])
        self.refuse("not-attenuated", *more, "--right", "debit", "--ceiling", 11,
                    signers=["shop"])
        self.grant("--right", "debit", name="final")
        self.refuse("right-missing", "grant", "alice", "x", "--holder", self.public("till"),
                    "--parent", "final", "--right", "debit", signers=["shop"])

    def test_names_of_capabilities_need_not_be_unique(self):
        self.grant("--right", "debit")
        self.account("grant", "bob", "shop", "--holder", self.public("shop"), "--right", "debit",
                     signers=["bob"])
        done = self.run_code(4, "account", *self.pay(), *self.key("shop"))
        self.assertIn("alice/shop\n", done.stderr.decode())
        said = self.account(*self.pay(use="alice/shop"), signers=["shop"])
        self.assertEqual(said["status"], "applied")


class Wrong(Accounts):
    def usage(self, text, *words):
        message = self.refused(2, "account", *words)
        self.assertIn(text, message)
        self.assertIn("try: causality account --help\n", message)

    def test_wrong_usage_is_told(self):
        self.new("alice", "bob")
        self.usage("did you mean \"transfer\"?", "transfr")
        self.usage("an argument is missing: causality account transfer FROM TO QUANTITY ASSET",
                   "transfer", "alice")
        self.usage("is one argument too many", "show", "alice", "bob")
        self.usage("--use does not go with \"show\"", "show", "alice", "--use", "x")
        self.usage("an account needs an owner", "new", "x")
        self.usage("--owner: \"xyz\" is no public key", "new", "x", "--owner", "xyz")
        self.usage("how many of the 2 owners must sign?", "new", "x", "--owner", "0" * 64,
                   "--owner", "1" * 64)
        self.usage("3 owners must sign, and there are 2", "new", "x", "--owner", "0" * 64,
                   "--owner", "1" * 64, "--threshold", "3")
        for limit in ("x", "EUR:5:moon", "EUR:5:moon:x", "EUR:x:moon:5"):
            self.usage("is not ASSET:QUANTITY:DOMAIN:WINDOW", "new", "x", "--owner", "0" * 64,
                       "--limit", limit)
        many = [w for i in range(17) for w in ("--owner", f"{i:064x}")]
        self.usage("an account has at most 16 owners", "new", "x", "--threshold", 1, *many)
        many = [w for i in range(17) for w in ("--limit", f"A{i}:1:moon:1")]
        self.usage("--limit: at most 16", "new", "x", "--owner", "0" * 64, *many)
        many = [w for i in range(17) for w in self.key("alice")]
        self.usage("--key: at most 16", "transfer", "alice", "bob", 1, "EUR", *many)
        self.usage("what is to change?", "policy", "alice")
        for quantity in ("0", "1.5", "x"):
            self.usage("is no quantity", "transfer", "alice", "bob", quantity, "EUR")
        self.usage("both are the same account", "transfer", "alice", "alice", "1", "EUR")
        grant = ("grant", "alice", "shop")
        self.usage("who holds it?", *grant, "--right", "debit")
        self.usage("which rights", *grant, "--holder", "0" * 64)
        self.usage("--right: \"all\" is none of", *grant, "--right", "all")
        for until in ("moon", "moon:", "moon:x", ":5"):
            self.usage("is not DOMAIN:TIME", *grant, "--holder", "0" * 64, "--right", "debit",
                       "--until", until)
        self.usage("do not go together", *grant, "--holder", "0" * 64, "--right", "debit",
                   "--asset", "EUR", "--resource", "alice")

    def test_what_is_not_there_is_told(self):
        self.new("alice")
        self.assertIn("there is no account \"bob\"; causality list --kind account shows",
                      self.refused(3, "account", "show", "bob"))
        self.assertIn("there is no account \"bob\"",
                      self.refused(3, "account", "transfer", "alice", "bob", "1", "EUR"))
        self.assertIn("there is no capability \"shop\"",
                      self.refused(3, "account", "revoke", "shop"))
        self.assertIn("there is no fact", self.refused(3, "account", "deposit", "bafyr4iaaa"))
        missing = self.folder / "missing.key"
        self.assertIn(f"{missing}: ",
                      self.refused(3, "account", "revoke", "x", "--key", missing))

    def test_a_key_file_that_is_none_is_told(self):
        self.new("alice")
        path = self.file("no.key", b"hello\n")
        self.assertIn("no key: a key file is 64 hex digits",
                      self.refused(2, "account", "revoke", "x", "--key", path))

    def test_a_plain_resource_is_no_account(self):
        self.apply([{"op": "create", "resource": "plain", "asset": "EUR", "quantity": "5",
                     "nonce": 1}])
        self.assertIn("there is no account \"plain\"", self.refused(3, "account", "show", "plain"))

    def test_a_fact_that_does_not_fit_is_told(self):
        self.new("alice")
        self.fund("alice", 5)
        self.assertIn("is no deposit",
                      self.refused(1, "account", "deposit", self.newest("time")))
        self.assertIn("closes no withdrawal",
                      self.refused(1, "account", "close", "alice", self.newest("deposit")))
        self.moon("deposit=carol:MOON:5", "mine")
        self.assertIn("the deposit is for \"carol\", and there is no such account",
                      self.refused(3, "account", "deposit", self.newest("deposit")))

    def test_finality_may_be_asked_for(self):
        self.new("alice")
        self.moon("deposit=alice:MOON:5", "mine")
        fact = self.newest("deposit")
        self.refuse("below-finality", "deposit", fact, "--finality", "final")
        self.moon("finalize=1")
        said = self.account("deposit", fact, "--finality", "final")
        self.assertEqual(said["status"], "applied")


class Json(Accounts):
    """The same things as effects in JSON."""

    def test_an_account_lives_on_effects_alone(self):
        for name in ("alice", "bob"):
            self.key(name)
        files = {name: str(self.folder / f"{name}.key") for name in ("alice", "bob")}
        said = self.apply([
            {"op": "create", "resource": name, "policy": {"owners": [self.public(name)]},
             "nonce": i, "sign": [files[name]]} for i, name in enumerate(("alice", "bob"))])
        self.assertEqual({a["status"] for a in said}, {"applied"})
        self.moon("deposit=alice:MOON:100", "mine")
        alice, bob = (self.show(name)["id"] for name in ("alice", "bob"))
        balance = {"op": "create", "resource": "moon:MOON", "asset": "moon:MOON",
                   "if_absent": True}
        effects = [
            {"origin": "alice", "nonce": 1, "ops": [
                {**balance, "creator": "alice"},
                {"op": "deposit", "to": ["alice", "moon:MOON"], "fact": self.newest("deposit")}]},
            {"origin": "alice", "nonce": 2, "sign": [files["alice"]],
             "access": [{"resource": "alice", "mode": "read"}], "ops": [
                 {**balance, "creator": "bob"},
                 {"op": "transfer", "from": ["alice", "moon:MOON"], "to": ["bob", "moon:MOON"],
                  "quantity": 30}]},
            {"origin": "alice", "nonce": 3, "sign": [files["bob"]],
             "access": [{"resource": "alice", "mode": "read"}],
             "op": "transfer", "from": ["alice", "moon:MOON"], "to": ["bob", "moon:MOON"],
             "quantity": 30}]
        said = self.apply(effects, code=1)
        self.assertEqual([a["reason"] for a in said], [None, None, "wrong-key"])
        self.assertEqual(self.holds("bob"), ({"moon:MOON": 30}, {}))
        self.assertNotEqual(alice, bob)
        self.check()

    def test_what_is_printed_is_read_again_as_the_same_effect(self):
        self.new("alice", "bob")
        self.fund("alice", 100)
        self.account("grant", "alice", "shop", "--holder", self.public("shop"), "--right",
                     "debit", "--right", "delegate", "--ceiling", 10, signers=["alice"])
        self.account("transfer", "alice", "bob", 5, "moon:MOON", "--use", "shop",
                     signers=["shop"])
        out = self.account("withdraw", "alice", 5, "moon:MOON", "0xabc", signers=["alice"])
        self.moon(f"withdrawal={out['reference']}:MOON:5", "mine")
        self.account("close", "alice", self.newest("withdrawal"))
        self.account("revoke", "shop", signers=["alice"])
        effects = {e["effect"] for name in ("alice", "bob", "alice/shop", "alice/outbox",
                                            "alice/moon:MOON", "bob/moon:MOON")
                   for e in self.json("log", name)}
        self.assertEqual(len(effects), 8)
        for effect in sorted(effects):
            (shown,) = self.json("show", effect)
            again = {key: shown[key] for key in ("origin", "nonce", "priority", "ops", "facts",
                                                 "after", "signature", "time") if shown.get(key)}
            # Accesses that no operation names are told by the receipt.
            again["access"] = [{"resource": p["id"], "mode": p["mode"]} for p in shown["posts"]]
            (said,) = self.apply([again])
            self.assertEqual((said["status"], said["effect"]), ("duplicate", effect))


if __name__ == "__main__":
    main()
