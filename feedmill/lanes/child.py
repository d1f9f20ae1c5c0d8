"""A mapper's process: frames come on what was standard input, answers go out on what was standard output.

It lives as long as whoever started it: when that process ends, however it does, this one ends too, whatever it is doing.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from engine.decode import Part
    from engine.flow.reading import Reading
    from engine.run import Problem

_PR_SET_PDEATHSIG: Final = 1

_NEEDED: Final = ("feedmill.assembly", "engine.screen.sifting", "mappers.csv")
"""What most orders need and nothing before them, the mapper included: there is one of CSV in every second feed."""


def main(*, early: bool = False) -> None:
    """Read the documents of one run, then end the process, threads that a plugin has started included.

    Where it was started `early` what the order will need is imported before it comes.
    """
    # Frames alone go over the pipes: what a library prints is for the log, and what it asks for nobody answers.
    given, out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    _end_with_parent(given)
    sys.excepthook = partial(_tell_crash, out)
    _work(given, out, early=early)
    sys.stdout.flush()
    os._exit(0)


def _end_with_parent(given: int) -> None:
    """Have the process ended when its parent is gone: by the kernel where that can, else by a thread that sees the pipe closed.

    The kernel does so even while a parser written in C holds the interpreter; the thread needs its turn.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Also there: the parent may have been gone before the kernel was asked.
    threading.Thread(target=_watch, args=(given,), daemon=True).start()


def _watch(given: int) -> None:
    watched = select.poll()
    # That nobody is left who could write is reported unasked, also while there is something to read.
    watched.register(given, 0)
    watched.poll()
    os._exit(0)


def _work(given: int, out: int, *, early: bool) -> None:
    from engine.errors import FeedmillError
    from feedmill.lanes.errors import dump_error
    from feedmill.lanes.order import make_reading
    from feedmill.lanes.wire import ERROR, JUDGE, VERDICT, dump_verdict
    from feedmill.process import spare_threads, tune_process
    from plugins.manager import load_registry

    spare_threads()
    frames = _frames(given)
    try:
        registry = load_registry()
        if early:
            for module in _NEEDED:
                import_module(module)
        reading = make_reading(next(frames)[1], registry)
        tune_process()
        answers = _Answers(reading, out)
        for kind, payload in frames:
            if kind == JUDGE:
                _write(out, VERDICT, dump_verdict(reading.judge()))
            elif not answers.answer(kind, payload):
                return
    except FeedmillError as error:
        _write(out, ERROR, dump_error(error))


class _Answers:
    """Answer each part of the source with what comes of it, and say nothing twice of how a document is read."""

    def __init__(self, reading: Reading, out: int) -> None:
        self._reading = reading
        self._out = out
        self._dialect: object = {}
        self._told: list[Problem] = []

    def answer(self, kind: bytes, payload: bytes) -> bool:
        """Answer one frame; return whether it is worth while to read on."""
        from feedmill.lanes.wire import ADVANCE, dump_advance

        advance = self._reading.take(_make_part(kind, payload))
        new = [problem for problem in advance.problems if problem not in self._told]
        self._told += new
        dialect = None if advance.dialect == self._dialect else advance.dialect
        self._dialect = advance.dialect
        _write(self._out, ADVANCE, dump_advance(advance, len(payload), dialect, new))
        return advance.refusal is None


def _make_part(kind: bytes, payload: bytes) -> Part:
    from engine.decode import Ended, Opened
    from feedmill.lanes.order import load_facts
    from feedmill.lanes.wire import BYTES, OPENED

    if kind == BYTES:
        return payload
    return Opened(load_facts(payload)) if kind == OPENED else Ended()


def _frames(given: int) -> Iterator[tuple[bytes, bytes]]:
    from feedmill.lanes.wire import HEADER

    while True:
        kind, size = HEADER.unpack(_read(given, HEADER.size))
        yield kind, _read(given, size)


def _read(given: int, size: int) -> bytes:
    pieces: list[bytes] = []
    while size:
        piece = os.read(given, size)
        if not piece:
            os._exit(0)
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _write(out: int, kind: bytes, payload: bytes) -> None:
    from feedmill.lanes.wire import HEADER

    rest = [memoryview(HEADER.pack(kind, len(payload))), memoryview(payload)]
    try:
        while rest:
            written = os.writev(out, rest)
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if rest:
                rest[0] = rest[0][written:]
    except BrokenPipeError:
        os._exit(0)


def _tell_crash(out: int, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say what nobody has caught where the run is told of it; where it happened stands on standard error."""
    from feedmill.lanes.wire import CRASH

    sys.__excepthook__(kind, error, trace)
    _write(out, CRASH, f"{kind.__name__}: {error}".encode("utf-8", "backslashreplace"))
