"""The digest of what a source sends: the same however it is cut, another at any difference."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.contracts import DocumentFacts
from engine.decode import Ended, Opened
from engine.flow.unchanged.digest import SourceDigest, frame
from engine.flow.unchanged.limits import Limits

LIMITS = Limits(first_mark=8, mark_step=16, on_disk=1_000)
"""Marks after 8, 16, 32, 48, ... bytes."""

BODY = bytes(range(100))
PLAIN = DocumentFacts("stock.csv", len(BODY), "text/csv", "utf-8")

Documents = Sequence[tuple[DocumentFacts, bytes]]


def digest(*documents: tuple[DocumentFacts, bytes], known: str = "", step: int = 7) -> SourceDigest:
    """Return the digest of documents that come `step` bytes at a time."""
    made = SourceDigest(known, LIMITS)
    for facts, body in documents:
        made.take(Opened(facts))
        for at in range(0, len(body), step):
            made.take(body[at : at + step])
        made.take(Ended())
    return made


def named(name: str) -> DocumentFacts:
    """Return the facts of a document of which no more is known."""
    return DocumentFacts(name)


@pytest.mark.parametrize("step", [1, 3, 8, 15, 16, 17, 99, 100])
def test_it_does_not_depend_on_the_chunks(step: int) -> None:
    """Bytes on both sides of a mark, or of several, come to the same text."""
    text = digest((PLAIN, BODY), step=50).text
    again = digest((PLAIN, BODY), known=text, step=step)
    assert (again.text, again.may_equal, again.equals) == (text, True, True)


@pytest.mark.parametrize(
    ("at", "seen_after"),
    [
        pytest.param(0, 8, id="first byte"),
        pytest.param(7, 8, id="before a mark"),
        pytest.param(8, 16, id="behind a mark"),
        pytest.param(31, 32, id="before a later mark"),
        pytest.param(99, None, id="last byte, behind the last mark"),
    ],
)
def test_a_difference_is_seen_at_the_next_mark(at: int, seen_after: int | None) -> None:
    """One changed bit is seen as soon as the digest is compared again, at the latest at the end."""
    known = digest((PLAIN, BODY)).text
    changed = bytearray(BODY)
    changed[at] ^= 1
    made = SourceDigest(known, LIMITS)
    made.take(Opened(PLAIN))
    seen = None
    for count, byte in enumerate(changed, 1):
        made.take(bytes([byte]))
        if not made.may_equal and seen is None:
            seen = count
    made.take(Ended())
    assert (seen, made.equals) == (seen_after, False)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([(PLAIN, BODY)], [(PLAIN, BODY[:-1])], id="shorter"),
        pytest.param([(PLAIN, BODY[:64])], [(PLAIN, BODY[:48])], id="ends at a mark"),
        pytest.param([(PLAIN, BODY)], [(PLAIN, BODY + b"x")], id="longer"),
        pytest.param([(PLAIN, BODY)], [(named("other.csv"), BODY)], id="name"),
        pytest.param([(named("a"), b"1")], [(DocumentFacts("a", charset="latin-1"), b"1")], id="charset"),
        pytest.param([(named("a"), b"1")], [(DocumentFacts("a", content_type="text/csv"), b"1")], id="content type"),
        pytest.param([(named("a"), b"1"), (named("b"), b"1")], [(named("b"), b"1"), (named("a"), b"1")], id="order"),
        pytest.param([(named("a"), b"12"), (named("a"), b"3")], [(named("a"), b"1"), (named("a"), b"23")], id="another border"),
        pytest.param([(named("a"), b"1")], [(named("a"), b"1"), (named("b"), b"")], id="one more, empty"),
        pytest.param([(named("a"), b"1"), (named("b"), b"")], [(named("a"), b"1")], id="one fewer"),
        pytest.param([], [(named("a"), b"")], id="nothing before"),
    ],
)
def test_other_documents_are_not_equal(before: Documents, after: Documents) -> None:
    """Bytes, their borders, the order and what decides how they are read: each is covered."""
    known = digest(*before).text
    assert digest(*before, known=known).equals is bool(before)
    assert not digest(*after, known=known).equals


def test_no_bytes_pass_for_the_border_of_documents() -> None:
    """A document that holds what stands between two is not taken for these two."""
    border = frame(named("a"))
    one = digest((named("a"), b"x" + border + b"y"), (named("a"), b"z"))
    other = digest((named("a"), b"x"), (named("a"), b"y" + border + b"z"))
    assert one.text.split()[3] != other.text.split()[3]


def test_what_is_announced_of_a_size_is_not_covered() -> None:
    """A server that tells the size one time and not the other sends the same."""
    assert digest((named("a"), b"1")).text == digest((DocumentFacts("a", size=1), b"1")).text


def test_what_can_never_be_held_back_has_no_text() -> None:
    """A source over the limit leaves nothing to compare with, and is not held back for nothing the next time."""
    assert digest((PLAIN, b"x" * LIMITS.on_disk)).text
    assert not digest((PLAIN, b"x" * (LIMITS.on_disk + 1))).text


@pytest.mark.parametrize("text", ["", "2 100 1 00", "1 100 1 xyz ", "null", "1 100 1 " + "0" * 32 + " abc", "1 100 1 " + "0" * 32])
def test_a_text_of_another_form_stands_for_nothing(text: str) -> None:
    """What another version of the program has left is not compared with."""
    assert not digest((PLAIN, BODY), known=text).may_equal


def test_its_text_is_small() -> None:
    """With the sizes that are in force a source of a gigabyte comes to two kilobytes."""
    made = SourceDigest()
    made.take(Opened(PLAIN))
    chunk = bytes(16 * 1024 * 1024)
    for _ in range(16):
        made.take(chunk)
    made.take(Ended())
    assert len(made.text) < 640
