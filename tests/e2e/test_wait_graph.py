"""`causality wait-graph` against a process that answers with a graph of the test's own. Which
parties wait for each other is computed here a second time, from the words of the header: a waiter
waits for each holder and each earlier waiter unless both read.
"""
import contextlib
import json
import os
import random
import re
import socket
import struct
import subprocess
import threading

from test_cli_support import Store, main

SERVER = os.environ["WAIT_GRAPH_SERVER"]
SEEDS = int(os.environ.get("CAUSALITY_SEEDS", 40))
THREAD, TASK, CONTEXT, EFFECT = range(4)
KINDS = ["thread", "task", "context", "effect"]
READ, WRITE = 0, 1
MODES = ["read", "write"]
EFFECT_ID = "bafyr4ih" + "a" * 51


def edge(resource, label, kind, number, name, mode, place=0):
    return ("edge", resource, label, kind, number, name, mode, place)


def cycle(number, *steps):
    return [("cycle", number)] + [("step", *step) for step in steps]


# Two that wait for each other, one behind them, two readers elsewhere.
DEADLOCK = [
    edge(1, "alice", THREAD, 1, "payer", WRITE),
    edge(1, "alice", TASK, 2, "payee", WRITE, 1),
    edge(1, "alice", EFFECT, 77, EFFECT_ID, READ, 2),
    edge(2, "bob", TASK, 2, "payee", READ),
    edge(2, "bob", THREAD, 1, "payer", WRITE, 1),
    edge(3, "", CONTEXT, 5, "", READ),
    edge(3, "", CONTEXT, 6, "", READ),
]
REFUSED = [
    *cycle(9, (1, "alice", THREAD, 1, "payer", WRITE, 0),
           (4, "", TASK, 2, "payee", READ, 1), (5, "", EFFECT, 78, EFFECT_ID, WRITE, 0)),
    *cycle(3),
]


