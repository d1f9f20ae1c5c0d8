"""What a document has to be mapped, and for what: every column with its first values and the row that is offered for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.batch import SEVERAL, JsonValue, clip
from engine.contracts import DocumentFacts
from mappers.guessing.columns import Column, FieldGuess, choose, look_at

VALUES: Final = 3
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Offer:
    """A column as a mapping row names it, its first different values, and the row that is offered for it, with the reason."""

    name: str
    values: tuple[str, ...]
    row: Mapping[str, JsonValue] | None
    reason: str


def offer_columns(
    data: bytes, facts: DocumentFacts, resource_type: str, attributes: Mapping[str, JsonValue], *, complete: bool
) -> tuple[Offer, ...]:
    """Return the columns of a document, as they stand in it, by its first bytes.

    `attributes` are those of the feed, which say how the document is read. Raises `RefuseRun` for one that cannot be read, or has no
    records.
    """
    columns = _columns(data, facts, resource_type, attributes, complete=complete)
    guesses: dict[str, FieldGuess] = {}
    for guess in choose(columns).fields:
        guesses.setdefault(str(guess.row["name"]), guess)
    return tuple(_offer(column, guesses.get(column.name)) for column in columns)


def _columns(
    data: bytes, facts: DocumentFacts, resource_type: str, attributes: Mapping[str, JsonValue], *, complete: bool
) -> Sequence[Column]:
    if resource_type == "xml":
        from mappers.guessing.markup import markup_columns

        path = attributes.get("xmlPath")
        return markup_columns(data, facts, None if path is None else str(path), complete=complete)
    if resource_type == "json":
        from mappers.guessing.trees import tree_columns

        return tree_columns(data, facts, attributes, complete=complete)
    from mappers.guessing.tables import table_columns

    return table_columns(data, facts, attributes, complete=complete)


def _offer(column: Column, guess: FieldGuess | None) -> Offer:
    several = dict.fromkeys(value.strip() for cell in column.values for value in cell.split(SEVERAL) if value.strip())
    values = tuple(clip(value, _SHOWN) for value in list(several)[:VALUES])
    if guess is not None:
        return Offer(column.name, values, guess.row, guess.reason)
    found = look_at(column)
    vote = next((vote for vote in found.votes if vote != "currency"), None)
    if vote is None:
        return Offer(column.name, values, None, "")
    purpose, _, option = vote.partition(":")
    row = {"name": column.name, "purpose": purpose, **({"optionName": option} if option else {})}
    return Offer(column.name, values, row, found.said(vote))
