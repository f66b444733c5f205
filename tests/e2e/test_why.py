"""causality why and before: in each form, against a model of the causal links of the inputs."""
import collections
import json
import os
import random
import re
import shutil
import subprocess
import unittest

import shiviz
from test_cli_support import COMMAND, Store, create, lines, main, transfer

SEED = int(os.environ.get("CAUSALITY_SEED", "1"))


class History(Store):
    """A random history, and the links that the rules give it (R4): an effect follows the last
    write of each resource that it touches, what it cites, what it names, and its task's last."""

    def make(self, count=60, seed=SEED, resources=6):
        rng = random.Random(seed)
        chain = [json.loads(line) for line in self.ok(
            "sim", "moon", "deposit=a:M:1", "mine", "price=P:2", "deposit=b:M:1",
            "mine=2").splitlines()]
        self.run_code(0, "fact", "add", "-", stdin=lines(chain))
        facts = [f for f in chain if "fact" in f]
        self.ids, self.causes = {}, {}
        block = {}
        for number, fact in enumerate(facts, 2):
            self.ids["fact", number] = fact["id"]
            self.causes["fact", number] = (
                set() if fact["kind"] == "block" else {("block", ("fact", block[fact["height"]]))})
            block.setdefault(fact["height"], number)
        names = [f"r{i}" for i in range(resources)]
        effects, last, task_last, touches = [], {}, {}, []
        for i, name in enumerate(names):
            effects.append(create(name, 1000, i + 1))
            touches.append([(name, "write")])
        for i in range(count):
            effect, touched = self.random_effect(rng, names, i, facts)
            effects.append(effect)
            touches.append(touched)
        self.effects = effects
        said = []
        for position, (effect, touched) in enumerate(zip(effects, touches), 1):
            if position > len(said):  # the next ones may follow all of those before
                for e in effects[len(said):len(said) + 12]:
                    e["after"] = [said[k]["effect"] for k in e.pop("follow", [])
                                  if k < len(said)]
                said += self.apply(effects[len(said):len(said) + 12])
            answer = said[position - 1]
            self.assertEqual((answer["status"], answer["position"]), ("applied", str(position)),
                             f"seed {seed}: {effect}")
            self.ids["effect", position] = answer["effect"]
            self.causes["effect", position] = self.links(effect, touched, last, task_last)
            for name, mode in touched:
                if mode == "write":
                    last[name] = position
            if "program" in effect:
                task_last[effect["program"]["id"], effect["program"]["task"]] = position

    def random_effect(self, rng, names, i, facts):
        effect, touched = {"origin": f"o{rng.randrange(4)}", "nonce": i + 1, "ops": []}, {}
        if rng.random() < 0.7:
            a, b = rng.sample(names, 2)
            effect["ops"].append({"op": "transfer", "from": a, "to": b, "quantity": "1"})
            touched[a] = touched[b] = "write"
        else:
            a = rng.choice(names)
            effect["ops"].append({"op": "require", "resource": a, "quantity": "0"})
            touched[a] = "read"
        if rng.random() < 0.3:
            effect["program"] = {"id": "program", "task": rng.randrange(2)}
        if rng.random() < 0.2:
            effect["facts"] = [rng.choice([f["id"] for f in facts if f["kind"] != "time"])]
        if rng.random() < 0.2 and i:
            effect["follow"] = [rng.randrange(i)]
        return effect, list(touched.items())

    def links(self, effect, touched, last, task_last):
        found = {(mode, ("effect", last[name])) for name, mode in touched if name in last}
        number = {v: k for k, v in self.ids.items()}
        found |= {("fact", number[f]) for f in effect.get("facts", [])}
        found |= {("after", number[e]) for e in effect["after"]}
        task = effect.get("program")
        if task and (task["id"], task["task"]) in task_last:
            found.add(("task", ("effect", task_last[task["id"], task["task"]])))
        return found

    def past(self, event):
        """All that an event rests on, itself too."""
        seen, queue = {event: 0}, collections.deque([event])
        while queue:
            at = queue.popleft()
            for _, cause in self.causes[at]:
                if cause not in seen:
                    seen[cause] = seen[at] + 1
                    queue.append(cause)
        return seen

    def newest(self):
        return max(e for e in self.ids if e[0] == "effect")

    def why_json(self, event, *words):
        """Events as they came, with their links."""
        told = {}
        for line in self.json("why", self.ids[event], *words):
            key = (line["event"], int(line["position" if line["event"] == "effect" else "number"]))
            self.assertNotIn(key, told)
            self.assertEqual(line["id"], self.ids[key])
            told[key] = {(c["link"], ("fact", int(c["fact"])) if "fact" in c
                          else ("effect", int(c["position"]))) for c in line["causes"]}
        return told


