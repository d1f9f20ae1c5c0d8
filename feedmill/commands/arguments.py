"""What several commands take: `--config`, `--set`, `--field`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Parameter

from feedmill.exits import UsageError

if TYPE_CHECKING:
    from feedmill.feedfile.model import FeedFile

Settings: TypeAlias = Annotated[
    list[str] | None, Parameter(name="--set", negative=(), help="ATTRIBUTE=VALUE: a feed attribute, e.g. --set delimiter=';' (repeatable).")
]
Fields: TypeAlias = Annotated[
    list[str] | None, Parameter(name="--field", negative=(), help="PURPOSE=COLUMN: a mapping row, e.g. --field sku=Artikelnr (repeatable).")
]
Config: TypeAlias = Annotated[str | None, Parameter(help="A feed file, feed.toml: the whole feed; what is given beside it counts first.")]
Json: TypeAlias = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON.")]
Database: TypeAlias = Annotated[str, Parameter(name="--db", help="The database: sqlite:///shop.db, or a path.")]

Run: TypeAlias = Annotated[int, Parameter(help="The number of the run, as `runs` and `sync` show it.")]
Csv: TypeAlias = Annotated[bool, Parameter(name="--csv", negative=(), help="Print CSV, with all there is.")]


def check_run(run: int) -> None:
    """Raise `UsageError` for what cannot be the number of a run."""
    if not 0 < run < 2**63:
        raise UsageError(f"{run} is no number of a run")


def read_config(path: str | None, *needed: tuple[str, object]) -> FeedFile | None:
    """Read the feed file that `--config` names. Without one, raises `UsageError` for the first argument that is not given."""
    if path is None:
        for name, given in needed:
            if given is None:
                raise UsageError(f"{name} is not given, and no --config that says it")
        return None
    from feedmill.feedfile.model import load_feed_file

    return load_feed_file(path)


def parse_settings(pairs: Sequence[str] | None) -> dict[str, object]:
    """Split ATTRIBUTE=VALUE pairs. Raises `UsageError` naming the pair that is none."""
    return dict(_split(pair, "--set", "ATTRIBUTE=VALUE") for pair in pairs or ())


def parse_fields(pairs: Sequence[str] | None) -> list[dict[str, object]]:
    """Split PURPOSE=COLUMN pairs into mapping rows. Raises `UsageError` naming the pair that is none."""
    split = [_split(pair, "--field", "PURPOSE=COLUMN") for pair in pairs or ()]
    return [{"purpose": purpose, "name": column} for purpose, column in split]


def _split(pair: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"{option} {pair!r} is not of the form {form}")
    return name.strip(), value
