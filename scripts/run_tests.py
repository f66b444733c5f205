"""Runs every test and check of the project; see docs/testing.md. Called by scripts/test.

Each step prints one line with its time, and its whole log when it fails. A test function, a check,
a build and a fuzz target count as one each. A function that runs in several builds (plain, address
sanitizer, thread sanitizer) counts once, and passes when it passes in all of them.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILDS = ROOT / "build-test"
CORES = os.cpu_count() or 1

LONG = {
    "CAUSALITY_SEEDS": "20000",
    "CAUSALITY_CRASH_ROUNDS": "500",
    "CAUSALITY_FUZZ_SECONDS": "1800",
    "CAUSALITY_LONG": "1",
}
# Seeds for what runs under valgrind each time.
BRIEF = {"CAUSALITY_SEEDS": "20", "CAUSALITY_ROUNDS": "2", "CAUSALITY_PHILOSOPHERS": "200"}
TSAN_SUPPRESSIONS = ROOT / "tests/checks/tsan.supp"
SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={TSAN_SUPPRESSIONS}",
    "ASAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19",
    "TSAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19",
    "UBSAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19",
}

# The builds: compiler, and options of `meson setup`.
GCC = ("gcc", "gcc", ["-Dbench=true"])
CLANG = ("clang", "clang-19", ["-Dbench=false", "-Dfuzz=true", "-Db_lundef=false",
                               "-Db_sanitize=address,undefined"])
TSAN = ("tsan", "clang-19", ["-Dbench=false", "-Db_lundef=false", "-Db_sanitize=thread"])

FAILED, PASSED, SKIPPED = "failed", "passed", "skipped"
results = {}  # name -> FAILED, PASSED or SKIPPED: the worst that a build said


def record(name, status):
    order = [FAILED, PASSED, SKIPPED]
    results[name] = min(status, results.get(name, status), key=order.index)


def run(command, **env):
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.returncode == 0, done.stdout


def step(title, work):
    """work() -> (ok, log). Prints the line; returns ok."""
    started = time.monotonic()
    try:
        ok, log = work()
    except Exception as error:  # a step that cannot even start has failed, and the rest goes on
        ok, log = False, f"{type(error).__name__}: {error}\n"
    print(f"{'ok  ' if ok else 'FAIL'} {time.monotonic() - started:6.1f} s  {title}", flush=True)
    if not ok:
        print(log.rstrip("\n"), flush=True)
    if not ok and FAILED not in results.values():
        record(title, FAILED)
    return ok


def counted_step(title, work):
    ok = step(title, work)
    record(title, PASSED if ok else FAILED)
    return ok


def configure(build):
    name, compiler, options = build
    folder = BUILDS / name
    again = ["--reconfigure"] if (folder / "build.ninja").exists() else []
    return run(["meson", "setup", *again, str(folder), "-Dwerror=true", *options], CC=compiler)


def compile_all(build, targets=()):
    ok, log = configure(build)
    if not ok:
        return ok, log
    return run(["ninja", "-C", str(BUILDS / build[0]), *targets])


def tests_of(build):
    """[(name, suites, program)] as meson knows them."""
    _, text = run(["meson", "introspect", "--tests", str(BUILDS / build[0])])
    return [(t["name"], [s.split(":")[-1] for s in t["suite"]], t["cmd"][0])
            for t in json.loads(text)]


CMOCKA = re.compile(r"^\[\s+(OK|FAILED|SKIPPED)\s+\] (\w+)\s*$", re.M)
CMOCKA_STATUS = {"OK": PASSED, "FAILED": FAILED, "SKIPPED": SKIPPED}
MESON_STATUS = {"OK": PASSED, "EXPECTEDFAIL": PASSED, "SKIP": SKIPPED}


def count_program(name, result, output):
    """One program's outcome: each of its cmocka functions, or the program as a whole."""
    status = MESON_STATUS.get(result, FAILED)
    functions = {f: CMOCKA_STATUS[word] for word, f in CMOCKA.findall(output)}
    for function, outcome in functions.items():
        record(f"{name}/{function}", outcome)
    # A program that died, timed out or leaked failed even if its functions so far did not.
    if not functions or (status == FAILED and FAILED not in functions.values()):
        record(name, status)


def run_suites(build, suites, timeout=1):
    """All tests of the suites in one build, in parallel, each counted."""
    folder = BUILDS / build[0]
    wanted = [t for t in tests_of(build) if set(t[1]) & set(suites)]
    if not wanted:
        return True, ""
    log = folder / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    selection = [word for suite in suites for word in ("--suite", suite)]
    _, output = run(["meson", "test", "-C", str(folder), "--no-rebuild", "--num-processes",
                     str(CORES), "--timeout-multiplier", str(timeout), *selection], **SANITIZERS)
    failures, seen = "", set()
    for line in log.read_text().splitlines() if log.exists() else []:
        test = json.loads(line)
        name = test["name"].split(" / ")[-1]
        seen.add(name)
        text = test.get("stdout", "") + test.get("stderr", "")
        count_program(name, test["result"], text)
        if MESON_STATUS.get(test["result"], FAILED) == FAILED:
            failures += f"--- {name}: {test['result']} after {test['duration']:.1f} s\n{text}\n"
    for name in sorted({t[0] for t in wanted} - seen):
        record(name, FAILED)
        failures += f"--- {name}: did not run\n{output}\n"
    return not failures, failures


