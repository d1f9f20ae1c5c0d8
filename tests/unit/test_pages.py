"""The pure parts of paging: the Link header's grammar, what one page says, where the next one is, and the account of all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from connectors.web.links import parse_links
from connectors.web.pages import Page, quoted, read_page
from connectors.web.walking import Census, Step, Walk, has_query, set_query
from engine.errors import ConfigError, RefuseRun, Retry
from engine.feed import build_feed
from engine.settings.transport import locate
from engine.source import Paging, Request, RequestParameter, Secret, Source

HOME = "https://api.example/v1/items?limit=2"


def source_of(paging: Paging | None = None, url: str = HOME, **changes: Any) -> Source:
    """Return a source with this paging; `changes` are of the source."""
    return replace(Source(url, request=Request(paging=paging)), **changes)


def read(content: object, paging: Paging | None = None, charset: str | None = None, headers: Mapping[str, str] | None = None) -> Page:
    """Read a page of JSON, or of bytes as they are."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_page(data, headers or {}, charset, None, source_of(paging))


def page(items: int = 2, *, total: int | None = None, cursor: str | None = None, names_cursor: bool = True, number: int = 0) -> Page:
    """Return what a page of so many items says."""
    edges = (b"%d first" % number, b"%d last" % number) if items else None
    return Page((), items, total, cursor, names_cursor, b"%d" % number, edges)


def after(paging: Paging, seen: Page, *links: str, url: str = HOME, **changes: Any) -> Step | None:
    """Return the step after a first page."""
    source = source_of(paging, **changes)
    walk, census = Walk(source, paging), Census(source, paging)
    walk.first()
    census.take(seen)
    return walk.after(seen, url, links, census)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("<a>; rel=next", [("a", {"next"})]),
        ('<a>; rel="next"', [("a", {"next"})]),
        ('<a> ; REL = "Next  last"', [("a", {"next", "last"})]),
        ('<a?x=1,2;3>; rel="prev", <b>;rel=next', [("a?x=1,2;3", {"prev"}), ("b", {"next"})]),
        (r'<a>; title="a \"quoted\", <b>; rel=next"; rel=prev', [("a", {"prev"})]),
        ("<a>; rel=prev; rel=next", [("a", {"prev"})]),
        ("<a>", [("a", set())]),
        ("<a>; crossorigin; rel=next", [("a", {"next"})]),
        ("<>; rel=next", [("", {"next"})]),
        (" , <a>; rel=next ,, <b>;;rel=last;, ", [("a", {"next"}), ("b", {"last"})]),
        ("<a>; title*=UTF-8''n%c3%a4chste; rel=next", [("a", {"next"})]),
        ("", []),
    ],
)
def test_links_are_read_as_their_grammar_says(header: str, expected: list[tuple[str, set[str]]]) -> None:
    """Commas and semicolons in addresses and in quotes, several relations, the first `rel` of several: RFC 8288, section 3."""
    assert [(link.target, set(link.relations)) for link in parse_links([header])] == expected


def test_the_headers_of_a_response_are_one_list() -> None:
    """A server may send each link in a header of its own."""
    assert [link.target for link in parse_links(["<a>; rel=prev", "<b>; rel=next, <c>"])] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "header", ["a; rel=next", "<a", '<a>; rel="next', "<a> rel=next", "<a>; rel=next <b>", "<a>; rel=next; title='x y'"]
)
def test_a_header_that_breaks_the_grammar_is_no_header_without_a_next_page(header: str) -> None:
    """Where the grammar is broken the next page may be hidden, so it is an error."""
    with pytest.raises(ValueError, match="link"):
        parse_links([header])
    with pytest.raises(RefuseRun, match="Link header"):
        after(Paging("link"), page(), header)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([{"sku": "1"}], ()),
        ([], ()),
        ({"stock": [{"sku": "1"}], "tags": ["a"]}, ("stock",)),
        ({"warnings": [{"text": "old"}], "stock": [{"sku": "1"}]}, ("stock",)),
        ({"categories": [{"id": 1}], "products": [{"sku": "1"}]}, ("products",)),
        ({"data": [{"sku": "1"}], "items": [{"sku": "2"}]}, ("items",)),
        ({"products": [], "tags": []}, ("products",)),
        ({"stock": [], "page": 1}, ("stock",)),
        ({"skus": ["1", "2"]}, ("skus",)),
    ],
)
def test_the_list_is_found(content: object, place: tuple[str, ...]) -> None:
    """The answer itself, its one list of objects, or the list with a usual name."""
    assert read(content).place == place


