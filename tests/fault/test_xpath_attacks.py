"""XML made to do harm: each attack ends in a clear refusal, in bounded memory, and without a look at the network."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lxml import etree

from engine.errors import RefuseRun
from mappers.markup.cutter import CutterSizes
from mappers.markup.piece import make_parser
from tests.unit.xml_parts import make, read

LAUGHS = "".join(f"<!ENTITY l{n} '{'&l' + str(n - 1) + ';'}'>".replace(f"&l{n - 1};", f"&l{n - 1};" * 10) for n in range(1, 10))
MANY = "".join(f"<!ENTITY e{n} 'x'>" for n in range(300))
ATTRIBUTES = " ".join(f"a{n}=''" for n in range(200_000))
ATTACKS = {
    "billion laughs": (f'<!DOCTYPE r [<!ENTITY l0 "lol">{LAUGHS}]><r><i>&l9;</i></r>', "entity bomb"),
    "an entity of itself": ('<!DOCTYPE r [<!ENTITY a "&b;"><!ENTITY b "&a;">]><r><i>&a;</i></r>', "entity bomb"),
    "quadratic blow-up": (f'<!DOCTYPE r [<!ENTITY a "{"x" * 8000}">]><r><i>{"&a;" * 40_000}</i></r>', "entity bomb"),
    "one giant entity": (f'<!DOCTYPE r [<!ENTITY a "{"x" * 20_000}">]><r><i>&a;</i></r>', "entity bomb"),
    "an external entity": (
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r><i>&x;</i></r>',
        "external entity &x;, which is never fetched",
    ),
    "a public entity": ('<!DOCTYPE r [<!ENTITY x PUBLIC "p" "http://127.0.0.1/x">]><r><i>&x;</i></r>', "external entity &x;"),
    "a parameter entity": ('<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]><r><i/></r>', "parameter entity %p;"),
    "a parameter entity in use": ("<!DOCTYPE r [ %p; ]><r><i/></r>", "parameter entity %p;"),
    "markup in an entity": ('<!DOCTYPE r [<!ENTITY x "<i>2</i>">]><r>&x;</r>', "holds markup"),
    "hidden markup in an entity": ('<!DOCTYPE r [<!ENTITY x "&#60;i/>">]><r>&x;</r>', "holds markup"),
    "many entities": (f"<!DOCTYPE r [{MANY}]><r><i/></r>", "more than 200 entities"),
    "an endless subset": (f"<!DOCTYPE r [{'<!ELEMENT a ANY>' * 9_000}]><r><i/></r>", "more than 65,536 bytes of declarations"),
    "depth around records": (f"<r>{'<a>' * 300}<i/>{'</a>' * 300}</r>", "deeper than 200 levels"),
    "depth in a record": (f"<r><i>{'<a>' * 300}{'</a>' * 300}</i></r>", "not well-formed XML: Excessive depth"),
    "a giant tag": (f"<r><i {ATTRIBUTES}/></r>", "start tag"),
    "a giant tag in a record": (
        f"<r><i><b {ATTRIBUTES}/></i></r>",
        "a start tag of more than 65,536 bytes",
    ),
    "a second root": ("<r><i/></r><r><i/></r>", "not well-formed"),
    "a DOCTYPE in the middle": ("<r><!DOCTYPE r><i/></r>", "a declaration where none may stand"),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("size", [4_093, 1 << 30])
def test_an_attack_ends_in_a_clear_refusal(name: str, size: int) -> None:
    """Nothing is expanded, fetched or read wrongly, and the message says what it was."""
    document, said = ATTACKS[name]
    with pytest.raises(RefuseRun) as caught:
        read(document, ".", xmlPath="i", size=size)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


def test_small_entities_of_the_document_are_read() -> None:
    """What a supplier's own subset declares may be used, in the first piece and in the last."""
    document = '<!DOCTYPE r [<!ENTITY co "Smith &amp; Sons"><!-- <!ENTITY co "no"> -->]><r>' + "<i>&co;</i>" * 200 + "</r>"
    found = read(document, ".", xmlPath="i", sizes=CutterSizes(piece=300))
    assert set(found.rows) == {("Smith & Sons",)}
    assert len(found.pieces) > 3


