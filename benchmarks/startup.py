"""Starting: what `feedmill` costs before the first row, in pairs with an interpreter that does nothing."""

from __future__ import annotations

import os
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Final

from benchmarks.measure import Measurement, SubjectFailed, measure_command
from benchmarks.promise import Promise, write_promises

STARTUP: Final = "startup"

VERSION: Final = "feedmill --version"
FIRST: Final = "feedmill sync, ten rows, a new database"
AGAIN: Final = "feedmill sync, ten rows, other stock"
UNCHANGED: Final = "feedmill sync, unchanged by its ETag"
IMPORTS: Final = "the imports of that alone"

_PROMISED_MS: Final = {VERSION: 120.0, FIRST: 500.0, AGAIN: 500.0}
_PROMISED_UNCHANGED_MS: Final = 100.0
ROUNDS_A_PAIR: Final = 5
"""A start takes less than a second, so that more of them are affordable, and needed: fewer promise nothing."""

_ROWS: Final = 10
_LONG_PAST: Final = 1_000_000_000
"""A source that was just written is read only once its time has settled, which is no matter of starting."""

_BARE: Final = "pass"
_PROGRAM: Final = "from feedmill.cli import main; main()"
_LIST: Final = f"""
import atexit, sys
from pathlib import Path
listed = Path(sys.argv.pop(1))
atexit.register(lambda: listed.write_text("\\n".join(sys.modules)))
{_PROGRAM}
"""
_IMPORT: Final = """
import sys
from importlib import import_module
from feedmill.process import end_process, tune_process
tune_process()
wanted = dict.fromkeys(sys.stdin.read().split())
class Listed:
    def find_spec(name, path=None, target=None):
        if name not in wanted:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Listed)
for name in wanted:
    try:
        import_module(name)
    except ImportError:
        pass
end_process(0)
"""
"""Imports the modules whose names are given, and what these would import only where it is among them; ends as the program does."""


@dataclass(slots=True)
class Starts:
    """Each subject's processes, one a round; `bare` has the interpreter alone of the same rounds, `body` the bytes of unchanged answers."""

    runs: dict[str, list[Measurement]] = field(default_factory=dict)
    bare: list[Measurement] = field(default_factory=list)
    body: int = 0

    def wall(self, subject: str) -> float:
        """Return the milliseconds a subject takes above the interpreter: the median of the pairs."""
        return median(1e3 * (run.wall - bare.wall) for run, bare in zip(self.runs[subject], self.bare, strict=True))

    def cpu(self, subject: str) -> float:
        """Return the same in milliseconds of CPU time."""
        return median(1e3 * (run.cpu - bare.cpu) for run, bare in zip(self.runs[subject], self.bare, strict=True))

    @property
    def work(self) -> float:
        """Return the milliseconds of CPU time of an unchanged run beyond interpreter and imports, the median of the pairs."""
        return median(1e3 * (run.cpu - alone.cpu) for run, alone in zip(self.runs[UNCHANGED], self.runs[IMPORTS], strict=True))


