"""Read the feeds that files declare: feed files, and the `[[feeds]]` of a `feedmill.toml`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.errors import ConfigError
from feedmill.feedfile.declared import DeclaredFeed
from feedmill.feedfile.model import FeedFile, Reading, parse_feed_file
from feedmill.feedfile.text import parse_toml, read_text
from feedmill.service.config.loading import is_service_file, read_service_file

if TYPE_CHECKING:
    from engine.feed import Feed


def load_declared(paths: Sequence[str], *, environment: Mapping[str, str] | None = None) -> dict[str, tuple[DeclaredFeed, Feed]]:
    """Return the feeds that files declare, by name. Raises `ConfigError` with every fault of the first file that has some. Blocks."""
    chosen = os.environ if environment is None else environment
    feeds = [(path, feed) for path in paths for feed in _load(path, chosen)]
    counts = Counter(feed.name for _, feed in feeds)
    if doubles := sorted(name for name, count in counts.items() if count > 1):
        raise ConfigError(f"several feeds have one name: {', '.join(map(repr, doubles))}; a feed is known by its name")
    return {feed.name: (feed, _build(path, feed)) for path, feed in feeds}


def _load(path: str, environment: Mapping[str, str]) -> Iterator[DeclaredFeed]:
    data = read_text(path)
    if is_service_file(parse_toml(data).found):
        file = read_service_file(data, environment)
        # What is wrong with the settings is for `feedmill serve` and `feedmill check` to say.
        readings = file.feeds
        faults = [fault for fault in file.faults if fault.path.startswith("feeds") or not file.feeds]
    else:
        readings, faults = (parse_feed_file(data, environment),), []
    faults += [fault for reading in readings for fault in reading.faults if not fault.warning]
    if faults:
        raise ConfigError(f"{path} cannot be used", problems=tuple(map(str, faults)))
    yield from map(_declared, readings)


def _declared(reading: Reading) -> DeclaredFeed:
    file = reading.file
    if isinstance(file, DeclaredFeed):
        return file
    if not isinstance(file, FeedFile):
        raise TypeError("a reading without a fault has no feed")
    # Where the items of a feed file would go to does not matter here: they go to the service's database.
    return DeclaredFeed.model_validate(file.model_dump(by_alias=True, exclude_unset=True, exclude={"to"}))


def _build(path: str, feed: DeclaredFeed) -> Feed:
    try:
        return feed.build()
    except ConfigError as error:
        raise ConfigError(f"{path}: feed {feed.name!r} cannot be used", problems=error.problems or (str(error),)) from None