class Json(History):
    def test_the_past_is_what_the_links_lead_to(self):
        for seed in range(SEED, SEED + 3):
            with self.subTest(seed=seed):
                self.store = self.new_store(f"seed-{seed}")
                self.make(seed=seed)
                for event in random.Random(seed).sample(sorted(self.ids), 10):
                    told = self.why_json(event)
                    self.assertEqual(set(told), set(self.past(event)))
                    for key, causes in told.items():
                        self.assertEqual(causes, self.causes[key])

    def test_an_event_comes_after_all_that_follow_it(self):
        self.make()
        seen = set()
        for key in self.why_json(self.newest()):
            self.assertFalse({c for _, c in self.causes[key]} & seen)
            seen.add(key)

    def test_depth_takes_what_is_so_many_links_away(self):
        self.make()
        past = self.past(self.newest())
        for depth in range(max(past.values()) + 2):
            told = self.why_json(self.newest(), "--depth", depth)
            self.assertEqual(set(told), {e for e, d in past.items() if d <= depth})

    def test_max_takes_the_newest(self):
        self.make()
        everything = list(self.why_json(self.newest()))
        done = self.run_code(0, "why", self.ids[self.newest()], "--json", "--max", "5")
        self.assertIn(b"there is more", done.stderr)
        told = [json.loads(line)["id"] for line in done.stdout.splitlines()]
        self.assertEqual(told, [self.ids[e] for e in everything[:5]])

    def test_wrong_use_is_told(self):
        self.make(count=3)
        self.assertIn("only one of", self.refused(2, "why", "x", "--json", "--dot"))
        self.assertIn("effect or fact", self.refused(3, "why", "bafyr4iaaaaaaaaaaaaaaaaaaaa"))
        self.assertIn("effect or fact", self.refused(3, "before", "r0", "r1"))


class Before(History):
    def test_it_agrees_with_the_links_on_all_pairs(self):
        self.make(count=24)
        pasts = {e: self.past(e) for e in self.ids}
        rng = random.Random(SEED)
        answers = collections.Counter()
        for _ in range(150):
            a, b = rng.choice(list(self.ids)), rng.choice(list(self.ids))
            wanted = ("same" if a == b else "yes" if a in pasts[b] else
                      "no" if b in pasts[a] else "concurrent")
            done = self.run_code(0 if wanted == "yes" else 1, "before", self.ids[a], self.ids[b])
            self.assertEqual((done.stdout.decode(), done.stderr), (wanted + "\n", b""),
                             f"seed {SEED}: {a} {b}")
            answers[wanted] += 1
        self.assertLess(20, min(answers["yes"], answers["no"], answers["concurrent"]))
        one, two = self.ids["effect", 1], self.ids["effect", 2]
        done = self.run_code(1, "before", one[:24], two[:24], "--json")
        self.assertEqual(json.loads(done.stdout),
                         {"a": one, "b": two, "before": "concurrent", "order": "concurrent"})


