"""The one maker of everything that is read here: the examples' catalogue as CSV, XML, JSON or JSON Lines, at any size, with any quirks.

`python -m benchmarks.generator xml 10000000 --quirks cdata,comments > catalogue.xml` writes a file; the same arguments make the same
bytes on every machine.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import Final, Literal, get_args

import orjson

from examples.catalogue import COLUMNS, Catalogue

Kind = Literal["csv", "xml", "json", "jsonl"]
Quirk = Literal["newlines", "duplicates", "blank-lines", "cdata", "comments"]

QUIRKS: Final[frozenset[Quirk]] = frozenset(get_args(Quirk))

_BLOCK_ITEMS: Final = 1_000
_EVERY: Final[dict[Quirk, int]] = {"newlines": 101, "duplicates": 997, "blank-lines": 503, "cdata": 7, "comments": 307}
"""One in how many records has the quirk: primes, so that in time each meets every other."""

Record = dict[str, str]


@dataclass(frozen=True, slots=True)
class Material:
    """A catalogue of `rows` items as a file of one kind; with each version one item in `change_every` changes.

    `newlines` puts a line end into a name (in quotes in CSV), `duplicates` repeats a record, `blank-lines` leaves a line empty between
    records, and in XML `cdata` wraps a name and `comments` stand between records, one with a record in it. A quirk that a kind cannot
    have is left out of it.
    """

    kind: Kind
    rows: int
    change_every: int = 100
    quirks: frozenset[Quirk] = frozenset()

    @property
    def records(self) -> int:
        """Return how many records the file holds: its items, and those that it repeats."""
        return self.rows + (-(-self.rows // _EVERY["duplicates"]) if "duplicates" in self.quirks else 0)

    def blocks(self, version: int = 0) -> Iterator[bytes]:
        """Yield the file some 200 kB at a time, so that any size is made in flat memory."""
        catalogue = Catalogue(self.rows, self.change_every)
        if self.kind == "csv" and not self.quirks:
            return catalogue.blocks(version)
        return _WRITERS[self.kind](self._records(catalogue.lines(version)), self._has)

    def _records(self, lines: Iterable[str]) -> Iterator[tuple[int, Record]]:
        parsed = csv.reader(lines)
        next(parsed)
        for index, cells in enumerate(parsed):
            record = dict(zip(COLUMNS, cells, strict=True))
            if self._has("newlines", index):
                record["name"] = record["name"].replace(" ", "\n", 1)
            yield index, record
            if self._has("duplicates", index):
                yield index, record

    def _has(self, quirk: Quirk, index: int) -> bool:
        return quirk in self.quirks and index % _EVERY[quirk] == 0


_Has = Callable[[Quirk, int], bool]
_Records = Iterator[tuple[int, Record]]


def _in_blocks(records: _Records) -> Iterator[list[tuple[int, Record]]]:
    while block := list(islice(records, _BLOCK_ITEMS)):
        yield block


def _write_csv(records: _Records, has: _Has) -> Iterator[bytes]:
    yield (",".join(COLUMNS) + "\n").encode()
    for block in _in_blocks(records):
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        for index, record in block:
            if has("blank-lines", index):
                text.write("\n")
            lines.writerow(record.values())
        yield text.getvalue().encode()


def _write_xml(records: _Records, has: _Has) -> Iterator[bytes]:
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<catalogue currency="EUR">\n<items>\n'
    for block in _in_blocks(records):
        yield "".join(_element(index, record, has) for index, record in block).encode()
    yield b"</items>\n</catalogue>\n"


def _element(index: int, item: Record, has: _Has) -> str:
    before = "\n" * has("blank-lines", index)
    if has("comments", index):
        before += f'<!-- withdrawn: <item sku="{item["sku"]}"><stock><quantity>0</quantity></stock></item> -->\n'
    cells = {name: escape(text, quote=False) for name, text in item.items() if name not in ("sku", "stock", "tags")}
    if has("cdata", index):
        cells["name"] = f"<![CDATA[{item['name']}]]>"
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in cells.items())
    tags = "".join(f"<tag>{escape(tag.strip(), quote=False)}</tag>" for tag in item["tags"].split(","))
    stock = f"<stock><quantity>{item['stock']}</quantity></stock>"
    return f'{before}<item sku="{item["sku"]}">{inner}{stock}<tags>{tags}</tags></item>\n'


def _write_json(records: _Records, has: _Has) -> Iterator[bytes]:
    yield b'{"currency": "EUR", "products": [\n'
    for number, block in enumerate(_in_blocks(records)):
        yield b",\n" * bool(number) + b",\n".join(b"\n" * has("blank-lines", index) + _object(record) for index, record in block)
    yield b"\n]}\n"


def _write_json_lines(records: _Records, has: _Has) -> Iterator[bytes]:
    for block in _in_blocks(records):
        yield b"".join(b"\n" * has("blank-lines", index) + _object(record) + b"\n" for index, record in block)


def _object(item: Record) -> bytes:
    made: dict[str, object] = {**item, "currency": "EUR", "tags": [tag.strip() for tag in item["tags"].split(",")]}
    made |= {name: int(item[name]) for name in ("stock", "grams")} | {name: float(item[name]) for name in ("price", "cost")}
    return orjson.dumps(made)


_WRITERS: Final[dict[Kind, Callable[[_Records, _Has], Iterator[bytes]]]] = {
    "csv": _write_csv,
    "xml": _write_xml,
    "json": _write_json,
    "jsonl": _write_json_lines,
}


def parse_quirks(names: str) -> frozenset[Quirk]:
    """Return the quirks that a list with commas names. Raises `ValueError` for one that there is not."""
    asked = set(filter(None, names.split(",")))
    if unknown := asked - QUIRKS:
        raise ValueError(f"no such quirk: {', '.join(sorted(unknown))}; there are {', '.join(sorted(QUIRKS))}")
    return frozenset(quirk for quirk in QUIRKS if quirk in asked)


def main(arguments: Sequence[str]) -> int:
    """Write a file to standard output."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generator", description="Make a catalogue, always the same one.")
    parser.add_argument("kind", choices=get_args(Kind))
    parser.add_argument("rows", type=int)
    parser.add_argument("--version", type=int, default=0, help="the version of the catalogue (default: %(default)s)")
    parser.add_argument("--change-rate", type=float, default=0.01, help="what part of the items changes each time (default: %(default)s)")
    parser.add_argument("--quirks", type=parse_quirks, default=frozenset(), help=f"a list with commas of {', '.join(sorted(QUIRKS))}")
    chosen = parser.parse_args(arguments)
    if chosen.rows < 1 or not 0 < chosen.change_rate <= 1:
        parser.error("there has to be a row at least, and a change rate above 0 and at most 1")
    sys.stdout.buffer.writelines(Material(chosen.kind, chosen.rows, round(1 / chosen.change_rate), chosen.quirks).blocks(chosen.version))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