@pytest.mark.parametrize(
    "content",
    [
        {"stock": [{"a": 1}], "prices": [{"b": 1}]},
        {"products": [], "categories": [{"id": 1}]},
        {"data": {"items": [{"sku": "1"}]}},
        {"tags": [], "sizes": []},
        {},
    ],
)
def test_a_list_that_has_to_be_guessed_is_refused(content: dict[str, object]) -> None:
    """The message says where lists are, and which setting names the right one."""
    with pytest.raises(RefuseRun, match=r"pagination\.itemsPath") as caught:
        read(content)
    if "data" in content:
        assert "'data.items'" in str(caught.value)


def test_a_list_is_looked_for_where_the_feed_says_or_an_earlier_page_had_it() -> None:
    """A path wins over guesses, later pages are read like the first, and a list may be null when it is empty."""
    paging = Paging("page", items_path="data.list")
    assert read({"data": {"list": [1, 2]}, "items": [{}]}, paging).items == 2
    assert read({"data": {"list": None}}, paging).items == 0
    with pytest.raises(RefuseRun, match=r"data\.list"):
        read({"data": {}}, paging)
    content = json.dumps({"stock": [], "other": [{"a": 1}]}).encode()
    assert read_page(content, {}, None, ("stock",), source_of()).items == 0


@pytest.mark.parametrize("error", [{"error": "x"}, {"errors": [{"message": "x"}]}, {"error": {"detail": "x"}}, {"errors": {"title": "x"}}])
def test_a_page_with_items_and_an_error_is_an_error(error: dict[str, object]) -> None:
    """Half of an answer beside an error is not taken for a page."""
    with pytest.raises(RefuseRun, match="'x'"):
        read({"items": [{"sku": "1"}], **error})


@pytest.mark.parametrize("error", [None, "", "0", 0, False, [], {}, "none", "OK"])
def test_the_absence_of_an_error_is_none(error: object) -> None:
    """Many APIs say in each answer that nothing is wrong."""
    assert read({"items": [{"sku": "1"}], "error": error}).items == 1


@pytest.mark.parametrize(
    ("content", "headers", "total"),
    [
        ({"items": [{}], "total": 7}, {}, 7),
        ({"items": [{}], "total": "7"}, {}, 7),
        ({"items": [{}], "meta": {"total_count": 7}}, {}, 7),
        ({"items": [{}], "page": {"size": 20, "totalElements": 7}}, {}, 7),
        ([{}], {"X-Total-Count": "7"}, 7),
        ([{}], {"X-WP-Total": "7"}, 7),
        ({"items": [{}], "count": 7}, {}, None),
        ({"items": [{}], "total": 7.5}, {}, None),
        ({"items": [{}], "total": True}, {}, None),
        ({"items": [{"total": 7}]}, {}, None),
        ([{}], {"X-Total-Count": "many"}, None),
    ],
)
def test_the_announced_number_of_items(content: object, headers: dict[str, str], total: int | None) -> None:
    """It is read where its name can mean nothing else; a bare `count` is the page's own as often as not."""
    assert read(content, headers=headers).total == total


def test_the_total_beside_a_list_that_lies_deeper() -> None:
    """The objects on the way to the list are looked into."""
    assert read({"result": {"list": [{}], "total": 7}}, Paging("page", items_path="result.list")).total == 7


@pytest.mark.parametrize(
    ("value", "cursor"),
    [("abc", "abc"), (17, "17"), ("", None), (None, None), (False, None), (0, None), ("0", None), (2**64 - 1, f"{2**64 - 1}")],
)
def test_a_cursor_is_text_or_a_number(value: object, cursor: str | None) -> None:
    """Null, nothing, false and zero say that there is no next page."""
    seen = read({"items": [{}], "next": value}, Paging("cursor", cursor_path="next"))
    assert (seen.cursor, seen.names_cursor) == (cursor, True)