class Starter:
    """Runs programs in fresh interpreters, with their bytecode compiled before, as every installation has it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # `env` becomes the interpreter, so that it is the interpreter that is measured.
        bytecode = f"PYTHONPYCACHEPREFIX={directory / 'bytecode'}"
        self._command = ["env", "-u", "PYTHONDONTWRITEBYTECODE", bytecode, "FEEDMILL_LOG=warning", sys.executable, "-c"]

    def run(self, program: str, *arguments: str, script: str = "") -> Measurement:
        """Run a program to its end. Raises `SubjectFailed` when that is none."""
        return measure_command([*self._command, program, *arguments], script, rows=_ROWS)

    def sync(self, source: str, database: str) -> tuple[str, ...]:
        """Return the arguments of a sync."""
        fields = ("--field", "sku=sku", "--field", "inventoryQuantity=stock", "--field", "retailPrice=price")
        return ("sync", source, "--to", str(self._directory / database), "--feed", "bench", *fields)

    def imported(self, *arguments: str) -> str:
        """Return the modules that a command has imported by its end, one a line, in their order."""
        listed = self._directory / "modules.txt"
        self.run(_LIST, str(listed), *arguments)
        return listed.read_text(encoding="utf-8")


def measure_starts(rounds: int, say: Callable[[str], None]) -> Starts:
    """Measure every subject in turn, so many rounds, each once before without counting it."""
    found = Starts()
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as name, _serve(_rows(0)) as supplier:
        starter, source = Starter(Path(name)), Path(name) / "feed.csv"
        unchanged = starter.sync(supplier.url, "unchanged.db")
        _write(source, 0)
        for command in (starter.sync(str(source), "again.db"), unchanged):
            starter.run(_PROGRAM, *command)
        modules = starter.imported(*unchanged)
        supplier.sent = 0
        for number in range(1, rounds + 1):
            _write(source, number)
            found.bare.append(starter.run(_BARE))
            for subject, run in _subjects(starter, source, unchanged, modules, number):
                found.runs.setdefault(subject, []).append(run)
        found.body, asked = supplier.sent, supplier.asked
        if asked < len(found.bare):
            raise SubjectFailed(f"the supplier was asked {asked} times in {len(found.bare)} rounds: an unchanged source was not looked at")
    say(", ".join(f"{subject}: {found.wall(subject):.0f} ms" for subject in found.runs))
    return found


def _subjects(starter: Starter, source: Path, unchanged: tuple[str, ...], modules: str, number: int) -> Iterator[tuple[str, Measurement]]:
    yield VERSION, starter.run(_PROGRAM, "--version")
    yield FIRST, starter.run(_PROGRAM, *starter.sync(str(source), f"first-{number}.db"))
    yield AGAIN, starter.run(_PROGRAM, *starter.sync(str(source), "again.db"))
    yield UNCHANGED, starter.run(_PROGRAM, *unchanged)
    yield IMPORTS, starter.run(_IMPORT, script=modules)


def _rows(number: int) -> bytes:
    rows = (f"A{each},{each + number},{each}.50\n" for each in range(_ROWS))
    return ("sku,stock,price\n" + "".join(rows)).encode()


def _write(path: Path, number: int) -> None:
    path.write_bytes(_rows(number))
    os.utime(path, (_LONG_PAST + number, _LONG_PAST + number))


class Supplier(ThreadingHTTPServer):
    """One file with an ETag, which counts the requests and the bytes of bodies it was read for."""

    sent = 0
    asked = 0

    def __init__(self, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = body

    @property
    def url(self) -> str:
        """Return where the file is."""
        return f"http://127.0.0.1:{self.server_port}/feed.csv"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Supplier

    def do_GET(self) -> None:  # the name that http.server calls
        known = self.headers.get("If-None-Match") == '"1"'
        body = b"" if known else self.server.body
        self.send_response(304 if known else 200)
        self.send_header("ETag", '"1"')
        if not known:
            self.send_header("Content-Type", "text/csv; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.asked += 1
        self.server.sent += len(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of a request; what goes wrong is still said."""


@contextmanager
def _serve(body: bytes) -> Iterator[Supplier]:
    with Supplier(body) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def check_starts(found: Starts) -> list[Promise]:
    """Compare with what is promised; a few rounds promise nothing."""
    if len(found.bare) < ROUNDS_A_PAIR:
        return []
    promises = [
        Promise(f"{subject}: at most {limit:.0f} ms above a bare interpreter", _ms(found.wall(subject)), found.wall(subject) <= limit)
        for subject, limit in _PROMISED_MS.items()
    ]
    text = f"an unchanged source with an ETag takes under {_PROMISED_UNCHANGED_MS:.0f} ms of work beyond interpreter and imports"
    told = f"{_ms(found.work)}, where the imports take {_ms(found.cpu(IMPORTS))}"
    promises.append(Promise(text, told, found.work < _PROMISED_UNCHANGED_MS))
    promises.append(Promise("and not a byte of body", f"{found.body} bytes", found.body == 0))
    return promises


def write_starts(found: Starts) -> Iterator[str]:
    """Yield the lines of the section."""
    yield from ("", "## Starting", "")
    yield from textwrap.wrap(
        "Each in a fresh process, in turn with an interpreter that does nothing (`python -c pass`), whose time is taken off; medians of "
        f"{len(found.bare)} pairs. Bytecode is compiled, as in every installation. The source is a file of ten rows; that of the unchanged "
        "run lies on a web server on loopback. Starting is one thread's work: where CPU ms are fewer than ms, others kept the processors "
        f"busy. Peak RSS is of the whole process. Of the unchanged run {found.work:.0f} ms of CPU time are neither the interpreter nor "
        "imports.",
        118,
        break_on_hyphens=False,
    )
    yield from ("", "| what | ms | CPU ms | peak RSS |", "| --- | ---: | ---: | ---: |")
    for subject, runs in found.runs.items():
        peak = max(run.peak_rss for run in runs) / 1e6
        yield f"| {subject} | {found.wall(subject):.0f} | {found.cpu(subject):.0f} | {peak:.0f} MB |"
    yield from write_promises(check_starts(found))


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms"
