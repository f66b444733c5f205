"""What the checks share: the project's files, and the way a check ends.

A check is a program of its own: it prints one line per finding as FILE:LINE: TEXT and exits 0
(nothing found), 1 (findings) or 77 (could not run here, says why). With --self-test it plants
violations in a temporary tree and fails unless each of them is found and a clean tree passes.
"""
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED_FOLDERS = ("build", ".git", ".cache", "node_modules", "__pycache__")


def files(root, *suffixes):
    """Every file of the project with one of the suffixes (all files without), sorted."""
    found = []
    for path in sorted(root.iterdir()):
        if path.name.startswith(SKIPPED_FOLDERS):
            continue
        if path.is_dir() and not path.is_symlink():
            found += files(path, *suffixes)
        elif path.is_file() and (not suffixes or path.suffix in suffixes):
            found.append(path)
    return found


def self_test(check, clean, planted):
    """check(root) -> findings. clean: {path: text}. planted: [(path, text, words of finding)]."""
    failures = []

    def run(tree):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in tree.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            return check(root)

    findings = run(clean)
    if findings:
        failures.append(f"the clean tree has findings: {findings}")
    for path, text, words in planted:
        findings = run({**clean, path: text})
        if len(findings) != 1 or words not in findings[0]:
            failures.append(f"planted in {path}, expected one '{words}', found {findings}")
    return failures


def main(check, clean, planted):
    findings = self_test(check, clean, planted) if "--self-test" in sys.argv else check(ROOT)
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)
