"""The shared library exports what the public headers declare: nothing more, nothing less.

usage: symbols.py LIBRARY
"""
import re
import subprocess
import sys

import tree

headers = "".join(p.read_text() for p in sorted((tree.ROOT / "include/causality").glob("*.h")))
declared = set(re.findall(r"\b(cz_\w+)\(", "".join(re.findall(r"^CZ_API[^;]*;", headers, re.M))))
listing = subprocess.run(["nm", "-D", "--defined-only", sys.argv[1]], text=True, check=True,
                         stdout=subprocess.PIPE).stdout
# Type A is the name of the version node.
exported = {line.split()[-1].split("@")[0] for line in listing.splitlines() if " A " not in line}

for name in sorted(exported - declared):
    print(f"{name}: exported, but declared in no public header")
for name in sorted(declared - exported):
    print(f"{name}: declared in a public header, but not exported")
sys.exit(1 if exported != declared or not exported else 0)