@pytest.mark.parametrize("value", [True, 1.5, {"href": "/x"}, ["a"]])
def test_what_is_no_cursor_is_refused(value: object) -> None:
    """A path that names something else than a cursor is a wrong setting, and no end."""
    with pytest.raises(RefuseRun, match=r"pagination\.cursorPath"):
        read({"items": [{}], "next": value}, Paging("cursor", cursor_path="next"))


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (b'\xef\xbb\xbf[{"n": "\xc3\xbc"}]', None),
        ('[{"n": "ü"}]'.encode("utf-16"), None),
        ('[{"n": "ü"}]'.encode("latin-1"), "iso-8859-1"),
        (b'[{"n": NaN}]', None),
        (b'[{"n": 123456789012345678901234567890}]', None),
        (rb'[{"n": "\ud800"}]', None),
    ],
    ids=["bom", "utf-16", "latin", "nan", "big", "surrogate"],
)
def test_pages_are_counted_in_any_encoding(data: bytes, charset: str | None) -> None:
    """What a strict parser refuses is counted all the same: whether it can be read is the mapper's to say."""
    assert read(data, charset=charset).items == 1


@pytest.mark.parametrize("data", [b"<html>", b"[" * 100_000, b"\xff\xfe\xff", b"{", b"[1,]"])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    """A page that cannot be parsed is never taken for an empty one."""
    with pytest.raises(RefuseRun, match="check URL and credentials"):
        read(data)
    with pytest.raises(RefuseRun):
        read(data, charset="no-such-charset")


def test_items_nested_too_deep_are_refused() -> None:
    """What the parser takes and nothing can write again is an error of the supplier's, and no traceback."""
    with pytest.raises(RefuseRun, match="nested too deep"):
        read(b'[{"n": ' + b"[" * 1015 + b"]" * 1015 + b"}]")


def test_numbers_of_thousands_of_digits_announce_nothing() -> None:
    """Python makes no number of them but an error, which would be no answer to a supplier's nonsense."""
    digits = "9" * 5000
    assert read({"items": [{}], "total": digits}).total is None
    assert read([{}], headers={"X-Total-Count": digits}).total is None


def test_a_cursor_path_that_leads_into_a_list_is_refused() -> None:
    """It would never find a cursor, and the first page would pass for the whole feed; PHP writes an empty object as `[]`."""
    paging = Paging("cursor", cursor_path="meta.links.0.next")
    with pytest.raises(RefuseRun, match=r"leads into a list at 'meta\.links'"):
        read({"items": [{}], "meta": {"links": [{"next": "b"}]}}, paging)
    with pytest.raises(RefuseRun, match="leads into a list at 'the top'"):
        read([{"sku": "1"}], Paging("cursor", cursor_path="next"))
    empty: list[object] = [[], None, {}, ""]
    for nothing in empty:
        assert read({"items": [{}], "meta": {"links": nothing}}, paging).cursor is None


def test_half_a_character_is_no_cursor_and_no_address() -> None:
    """A lone surrogate cannot be written into an address: it is refused with a sentence."""
    with pytest.raises(RefuseRun, match="half a character"):
        read(rb'{"items": [{}], "next": "\ud800"}', Paging("cursor", cursor_path="next"))
    with pytest.raises(RefuseRun, match="no http or https URL"):
        after(Paging("link"), page(), "</\udce4>; rel=next")


def test_the_digest_is_of_the_items_alone() -> None:
    """Two pages with the same items are the same page, whatever clock stands beside them."""
    one, two, other = (read({"items": [{"sku": sku}], "at": at}) for sku, at in (("1", 1), ("1", 2), ("2", 2)))
    assert one.digest == two.digest != other.digest


def test_a_supplier_s_words_are_shown_without_secrets() -> None:
    """Password, token, values of parameters and of the query are masked in both spellings; the text is short and printable."""
    request = Request(auth="bearer", parameters=(RequestParameter("k", Secret("pa ram")),))
    source = source_of(url="https://h/?t=in%2Furl", username="user-token", password=Secret("pass/word"), request=request)
    words = "pass/word pass%2Fword user-token pa ram in/url in%2Furl\r\nnext\tline\x1b[31m " + "x" * 300
    shown = quoted(words, source)
    assert shown.startswith("*** *** *** *** *** *** next line [31m xxx")
    assert len(shown) == 201
    given = source_of(url="https://h/", username="user-token")
    assert [quoted("user-token", each) for each in (given, replace(given, hides_user=True))] == ["user-token", "***"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/a", "https://h/a?p=2"),
        ("https://h/a?", "https://h/a?p=2"),
        ("https://h/a?x=%2B+%7e&p=1&y", "https://h/a?x=%2B+%7e&y&p=2"),
        ("https://h/a?%70=1&p=5#f", "https://h/a?p=2"),
        ("https://h/a?p=1", "https://h/a?p=2"),
        ("https://h/a?pp=1&xp=2", "https://h/a?pp=1&xp=2&p=2"),
    ],
)
def test_one_parameter_is_set_and_the_others_stay_as_written(url: str, expected: str) -> None:
    """A parameter that stands in the URL already is replaced, however it is spelt."""
    assert set_query(url, "p", "2") == expected
    assert has_query(expected, "p")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("https://api.example/v1/items?page=2", "https://api.example/v1/items?page=2"),
        ("https://API.example:443/x", "https://API.example:443/x"),
        ("?page=2", "https://api.example/v1/items?page=2"),
        ("other?page=2", "https://api.example/v1/other?page=2"),
        ("//api.example/x", "https://api.example/x"),
        ("/x#part", "https://api.example/x"),
        ("http://api.example/x", "https://api.example/x"),
        ("https://eve@api.example/x", "https://api.example/x"),
    ],
)
def test_the_address_of_the_next_page(target: str, expected: str) -> None:
    """It is resolved against the page's own; plain http to the feed's own host is spoken as https, and no user is taken along."""
    step = after(Paging("link"), page(), f"<{target}>; rel=next", username="shop", password=Secret("hush"))
    assert step == Step(expected)


