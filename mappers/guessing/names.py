"""What a column's name says it is for: a vote for each purpose, with the word and its language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

from mappers.guessing.words import AMOUNTS, NOT_KEY, NOT_NAME, NOT_PRICE, NOT_STOCK, WAREHOUSE, WORDS

WHOLE: Final = 3
"""The name is the word; `PART`, holds it among others; `HINT`, is a word that says little."""
PART: Final = 2
HINT: Final = 1

_CAMEL: Final = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_WORD: Final = re.compile(r"[^\W_]+")
_LETTERS: Final = str.maketrans({"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "\u0131": "i"})
_UNSAID: Final = re.compile(r"ae|oe|ue")
_BARRED: Final = {
    **dict.fromkeys(("inventoryQuantity", "inventoryQuantityBoolean"), NOT_STOCK),
    **dict.fromkeys(("retailPrice", "costPrice", "compareAtPrice"), NOT_PRICE),
    **dict.fromkeys(("sku", "externalId"), NOT_KEY),
    "name": NOT_NAME,
}


@dataclass(frozen=True, slots=True)
class NameVote:
    """How strongly a name speaks for a purpose: `strength`, the `word` of the dictionary and the languages that have it."""

    strength: int
    word: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    purpose: str
    word: str
    tokens: tuple[str, ...]
    joined: str
    hint: bool
    languages: tuple[str, ...]


def tokens_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in plain small letters: `VK-Preis`, `vkPreis` and `vk_preis` are `vk`, `preis`."""
    return tuple(_plain(word) for word in _WORD.findall(_CAMEL.sub(" ", name)))


@lru_cache(maxsize=4096)
def name_votes(label: str, above: str = "") -> Mapping[str, NameVote]:
    """Return what a name speaks for. `above` are the names of what it stands in: `stock` above `qty` is `stock qty`."""
    tokens, context = tokens_of(label), tokens_of(above)
    joined = "".join(tokens)
    votes: dict[str, NameVote] = {}
    for entry in _entries():
        strength = _strength(entry, tokens, joined)
        if context:
            strength = max(strength - 1, _in_context(entry, context, tokens))
        if strength < HINT or _is_barred(entry, tokens, context, strength):
            continue
        known = votes.get(entry.purpose)
        if known is None or (strength, len(entry.word)) > (known.strength, len(known.word)):
            votes[entry.purpose] = NameVote(strength, entry.word, entry.languages)
    return MappingProxyType(votes)


def is_warehouse(name: str) -> bool:
    """Tell whether a name is that of a place where stock lies."""
    return any(_meets(token, WAREHOUSE) for token in tokens_of(name))


def bars_stock(label: str, above: str = "") -> str | None:
    """Return the word in a name that says it is no stock which can be sold, None when there is none."""
    return next((token for token in (*tokens_of(label), *tokens_of(above)) if _meets(token, NOT_STOCK)), None)


def is_amount_word(word: str) -> bool:
    """Tell whether a word for stock is used for other numbers of pieces as well."""
    return "".join(tokens_of(word)) in _amounts()


@cache
def _amounts() -> frozenset[str]:
    return frozenset("".join(tokens_of(word)) for word in AMOUNTS.split(", "))


def _strength(entry: _Entry, tokens: tuple[str, ...], joined: str) -> int:
    if joined == entry.joined:
        return HINT if entry.hint else WHOLE
    if entry.hint or len(entry.tokens) >= len(tokens):
        return 0
    width = len(entry.tokens)
    return PART if any(tokens[at : at + width] == entry.tokens for at in range(len(tokens) - width + 1)) else 0


def _in_context(entry: _Entry, context: tuple[str, ...], tokens: tuple[str, ...]) -> int:
    """Judge a name together with the nearest ones above it."""
    joined = ""
    for token in reversed((*context, *tokens)):
        joined = token + joined
        if len(joined) > len("".join(tokens)) and joined == entry.joined:
            return HINT if entry.hint else WHOLE
    return 0


def _is_barred(entry: _Entry, tokens: tuple[str, ...], context: tuple[str, ...], strength: int) -> bool:
    barred = _BARRED.get(entry.purpose)
    if barred is None:
        return False
    # What the dictionary has as a whole is meant by it: `recommended retail price`, `unit cost`.
    rest = (token for token in tokens if strength == PART or token not in entry.tokens)
    return any(_meets(token, barred) for token in (*rest, *context) if token not in entry.tokens)


@cache
def _entries() -> tuple[_Entry, ...]:
    found: dict[tuple[str, str, bool], list[str]] = {}
    for purpose, languages in WORDS.items():
        for language, words in languages.items():
            for word in (each.strip() for each in words.split(",")):
                found.setdefault((purpose, word.removesuffix("?"), word.endswith("?")), []).append(language)
    made = ((purpose, word, tokens_of(word), hint, tuple(said)) for (purpose, word, hint), said in found.items())
    return tuple(_Entry(purpose, word, tokens, "".join(tokens), hint, said) for purpose, word, tokens, hint, said in made)


@cache
def _listed(words: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Split a list of words into whole ones and beginnings, written as tokens are."""
    each = words.split(", ")
    return frozenset(_plain(word) for word in each if not word.endswith("*")), tuple(_plain(word[:-1]) for word in each if word[-1] == "*")


def _meets(token: str, words: str) -> bool:
    whole, beginnings = _listed(words)
    return token in whole or token.startswith(beginnings)


def _plain(word: str) -> str:
    folded = word.casefold().translate(_LETTERS)
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(letter))
    # Where umlauts cannot be written they are written out: Groesse, Waehrung.
    return _UNSAID.sub(lambda found: found[0][0], plain)


def describe_vote(vote: NameVote, meaning: str) -> str:
    """Return a vote in words: what the name means, and in which language."""
    language = vote.languages[0] if len(vote.languages) == 1 else " and ".join(vote.languages[:2])
    said = f"means {meaning} in {language}" if vote.strength == WHOLE else f"holds {vote.word!r}, {meaning} in {language}"
    return said if vote.strength > HINT else f"may mean {meaning} in {language}"


MEANINGS: Final[Mapping[str, str]] = {
    "sku": "SKU",
    "externalId": "an id",
    "barcode": "barcode",
    "inventoryQuantity": "stock",
    "inventoryQuantityBoolean": "whether it is in stock",
    "retailPrice": "price",
    "costPrice": "cost price",
    "compareAtPrice": "recommended or former price",
    "name": "the name",
    "description": "description",
    "vendorName": "the brand",
    "productType": "category",
    "externalGroupId": "what variants have in common",
    "mpn": "the maker's part number",
    "images": "images",
    "weight": "weight",
    "option:Color": "colour",
    "option:Size": "size",
    "tags": "tags",
    "currency": "currency",
}
