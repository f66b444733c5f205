"""The house: who may include whom, who may talk to the OS, and what the core never calls.

The table is DESIGN 6: base < codec < resource, effect, fact, timemap < lock, engine, ledger, vm
< account, program, domain, replay < cluster, server < cli; platform stands beside codec.
"""
import re

import tree

LEVELS = [
    ["base"],
    ["codec", "platform"],
    ["resource", "effect", "fact", "timemap"],
    ["lock", "engine", "ledger", "vm"],
    ["account", "program", "domain", "replay"],
    ["cluster", "server"],
    ["cli"],
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

# Neighbours on one level, or rooms below, that may not be included all the same.
NEVER = {
    "codec": {"platform"},
    "platform": {"codec"},
    "resource": {"effect", "fact"},
    "lock": {"engine", "ledger", "vm"},
    "ledger": {"engine", "lock", "vm"},
    "vm": {"engine", "ledger", "lock"},
}
USES_PLATFORM = {"platform", "ledger", "engine", "program", "domain", "replay", "cluster",
                 "server", "cli"}

# The core computes: the same input gives the same bytes on every machine, at any time.
CORE = {"base", "codec", "resource", "effect", "fact", "timemap", "engine", "ledger", "lock", "vm"}

OS_FILES = re.compile(r"src/(platform/posix\.c|domain/[^/]+/observer\.c|(cluster|server|cli)/.*)")
OS_HEADER = re.compile(
    r"(sys|netinet|arpa|net|linux|asm)/.*|(unistd|fcntl|pthread|time|signal|termios|poll|dirent"
    r"|netdb|sched|threads|semaphore|spawn|pwd|grp|dlfcn|glob|ftw|syslog|ucontext|execinfo)\.h")

CALLS = [
    (re.compile(r"(?<![.>])\b(malloc|calloc|realloc|reallocarray|free|strdup|strndup|aligned_alloc"
                r"|posix_memalign|asprintf|vasprintf)\s*\("),
     lambda room, path: path != "src/base/alloc.c", "allocation outside base/alloc.c"),
    (re.compile(r"\b(rand|srand|random|drand48|arc4random\w*|getrandom|getentropy|time|clock"
                r"|clock_gettime|gettimeofday|localtime\w*|gmtime\w*)\s*\("),
     lambda room, path: room in CORE, "a clock or random source in the core"),
    (re.compile(r"\b(float|double)\b"),
     lambda room, path: room in CORE, "floating point in the core"),
]

INCLUDE = re.compile(r'\s*#\s*include\s+(["<])([^">]+)[">]')
COMMENT_OR_STRING = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def include_problem(room, path, quote, target):
    if quote == "<":
        if OS_HEADER.fullmatch(target) and not OS_FILES.fullmatch(path):
            return f"<{target}>: only platform, observers, cluster and server talk to the OS"
        if room in CORE and target == "math.h":
            return "<math.h>: floating point in the core"
        return None
    top = target.split("/")[0]
    if top == "causality":
        return None
    if "/" not in target:
        return f'"{target}": name the folder too, as in "{room}/{target}"'
    if top not in LEVEL:
        return f'"{target}": no such room in the layer table'
    if top == "platform" and room not in USES_PLATFORM:
        return f'"{target}": {room} may not use the platform'
    if LEVEL[top] > LEVEL[room] or top in NEVER.get(room, ()):
        return f'"{target}": {room} may not include {top}'
    return None


def check(root):
    findings = []
    for file in tree.files(root / "src", ".c", ".h"):
        path = file.relative_to(root).as_posix()
        room = path.split("/")[1]
        if room not in LEVEL:
            findings.append(f"{path}:1: '{room}' is no room of the layer table")
            continue
        text = file.read_text()
        for number, line in enumerate(text.split("\n"), 1):
            include = INCLUDE.match(line)
            problem = include and include_problem(room, path, *include.groups())
            if problem:
                findings.append(f"{path}:{number}: {problem}")
        for number, line in enumerate(COMMENT_OR_STRING.sub(blank, text).split("\n"), 1):
            for pattern, applies, problem in CALLS:
                found = pattern.search(line)
                if found and applies(room, path):
                    findings.append(f"{path}:{number}: {found.group().strip()}: {problem}")
    return findings


CLEAN = {
    "src/base/alloc.c": "void *p(void) { return malloc(1); }\n",
    "src/platform/posix.c": '#include "base/error.h"\n#include <unistd.h>\n',
    "src/effect/effect.c": '#include "resource/resource.h"\n/* time( double rand() */\n'
                           'const char *s = "free(";\n',
    "src/engine/core.c": '#include "ledger/ledger.h"\n#include "lock/wait.h"\n#include <stdio.h>\n',
    "src/domain/ethereum/observer.c": "#include <sys/socket.h>\n",
    "src/cli/main.c": '#include "engine/core.h"\n#include <time.h>\n'
                      "double now(void) { return time(0); }\n",
}
PLANTED = [
    ("src/base/x.c", '#include "codec/cid.h"\n', "base may not include codec"),
    ("src/codec/x.c", '#include "platform/platform.h"\n', "codec may not use the platform"),
    ("src/platform/x.c", '#include "codec/cid.h"\n', "platform may not include codec"),
    ("src/resource/x.h", ' # include "effect/effect.h"\n', "resource may not include effect"),
    ("src/resource/x.c", '#include "platform/platform.h"\n', "resource may not use the platform"),
    ("src/ledger/x.c", '#include "engine/core.h"\n', "ledger may not include engine"),
    ("src/ledger/x.c", '#include "lock/wait.h"\n', "ledger may not include lock"),
    ("src/vm/x.c", '#include "ledger/ledger.h"\n', "vm may not include ledger"),
    ("src/lock/x.c", '#include "vm/run.h"\n', "lock may not include vm"),
    ("src/engine/x.c", '#include "cli/cli.h"\n', "engine may not include cli"),
    ("src/engine/x.c", '#include "core.h"\n', "name the folder"),
    ("src/engine/x.c", "#include <pthread.h>\n", "talk to the OS"),
    ("src/domain/ethereum/rlp.c", "#include <sys/socket.h>\n", "talk to the OS"),
    ("src/attic/x.c", "int x;\n", "no room"),
    ("src/engine/x.c", '#include "attic/x.h"\n', "no such room"),
    ("src/cli/x.c", "void f(void) { free(0); }\n", "allocation outside"),
    ("src/base/x.c", "int f(void) { return rand(); }\n", "clock or random"),
    ("src/ledger/x.c", "long f(void) { return time (0); }\n", "clock or random"),
    ("src/vm/x.c", "double x;\n", "floating point"),
]

if __name__ == "__main__":
    tree.main(check, CLEAN, PLANTED)
