"""meson install gives a stranger all that a program needs: headers, library and pkg-config file.

Installs BUILD into a temporary root, compiles consumer.c with nothing but pkg-config's word for
it, as C and (where g++ is there) as C++, and runs it. usage: install.py BUILD
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

build = pathlib.Path(sys.argv[1])
consumer = pathlib.Path(__file__).with_name("consumer.c")


def run(*command, **env):
    done = subprocess.run(command, env={**os.environ, **env}, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}")
    return done.stdout


with tempfile.TemporaryDirectory() as root:
    run("meson", "install", "-C", str(build), "--no-rebuild", "--quiet", DESTDIR=root)
    found = list(pathlib.Path(root).rglob("causality.pc"))
    if len(found) != 1:
        sys.exit(f"one causality.pc expected, found {found}")
    ours = {p.name for p in consumer.parents[2].glob("include/causality/*.h")}
    installed = {p.name for p in pathlib.Path(root).rglob("include/causality/*.h")}
    if installed != ours:
        sys.exit(f"headers {sorted(ours)}, installed {sorted(installed)}")
    flags = run("pkg-config", "--cflags", "--libs", "causality", PKG_CONFIG_SYSROOT_DIR=root,
                PKG_CONFIG_PATH=str(found[0].parent)).split()
    program = f"{root}/consumer"
    compilers = [["gcc", "-std=c11"], ["g++", "-std=c++17", "-x", "c++"]]
    for compiler in (c for c in compilers if shutil.which(c[0])):
        run(*compiler, "-Wall", "-Wextra", "-Werror", str(consumer), "-o", program, "-x", "none",
            *flags)
        print(run(program, LD_LIBRARY_PATH=str(found[0].parent.parent)), end="")
