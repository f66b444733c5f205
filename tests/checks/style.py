"""The style that a formatter does not see, as a failing test. See CONTRIBUTING.md."""
import re

import tree

LINE_MAX = 100
FUNCTION_LINES_MAX = 80
C = (".c", ".h")
CODE = C + (".py", ".mjs")
BINARY = (".gz", ".png", ".car", ".bin")
NOT_OURS = ("LICENSE", "tests/golden/", "tests/fuzz/corpus/")

UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X])\b")
# Where packages come from is the machine's own business, and so is where the checkout stands.
HOST = re.compile(r"\b(registry|deb|security|pypi|proxy|crates)\.[a-z]+\.(org|io|com|dev)\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|home|root)/\w")


def function_lengths(lines):
    """(line, length) of each function: in our format only its braces stand alone in column 0."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            yield start, number - start - 1
            start = None


def check_c(path, lines):
    name = path.rsplit("/", 1)[-1]
    if not re.match(rf"/\* {re.escape(name)} - \S", lines[0]):
        yield 1, f"the first line is not '/* {name} - what it is'"
    for start, length in function_lengths(lines):
        if length > FUNCTION_LINES_MAX:
            yield start, f"a function of {length} lines, at most {FUNCTION_LINES_MAX}"
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            yield number, "a tab"


def check_text(path, lines):
    code = path.endswith(CODE) or path.startswith("scripts/")
    for number, line in enumerate(lines, 1):
        if code and len(line) > LINE_MAX:
            yield number, f"{len(line)} columns, at most {LINE_MAX}"
        if line != line.rstrip():
            yield number, "space at the end of the line"
        for pattern, problem in ((UNFINISHED, "unfinished work"), (HOST, "a package host"),
                                 (MACHINE_PATH, "a path of one machine")):
            if pattern.search(line):
                yield number, f"{problem}: {pattern.search(line).group()}"


def check(root):
    findings = []
    for file in tree.files(root):
        path = file.relative_to(root).as_posix()
        if path.endswith(BINARY) or path.startswith(NOT_OURS):
            continue
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            findings.append(f"{path}:1: not UTF-8 text")
            continue
        lines = text.split("\n")
        if text and not text.endswith("\n"):
            findings.append(f"{path}:{len(lines)}: no newline at the end")
        problems = list(check_text(path, lines))
        if path.endswith(C):
            problems += check_c(path, lines)
        findings += [f"{path}:{number}: {problem}" for number, problem in sorted(problems)]
    return findings


CLEAN = {
    "src/a.c": "/* a.c - a file. */\nint f(void)\n{\n" + "    g();\n" * FUNCTION_LINES_MAX + "}\n",
    "docs/long.md": "| " + "wide table " * 20 + "|\n",
    "docs/data.md": "data from ../shared, a work/list and https://www.rfc-editor.org/\n",
}
PLANTED = [
    ("src/b.c", "int x;\n", "the first line is not"),
    ("src/b.c", "/* a.c - another file. */\n", "the first line is not"),
    ("src/b.c", "/* b.c - x. */\n\tint x;\n", "a tab"),
    ("src/b.c", "/* b.c - x. */\nint x; \n", "space at the end"),
    ("src/b.c", "/* b.c - x. */\nint x;", "no newline"),
    ("src/b.c", "/* b.c - " + "x" * LINE_MAX + " */\n", "columns"),
    ("src/b.c", "/* b.c - x. */\nint f(void)\n{\n" + "    g();\n" * 81 + "}\n", "a function of 81"),
    ("src/b.c", "/* b.c - x. */\n/* TO" "DO: more */\n", "unfinished"),
    ("docs/b.md", "see /wo" "rk/main\n", "a path of one machine"),
    ("package-lock.json", '{"resolved": "https://registry.exam' 'ple.org/x"}\n', "a package host"),
]

if __name__ == "__main__":
    tree.main(check, CLEAN, PLANTED)
