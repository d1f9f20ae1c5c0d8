"""Whether a source is written as it was in the last complete run, and what to tell a person where it is not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from engine.batch import JsonValue, clip
from engine.run import Problem

_NAMES_SHOWN: Final = 10


def find_drift(before: Mapping[str, JsonValue], now: Mapping[str, JsonValue], mapped: Collection[str]) -> Problem | None:
    """Return what differs between two dialects as a problem `dialectChanged`, None when nothing does.

    Compared are the plain values that both have and neither merely assumed. Columns are compared only where the document itself
    names them (`headerRow`): elsewhere they are gathered from records, and differ with every one that has an optional value. The
    order of columns and the case of their names mean nothing, unless a name in `mapped` depends on it.
    """
    if not before or not now:
        return None
    assumed = {name for dialect in (before, now) for name in _texts(dialect, "assumed")}
    changes = [
        f"{name} was {_shown(before[name])} and is {_shown(now[name])}"
        for name in before
        if name in now and name not in assumed and before[name] != now[name] and _is_plain(before[name]) and _is_plain(now[name])
    ]
    if "headerRow" in before and "headerRow" in now:
        changes += _columns_changed(_texts(before, "columns"), _texts(now, "columns"), mapped)
    if not changes:
        return None
    message = "the source is written otherwise than in the last complete run, and was read as it is"
    return Problem("dialectChanged", f"{message}: {'; '.join(changes)}")


def _is_plain(value: JsonValue) -> bool:
    return value is None or isinstance(value, str | int | float)


def _texts(dialect: Mapping[str, JsonValue], name: str) -> list[str]:
    texts = dialect.get(name)
    return [str(text) for text in texts] if isinstance(texts, list) else []


def _columns_changed(before: list[str], now: list[str], mapped: Collection[str]) -> Iterable[str]:
    old, new = ({name.casefold(): name for name in names} for names in (before, now))
    if gone := [name for folded, name in old.items() if folded not in new]:
        yield f"columns gone: {_listed(gone)}"
    if added := [name for folded, name in new.items() if folded not in old]:
        yield f"columns added: {_listed(added)}"
    for name in dict.fromkeys(mapped):
        folded = name.strip().casefold()
        if folded in old and folded in new:
            if old[folded] != new[folded]:
                yield f"the column {old[folded]!r}, which is mapped, is called {new[folded]!r}"
        elif folded.isascii() and folded.isdecimal() and folded not in old and folded not in new:
            was, is_ = (names[int(folded) - 1] if 0 < int(folded) <= len(names) else None for names in (before, now))
            if was != is_:
                yield f"column {folded}, which is mapped, was {_shown(was)} and is {_shown(is_)}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(repr(clip(name, 60)) if name else "one without a name" for name in names[:_NAMES_SHOWN]) + more


def _shown(value: JsonValue) -> str:
    if value is None:
        return "none"
    return repr(clip(value, 60)) if isinstance(value, str) else str(value)
