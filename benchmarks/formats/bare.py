"""The yardstick: a bare loop over the records with lxml or ijson, which looks into none of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from benchmarks.subject import hand_back


def loop_xml(path: Path) -> int:
    """Count the records with `lxml.etree.iterparse`, each cleared when it was met, as its manual says."""
    from lxml import etree

    rows = 0
    for _, element in etree.iterparse(path, tag="item"):
        rows += 1
        element.clear()
        while element.getprevious() is not None:
            parent = element.getparent()
            if parent is not None:
                del parent[0]
    return rows


def loop_json(path: Path) -> int:
    """Count the records with `ijson.items` on its fastest backend."""
    import ijson

    with path.open("rb") as file:
        return sum(1 for _ in ijson.get_backend("yajl2_c").items(file, "products.item"))


def loop_json_lines(path: Path) -> int:
    """Count the lines' objects with the same, which takes several documents behind each other."""
    import ijson

    with path.open("rb") as file:
        return sum(1 for _ in ijson.get_backend("yajl2_c").items(file, "", multiple_values=True))


LOOPS: dict[str, Callable[[Path], int]] = {"xml": loop_xml, "json": loop_json, "jsonl": loop_json_lines}


def main(name: str, path: Path) -> None:
    """Loop over a file."""
    begun = perf_counter()
    rows = LOOPS[name](path)
    hand_back(rows, perf_counter() - begun)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
