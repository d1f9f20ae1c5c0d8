"""A guess as a whole: how a document is read, what its columns are for, and what is left to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.batch import JsonValue, clip
from engine.mapping.currency import meanings
from mappers.guessing.columns import Choices, Column, FieldGuess, Found, choose, look_at
from mappers.guessing.names import tokens_of
from mappers.guessing.shown import show_columns
from mappers.guessing.values import Profile, find_currencies, find_notation, profile

if TYPE_CHECKING:
    from mappers.guessing.shown import RecordPlace, ShownColumn

_NUMBERS: Final = frozenset({"inventoryQuantity", "retailPrice", "costPrice", "compareAtPrice", "weight", "grams"})
_PRICES: Final = frozenset({"retailPrice", "costPrice", "compareAtPrice"})
_IN_HEADERS: Final = frozenset({"eur", "usd", "gbp", "pln", "czk", "chf", "sek", "nok", "dkk", "huf", "ron", "uah", "rub"})
"""Currencies whose codes stand in headers; others (`all`, `try`, `top`) are words as well."""


@dataclass(frozen=True, slots=True)
class Setting:
    """An attribute of the feed, its value and why. Unless it is `sure` it is for people to look at only."""

    attribute: str
    value: JsonValue
    reason: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Guess:
    """What a document probably is: `what` in a few words, attributes and mapping rows of the feed, and notes for people.

    `columns` are all there are, also those that no row is for; `places` where else the records may stand, the chosen one among them.
    """

    what: str
    records: int
    settings: tuple[Setting, ...]
    fields: tuple[FieldGuess, ...]
    notes: tuple[str, ...] = ()
    columns: tuple[ShownColumn, ...] = ()
    places: tuple[RecordPlace, ...] = ()


def conclude(what: str, settings: Sequence[Setting], columns: Sequence[Column], *, notes: Sequence[str] = ()) -> Guess:
    """Choose the columns of a document, and what their values say of numbers and money."""
    choices = choose(columns)
    profiles = {column.name: profile(column.values) for column in columns}
    records = len(columns[0].values) if columns else 0
    said = [*_notation(choices, profiles), *_currency(choices, columns, profiles)]
    if choices.weight_unit is not None:
        said.append(Setting("weightUnit", choices.weight_unit, "the name of the column says so"))
    return Guess(what, records, (*settings, *said), tuple(choices.fields), (*notes, *choices.notes), show_columns(columns))


def _of(choices: Choices, profiles: Mapping[str, Profile], purposes: frozenset[str]) -> list[Profile]:
    return [profiles[str(guess.row["name"])] for guess in choices.fields if guess.row["purpose"] in purposes]


def _notation(choices: Choices, profiles: Mapping[str, Profile]) -> list[Setting]:
    seen = find_notation(_of(choices, profiles, _NUMBERS))
    if seen.comma is not None and seen.decimal is not None:
        reason = f"{seen.comma!r} is one in the notation comma only, {seen.decimal!r} in decimal only: ask the supplier which is meant"
        return [Setting("decimalNotation", "comma", reason, sure=False)]
    for notation, example in (("comma", seen.comma), ("decimal", seen.decimal)):
        if example is not None:
            return [Setting("decimalNotation", notation, f"{example!r} can only be read so")]
    if seen.open is not None:
        return [Setting("decimalNotation", "comma", f"{seen.open!r} may be a thousand times more: choose comma if it is", sure=False)]
    return []


def _currency(choices: Choices, columns: Sequence[Column], profiles: Mapping[str, Profile]) -> list[Setting]:
    prices = _of(choices, profiles, _PRICES)
    if not prices:
        return []
    marks = find_currencies(prices)
    if len(marks) == 1:
        return [Setting("currency", next(iter(marks)), "the prices carry it")]
    if marks:
        return [
            Setting(
                "currency", "USD" if "USD" in marks else min(marks), f"the prices carry a mark of {', '.join(sorted(marks))}", sure=False
            )
        ]
    names = {str(guess.row["name"]) for guess in choices.fields if guess.row["purpose"] in _PRICES and guess.sure}
    for column in columns:
        found = next((token for token in tokens_of(column.label) if column.name in names and token in _IN_HEADERS), None)
        if found is not None:
            return [Setting("currency", found.upper(), f"{column.label!r} names it")]
    return _currency_column([look_at(column) for column in columns])


def _currency_column(found: Sequence[Found]) -> list[Setting]:
    for each in found:
        values = list(each.profile.distinct)
        if each.strength("currency") and values and all(len(value) == 3 and meanings(value) == {value} for value in values):
            if len(values) == 1:
                return [Setting("currency", values[0], f"{each.column.label!r} is {values[0]} in every record")]
            reason = f"{each.column.label!r} has {clip(', '.join(values), 60)}: prices of several currencies cannot be told apart"
            return [Setting("currency", values[0], reason, sure=False)]
    return []
