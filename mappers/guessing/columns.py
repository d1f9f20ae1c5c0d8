"""Which column is for what: a name and its values are two votes, and what they do not settle is left to people.

A key that is not unique in the sample and a stock that may be another number are never mapped: the wrong one would be wrong stock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.batch import JsonValue, clip
from mappers.guessing.names import (
    HINT,
    MEANINGS,
    PART,
    WHOLE,
    NameVote,
    bars_stock,
    describe_vote,
    is_amount_word,
    is_warehouse,
    name_votes,
    tokens_of,
)
from mappers.guessing.values import ENOUGH, Profile, holds_figure, is_stock_figure, profile, says_yes

_KEYS: Final = ("sku", "externalId")
_STOCKS: Final = ("inventoryQuantity", "inventoryQuantityBoolean")
_PRICES: Final = ("retailPrice", "costPrice", "compareAtPrice")
_TEXTS: Final = ("name", "description", "vendorName", "productType", "mpn")
_WORDS: Final = 12
_UNITS: Final = {"kg": "kg", "g": "g", "gr": "g", "gram": "g", "grams": "g", "gramm": "g", "lb": "lb", "lbs": "lb", "oz": "oz"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a document: `name` as a mapping row has it, `label` and the names `above` it as its source calls it.

    `shared` says that it belongs to what stands around the record, as a product around its variants: no key and no stock of it.
    """

    name: str
    label: str
    values: Sequence[str]
    above: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A column with its two votes."""

    column: Column
    profile: Profile
    votes: Mapping[str, NameVote]

    def strength(self, purpose: str) -> int:
        """Return how strongly the name speaks for a purpose, 0 when not at all."""
        return self.votes[purpose].strength if purpose in self.votes else 0

    def said(self, purpose: str) -> str:
        """Return what the name says of a purpose, in words."""
        shown = repr(clip(f"{self.column.above} {self.column.label}".strip(), 60))
        if purpose not in self.votes:
            return f"{shown} says nothing"
        return f"{shown} {describe_vote(self.votes[purpose], MEANINGS[purpose])}"


@dataclass(frozen=True, slots=True)
class FieldGuess:
    """A mapping row by its attributes, and why. Unless it is `sure` it is for people to look at only."""

    row: dict[str, JsonValue]
    reason: str
    sure: bool = True
    rivals: tuple[str, ...] = ()


@dataclass(slots=True)
class Choices:
    """The rows chosen so far, what speaks against others, and which columns are taken."""

    fields: list[FieldGuess] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    weight_unit: str | None = None
    taken: set[str] = field(default_factory=set)

    def add(self, found: Found, purpose: str, reason: str, *, sure: bool = True, rivals: Iterable[str] = (), **more: JsonValue) -> None:
        """Choose a column for a purpose, or offer it."""
        row: dict[str, JsonValue] = {"name": found.column.name, "purpose": purpose, **more}
        self.fields.append(FieldGuess(row, reason, sure, tuple(rivals)))
        if sure:
            self.taken.add(found.column.name)


def look_at(column: Column) -> Found:
    """Return a column with its votes; a name that says one thing as a whole says nothing else in part."""
    votes = name_votes(column.label, column.above)
    best = max((vote.strength for vote in votes.values()), default=0)
    kept = {purpose: vote for purpose, vote in votes.items() if vote.strength == best}
    if any(purpose in kept for purpose in _STOCKS):
        # Which of the two it is, its values tell.
        kept |= {purpose: vote for purpose, vote in votes.items() if purpose in _STOCKS}
    return Found(column, profile(column.values), kept)


def choose(columns: Sequence[Column]) -> Choices:
    """Choose the columns of every purpose."""
    found = [look_at(column) for column in columns]
    made = Choices()
    own = [each for each in found if not each.column.shared]
    _choose_key(own, made)
    _choose_stock(own, made)
    _choose_barcode(found, made)
    for purpose in _PRICES:
        _choose_best(found, made, purpose, _fits_price)
    for purpose in _TEXTS:
        _choose_best(found, made, purpose, _fits_text)
    _choose_name(found, made)
    _choose_best(found, made, "externalGroupId", _fits_group)
    _choose_best(found, made, "images", _fits_images, several=True)
    _choose_best(found, made, "tags", _count, several=True)
    _choose_weight(found, made)
    for purpose in ("option:Color", "option:Size"):
        _choose_option(found, made, purpose)
    made.fields.sort(key=lambda guess: not guess.sure)
    return made


def _ranked(found: Sequence[Found], purpose: str) -> list[Found]:
    """Return the columns whose names speak for a purpose, the strongest first, then as the source has them."""
    return sorted((each for each in found if each.strength(purpose)), key=lambda each: -each.strength(purpose))


def _count(each: Found) -> str:
    return f"{each.profile.records} of {each.profile.total} records have a value"


def _uniqueness(each: Found) -> str:
    prof = each.profile
    if prof.unique:
        return f"{_count(each)}, all different" if prof.total > 1 else "there is one record only, so its being unique proves nothing"
    if not prof.usable_key:
        why = "several in one record" if prof.several else "not all can be keys" if prof.filled_share >= 0.9 else "too few for a key"
        return f"{_count(each)}, {why}"
    return f"{_count(each)}, but only {len(prof.keys)} different ones"


def _choose_key(found: Sequence[Found], made: Choices) -> None:
    named = {purpose: [each for each in _ranked(found, purpose) if each.profile.filled] for purpose in _KEYS}
    unique = {purpose: [each for each in each_of if each.profile.unique] for purpose, each_of in named.items()}
    skus, ids = unique["sku"], unique["externalId"]
    rivals = [f"{each.column.name!r}: {each.said('sku')}; {_uniqueness(each)}" for each in skus[1:4]]
    if skus and _leads(skus, "sku"):
        others = [each for each in ids if each not in skus]
        rivals += [f"as externalId {each.column.name!r}: {each.said('externalId')}; {_uniqueness(each)}" for each in others[:2]]
        made.add(skus[0], "sku", f"{skus[0].said('sku')}; {_uniqueness(skus[0])}", rivals=rivals)
        return
    if skus and not ids:
        for each in skus[:3]:
            made.add(each, "sku", f"{each.said('sku')}; {_uniqueness(each)}; others may be meant as well", sure=False)
        made.notes.append("no key: several columns may be the SKU; choose one")
        return
    shared = [each for each in named["sku"] if each.profile.usable_key and not each.profile.unique]
    if ids and _leads(ids, "externalId"):
        made.add(ids[0], "externalId", f"{ids[0].said('externalId')}; {_uniqueness(ids[0])}", rivals=rivals)
        if shared:
            reason = f"{shared[0].said('sku')}; {_uniqueness(shared[0])}: several records share one, so it is no key"
            made.add(shared[0], "sku", reason)
        return
    if _choose_barcode_as_key(found, made):
        return
    _offer_keys(found, shared, [*ids, *skus], made)


def _leads(ranked: Sequence[Found], purpose: str) -> bool:
    """Tell whether the first is what it is said to be: nothing else is said as clearly, unless the name is the word itself."""
    first = ranked[0].strength(purpose)
    return first > HINT or len(ranked) == 1


def _choose_barcode_as_key(found: Sequence[Found], made: Choices) -> bool:
    codes = [each for each in _ranked(found, "barcode") if each.profile.unique and each.profile.barcodes == each.profile.filled_share == 1]
    if not codes:
        return False
    reason = f"nothing else identifies the item; {codes[0].said('barcode')}; {_uniqueness(codes[0])}, with right check digits"
    made.add(codes[0], "sku", reason)
    return True


def _offer_keys(found: Sequence[Found], shared: Sequence[Found], others: Sequence[Found], made: Choices) -> None:
    pair = next(
        (
            (one, other)
            for one in shared[:2]
            for other in found
            if other is not one and not other.profile.several and _told_apart(one, other) and len(other.profile.keys) > 1
        ),
        None,
    )
    for each in shared[:2]:
        made.add(each, "sku", f"{each.said('sku')}; {_uniqueness(each)}: as a key it would make one item of several", sure=False)
    if pair is not None:
        names = " and ".join(repr(each.column.name) for each in pair)
        for each in pair:
            made.add(each, "externalId", f"{names} together are different in every record", sure=False)
    if not shared:
        unique = [each for each in (*others, *found) if each.profile.unique and not each.profile.cents and not each.profile.links]
        for each in list({each.column.name: each for each in unique}.values())[:3]:
            made.add(each, "sku", f"{each.said('sku')}; {_uniqueness(each)}", sure=False)
    made.notes.append("no key: nothing that identifies an item is unique and named as such; fill one in before you sync")


def _told_apart(one: Found, other: Found) -> bool:
    pairs = list(zip(one.column.values, other.column.values, strict=True))
    return len(set(pairs)) == len(pairs)


def _choose_stock(found: Sequence[Found], made: Choices) -> None:
    free = [each for each in found if each.column.name not in made.taken]
    ranked = _ranked(free, "inventoryQuantity")
    figures = [each for each in ranked if _is_stock(each)]
    best = [each for each in figures if each.strength("inventoryQuantity") == figures[0].strength("inventoryQuantity")]
    # `Lagerbestand` can only be stock, the `Menge` beside it may be what a pack holds.
    best = [each for each in best if not _is_loose(each)] or best
    flags = [each for each in _ranked(free, "inventoryQuantityBoolean") if each.profile.records and each.profile.flags >= ENOUGH]
    doubts = [
        f"{each.column.name!r}: {each.said('inventoryQuantity')}, but {_doubt(each)}"
        for each in ranked
        if not _is_stock(each) and each not in flags[:1]
    ] + [
        f"{each.column.name!r} is not taken for stock: {word!r} says what it is"
        for each in free
        if (word := bars_stock(each.column.label, each.column.above)) and is_warehouse(each.column.label)
    ]
    if len(best) == 1 and best[0].strength("inventoryQuantity") > HINT and (best[0].profile.moves or not _is_loose(best[0])):
        others = [each for each in figures if each is not best[0]]
        _add_stock(best[0], made, [*(f"{each.column.name!r}: {each.said('inventoryQuantity')}" for each in others[:2]), *doubts[:4]])
    elif len(best) > 1:
        for each in best:
            made.add(each, "inventoryQuantity", f"{each.said('inventoryQuantity')}; {_figures(each)}", sure=False)
        made.notes.append(
            "no stock: several columns may be stock, of several places or one of them in another sense; choose one, or all that add up"
        )
    elif flags:
        reason = f"{flags[0].said('inventoryQuantityBoolean')}; all of {len(flags[0].profile.filled)} values say yes or no: 1 or 0 in stock"
        made.add(flags[0], "inventoryQuantityBoolean", reason, rivals=doubts[:4])
    else:
        _offer_words([each for each in ranked if each.profile.figures < ENOUGH], made)
        _offer_stock(free, best, doubts, made)


def _is_stock(each: Found) -> bool:
    prof = each.profile
    yes_or_no = each.strength("inventoryQuantityBoolean") and prof.flags >= ENOUGH
    return (
        prof.records > 0
        and prof.figures >= ENOUGH
        and prof.cents <= 0.2
        and prof.barcodes < 0.5
        and prof.varies
        and not prof.years
        and not yes_or_no
        and (not prof.several or is_warehouse(each.column.above))
    )


def _is_loose(each: Found) -> bool:
    return is_amount_word(each.votes["inventoryQuantity"].word)


def _doubt(each: Found) -> str:
    prof = each.profile
    if not prof.records:
        return "it is blank in every record"
    if prof.several and not is_warehouse(each.column.above):
        return "a record has several, and nothing says that they add up"
    if prof.figures < ENOUGH:
        odd = next((value for value in prof.distinct if value), "")
        return f"only {prof.figures:.0%} of its values can be read as figures (such as {clip(odd, 30)!r}): a lookup may help"
    if prof.cents > 0.2:
        return "its values are fractions, as prices are"
    if not prof.varies:
        return f"it hardly changes ({', '.join(map(repr, list(prof.distinct)[:3]))}), as what a pack holds or the least order does"
    return "its values say something else"


def _figures(each: Found) -> str:
    prof = each.profile
    shown = ", ".join(clip(value, 20) for value, _ in prof.distinct.most_common(3))
    return f"{round(prof.figures * len(prof.filled))} of {len(prof.filled)} values are figures a stock may have (as {shown})"


def _add_stock(each: Found, made: Choices, rivals: Sequence[str]) -> None:
    reason = f"{each.said('inventoryQuantity')}; {_figures(each)}"
    if each.profile.several:
        reason += '; the places of one record add up (locations = "first" would take the first)'
    if each.profile.filled_share < 1:
        reason += f"; {_count(each)}, and blank changes nothing"
    made.add(each, "inventoryQuantity", reason, rivals=rivals)


def _offer_words(ranked: Sequence[Found], made: Choices) -> None:
    """Offer columns of stock in words: with the number inside the words, or a lookup that people complete."""
    for each in ranked[:2]:
        prof = each.profile
        words = [value for value in prof.distinct if not is_stock_figure(value)]
        if prof.several or not words:
            continue
        if prof.share(holds_figure) >= ENOUGH:
            reason = f"{each.said('inventoryQuantity')}; its figures stand in words ({clip(words[0], 30)!r}): parseNumber takes them out"
            made.add(each, "inventoryQuantity", reason, sure=False, parseNumber=True)
        elif len(words) <= _WORDS:
            reason = f"{each.said('inventoryQuantity')}; {len(words)} of its values are words: say how many pieces each of them is surely"
            made.add(each, "inventoryQuantity", reason, sure=False, lookup={word: int(says_yes(word)) for word in words})


def _offer_stock(free: Sequence[Found], hinted: Sequence[Found], doubts: Sequence[str], made: Choices) -> None:
    for each in hinted:
        made.add(each, "inventoryQuantity", f"{each.said('inventoryQuantity')}; {_figures(each)}", sure=False)
    if not hinted:
        unnamed = [each for each in free if not each.votes and _is_stock(each) and len(each.profile.distinct) > 5]
        for each in [each for each in unnamed if not bars_stock(each.column.label, each.column.above)][:2]:
            made.add(each, "inventoryQuantity", f"nothing in {each.column.label!r} says so; {_figures(each)}", sure=False)
    note = "no stock: no column is plainly the stock; fill it in before you sync, or every item will have none"
    made.notes.append(f"{note}; {'; '.join(doubts[:4])}" if doubts else note)


def _choose_barcode(found: Sequence[Found], made: Choices) -> None:
    named = [each for each in _ranked(found, "barcode") if each.profile.records and not each.profile.several]
    # Check digits that are right in every value are no accident, whatever the column is called.
    unnamed = [each for each in found if each.profile.barcodes == 1 and len(each.profile.distinct) >= 5 and not each.profile.several]
    for each in [*named, *unnamed]:
        right = f"{each.profile.barcodes:.0%} of {len(each.profile.filled)} values have a right check digit"
        if each.profile.barcodes >= 0.5:
            made.add(each, "barcode", f"{each.said('barcode')}; {right}")
            return
        made.add(each, "barcode", f"{each.said('barcode')}, but only {right}", sure=False)


def _choose_best(
    found: Sequence[Found], made: Choices, purpose: str, fits: Callable[[Found], str | None], *, several: bool = False
) -> None:
    """Choose the one column whose name speaks for a purpose most strongly and whose values fit it; `fits` says how."""
    free = [each for each in _ranked(found, purpose) if each.column.name not in made.taken and (several or not each.profile.several)]
    fitting = [(each, why) for each in free if each.profile.records and (why := fits(each)) is not None]
    if not fitting:
        return
    (first, why), *others = fitting
    strength = first.strength(purpose)
    equals = [each for each, _ in others if each.strength(purpose) == strength]
    if (strength == HINT and others) or (strength == PART and equals and purpose in _PRICES):
        for each, why in fitting[:3]:
            made.add(each, purpose, f"{each.said(purpose)}; {why}", sure=False)
        return
    rivals = [f"{each.column.name!r}: {each.said(purpose)}" for each, _ in others[:3]]
    mark = _separator(first) if purpose == "images" else "," if purpose == "tags" else None
    if mark is None:
        made.add(first, purpose, f"{first.said(purpose)}; {why}", rivals=rivals)
    else:
        made.add(first, purpose, f"{first.said(purpose)}; {why}", rivals=rivals, seperator=mark)


def _choose_name(found: Sequence[Found], made: Choices) -> None:
    """Where nothing is called a name, short descriptions are the names."""
    if any(guess.row["purpose"] == "name" for guess in made.fields):
        return
    for each in _ranked(found, "description"):
        prof = each.profile
        if prof.records and not prof.several and sum(map(len, prof.filled)) <= 80 * len(prof.filled):
            made.fields = [guess for guess in made.fields if guess.row["name"] != each.column.name]
            made.add(each, "name", f"{each.said('description')}, short enough for a name, and nothing else is called one")
            return


def _fits_price(each: Found) -> str | None:
    prof = each.profile
    if prof.amounts < ENOUGH or prof.barcodes >= 0.5:
        return None
    return f"{round(prof.amounts * len(prof.filled))} of {len(prof.filled)} values are amounts"


def _fits_text(each: Found) -> str | None:
    return f"{_count(each)}, {len(each.profile.distinct)} different" if each.profile.links < 0.5 else None


def _fits_group(each: Found) -> str | None:
    prof = each.profile
    if not prof.usable_key or len(prof.keys) == len(prof.filled):
        return None
    return f"{_count(each)}, {len(prof.keys)} different: variants share one"


def _fits_images(each: Found) -> str | None:
    prof = each.profile
    if prof.links < ENOUGH:
        return None
    return f"{round(prof.links * len(prof.filled))} of {len(prof.filled)} values are addresses"


def _separator(each: Found) -> str | None:
    joined = [value for value in each.profile.distinct if value.count("://") > 1]
    for mark in ("|", ";", ",", " "):
        if any(f"{mark}http" in value.replace(f"{mark} ", mark) for value in joined):
            return mark
    return None


def _choose_weight(found: Sequence[Found], made: Choices) -> None:
    for each in _ranked(found, "weight"):
        if not each.profile.records or each.profile.amounts < ENOUGH or each.profile.several:
            continue
        unit = _unit_of(each)
        if unit is None:
            made.add(each, "weight", f"{each.said('weight')}, but not in which unit: set weightUnit (g, kg, oz, lb) as well", sure=False)
        else:
            made.add(each, "weight" if unit != "g" else "grams", f"{each.said('weight')} in {unit}")
            if unit != "g":
                made.weight_unit = unit
        return


def _unit_of(each: Found) -> str | None:
    return next((_UNITS[token] for token in (*tokens_of(each.column.label), *tokens_of(each.column.above)) if token in _UNITS), None)


def _choose_option(found: Sequence[Found], made: Choices, purpose: str) -> None:
    name = purpose.partition(":")[2]
    for each in _ranked(found, purpose):
        if each.strength(purpose) == WHOLE and each.profile.records and not each.profile.several and each.column.name not in made.taken:
            made.add(each, "option", f"{each.said(purpose)}; {_count(each)}", optionName=name)
            return