def fuzz(target, seconds):
    """One libFuzzer program, from the seeds that its plain twin writes and from what it found."""
    name = target.name.removeprefix("fuzz_").removesuffix("_guided")
    corpus = BUILDS / "fuzz-corpus" / name
    found = BUILDS / "fuzz-found" / name
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    ok, log = run([str(target.with_name(f"fuzz_{name}")), "--write-seeds", str(corpus)])
    if ok:
        ok, log = run([str(target), f"-max_total_time={seconds}", "-timeout=10",
                       "-rss_limit_mb=2048", f"-artifact_prefix={found}/", str(corpus)],
                      **SANITIZERS)
    record(f"fuzz {name}", PASSED if ok else FAILED)
    return ok, f"--- fuzz {name}: the input is in {found}\n{log[-8000:]}\n"


# What anybody may submit and everybody runs: these two have as much time as all others together.
OF_GUESTS = ("fuzz_elf_guided", "fuzz_guest_guided")


def fuzz_all():
    folder = BUILDS / CLANG[0] / "tests/fuzz"
    targets = sorted(p for p in folder.glob("fuzz_*_guided") if p.is_file())
    if not targets:
        return False, f"no fuzz target in {folder}\n"
    seconds = int(os.environ.get("CAUSALITY_FUZZ_SECONDS", "60"))
    shares = {t: max(1, seconds // 2 if t.name in OF_GUESTS
                     else seconds // (len(targets) - len(OF_GUESTS))) for t in targets}
    with ThreadPoolExecutor(CORES) as pool:
        outcomes = list(pool.map(lambda t: fuzz(t, shares[t]), targets))
    return all(ok for ok, _ in outcomes), "".join(log for ok, log in outcomes if not ok)


def thread_targets():
    folder = BUILDS / TSAN[0]
    ok, log = configure(TSAN)
    if not ok:
        return ok, log
    programs = [os.path.relpath(t[2], folder) for t in tests_of(TSAN) if "threads" in t[1]]
    if not programs:
        return True, ""
    return run(["ninja", "-C", str(folder), *sorted(set(programs)), *guests_of(TSAN)])


def guests_of(build):
    """The RISC-V programs that tests run."""
    folder = BUILDS / build[0]
    _, text = run(["meson", "introspect", "--targets", str(folder)])
    return sorted({os.path.relpath(name, folder) for t in json.loads(text)
                   for name in t["filename"] if name.endswith(".elf")})


def valgrind(suite, env=None):
    wrapper = "valgrind --quiet --error-exitcode=99 --leak-check=full"
    return run(["meson", "test", "-C", str(BUILDS / GCC[0]), "--no-rebuild", "--suite", suite,
                "--wrapper", wrapper, "--timeout-multiplier", "20", "--print-errorlogs",
                "--logbase", "valgrind"], **(env or {}))


def packages():
    return run(["scripts/npm-install", "tests/e2e/car"])


def full(long):
    slow = 10 if long else 1
    gcc = counted_step("build with gcc", lambda: compile_all(GCC))
    clang = counted_step("build with clang, sanitizers and fuzz targets",
                         lambda: compile_all(CLANG))
    counted_step("npm packages of the end-to-end tests", packages)
    if gcc:
        step("unit and property tests, and fuzz targets on their seeds",
             lambda: run_suites(GCC, ["unit", "property", "fuzz"], slow))
        step("crash, simulation and end-to-end tests",
             lambda: run_suites(GCC, ["crash", "sim", "e2e"], slow))
        step("checks", lambda: run_suites(GCC, ["checks"]))
    if clang:
        step("tests under address and undefined behaviour sanitizer",
             lambda: run_suites(CLANG, ["unit", "property", "crash", "sim", "fuzz"], 4 * slow))
        step("fuzz targets, guided by coverage", fuzz_all)
    if counted_step("build for the thread sanitizer", thread_targets):
        step("tests with threads under thread sanitizer",
             lambda: run_suites(TSAN, ["threads"], 8 * slow))
    if gcc:
        counted_step("guards and tasks under valgrind", lambda: valgrind("valgrind", BRIEF))
    if long and gcc:
        counted_step("unit tests under valgrind", lambda: valgrind("unit"))


def fast():
    if counted_step("build with gcc", lambda: compile_all(GCC)):
        step("unit tests", lambda: run_suites(GCC, ["unit"]))


def main():
    parser = argparse.ArgumentParser(prog="scripts/test")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--fast", action="store_true", help="gcc build and unit tests only")
    choice.add_argument("--long", action="store_true", help="more seeds, crashes and fuzzing")
    options = parser.parse_args()
    if options.long:
        for name, value in LONG.items():
            os.environ.setdefault(name, value)
    started = time.monotonic()
    fast() if options.fast else full(options.long)

    for status in (SKIPPED, FAILED):
        for name in sorted(n for n, s in results.items() if s == status):
            print(f"{status}: {name}")
    count = {s: list(results.values()).count(s) for s in (PASSED, FAILED, SKIPPED)}
    print(f"in {time.monotonic() - started:.0f} s")
    print(f"tests: {count[PASSED]} passed, {count[FAILED]} failed, {count[SKIPPED]} skipped")
    return 0 if count[PASSED] and not count[FAILED] else 1


if __name__ == "__main__":
    sys.exit(main())
