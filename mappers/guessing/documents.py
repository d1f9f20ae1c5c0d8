"""What format a document is in, by its content first: a `.csv` that is XML is XML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from engine.batch import JsonValue
from engine.contracts import DocumentFacts
from engine.errors import RefuseRun
from mappers.charset import find_charset
from mappers.content import refuse_foreign
from mappers.guessing.guess import Guess

_FORMAT_OF_TYPE: Final = {"ftpCsv": "csv", "xml": "xml", "json": "json"}
_FORMAT_OF_SUFFIX: Final = {"csv": "csv", "tsv": "csv", "txt": "csv", "xml": "xml", "rss": "xml", "json": "json", "jsonl": "json"}
_PAGE: Final = re.compile(rb"(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_TITLES: Final = {"csv": "delimited text", "xml": "XML", "json": "JSON"}


def guess_document(data: bytes, facts: DocumentFacts, attributes: Mapping[str, JsonValue], *, complete: bool) -> Guess:
    """Guess how a document is to be read and what its columns are for, from its first bytes.

    `attributes` are those of the feed that are given already, `complete` says that `data` is all of it. Raises `RefuseRun`
    for content that is no feed.
    """
    given = _FORMAT_OF_TYPE.get(str(attributes.get("resourceType")))
    found = given or find_format(data, facts, complete=complete)
    if found == "xml":
        from mappers.guessing.markup import guess_markup

        guess = guess_markup(data, facts, attributes, complete=complete)
    elif found == "json":
        from mappers.guessing.trees import guess_tree

        guess = guess_tree(data, facts, attributes, complete=complete)
    else:
        from mappers.guessing.tables import guess_table

        guess = guess_table(data, facts, attributes, complete=complete)
    suffix = facts.name.partition("?")[0].rpartition(".")[2].lower()
    named = _FORMAT_OF_SUFFIX.get(suffix, found)
    if named == found or given is not None:
        return guess
    return replace(guess, notes=(f"the name ends in .{suffix}, but the content is {_TITLES[found]}", *guess.notes))


def find_format(data: bytes, facts: DocumentFacts, *, complete: bool) -> str:
    """Return `csv`, `xml` or `json` by the first bytes. Raises `RefuseRun` for a web page, an archive and other foreign content."""
    charset = find_charset(data, complete=complete, declared=facts.charset)
    sample = data[charset.bom :]
    if charset.transcoded:
        sample = charset.transcoder().decode(sample, complete).encode("utf-8", "replace")
    begins = sample.lstrip()
    if begins.startswith(b"<"):
        # Anywhere else `<title>` is an element like others, as in RSS.
        if _PAGE.match(begins):
            refuse_foreign(sample, wanted="csv", name=facts.name)
        return "xml"
    try:
        refuse_foreign(sample, wanted="csv", name=facts.name)
    except RefuseRun:
        # `[Lager]` may begin a header as well; what is refused as text and begins so is JSON.
        if begins.startswith((b"{", b"[")):
            return "json"
        raise
    return "csv"