class WaitGraph(Store):
    @contextlib.contextmanager
    def told(self, rows):
        server = subprocess.Popen([SERVER, self.store], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        with server:
            text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
            server.stdin.write((text + "go\n").encode("utf-8", "surrogateescape"))
            server.stdin.flush()
            self.assertEqual(server.stdout.readline(), b"listening\n")
            yield server
        self.assertEqual(server.returncode, 0)

    def test_without_a_writer_it_is_exit_3_and_says_so(self):
        message = self.refused(3, "wait-graph")
        self.assertIn("no process has a store in", message)
        self.assertIn(str(self.store), message)
        self.refused(3, "wait-graph", store=self.folder / "nothing")

    def test_a_writer_that_was_killed_is_none(self):
        with self.told(DEADLOCK) as server:
            self.ok("wait-graph")
            server.kill()
            server.wait()
            self.assertTrue((self.store / "control").is_socket())
            self.refused(3, "wait-graph")
            server.returncode = 0
        with self.told(DEADLOCK):
            self.ok("wait-graph")
        self.assertFalse((self.store / "control").exists())

    def test_dot_and_json_exclude_each_other(self):
        self.refused(2, "wait-graph", "--dot", "--json")

    def answered(self, *answers):
        """Answers one client after the other with these bytes; returns what they asked."""
        door, asked = socket.socket(socket.AF_UNIX), []
        door.bind(str(self.store / "control"))
        door.listen()

        def serve():
            for answer in answers:
                client, _ = door.accept()
                with client, client.makefile("rb") as stream:
                    (size,) = struct.unpack("<I", stream.read(4))
                    asked.append(stream.read(size))
                    client.sendall(answer)
        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(door.close)
        self.addCleanup(thread.join)
        return asked

    def test_the_protocol_is_the_documented_one(self):
        line = b"\x85\x01\x07\x61t\x01\x00"
        graph = b"\x84\x0b\x81\x83\x58\x20" + bytes(32) + b"\x61a\x81" + line + b"\x80"
        refusal = b"\x83\x0c\x0b\x64gone"
        asked = self.answered(framed(graph + b"\x00"), framed(graph + b"\x05"), framed(refusal),
                              framed(b"\xff"), struct.pack("<I", 2**32 - 1), b"")
        table = "RESOURCE  PARTY     MODE   PLACE\na         task 7 t  write  holds\n"
        self.assertEqual(self.ok("wait-graph"), table)
        cut = self.run_code(7, "wait-graph")
        self.assertEqual(cut.stdout.decode(), table)
        self.assertIn("5 more", cut.stderr.decode())
        self.assertIn("gone", self.refused(5, "wait-graph"))
        self.refused(2, "wait-graph")
        self.refused(7, "wait-graph")
        self.assertIn("ended the connection", self.refused(5, "wait-graph"))
        self.assertEqual(asked, [b"\x81\x0a"] * 6)

    def test_an_empty_graph_says_so(self):
        with self.told([]):
            self.assertEqual(self.ok("wait-graph"), "nobody holds or waits\n")
            self.assertEqual(self.ok("wait-graph", "--json"), "")
            self.assertEqual(parse_dot(self.ok("wait-graph", "--dot")), ({}, [], {}))

    def test_the_table_has_a_line_for_each_party_at_a_resource(self):
        with self.told(DEADLOCK):
            table = self.ok("wait-graph").split("\n\n")[0].splitlines()
            resource = self.json("wait-graph")[2]["id"][:16]
        self.assertEqual([re.split("  +", line) for line in table], [
            ["RESOURCE", "PARTY", "MODE", "PLACE"],
            ["alice", "thread 1 payer", "write", "holds"],
            ["alice", "task 2 payee", "write", "waits 1"],
            ["alice", "effect 77 " + EFFECT_ID[:16], "read", "waits 2"],
            ["bob", "task 2 payee", "read", "holds"],
            ["bob", "thread 1 payer", "write", "waits 1"],
            [resource, "context 5", "read", "holds"],
            [resource, "context 6", "read", "holds"]])
        starts = {tuple(m.start() for m in re.finditer(r"(?<=  )\S|^\S", line))
                  for line in table}
        self.assertEqual(len(starts), 1)

    def test_cycles_are_told_as_text(self):
        with self.told(DEADLOCK + REFUSED):
            parts = self.ok("wait-graph").split("\n\n")[1:]
        self.assertEqual(parts[0].splitlines(), [
            "cycle: 2 wait for each other",
            "  thread 1 payer waits to write bob, held by task 2 payee",
            "  task 2 payee waits to write alice, held by thread 1 payer"])
        self.assertEqual(parts[1].splitlines()[:3], [
            "refused 9",
            "  thread 1 payer waited to write alice, after task 2 payee",
            f"  task 2 payee waited for effect 78 {EFFECT_ID[:16]}"])
        self.assertEqual(parts[2], "refused 3: not kept\n")

    def test_a_cycle_may_go_by_the_order_of_a_queue(self):
        with self.told([edge(1, "r", THREAD, 1, "a", READ), edge(1, "r", THREAD, 2, "b", WRITE, 1),
                        edge(1, "r", THREAD, 3, "c", READ, 2),
                        edge(2, "s", THREAD, 3, "c", WRITE),
                        edge(2, "s", THREAD, 2, "b", READ, 1)]):
            text, dot = self.ok("wait-graph"), self.ok("wait-graph", "--dot")
        self.assertEqual(text.split("\n\n")[1].splitlines(), [
            "cycle: 2 wait for each other",
            "  thread 2 b waits to read s, held by thread 3 c",
            "  thread 3 c waits to read r, after thread 2 b"])
        nodes, edges, _ = parse_dot(dot)
        behind = [(nodes[a]["label"], nodes[b]["label"]) for a, b, attributes in edges
                  if attributes["label"] == "behind"]
        self.assertEqual(behind, [("thread 3 c", "thread 2 b")])

    def test_an_origin_with_the_id_of_a_resource_is_apart_from_it(self):
        with self.told([edge(1, "", EFFECT, 1, EFFECT_ID, WRITE),
                        edge(1, "", EFFECT, 2, EFFECT_ID, WRITE, 1),
                        edge(1, "alice", THREAD, 1, "a", WRITE),
                        edge(1, "alice", EFFECT, 1, EFFECT_ID, WRITE, 1)]):
            origin, alice = self.json("wait-graph")
        self.assertEqual(origin["id"], alice["id"])
        self.assertEqual([[w["number"] for w in r["waiters"]] for r in (origin, alice)],
                         [["2"], ["1"]])

    def test_json_has_everything(self):
        with self.told(DEADLOCK + REFUSED):
            alice, bob, nameless, live, refused, lost = self.json("wait-graph")
        self.assertEqual(alice["resource"], "alice")
        self.assertRegex(alice["id"], "^b[a-z2-7]{58}$")
        self.assertEqual(alice["holders"], [{"party": "thread", "number": "1", "name": "payer",
                                             "mode": "write", "in_cycle": True}])
        self.assertEqual([(w["party"], w["number"], w["name"], w["mode"], w["place"],
                           w["in_cycle"]) for w in alice["waiters"]],
                         [("task", "2", "payee", "write", "1", True),
                          ("effect", "77", EFFECT_ID, "read", "2", False)])
        self.assertIsNone(nameless["resource"])
        self.assertEqual((live["cycle"], live["parties"]), ("live", "2"))
        self.assertEqual([(s["party"], s["number"], s["resource"], s["mode"], s["next"])
                          for s in live["steps"]],
                         [("thread", "1", "bob", "write", "holds"),
                          ("task", "2", "alice", "write", "holds")])
        self.assertEqual((refused["cycle"], refused["number"]), ("refused", "9"))
        self.assertEqual([(s["party"], s["resource"], s["next"]) for s in refused["steps"]],
                         [("thread", "alice", "ahead"), ("task", None, "awaited"),
                          ("effect", None, "ahead")])
        self.assertEqual((lost["number"], lost["steps"]), ("3", []))
        self.assertEqual(bob["resource"], "bob")

    def test_dot_has_boxes_ellipses_and_red_cycles(self):
        with self.told(DEADLOCK + REFUSED):
            nodes, edges, clusters = parse_dot(self.ok("wait-graph", "--dot"))
        shapes = {n["label"]: (n["shape"], n.get("color")) for name, n in nodes.items()
                  if name[0] != "c"}
        self.assertEqual(shapes.pop("alice"), ("box", "red"))
        self.assertEqual(shapes.pop("bob"), ("box", "red"))
        self.assertEqual(shapes.pop("thread 1 payer"), ("ellipse", "red"))
        self.assertEqual(shapes.pop("task 2 payee"), ("ellipse", "red"))
        self.assertEqual(set(shapes.values()), {("box", None), ("ellipse", None)})
        drawn = {(nodes[a]["label"], nodes[b]["label"], at["label"], at.get("color"))
                 for a, b, at in edges if a[0] != "c"}
        self.assertIn(("alice", "thread 1 payer", "held, write", "red"), drawn)
        self.assertIn(("task 2 payee", "alice", "waits 1, write", "red"), drawn)
        self.assertIn(("effect 77 " + EFFECT_ID[:16], "alice", "waits 2, read", None), drawn)
        self.assertEqual(len(drawn), 7)
        self.assertEqual(set(clusters.values()), {"refused 9", "refused 3"})

    def test_names_from_outside_stay_in_their_place(self):
        name = 'x"]; } \\ \x1b[31m\x01 \u00e9'
        label = "quote\"back\\slash"
        with self.told([edge(1, label, THREAD, 1, name, WRITE)]):
            text, dot = self.ok("wait-graph"), self.ok("wait-graph", "--dot")
            (told,) = self.json("wait-graph")
        self.assertEqual((told["resource"], told["holders"][0]["name"]), (label, name))
        for shown in (text, dot):
            self.assertFalse(set(shown) & {"\x1b", "\x01"})
        nodes, _, _ = parse_dot(dot)
        shown = "thread 1 " + name.replace("\x1b", "\\x1b").replace("\x01", "\\x01")
        self.assertEqual({n["label"] for n in nodes.values()}, {label, shown})

    def test_live_cycles_are_those_of_the_whole_wait_for_graph(self):
        for seed in range(1, SEEDS + 1):
            rows = random_graph(random.Random(seed))
            with self.subTest(seed=seed), self.told(rows):
                said = self.json("wait-graph")
                nodes, edges, _ = parse_dot(self.ok("wait-graph", "--dot"))
                self.compare(rows, said)
                self.assertEqual(sum(n["shape"] == "box" for n in nodes.values()),
                                 len({row[1] for row in rows}))
                self.assertEqual(sum(at["label"] != "behind" for _, _, at in edges), len(rows))

    def compare(self, rows, said):
        waits, blocked_by = wait_for(rows)
        groups = components(waits)
        parties = [int(c["parties"]) for c in said if "cycle" in c]
        self.assertEqual(sorted(parties), sorted(map(len, groups)))
        for told in (c for c in said if "cycle" in c):
            steps = told["steps"]
            for step, after in zip(steps, steps[1:] + steps[:1]):
                here, there = ((KINDS.index(s["party"]), int(s["number"])) for s in (step, after))
                self.assertIn((here, step["resource"], there), blocked_by)
            self.assertTrue(any({(KINDS.index(s["party"]), int(s["number"])) for s in steps}
                                <= group for group in groups))
        red = {(r["resource"], w["party"], w["number"]) for r in said if "waiters" in r
               for w in r["waiters"] if w["in_cycle"]}
        wanted = {(resource, KINDS[a[0]], str(a[1])) for a, resource, b in blocked_by
                  if any(a in group and b in group for group in groups)}
        # A waiter for whom another one waits in a cycle is on it too.
        behind = {(resource, KINDS[b[0]], str(b[1])) for a, resource, b in blocked_by
                  if any(a in group and b in group for group in groups)}
        self.assertLessEqual(wanted, red)
        self.assertLessEqual(red, wanted | behind)


def framed(message):
    return struct.pack("<I", len(message)) + message


def random_graph(r):
    """Queues as they can be: one holder that writes, or any that read."""
    people = [(r.choice((THREAD, TASK)), n) for n in range(r.randint(2, 9))]
    rows = []
    for resource in range(1, r.randint(2, 7)):
        order = r.sample(people, r.randint(1, len(people)))
        readers = r.randint(0, len(order))
        held = order[:readers] if readers != 1 else order[:1]
        mode = r.choice((READ, WRITE)) if len(held) == 1 else READ
        rows += [edge(resource, f"r{resource}", *p, "n", mode) for p in held]
        rows += [edge(resource, f"r{resource}", *p, "n", r.choice((READ, WRITE)), place)
                 for place, p in enumerate(order[len(held):], 1)]
    return rows


def wait_for(rows):
    """{party: those it waits for}, and all of (party, resource, other)."""
    waits, blocked_by = {}, set()
    for _, resource, label, kind, number, _, mode, place in rows:
        waits.setdefault((kind, number), set())
        for _, other, _, other_kind, other_number, _, other_mode, other_place in rows:
            if place and other == resource and other_place < place and WRITE in (mode, other_mode):
                waits[kind, number].add((other_kind, other_number))
                blocked_by.add(((kind, number), label, (other_kind, other_number)))
    return waits, blocked_by


def components(waits):
    """The groups of parties that reach each other, by following every arrow from everybody."""
    def reached(start):
        seen, todo = set(), list(waits[start])
        while todo:
            party = todo.pop()
            if party not in seen:
                seen.add(party)
                todo += waits.get(party, ())
        return seen
    reach = {party: reached(party) for party in waits}
    return {frozenset(b for b in reach[a] if a in reach[b]) for a in waits if a in reach[a]}


# ---- The part of the DOT language (graphviz.org/doc/info/lang.html) that is used ---------------

TOKEN = re.compile(r'\s*(->|[{}\[\];,=]|[A-Za-z_][A-Za-z_0-9]*|"(?:[^"\\]|\\.)*")')


def parse_dot(text):
    """({node: attributes}, [(from, to, attributes)], {cluster: label}); anything else fails."""
    tokens, at = [], 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        assert found, text[at:at + 40]
        tokens.append(found.group(1))
        at = found.end()
    nodes, edges, clusters = {}, [], {}
    take = iter(tokens).__next__

    def expect(*wanted):
        for word in wanted:
            assert (got := take()) == word, (got, word)

    def value(token):
        if token[0] != '"':
            return token
        return re.sub(r'\\(["\\])', r"\1", token[1:-1])

    def attributes():
        found = {}
        while True:
            key = take()
            expect("=")
            found[key] = value(take())
            mark = take()
            if mark == "]":
                return found
            assert mark == ",", mark

    def statements(cluster):
        while (word := take()) != "}":
            if word == "subgraph":
                name = take()
                expect("{")
                statements(name)
                continue
            mark = take()
            if mark == "=":
                setting = value(take())
                if cluster and word == "label":
                    clusters[cluster] = setting
            elif mark == "->":
                target = take()
                expect("[")
                assert word in nodes and target in nodes or word[0] == "c", (word, target)
                edges.append((word, target, attributes()))
            else:
                assert mark == "[" and word not in nodes, (word, mark)
                nodes[word] = attributes()
            expect(";")

    expect("digraph", "waits", "{")
    statements(None)
    assert next(iter(tokens[-1:])) == "}"
    assert all(a in nodes and b in nodes for a, b, _ in edges)
    return nodes, edges, clusters


if __name__ == "__main__":
    main()
