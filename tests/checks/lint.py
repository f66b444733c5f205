"""Other people's linters over our files: lint.py format | cppcheck | tidy BUILD | man.

Exits 77 where the tool or its subject is not there.
"""
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import tree


def tool(name):
    if not shutil.which(name):
        print(f"{name} is not installed: scripts/deps test")
        sys.exit(77)
    return name


def run(command):
    done = subprocess.run(command, cwd=tree.ROOT, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def names(*suffixes, under=("",)):
    paths = (f.relative_to(tree.ROOT).as_posix() for f in tree.files(tree.ROOT, *suffixes))
    return [p for p in paths if p.startswith(tuple(under))]


def check_format():
    return run([tool("clang-format-19"), "--dry-run", "-Werror", *names(".c", ".h")])


def check_cppcheck():
    # Its uninitvar does not see that a call fills an object (the analyzer of clang-tidy does), and
    # internalAstError is about its own parser.
    return run([
        tool("cppcheck"), "--quiet", "--std=c11", "--language=c", "--error-exitcode=1",
        "--enable=warning,performance,portability", "--inline-suppr", f"-j{os.cpu_count()}",
        "--suppress=missingIncludeSystem", "--suppress=uninitvar", "--suppress=internalAstError",
        "--max-configs=1", "-D__GNUC__=12", "-D__x86_64__=1", "-D_GNU_SOURCE", "-Iinclude", "-Isrc",
        "src"])


def check_tidy(build):
    """One process a file, as many as there are cores; needs BUILD/compile_commands.json."""
    command = [tool("clang-tidy-19"), "--quiet", "--warnings-as-errors=*", "-p", build]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda f: run([*command, f]), names(".c", under=("src/",))))
    failed = [(code, text) for code, text in results if code]
    return (failed[0][0] if failed else 0), "".join(text for _, text in failed)


def check_man():
    pages = [p for p in names(under=("man/", "docs/man/")) if p[-1] in "12345678"]
    if not pages:
        print("there are no man pages")
        sys.exit(77)
    return run([tool("mandoc"), "-T", "lint", "-W", "warning", *pages])


CHECKS = {"format": check_format, "cppcheck": check_cppcheck, "tidy": check_tidy, "man": check_man}

if __name__ == "__main__":
    status, output = CHECKS[sys.argv[1]](*sys.argv[2:])
    print(output, end="")
    sys.exit(1 if status else 0)