class ShiViz(History):
    def test_the_log_keeps_shivizs_rules_and_says_what_the_links_say(self):
        for seed in range(SEED, SEED + 3):
            with self.subTest(seed=seed):
                self.store = self.new_store(f"seed-{seed}")
                self.make(seed=seed)
                self.check(self.ok("why", self.ids[self.newest()], "--shiviz"), seed)

    def check(self, text, seed):
        events = shiviz.parse(text)
        shiviz.check(events)
        clocks = {}
        for event, host, clock in events:
            fact, number = re.match(r"(fact )?(\d+) ", event).groups()
            clocks["fact" if fact else "effect", int(number)] = host, clock
        past = self.past(self.newest())
        self.assertEqual(set(clocks), set(past))
        # The items of a domain's log follow each other too.
        facts = sorted(e for e in past if e[0] == "fact")
        log = dict(zip(facts[1:], facts))
        full = {e: {c for _, c in self.causes[e]} | ({log[e]} if e in log else set())
                for e in past}
        for b in past:
            seen, queue = set(), [b]
            while queue:
                for cause in full[queue.pop()]:
                    if cause not in seen:
                        seen.add(cause)
                        queue.append(cause)
            for a in past:
                if a != b:
                    host, clock = clocks[a]
                    before = clocks[b][1].get(host, 0) >= clock[host]
                    self.assertEqual(before, a in seen, f"seed {seed}: {a} {b}")

    def test_the_checker_finds_what_is_wrong(self):
        good = 'a\nx {"x":1}\nb\ny {"y":1}\nc\nx {"x":2,"y":1}\nd\ny {"x":2,"y":2}\n'
        shiviz.check(shiviz.parse(good))
        for old, new in (('{"x":1}', '{"x":2}'), ('"x":2,"y":1', '"x":3,"y":1'),
                         ('"x":2,"y":1', '"x":2,"y":7'), ('"x":2,"y":2', '"x":3,"y":2'),
                         ("x {", " x {"), ('{"x":1}', '{"x":1'), ('{"x":1}', '{"x":0}'),
                         ('{"x":1}', '{"y":1}'), ('{"x":1}', '{"x":1.5}'), ("a\n", "\n"),
                         ('{"x":1}', '{"x":1,"x":1}'), ('"x":2,"y":2', '"y":2'),
                         ('{"y":1}', '{"y":1,"x":2}')):
            bad = good.replace(old, new, 1)
            if old == '"x":2,"y":2' and new == '"y":2':
                shiviz.check(shiviz.parse(bad))  # it merely knows less
                continue
            with self.assertRaises(shiviz.Broken, msg=bad):
                shiviz.check(shiviz.parse(bad))
        forgets = 'a\nx {"x":1}\nb\ny {"x":1,"y":1}\nc\nz {"y":1,"z":1}\n'
        with self.assertRaises(shiviz.Broken):
            shiviz.check(shiviz.parse(forgets))

    def test_labels_of_any_kind_are_hosts_of_one_word(self):
        labels = ["two words", 'quo"te', "bra{ce}", "back\\slash", "100%", "domain:moon",
                  "no\u00a0break", "line\u2028end", "\u65e5\u672c", "task:x/1"]
        for i, label in enumerate(labels):
            self.apply([create(label, 10, i + 1)])
        said = []
        for i, (a, b) in enumerate(zip(labels, labels[1:])):
            said += self.apply([{**transfer(a, b, 1, 1), "origin": f"o{i}"}])
        events = shiviz.parse(self.ok("why", said[-1]["effect"], "--shiviz"))
        shiviz.check(events)
        self.assertEqual(len(events), 2 * len(labels) - 1)
        self.assertEqual(len({host for _, host, _ in events}), len(labels))
        self.assertTrue(all(not re.search(r"\s", host) for _, host, _ in events))


DOT_TOKEN = re.compile(r'\s*(?:[A-Za-z_]\w*|"(?:\\.|[^"\\])*"|->|[{}\[\]=;,])')


class Dot(History):
    def statements(self, text):
        """The statements of a graph, as lists of tokens; every character is one's."""
        tokens, at = [], 0
        text = text.strip()
        while at < len(text):
            found = DOT_TOKEN.match(text, at)
            self.assertTrue(found, text[at:at + 40])
            tokens.append(found.group().strip())
            at = found.end()
        self.assertEqual((tokens[0], tokens[2], tokens[-1]), ("digraph", "{", "}"))
        statements, now = [], []
        for token in tokens[3:-1]:
            if token == ";":
                statements.append(now)
                now = []
            else:
                now.append(token)
        self.assertEqual(now, [])
        return statements

    def test_nodes_and_arrows_are_events_and_links(self):
        self.make()
        text = self.ok("why", self.ids[self.newest()], "--dot")
        past = self.past(self.newest())
        name = {e: f"{e[0][0]}{e[1]}" for e in past}
        nodes, arrows = set(), {}
        for s in self.statements(text):
            if s[0] == "node":
                continue
            if s[1] == "->":
                self.assertNotIn((s[0], s[2]), arrows)
                arrows[s[0], s[2]] = s[s.index("label") + 2]
            else:
                nodes.add(s[0])
        self.assertEqual(nodes, set(name.values()))
        self.assertEqual(set(arrows), {(name[c], name[e]) for e in past
                                       for _, c in self.causes[e]})
        words = {"write": "writes ", "read": "reads ", "fact": "cites", "after": "follows",
                 "task": "task", "block": "rests on"}
        for event in past:
            for link, cause in self.causes[event]:
                self.assertIn(words[link], arrows[name[cause], name[event]])

    @unittest.skipUnless(shutil.which("dot"), "dot is not installed")
    def test_graphviz_takes_it(self):
        self.make()
        text = self.ok("why", self.ids[self.newest()], "--dot")
        subprocess.run(["dot", "-Tsvg"], input=text.encode(), check=True,
                       stdout=subprocess.DEVNULL)

    def test_labels_are_quoted(self):
        said = self.apply([create('a"b\\', 1, 1)])
        (_, node) = self.statements(self.ok("why", said[0]["effect"], "--dot"))
        self.assertEqual(json.loads(node[node.index("label") + 2]), '1 create a"b\\ with 1 EUR')


