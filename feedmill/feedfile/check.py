"""Whether a feed file can work, found without fetching anything: by making all that a run of it would make first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from engine.errors import ConfigError, FeedmillError
from feedmill.assembly import Request, as_sink_url, find_sink, make_connector
from feedmill.feedfile.declared import DeclaredFeed
from feedmill.feedfile.model import FeedFile, Reading, parse_feed_file
from feedmill.feedfile.text import Fault, split_path
from feedmill.feedfile.trial import faults_of, told, try_mapping

if TYPE_CHECKING:
    from plugins.manager import Registry

_PATH: Final = re.compile(r"([A-Za-z]\w*(?:\.\w+)*): ")
_ATTRIBUTE: Final = re.compile(r"^([a-z]+) (?=is |names )|\b([a-z]+[A-Z]\w*)")


def check_feed_file(registry: Registry, data: bytes, environment: Mapping[str, str]) -> tuple[Fault, ...]:
    """Return every fault of a feed file, in the order of its lines; warnings among them. Fetches nothing. Blocks."""
    return check_reading(registry, parse_feed_file(data, environment, lenient=True))


def check_reading(registry: Registry, reading: Reading, *, at: str = "") -> tuple[Fault, ...]:
    """Return every fault of a feed that was read, see `check_feed_file`; `at` is the path of its table in the file."""
    if reading.file is None:
        return reading.faults
    found = [_under(at, fault, reading) for error, path in _compile(registry, reading.file) for fault in _placed(error, path, reading)]
    # Two parts of the program may have the same complaint.
    return tuple(sorted(dict.fromkeys((*reading.faults, *found)), key=lambda fault: fault.line or 0))


def _under(at: str, fault: Fault, reading: Reading) -> Fault:
    if not at:
        return fault
    path = f"{at}.{fault.path}" if fault.path else at
    return Fault(fault.message, path, reading.places.line(split_path(path)), fault.warning)


def _compile(registry: Registry, file: FeedFile) -> Iterator[tuple[FeedmillError, str]]:
    """Yield what goes wrong in making all that a run needs, with the path at fault where the message need not tell."""
    request = Request(file.source, file.name, {}, (), config=file)
    try:
        feed = file.build() if isinstance(file, DeclaredFeed) else request.build_feed(None)
    except ConfigError as error:
        yield error, ""
        return
    if isinstance(file, DeclaredFeed) and not file.source:
        return
    yield from faults_of("source", lambda: make_connector(registry, feed, request.locate(feed)))
    if file.to is not None:
        yield from faults_of("to", _try_sink, registry, file.to)
    yield from try_mapping(registry, feed)


def _try_sink(registry: Registry, to: str) -> None:
    find_sink(registry, as_sink_url(to))


def _placed(error: FeedmillError, path: str, reading: Reading) -> Iterator[Fault]:
    for message in told(error):
        yield _located(message, path, reading)


def _located(message: str, path: str, reading: Reading) -> Fault:
    """Find the place that a message speaks of: it begins with a path, or names an attribute or a mapped column."""
    known = {field.alias or name for name, field in DeclaredFeed.model_fields.items()}
    if (begins := _PATH.match(message)) and begins[1].partition(".")[0] in known:
        message, path = message[begins.end() :], begins[1]
    elif not path or path == "source":
        named = (word for found in _ATTRIBUTE.finditer(message) for word in found.groups() if word in known)
        rows = enumerate(reading.file.fields if reading.file is not None else ())
        mapped = (f"fields.{index}" for index, row in rows if repr(row.name) in message)
        path = next(mapped, None) or next((word for word in named if reading.places.line((word,))), path)
    return Fault(message, path, reading.places.line(split_path(path)) if path else None)
