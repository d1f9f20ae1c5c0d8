"""How declared feeds differ from those of the database, attribute by attribute, and what would make them equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import orjson
from pydantic.alias_generators import to_camel

from engine.settings.transport import TRANSPORT_SECRETS
from engine.source import MASK, mask_location
from feedmill.service.definition.stored_feeds import SEALED

if TYPE_CHECKING:
    from engine.feed import Feed
    from feedmill.feedfile.declared import DeclaredFeed

Attributes = Mapping[str, object]

_INNER: Final = ("guard", "transport", "pagination")
_FOLLOWING: Final = ("authenticationToken", "authenticationSecret", "parameters")
_UNTOLD: Final = ("name", "dropshipProviderId")
_PASSWORDS: Final = frozenset(map(to_camel, TRANSPORT_SECRETS))


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute that differs, as it may be shown: secrets are masked, absent is None."""

    attribute: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with one feed. `attributes` are what a call sends, with secrets: never shown.

    `provider` is the name of the provider it is to belong to, None where it stays.
    """

    action: Literal["create", "change", "remove"]
    name: str
    number: int | None = None
    provider: str | None = None
    differences: tuple[Difference, ...] = ()
    attributes: Attributes = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """A feed of the database: its id, the name of its provider, its attributes with their defaults, secrets too."""

    number: int
    provider: str
    attributes: Attributes = field(repr=False)


def attributes_of(feed: Feed) -> dict[str, object]:
    """Return every attribute of a feed by API names, defaults too, as JSON has them."""
    shown = feed.model_dump(mode="json", by_alias=True)
    return {name: value for name, value in shown.items() if name not in _UNTOLD}


def compare(declared: Mapping[str, tuple[DeclaredFeed, Feed]], known: Mapping[str, Known], *, prune: bool) -> list[Step]:
    """Return what makes the database have the declared feeds, as they are declared; with `prune` no others.

    A declaration is the whole of a feed: what it does not say is the default, whatever was set before. Only the provider stays where
    none is named.
    """
    steps = []
    for name, (file, feed) in declared.items():
        there = known.get(name)
        step = _create(file, feed) if there is None else _change(file, feed, there)
        steps += [step] if step is not None else []
    removed = sorted(known.keys() - declared.keys()) if prune else []
    return [*steps, *(Step("remove", name, known[name].number) for name in removed)]


def _create(file: DeclaredFeed, feed: Feed) -> Step:
    sent = feed.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"dropship_provider_id"})
    provider = file.provider or feed.name
    told = ((name, _show(name, value)) for name, value in sent.items() if name not in _UNTOLD)
    shown = (Difference(name, None, value) for name, value in told if value is not None)
    return Step("create", feed.name, None, provider, (Difference("provider", None, provider), *shown), sent)


def _change(file: DeclaredFeed, feed: Feed, there: Known) -> Step | None:
    after = attributes_of(feed)
    moved = file.provider if file.provider not in (None, there.provider) else None
    differences = [Difference("provider", there.provider, moved)] if moved is not None else []
    sent: dict[str, object] = {}
    for name, old, new in _differing(there.attributes, after):
        differences.append(Difference(name, _show(name, old), _show(name, new)))
        head, _, inner = name.partition(".")
        if inner:
            nested = sent.setdefault(head, {})
            if isinstance(nested, dict):
                nested[inner] = new
        else:
            sent[name] = new
    # A declaration has every secret, so that none of them is left behind where another one decides who is told it.
    for name in (*_FOLLOWING, *(("resourceLocation",) if "proxyUrl" in sent else ())):
        if after.get(name):
            sent.setdefault(name, after[name])
    return Step("change", feed.name, there.number, moved, tuple(differences), sent) if differences else None


def _differing(before: Attributes, after: Attributes) -> Iterator[tuple[str, object, object]]:
    """Yield the attributes that differ; those of an object that both have one by one, for a call merges them."""
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name in _INNER and isinstance(old, dict) and isinstance(new, dict):
            for inner in {**old, **new}:
                if old.get(inner) != new.get(inner):
                    yield f"{name}.{inner}", old.get(inner), new.get(inner)
        else:
            yield name, old, new


def _show(name: str, value: object) -> str | None:
    """Return a value as a person may see it."""
    if value is None or value == [] or value == {}:
        return None
    if name == "resourceLocation":
        return mask_location(str(value))
    head, _, inner = name.partition(".")
    if head in SEALED or inner in _PASSWORDS:
        return MASK
    if isinstance(value, dict):
        value = {key: MASK if key in _PASSWORDS and each else each for key, each in value.items()}
    return orjson.dumps(value).decode()