LINE = re.compile(r"(?P<rails>[^●◇]*)(?P<mark>[●◇])(?P<rest>[ ─│╵╷╴╯╮┤╶╰╭├┬┴┼]*)"
                  r"(?P<fact>fact )?(?P<number>\d+)  (?P<id>bafyr4i[a-z2-7]{9})  (?P<text>.*)")
DOWN, UP = set("│╷╮┤╭├┬┼"), set("│╵╯┤╰├┴┼")


class Tree(History):
    def read(self, text):
        found = []
        for line in text.splitlines():
            match = LINE.fullmatch(line)
            self.assertTrue(match, line)
            found.append(match)
        return found

    def key(self, match):
        return "fact" if match["fact"] else "effect", int(match["number"])

    def test_each_event_stands_there_once_with_its_links(self):
        self.make()
        told = self.read(self.ok("why", self.ids[self.newest()]))
        keys = [self.key(m) for m in told]
        self.assertEqual(sorted(keys), sorted(self.past(self.newest())))
        effects = [k for k in keys if k[0] == "effect"]
        self.assertEqual(effects, sorted(effects, reverse=True))
        for match in told:
            self.assertTrue(self.ids[self.key(match)].startswith(match["id"]))
            links = match["text"].split("  ← ")[1] if "  ← " in match["text"] else ""
            named = {("fact" if f else "effect", int(n))
                     for f, n in re.findall(r"(fact )?(\d+) \(", links)}
            self.assertEqual(named, {c for _, c in self.causes[self.key(match)]}, match.string)

    def test_facts_stand_below_the_first_effect_that_cites_them(self):
        self.make()
        last_effect, cited = None, set()
        for match in self.read(self.ok("why", self.ids[self.newest()])):
            key = self.key(match)
            if key[0] == "effect":
                last_effect = key
                cited = {c for link, c in self.causes[key] if link == "fact"}
                cited |= {b for c in cited for _, b in self.causes[c]}
            else:
                self.assertIn(key, cited, last_effect)

    def test_rails_lead_from_each_effect_to_its_causes(self):
        self.make(count=40, resources=4)
        told = [m for m in self.read(self.ok("why", self.ids[self.newest()]))]
        rows = [(m["rails"] + m["mark"] + m["rest"]).ljust(60) for m in told]
        place = {self.key(m): (i, len(m["rails"])) for i, m in enumerate(told)}
        for key, (row, column) in place.items():
            for link, cause in self.causes[key]:
                if key[0] == "fact" or cause[0] == "fact":
                    continue
                to_row, to_column = place[cause]
                low, high = sorted((column, to_column))
                self.assertNotIn(" ", rows[row][low:high + 1], told[row].string)
                if column != to_column:
                    self.assertIn(rows[row][to_column], DOWN, told[row].string)
                for i in range(row + 1, to_row):
                    self.assertIn(rows[i][to_column], DOWN & UP,
                                  f"{told[row].string}\n{told[i].string}")

    def test_what_is_wrong_is_marked(self):
        chain = ["deposit=a:M:1", "mine"]
        self.run_code(0, "fact", "add", "-", stdin=self.ok("sim", "moon", *chain).encode())
        (deposit,) = self.json("fact", "list", "--kind", "deposit")
        said = self.apply([{**create("a", 1, 1), "facts": [deposit["id"]]},
                           transfer("a", "nobody", 1, 1)], code=1)
        self.run_code(0, "fact", "add", "-", stdin=self.ok(
            "sim", "moon", *chain, "reorg-drop=1", "retract=1").encode())
        first = self.ok("why", said[0]["effect"]).splitlines()
        self.assertIn("[disputed] create a", first[0])
        self.assertIn("[retracted] deposit a M 1 at 1 of moon", first[1])
        self.assertIn("[retracted] block 1 of moon", first[2])
        self.assertIn("[rejected: unknown-resource] transfer 1", self.ok("why", said[1]["effect"]))
        (told,) = [e for e in self.json("why", said[0]["effect"]) if e["event"] == "effect"]
        self.assertTrue(told["disputed"])
        self.assertIn("color=red", self.ok("why", said[0]["effect"], "--dot"))

    def test_an_event_of_a_task_is_told_as_such(self):
        program = {"id": "swap", "task": 2}
        said = self.apply([{"nonce": 1, "ops": [], "program": program},
                           {"nonce": 2, "ops": [], "program": program}])
        self.assertRegex(self.ok("why", said[1]["effect"]),
                         r"^●  2  bafyr4i\w+  event of task 2  ← 1 \(task\)\n"
                         r"●  1  bafyr4i\w+  event of task 2\n$")

    def test_a_fact_has_a_past_too(self):
        self.make(count=1)
        price = self.json("fact", "list", "--kind", "price")[0]
        self.assertRegex(self.ok("why", price["id"]),
                         r"^◇ fact \d+  bafyr4i\w+  price P 2 at \d of moon  ← fact (\d+) "
                         r"\(rests on\)\n◇ fact \1  bafyr4i\w+  block \d of moon\n$")

    def test_what_is_left_out_is_told(self):
        self.make()
        text = self.ok("why", self.ids[self.newest()], "--max", "4").splitlines()
        self.assertEqual(len(text), 5)
        self.assertRegex(text[-1], r"^… left out: \d.* and what is before them; --max N shows")

    def on_terminal(self, *words, columns=80):
        import fcntl
        import pty
        import struct
        import termios
        import threading
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        data = []

        def drain():
            try:
                while part := os.read(master, 65536):
                    data.append(part)
            except OSError:
                pass

        reader = threading.Thread(target=drain)
        reader.start()
        self.run_code(0, *words, stdout=slave, env={"TERM": "xterm"})
        os.close(slave)
        reader.join()
        os.close(master)
        return b"".join(data).decode().replace("\r\n", "\n")

    def test_a_terminal_gets_a_thousand_lines_of_its_width(self):
        effects = [create("a", 5000, 1), create("b", 0, 2)]
        effects += [transfer("a", "b", 1, i) for i in range(1, 1200)]
        said = self.apply(effects)
        text = self.on_terminal("why", said[-1]["effect"], columns=60).splitlines()
        self.assertEqual(len(text), 1001)
        self.assertEqual(max(map(len, text[:-1])), 60)
        self.assertTrue(text[0].endswith("…"))
        self.assertEqual(text[-1], "… left out: 201 and what is before them; --max N shows more")
        self.assertEqual(len(self.ok("why", said[-1]["effect"]).splitlines()), 1201)


