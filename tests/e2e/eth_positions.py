"""Positions after a list of Ethereum block files, computed from their JSON and nothing else.

    python3 eth_positions.py BLOCK.json...

Prints "label quantity" for every position that a transfer touches, sorted by label. It shares
no code with the library, so tests compare the two. Files hold a block, a JSON-RPC answer with
one, or one of these a line; a name that ends in .gz is compressed.
"""
import collections
import gzip
import json
import sys

POSITION_MAX = 2**127 - 1
TRANSFER = "0xa9059cbb"
TRANSFER_FROM = "0x23b872dd"
WORD = 64  # hex digits


def address(word):
    """The address in a 32-byte word; None when its first twelve bytes are not zero."""
    return "0x" + word[24:] if word[:24] == "0" * 24 else None


def transfer(tx):
    """(asset, from, to, amount) of a transaction that is a transfer, else None."""
    to, data = tx["to"], tx["input"]
    if to is None:
        return None
    if data == "0x":
        value = int(tx["value"], 16)
        return ("ETH", tx["from"], to, value) if value else None
    selector, rest = data[:10], data[10:]
    words = [rest[i:i + WORD] for i in range(0, len(rest), WORD)]
    if selector == TRANSFER and len(rest) == 2 * WORD:
        parties = tx["from"], address(words[0])
    elif selector == TRANSFER_FROM and len(rest) == 3 * WORD:
        parties = address(words[0]), address(words[1])
    else:
        return None
    if None in parties:
        return None
    return to, *parties, int(words[-1], 16)


def positions(blocks):
    """{label: quantity} over the blocks, in their order."""
    sums = collections.Counter()
    for block in blocks:
        for tx in block["transactions"]:
            found = transfer(tx)
            if found is None:
                continue
            asset, source, target, amount = found
            if amount > POSITION_MAX:
                continue
            sums[f"ethereum:{source}:{asset}"] -= amount
            sums[f"ethereum:{target}:{asset}"] += amount
    return sums


def documents(text):
    """One JSON document, or one a line."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def read_blocks(path):
    """The blocks in a file."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        return [document.get("result", document) for document in documents(file.read())]


def main(paths):
    blocks = [block for path in paths for block in read_blocks(path)]
    for label, quantity in sorted(positions(blocks).items()):
        print(label, quantity)


if __name__ == "__main__":
    main(sys.argv[1:])