@pytest.mark.parametrize(
    "target", ["https://api.example.evil/x", "https://api.example:8443/x", "http://api.example:8080/x", "https://evil@other/x", "//other/x"]
)
def test_a_next_page_on_another_host_is_refused_with_credentials(target: str) -> None:
    """Another host, and another port as well, may be somebody else's."""
    with pytest.raises(RefuseRun, match="another host"):
        after(Paging("link"), page(), f"<{target}>; rel=next", username="shop")
    assert after(Paging("link"), page(), f"<{target}>; rel=next") is not None


@pytest.mark.parametrize(
    "target", ["ftp://api.example/x", "file:///etc/passwd", "https://[half", "http:///x", "https://h:99999/", "javascript:x"]
)
def test_a_next_page_that_is_no_web_address_is_refused(target: str) -> None:
    """What a server names is not followed into another protocol."""
    with pytest.raises(RefuseRun, match="no http or https URL"):
        after(Paging("link"), page(), f"<{target}>; rel=next")


def test_a_host_that_moves_to_https_keeps_its_credentials() -> None:
    """A feed that is named with http may be sent on to https, and not the other way round."""
    walk = Walk(source_of(url="http://h/a", username="shop"), Paging("link"), [("key", "hush")])
    step = walk.after(page(), "https://h/a", ["<?page=2>; rel=next"], Census(source_of(), Paging("link")))
    assert step == Step("https://h/a?page=2&key=hush")


def test_an_empty_page_whose_cursor_is_its_own_is_the_end() -> None:
    """Some APIs repeat the cursor that they were sent when nothing comes after it; with items it is a circle."""
    paging = Paging("cursor", parameter="mark", cursor_path="next")
    source = source_of(paging)
    for items in (0, 1):
        walk, census = Walk(source, paging), Census(source, paging)
        walk.first()
        assert walk.after(page(cursor="b"), HOME, (), census) is not None
        if items:
            with pytest.raises(RefuseRun, match="repeat"):
                walk.after(page(items, cursor="b"), HOME, (), census)
        else:
            assert walk.after(page(items, cursor="b"), HOME, (), census) is None


@pytest.mark.parametrize("link", ['<https://api.example/>; rel="https://rel.example/"', "<a>; rel=canonical"])
def test_a_link_that_has_nothing_to_do_with_pages_names_no_end(link: str) -> None:
    """A full first page whose Link header knows no pages is refused, as one without the header is."""
    with pytest.raises(RefuseRun, match="no Link header that names pages"):
        after(Paging("link", size=2), page(), link)
    assert after(Paging("link", size=2), page(), "<a>; rel=first, <a>; rel=last") is None


def test_a_link_of_another_document_is_not_followed() -> None:
    """RFC 8288, section 3.2: with an anchor, a link speaks of what the anchor names."""
    assert after(Paging("link"), page(), '<b>; rel=next; anchor="/other"') is None
    assert after(Paging("link"), page(), f'<b>; rel=next; anchor="{HOME}"') is not None


