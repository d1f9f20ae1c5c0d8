"""The whole of it over any transport: one `feedmill.sync` of a feed that is told as JSON, into a SQLite database."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import orjson

from benchmarks.catalogue import FIELDS, SETTINGS
from benchmarks.sync import run_sync


@dataclass(frozen=True, slots=True)
class Told:
    """A source, and the settings and mapping rows under which it is synced; travels as JSON."""

    url: str
    settings: Mapping[str, object] = field(default_factory=dict)
    fields: Sequence[Mapping[str, object]] = field(default_factory=lambda: FIELDS)

    def dump(self) -> str:
        """Return it as `main` takes it."""
        return orjson.dumps(asdict(self)).decode()


def main(told: str, database: str) -> None:
    """Sync once and hand back what the run counted."""
    feed = Told(**orjson.loads(told))
    run_sync(feed.url, database, {**SETTINGS, **feed.settings}, feed.fields)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
