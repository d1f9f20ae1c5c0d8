"""The files of the JSON Lines sink: reading the state, replacing it in one step, writing rejects. Everything here blocks."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson

from engine.batch import JsonValue, Reject, Value
from engine.errors import ConfigError, Superseded
from engine.mapping.numbers import as_quantity
from engine.schema import ATTRIBUTES, MONEY_SCALE, Attribute, Kind

Item: TypeAlias = dict[str, Value]
"""The attributes an item has, by API name, as values are held (`engine.schema.Kind`); what it has not is not in it."""


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


DEFAULTS: Final[Item] = {
    attribute.name: int(attribute.default) if isinstance(attribute.default, int) else _text(attribute.default)
    for attribute in ATTRIBUTES.values()
    if attribute.default is not None
}
"""What an item is made of before a feed says anything."""

MISSING_RUNS: Final = "missingRuns"
"""Beside the attributes, where it is not zero: complete runs in a row in which the item was missing and was left alone."""

Signature: TypeAlias = tuple[int, int, int] | None
"""What tells one state of the file from another: inode, size, time of the last change in nanoseconds. None: no file."""

_MISSING: Final = Attribute(MISSING_RUNS, Kind.INTEGER)

_INTEGER_LIMIT: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class State:
    """The items of a file by externalId, in its order, and the file's signature from before it was read."""

    items: dict[str, Item]
    signature: Signature


def read_state(path: Path) -> State:
    """Read the file; one that is not there holds no items.

    Raises `ConfigError`, naming the line, for anything Feedmill would not have written: rewriting would destroy it.
    """
    signature = _signature(path)
    if signature is None:
        return State({}, None)
    items: dict[str, Item] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                key, item = _parse(line)
            except (ValueError, TypeError, ArithmeticError) as error:
                raise ConfigError(
                    f"{path}, line {number}: {error}; the file is not one that this sink wrote: mend it or give another name"
                ) from error
            items[key] = item
    return State(items, signature)


def write_state(path: Path, items: dict[str, Item], signature: Signature) -> None:
    """Replace the file by one with these items, so that a reader sees the old or the new one, also after a power loss.

    Raises `Superseded` when the file is not the one whose signature is given.
    """
    with _Replacement(path) as new:
        new.write(_line(key, item) for key, item in items.items())
        if _signature(path) != signature:
            raise Superseded(f"{path} was changed by another program since this run read it; nothing was written: run again")
        new.commit()


def write_rejects(path: Path, rejects: Sequence[Reject]) -> None:
    """Write a run's rejects to `NAME.rejects.jsonl` beside the items, or remove that file when there are none."""
    beside = path.with_name(f"{path.name.removesuffix('.jsonl')}.rejects.jsonl")
    if not rejects:
        beside.unlink(missing_ok=True)
        return
    with _Replacement(beside) as new:
        new.write(orjson.dumps(asdict(each), option=orjson.OPT_APPEND_NEWLINE) for each in rejects)
        new.commit()


class _Replacement:
    """A file beside another that takes its place when it is complete, and is gone when it is not."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _Replacement:
        self._name = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        self._file = self._name.open("xb")
        return self

    def write(self, lines: Iterable[bytes]) -> None:
        self._file.writelines(lines)
        self._file.flush()
        os.fsync(self._file.fileno())

    def commit(self) -> None:
        if self._path.exists():
            shutil.copymode(self._path, self._name)
        self._name.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._name.unlink(missing_ok=True)


def _signature(path: Path) -> Signature:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _parse(line: bytes) -> tuple[str, Item]:
    record = json.loads(line, parse_float=Decimal)
    if not isinstance(record, dict) or not isinstance(record.get("externalId"), str):
        raise ValueError("not an object with an externalId")
    runs = record.pop(MISSING_RUNS, None)
    unknown = sorted(record.keys() - ATTRIBUTES.keys())
    if unknown:
        raise ValueError(f"unknown attribute {unknown[0]!r}")
    key = str(record.pop("externalId"))
    missing = {} if runs is None else {MISSING_RUNS: _held(_MISSING, runs)}
    return key, {**DEFAULTS, **{name: _held(ATTRIBUTES[name], value) for name, value in record.items() if value is not None}, **missing}


def _held(attribute: Attribute, value: Any) -> Value:
    """Return a JSON value as it is held; ValueError when it is not of the attribute's kind."""
    kind = attribute.kind
    if kind is Kind.JSON:
        return orjson.dumps(value).decode()
    if kind is Kind.MONEY and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _whole(Decimal(value) * MONEY_SCALE, attribute)
    if kind is Kind.FLAG and isinstance(value, bool):
        return int(value)
    if kind is Kind.INTEGER and isinstance(value, int) and not isinstance(value, bool):
        return _whole(Decimal(value), attribute)
    if kind is Kind.QUANTITY and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return as_quantity(Decimal(value))
    if kind is Kind.TEXT and isinstance(value, str):
        return value
    raise ValueError(f"{attribute.name} is not a value of kind {kind.value}")


def _whole(value: Decimal, attribute: Attribute) -> int:
    if value != int(value) or abs(value) >= _INTEGER_LIMIT:
        raise ValueError(f"{attribute.name} is out of range")
    return int(value)


def _line(key: str, item: Item) -> bytes:
    held: Item = {"externalId": key, **item}
    shown = {name: _shown(attribute, held[name]) for name, attribute in ATTRIBUTES.items() if name in held}
    missing = {MISSING_RUNS: item[MISSING_RUNS]} if item.get(MISSING_RUNS) else {}
    return orjson.dumps({**shown, **missing}, option=orjson.OPT_APPEND_NEWLINE)


def _shown(attribute: Attribute, value: Value) -> object:
    shown = attribute.to_json(value)
    # As digits, never through a binary float.
    return orjson.Fragment(format(shown, "f")) if isinstance(shown, Decimal) else shown