@pytest.mark.parametrize(
    ("cursor", "parameter", "expected"),
    [
        ("a/b+c=", "after", "https://api.example/v1/items?limit=2&after=a%2Fb%2Bc%3D"),
        ("/9j/4AAQ", "after", "https://api.example/v1/items?limit=2&after=%2F9j%2F4AAQ"),
        ("/v2?c=1", None, "https://api.example/v2?c=1"),
        ("?c=1", None, "https://api.example/v1/items?c=1"),
        ("HTTPS://api.example/v2", "after", "https://api.example/v2"),
        ("abc", None, "https://api.example/v1/items?limit=2&cursor=abc"),
    ],
)
def test_a_cursor_is_sent_or_followed(cursor: str, parameter: str | None, expected: str) -> None:
    """A whole URL is followed; a path is one only where no parameter is named for the cursor."""
    step = after(Paging("cursor", parameter=parameter, cursor_path="next"), page(cursor=cursor))
    assert step is not None
    assert step.url == expected


def test_the_items_that_are_counted_are_those_that_are_read() -> None:
    """A feed that says where its records are need not say it again for its pages."""
    settings = {"pagination.style": "page", "jsonRoot": "data.list"}
    paths = []
    for more in ({}, {"pagination.itemsPath": "other"}):
        paging = locate(build_feed("acme", settings | more), HOME).request.paging
        paths.append(paging.items_path if paging is not None else None)
    assert paths == ["data.list", "other"]


def test_where_each_style_begins() -> None:
    """`page` counts from one, `offset` from nothing, `cursor` and `link` begin with the address as it stands."""
    styles = {
        "page": Paging("page", size=2, size_parameter="n"),
        "offset": Paging("offset", size=2),
        "cursor": Paging("cursor", cursor_path="c"),
        "cursor-start": Paging("cursor", cursor_path="c", start=5, parameter="from"),
        "link": Paging("link"),
    }
    first = {name: Walk(source_of(paging, url="https://h/a"), paging).first().url for name, paging in styles.items()}
    assert first == {
        "page": "https://h/a?n=2&page=1",
        "offset": "https://h/a?offset=0",
        "cursor": "https://h/a",
        "cursor-start": "https://h/a?from=5",
        "link": "https://h/a",
    }


def test_an_offset_moves_by_what_came() -> None:
    """A server that sends fewer items than were asked for is asked from there on."""
    step = after(Paging("offset", size=1000), page(items=40))
    assert step == Step("https://api.example/v1/items?limit=2&offset=40", doubtful=True)


@pytest.mark.parametrize(
    ("paging", "seen", "expected"),
    [
        (Paging("page", size=2), page(items=2), False),
        (Paging("page"), page(items=2), False),
        (Paging("page", size=2), page(items=1), True),
        (Paging("page", size=2), page(items=2, total=2), True),
        (Paging("page", size=2), page(items=1, total=1), None),
        (Paging("page"), page(items=0), None),
    ],
)
def test_when_the_end_is_in_sight(paging: Paging, seen: Page, expected: bool | None) -> None:
    """A short page, or as many items as announced, make the next page doubtful; both, or an empty page, are the end."""
    step = after(paging, seen)
    assert (None if step is None else step.doubtful) is expected


def test_a_cursor_style_without_a_path_is_a_wrong_setting() -> None:
    """A cursor that is looked for nowhere would be the end after one page."""
    with pytest.raises(ConfigError, match=r"pagination\.cursorPath"):
        Walk(source_of(), Paging("cursor"))


def test_totals_are_held_against_each_other_and_against_the_items() -> None:
    """A changed total is `Retry`, too few items are `RefuseRun`, too many are told; a total of nothing past the end is none."""
    told: list[str] = []
    source = source_of(tell=told.append)

    def counted(*totals: int | None, items: int = 2) -> None:
        census = Census(source, Paging("page"))
        for number, total in enumerate(totals):
            census.take(page(items, total=total, number=number))
        census.take(page(items=0, total=0))
        census.close()

    counted(6, 6, 6)
    counted(None, 4)
    counted(2, 2, 2)
    assert not told
    counted(5, 5, 5)
    assert len(told) == 1
    with pytest.raises(Retry, match="changed"):
        counted(6, 7)
    with pytest.raises(RefuseRun, match="6 of the 7"):
        counted(7, 7, 7)
    with pytest.raises(RefuseRun, match="0 of the 7"):
        counted(7, items=0)


def test_a_total_of_something_else_can_be_left_alone() -> None:
    """With checkTotal switched off neither a total that is not reached nor one that changes is looked at."""
    census = Census(source_of(), Paging("page", check_total=False))
    for number, total in enumerate((900, 950)):
        census.take(page(2, total=total, number=number))
    census.close()
