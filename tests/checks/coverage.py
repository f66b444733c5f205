"""docs/coverage.md tells the truth: what it names exists.

A row is | name | header | file | command | test |. A cell is empty (-), "not yet", or a comma-
separated list. header, file and test: PATH or PATH:WORD, where WORD stands in that file; command:
`causality VERB`, whose file is src/cli/VERB.c, or a path of a script.
"""
import re

import tree

TABLE = "docs/coverage.md"
COLUMNS = ["name", "header", "file", "command", "test"]


def path_problem(root, item):
    path, _, word = item.partition(":")
    if not (root / path).exists():
        return f"{path} does not exist"
    if word and not re.search(rf"\b{re.escape(word)}\b", (root / path).read_text()):
        return f"{path} has no '{word}'"
    return None


def command_problem(root, item):
    if not item.startswith("causality "):
        return path_problem(root, item)
    verb = item.split()[1]
    file = root / f"src/cli/{verb.replace('-', '_')}.c"
    return None if file.exists() else f"no verb '{verb}' in src/cli"


def row_problems(root, cells):
    if len(cells) != len(COLUMNS):
        yield f"{len(cells)} columns, not {len(COLUMNS)}"
        return
    if "not yet" in cells[1:] and any(cell not in ("not yet", "-") for cell in cells[1:]):
        yield "a row is either there or 'not yet': split it"
    if all(cell == "-" for cell in cells[1:]):
        yield "nothing shows it: write 'not yet'"
    for column, cell in zip(COLUMNS[1:], cells[1:]):
        if cell in ("-", "not yet"):
            continue
        for item in (part.strip().strip("`") for part in cell.split(",")):
            problem = (command_problem if column == "command" else path_problem)(root, item)
            if problem:
                yield f"{column}: {problem}"


def check(root):
    findings = []
    names = set()
    for number, line in enumerate((root / TABLE).read_text().split("\n"), 1):
        if not line.startswith("|") or line.startswith(("|--", "| name |")):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        findings += [f"{TABLE}:{number}: {cells[0]}: {p}" for p in row_problems(root, cells)]
        if cells[0] in names:
            findings.append(f"{TABLE}:{number}: '{cells[0]}' stands twice")
        names.add(cells[0])
    if not names:
        findings.append(f"{TABLE}:1: no rows")
    return findings


HEAD = "| name | header | file | command | test |\n|---|---|---|---|---|\n"
CLEAN = {
    "src/a.c": "int cz_thing;\n",
    "src/cli/run.c": "",
    TABLE: HEAD + "| a | src/a.c:cz_thing | src/a.c | `causality run x` | - |\n"
                  "| b | not yet | - | - | - |\n",
}
PLANTED = [
    (TABLE, HEAD + "| a | src/b.h | - | - | - |\n", "src/b.h does not exist"),
    (TABLE, HEAD + "| a | src/a.c:cz_thin | - | - | - |\n", "has no 'cz_thin'"),
    (TABLE, HEAD + "| a | - | src/a.c, src/c.c | - | - |\n", "src/c.c does not exist"),
    (TABLE, HEAD + "| a | - | - | `causality walk` | - |\n", "no verb 'walk'"),
    (TABLE, HEAD + "| a | - | - | scripts/x | - |\n", "scripts/x does not exist"),
    (TABLE, HEAD + "| a | - | src/a.c | - |\n", "4 columns"),
    (TABLE, HEAD + "| a | - | - | - | - |\n", "nothing shows it"),
    (TABLE, HEAD + "| a | src/a.c | not yet | - | - |\n", "split it"),
    (TABLE, HEAD + "| a | not yet | - | - | - |\n| a | not yet | - | - | - |\n", "stands twice"),
    (TABLE, "", "no rows"),
]

if __name__ == "__main__":
    tree.main(check, CLEAN, PLANTED)
