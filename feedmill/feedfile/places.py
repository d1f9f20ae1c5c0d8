"""On which line of a TOML text each key stands; the parser of the standard library tells values only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_TOKEN: Final = re.compile(
    r"""
    (?P<skip> [ \t\r]+ | \#[^\n]* )
    | (?P<line> \n )
    | (?P<text> \"{3} (?: \\. | (?!\"{3}). )* \"{3,5} | '{3} (?: (?!'{3}). )* '{3,5} | \" (?: \\. | [^\"\\\n] )* \" | '[^'\n]*' )
    | (?P<mark> [\[\]{}=,.] )
    | (?P<bare> [^\s\[\]{}=,.\#\"']+ )
    """,
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


_END: Final = _Token("end", "", 0)


class Places:
    """The lines of the keys of a valid TOML text, by their path: `("fields", 0, "purpose")`."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}
        self._tokens = _tokenize(text)
        self._token = next(self._tokens, _END)
        table: Path = ()
        while self._token is not _END:
            if self._token.kind == "line":
                self._next()
            elif self._token.text == "[" and self._token.kind == "mark":
                table = self._header()
            else:
                self._pair(table)

    def line(self, path: Sequence[str | int]) -> int | None:
        """Return the line of a key, or of the nearest thing around it; None when nothing of it is in the text."""
        for length in range(len(path), 0, -1):
            found = self._lines.get(tuple(path[:length]))
            if found is not None:
                return found
        return None

    def _next(self) -> _Token:
        taken, self._token = self._token, next(self._tokens, _END)
        return taken

    def _header(self) -> Path:
        line = self._next().line
        several = self._token.text == "["
        if several:
            self._next()
        keys = self._keys("]")
        path: Path = (*self._within(keys[:-1]), keys[-1])
        if several:
            self._next()
            self._lines.setdefault(path, line)
            number = self._tables[path] = self._tables.get(path, -1) + 1
            path += (number,)
        self._lines.setdefault(path, line)
        return path

    def _within(self, keys: Sequence[str]) -> Path:
        """Return the path of a table, through the latest element of every array of tables on the way."""
        path: Path = ()
        for key in keys:
            path += (key,)
            if path in self._tables:
                path += (self._tables[path],)
        return path

    def _keys(self, end: str) -> list[str]:
        keys = []
        while self._token is not _END:
            token = self._next()
            if token.kind == "mark" and token.text == end:
                break
            if token.kind == "text":
                keys.append(token.text[1:-1])
            elif token.kind == "bare":
                keys.append(token.text)
        return keys

    def _pair(self, table: Path) -> None:
        line = self._token.line
        path = table
        for key in self._keys("="):
            path += (key,)
            self._lines.setdefault(path, line)
        self._value(path)

    def _value(self, path: Path) -> None:
        opening = self._token.text if self._token.kind == "mark" else ""
        if opening == "[":
            self._next()
            number = 0
            while self._token is not _END and self._token.text != "]":
                if self._token.kind == "line" or self._token.text == ",":
                    self._next()
                    continue
                self._lines.setdefault((*path, number), self._token.line)
                self._value((*path, number))
                number += 1
            self._next()
        elif opening == "{":
            self._next()
            while self._token is not _END and self._token.text != "}":
                if self._token.kind == "line" or self._token.text == ",":
                    self._next()
                else:
                    self._pair(path)
            self._next()
        else:
            while self._token.kind in ("bare", "text") or self._token.text == ".":
                self._next()


def _tokenize(text: str) -> Iterator[_Token]:
    line = 1
    for found in _TOKEN.finditer(text):
        kind = str(found.lastgroup)
        if kind != "skip":
            yield _Token(kind, found[0], line)
        line += found[0].count("\n")
