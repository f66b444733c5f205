"""Completions and man pages say what the command does: each is compared with it, or run."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from test_cli_support import COMMAND, ROOT, Store, create, main

COMPLETIONS = ROOT / "completions"


def need(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


def literal_blocks(page):
    """The examples of a man page, as text."""
    text = (ROOT / "man" / page).read_text().split("\n.Sh EXAMPLES\n")[1]
    return re.findall(r"\.Bd -literal[^\n]*\n(.*?)\n\.Ed", text, re.S)


class Completions(Store):
    def setUp(self):
        super().setUp()
        self.verbs = self.json("help")
        self.path = f"{pathlib.Path(COMMAND).resolve().parent}:{os.environ['PATH']}"

    def bash(self, *words):
        """What bash offers for the last of the words."""
        script = (f"source {COMPLETIONS / 'causality.bash'}; COMP_WORDS=(causality \"$@\"); "
                  "COMP_CWORD=$#; _causality; printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-c", script, "bash", *words], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, cwd=self.store, check=True,
                              env={**os.environ, "PATH": self.path})
        self.assertEqual(done.stderr, b"")
        return set(done.stdout.decode().split())

    def options(self, verb):
        found = {"--" + o["name"] for o in verb["options"]}
        return found | {"-" + o["letter"] for o in verb["options"] if o["letter"]}

    @need("bash")
    def test_bash_offers_every_verb(self):
        names = {v["verb"] for v in self.verbs}
        self.assertEqual({w for w in self.bash("") if w[0] != "-"}, names)
        self.assertEqual(self.bash("re"), {"replay", "reindex"})
        self.assertEqual({w for w in self.bash("help", "") if w[0] != "-"}, names)
        self.assertEqual({w for w in self.bash("-C", ".", "") if w[0] != "-"}, names)

    @need("bash")
    def test_bash_offers_exactly_the_options_of_each_verb(self):
        for verb in self.verbs:
            self.assertEqual(self.bash(verb["verb"], "-"), self.options(verb), verb["verb"])

    @need("bash")
    def test_bash_offers_the_values_of_options(self):
        for verb in self.verbs:
            for option in verb["options"]:
                if option["values"]:
                    self.assertEqual(self.bash(verb["verb"], "--" + option["name"], ""),
                                     set(option["values"].split("|")))

    @need("bash")
    def test_bash_offers_labels_files_and_folders(self):
        self.apply([create("alice", 1, 1), create("bob", 1, 2)])
        self.assertEqual(self.bash("show", "a"), {"alice"})
        self.assertEqual(self.bash("log", "b"), {"bob"})
        self.assertIn("FORMAT", self.bash("apply", "FO"))
        self.assertEqual(self.bash("-C", "jour"), {"journal"})
        self.assertEqual(self.bash("import", "eth"), {"ethereum"})
        self.assertEqual(self.bash("domain", "re"), {"resolve"})
        self.assertEqual(self.bash("fact", "ver"), {"verify"})
        self.assertEqual(self.bash("key", ""), self.bash("key", "-") | {"new", "show"})
        self.assertIn("FORMAT", self.bash("fact", "add", "FO"))

    @need("fish")
    def test_fish_offers_exactly_the_options_of_each_verb(self):
        for verb in self.verbs:
            wanted = {"--" + o["name"] for o in verb["options"]}
            offered = self.fish(f"causality {verb['verb']} --")
            self.assertEqual({w.rstrip("=") for w in offered}, wanted, verb["verb"])
        names = {v["verb"] for v in self.verbs}
        self.assertEqual({w for w in self.fish("causality ") if w in names}, names)

    def fish(self, line):
        script = (f"source {COMPLETIONS / 'causality.fish'}; complete -C '{line}'")
        done = subprocess.run(["fish", "--no-config", "-c", script], stdout=subprocess.PIPE,
                              cwd=self.store, check=True,
                              env={**os.environ, "HOME": str(self.folder), "PATH": self.path})
        return {line.split("\t")[0] for line in done.stdout.decode().splitlines()}

    @need("zsh")
    def test_zsh_has_every_verb_option_and_value(self):
        text = (COMPLETIONS / "_causality").read_text()
        subprocess.run(["zsh", "-n", COMPLETIONS / "_causality"], check=True)
        listed = re.search(r"verbs=\(\n(.*?)\n    \)", text, re.S).group(1)
        self.assertEqual(set(re.findall(r"'([\w-]+):", listed)), {v["verb"] for v in self.verbs})
        shared = {name: set(re.findall(r"--([a-z-]+)", block)) for name, block in
                  re.findall(r"(?m)^    (common|threads)=\((.*?)(?:\)|\n    \))$", text,
                             re.S)}
        branches = {}
        for names, body in re.findall(r"(?ms)^        ([a-z| *-]+)\)(.*?);;", text):
            for name in names.split(" | "):
                branches[name] = body
        for verb in self.verbs:
            body = branches.get(verb["verb"], branches["*"])
            offered = set(re.findall(r"--([a-z-]+)=?", body))
            for name, options in shared.items():
                offered |= options if f"${name}" in body else set()
            self.assertEqual(offered, {o["name"] for o in verb["options"]}, verb["verb"])
            for option in verb["options"]:
                if option["values"]:
                    self.assertIn("(" + option["values"].replace("|", " ") + ")", body)


class ManPages(Store):
    def test_the_page_names_every_verb_and_option(self):
        page = (ROOT / "man/causality.1").read_text()
        items = re.split(r"(?m)^\.It Cm ", page)
        for verb in self.json("help"):
            item = next(i for i in items[1:] if i.split()[0] == verb["verb"])
            words = set(re.findall(r"\\-([a-z-]+)", item)) | set(re.findall(r"Fl (\w)\b", item))
            for option in verb["options"]:
                if option["name"] not in ("directory", "json", "help"):
                    self.assertTrue({option["name"], option["letter"]} & words,
                                    (verb["verb"], option["name"]))

    def test_the_page_names_every_exit_code_and_member(self):
        page = (ROOT / "man/causality.1").read_text()
        for code in (0, 1, 2, 3, 4, 5, 6, 7, 70, 71, 72):
            self.assertRegex(page, rf"(?m)^\.It {code}$")
        self.apply([create("a", 1, 1)])
        for member in self.json("list")[0]:
            self.assertRegex(page, rf"\b{member}\b")

    def test_the_sessions_of_the_pages_happen_so(self):
        for page in ("causality.1", "causality-accounts.5", "causality-facts.5"):
            self.assert_happens(page, "\n".join(literal_blocks(page)))

    def assert_happens(self, page, session):
        script, wanted = [], []
        for line in session.splitlines():
            if line.startswith(("$ ", "> ")):
                script.append(line[2:])
            else:
                wanted.append(line)
        folder = self.folder / page
        folder.mkdir()
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=folder, env={**os.environ, "PATH":
                             f"{pathlib.Path(COMMAND).resolve().parent}:{os.environ['PATH']}"})
        self.assertEqual(done.stdout.decode().splitlines(), wanted)

    def test_the_page_of_facts_names_every_fault(self):
        page = (ROOT / "man/causality-facts.5").read_text()
        header = (ROOT / "include/causality/causality.h").read_text()
        faults = re.search(r"#define CZ_FAULTS\(X\)(.*?)\n\n", header, re.S).group(1)
        wanted = re.findall(r'"([a-z-]+)",\s+"([^"]+)"', faults)
        self.assertEqual(len(wanted), 14)
        self.assertEqual(re.findall(r"(?m)^\.It Ql ([a-z-]+)\n(.+)$", page), wanted)

    def test_the_page_of_accounts_names_every_refusal(self):
        page = (ROOT / "man/causality-accounts.5").read_text()
        header = (ROOT / "include/causality/causality.h").read_text()
        reasons = re.search(r"/\* Authority \(R14\) \*/(.*?)/\* Guests", header, re.S).group(1)
        wanted = re.findall(r'"([a-z-]+)",[\s\\]+"([^"]+)"', reasons)
        self.assertEqual(len(wanted), 20)
        refusals = page.split("\n.Ss Refusals\n")[1].split("\n.Sh ")[0]
        self.assertEqual(re.findall(r"(?m)^\.It Ql ([a-z-]+)\n(.+)$", refusals), wanted)

    def test_the_page_of_effects_names_every_refusal_of_guests(self):
        page = (ROOT / "man/causality-effects.5").read_text()
        header = (ROOT / "include/causality/causality.h").read_text()
        reasons = re.search(r"/\* Guests \(R17\) \*/(.*?)CZ_FAULTS", header, re.S).group(1)
        wanted = re.findall(r'"([a-z-]+)",[\s\\]+"([^"]+)"', reasons)
        self.assertEqual(len(wanted), 6)
        refusals = page.split("\n.Ss Guests\n")[1].split("\n.S")[0]
        self.assertEqual(re.findall(r"(?m)^\.It Ql ([a-z-]+)\n(.+)$", refusals), wanted)

    def test_every_effect_of_the_page_is_applied(self):
        short, long = literal_blocks("causality-effects.5")
        effects = [json.loads(line) for line in (short + "\n" + long).splitlines()]
        said = self.apply(effects)
        self.assertEqual([a["status"] for a in said], ["applied"] * len(effects))
        used = {o["op"] for e in effects for o in e.get("ops", [e])}
        page = (ROOT / "man/causality-effects.5").read_text()
        # Those of accounts, programs and guests are in other examples.
        others = {"consume", "use", "note", "when", "deposit", "withdraw", "confirm", "release",
                  "run", "call"}
        numbered = re.findall(r"(?m)(?:^|   )([a-z]+) +\[\d+, ", page)
        self.assertEqual(used | others, set(numbered))
        self.assertEqual(len(numbered), 20)

    @need("mandoc")
    def test_mandoc_is_quiet(self):
        for page in sorted((ROOT / "man").iterdir()):
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page],
                                  stdout=subprocess.PIPE)
            self.assertEqual(done.stdout, b"")


if __name__ == "__main__":
    main()
