"""What a document has to be mapped, and for what: every column with the row that is offered for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.batch import JsonValue
from engine.contracts import DocumentFacts
from mappers.guessing.columns import Column, FieldGuess, choose, look_at
from mappers.guessing.shown import ShownColumn, show_columns


def offer_columns(
    data: bytes, facts: DocumentFacts, resource_type: str, attributes: Mapping[str, JsonValue], *, complete: bool
) -> tuple[ShownColumn, ...]:
    """Return the columns of a document with what is offered for each, as they stand in it, by its first bytes.

    `attributes` are those of the feed, which say how the document is read. Raises `RefuseRun` for one that cannot be read, or has no
    records.
    """
    columns = _columns(data, facts, resource_type, attributes, complete=complete)
    guesses: dict[str, FieldGuess] = {}
    for guess in choose(columns).fields:
        guesses.setdefault(str(guess.row["name"]), guess)
    shown = zip(columns, show_columns(columns), strict=True)
    return tuple(_offer(each, column, guesses.get(column.name)) for column, each in shown)


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


def _offer(shown: ShownColumn, column: Column, guess: FieldGuess | None) -> ShownColumn:
    if guess is not None:
        return replace(shown, row=guess.row, reason=guess.reason)
    found = look_at(column)
    vote = next((vote for vote in found.votes if vote != "currency"), None)
    if vote is None:
        return shown
    purpose, _, option = vote.partition(":")
    row = {"name": column.name, "purpose": purpose, **({"optionName": option} if option else {})}
    return replace(shown, row=row, reason=found.said(vote))
