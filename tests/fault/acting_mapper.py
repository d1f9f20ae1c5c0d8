"""A plugin whose mapper reads lines and does what some of them say: fail, crash, be killed, hang."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from engine.batch import JsonValue, RawRecords
from engine.contracts import MapperSpec
from engine.errors import ConfigError, PluginError
from engine.feed import build_feed
from engine.flow.transform import Recipe
from engine.hooks import hookimpl
from feedmill.assembly import make_recipe
from plugins.manager import load_registry
from tests.integration.pipeline_parts import ROWS, LineMapper

ERRORS: Final[Mapping[str, Exception]] = {
    "config": ConfigError("the feed has invalid settings", problems=("delimiter: is none", "quote: is two")),
    "plugin": PluginError("broke \ud800", plugin="acting", distribution="acting 1.0", hook="mapper act"),
    "value": ValueError("not of our making"),
}


def _fail(name: str) -> None:
    raise ERRORS[name]


def _hang(begun: Path) -> None:
    begun.touch()
    # In C, with the interpreter's lock held: no other thread of the process has a turn.
    re.match(r"(a+)+$", "a" * 64 + "b")


ACTS: Final[Mapping[bytes, Callable[[], object]]] = {
    b"!killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    b"!crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    b"!exit": lambda: os._exit(3),
    b"!print": lambda: os.write(1, b"hello\n"),
}


class ActingMapper(LineMapper):
    """Act on a chunk that is one of `ACTS`, `!` and one of `ERRORS`, or `!hang` and a file to make first; its dialect tells the process."""

    _loaded: Sequence[str] = ()

    def feed(self, chunk: bytes) -> Iterable[RawRecords]:
        """Act, or take the next bytes."""
        if chunk == b"!modules":
            self._loaded = sorted({name.partition(".")[0] for name in sys.modules})
            return []
        act = ACTS.get(chunk)
        if act is not None:
            act()
            return []
        if chunk.startswith(b"!hang "):
            _hang(Path(chunk[6:].decode()))
        if chunk[1:].decode(errors="replace") in ERRORS:
            _fail(chunk[1:].decode())
        return super().feed(chunk)

    @property
    def dialect(self) -> Mapping[str, JsonValue]:
        """Return where it works."""
        loaded: dict[str, JsonValue] = {"modules": self._loaded} if self._loaded else {}
        return {"format": "act", "pid": os.getpid(), **loaded}


@hookimpl
def feedmill_mappers() -> tuple[MapperSpec, ...]:
    """Register the mapper."""
    return (MapperSpec("act", ActingMapper),)


def install(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Install this module as a distribution of its own for as long as a test takes."""
    info = directory / "acting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[feedmill]\nacting = {__name__}\n")
    monkeypatch.syspath_prepend(str(directory))


def acting_recipe() -> Recipe:
    """Return the recipe of a feed that the mapper reads."""
    return make_recipe(load_registry(), build_feed("shop", {"resourceType": "act"}, ROWS))
