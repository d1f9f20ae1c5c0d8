"""Messages of the engine in the words of somebody who has a page before them and no command line."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        # The limits have names of their own in the settings; what they are is in the sentence already.
        (r"; guard\.\w+ allows ", "; the limit is "),
        (r"; by missingPolicy=\w+ they ", "; they "),
        (r"; name it with --field \w+=COLUMN(?:, or set [^;]+)?", "; choose one in the mapping"),
        (r"no column is mapped to externalId or sku", "no column is used for the SKU, by which an item is known again"),
        (r"^inventoryQuantity\b", "the stock"),
        (r"^1 records repeat ", "1 record repeats "),
        (r"^externalId\b", "the id"),
        (r"; map such texts with a lookup, or set parseNumber", "; in the mapping give such texts a value, or take the number out of them"),
        (r"; cure it, and let it go on with enabled = true", "; once it is cured, let it go on under Webhooks"),
        (r"; put them into the URL as user:password@host, reserved characters percent-encoded", "; fill in user and password"),
    )
)
"""What is written for files and options, and what it is on a page."""

_BEGINNING: Final = re.compile(r"^[a-z]+(?=,? )")


def plain_words(text: object) -> str:
    """Return a message as a sentence without names of options: what it does not know stays as it is."""
    told = str(text)
    for pattern, words in _WORDS:
        told = pattern.sub(words, told)
    return _BEGINNING.sub(lambda first: first[0].capitalize(), told)