class Large(Store):
    def test_a_past_of_a_million_events_begins_at_once(self):
        """When a page of it is in the pipe, only a small part of the journal was read."""
        count, accounts = 1_000_000, 1000
        path = self.folder / "effects.jsonl"
        with path.open("w") as out:
            for i in range(accounts):
                out.write(json.dumps(create(f"a{i}", 10**6, i + 1)) + "\n")
            form = '{"op":"transfer","from":"a%d","to":"a%d","quantity":"1","nonce":%d}\n'
            out.writelines(form % (i % accounts, (i + 1) % accounts, i // accounts + 1)
                           for i in range(count))
        self.ok("apply", path)
        last = json.loads(self.ok("log", f"a{count % accounts}", "--json").splitlines()[-1])
        journal = sum(len(data) for data in self.journal().values())
        for words in ((), ("--json",)):
            process = subprocess.Popen([COMMAND, "-C", self.store, "why", last["effect"], *words],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for i in range(50):
                line = process.stdout.readline().decode()
                self.assertIn("bafyr4i", line)
            with open(f"/proc/{process.pid}/io") as io:
                read = int(re.search(r"rchar: (\d+)", io.read()).group(1))
            process.stdout.close()
            process.wait()
            self.assertLess(read, journal / 10)
        whole = self.run_command("why", last["effect"], stdout=subprocess.PIPE).stdout
        self.assertEqual(whole.count(b"\n"), count + accounts)


if __name__ == "__main__":
    main()