def test_the_parser_itself_opens_no_file(tmp_path: Path) -> None:
    """Behind the refusals stands a parser that would not follow an external entity either."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    document = f'<!DOCTYPE r [<!ENTITY x SYSTEM "{secret.as_uri()}">]><r>a&x;b</r>'.encode()
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(document, make_parser())


@contextmanager
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """Listen on loopback; what knocks is noted."""
    knocks: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    knocks.append(connection.recv(1024))
                    if knocks[-1] == b"end":
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port, knocks
        finally:
            with socket.create_connection(("127.0.0.1", port)) as last:
                last.sendall(b"end")
            thread.join()


@pytest.mark.parametrize(
    ("document", "refused"),
    [
        ('<!DOCTYPE r SYSTEM "http://127.0.0.1:{port}/feed.dtd"><r><i>1</i></r>', False),
        ('<!DOCTYPE r PUBLIC "-//x//y" "http://127.0.0.1:{port}/feed.dtd" [<!ENTITY a "1">]><r><i>&a;</i></r>', False),
        ('<!DOCTYPE r SYSTEM "http://127.0.0.1:{port}/feed.dtd"><r><i>&fromdtd;</i></r>', True),
        ('<!DOCTYPE r [<!ENTITY x SYSTEM "http://127.0.0.1:{port}/x">]><r><i>&x;</i></r>', True),
        ('<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:{port}/p"> %p;]><r><i/></r>', True),
        ('<?xml-stylesheet href="http://127.0.0.1:{port}/s.xsl"?><r><i>1</i></r>', False),
        (
            '<r xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="http://127.0.0.1:{port}/s.xsd"><i>1</i></r>',
            False,
        ),
        ('<r xmlns:xi="http://www.w3.org/2001/XInclude"><i>1</i><xi:include href="http://127.0.0.1:{port}/x.xml"/></r>', False),
    ],
)
def test_nothing_is_ever_fetched(document: str, refused: bool) -> None:
    """Neither a DTD, nor an entity, a schema, a style sheet or an inclusion makes a connection; the records are read without."""
    with listener() as (port, knocks):
        try:
            rows = read(document.replace("{port}", str(port)), ".", xmlPath="i").rows
        except RefuseRun:
            assert refused
        else:
            assert (rows, refused) == ([("1",)], False)
    assert knocks == [b"end"]


@pytest.mark.parametrize(
    ("begin", "more", "said"),
    [
        (b"<r><i>", b"x" * 1_000_000, "too long for a record"),
        (b"<r><i>", b"<a>y</a>" * 100_000, "too long for a record"),
        (b"<r><!--", b"x" * 1_000_000, "that is no record"),
        (b"<r>", b"x" * 1_000_000, "that is no record"),
        (b"<r><i a='", b"x" * 1_000_000, "start tag that cannot be read"),
        (b"<!--", b"x" * 1_000_000, "does not end within"),
        (b"<r/>", b" " * 1_000_000, "behind the end of the root"),
    ],
)
def test_what_never_ends_is_refused_in_bounded_memory(begin: bytes, more: bytes, said: str) -> None:
    """A record, a comment, a text or a tag without an end is given up at its bound, not held for ever."""
    mapper = make(["."], xmlPath="i")
    held: list[int] = []

    def feed() -> None:
        for chunk in (begin, *[more] * 40):
            for piece in mapper.feed(chunk):
                mapper.parse(piece)
            held.append(mapper.buffered_bytes)

    with pytest.raises(RefuseRun, match=said):
        feed()
    assert max(held) < 20 * 1024 * 1024
