"""Whatever format and language a catalogue is written in, guess finds its key and its stock, and nothing else for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.contracts import DocumentFacts
from feedmill.feedfile.check import check_feed_file
from feedmill.feedfile.draft import draft_lines
from feedmill.feedfile.model import parse_feed_file
from mappers.guessing.documents import guess_document
from mappers.guessing.guess import Guess
from plugins.manager import Registry, load_registry

LANGUAGES = (
    ("sku", "stock_qty", "price", "pack_qty"),
    ("itemNumber", "stockQty", "unitPrice", "minOrderQty"),
    ("Artikelnr", "Lagerbestand", "VK-Preis", "VPE"),
    ("Référence", "Stock", "Prix", "Délai jours"),
    ("Codice", "Giacenza", "Prezzo", "Lotto minimo"),
    ("Kod", "Stan", "Cena", "Minimalna ilość"),
    ("Kód", "Stav skladu", "Cena", "Min. objednávka"),
    ("Varenummer", "Lagerbeholdning", "Pris", "Leveringstid"),
    ("Артикул", "Остаток", "Цена", "Упаковка"),
)
ATTRIBUTE = {" ": "_", ".": "", "-": "_"}


@dataclass(frozen=True)
class Catalogue:
    """Goods under the column names of a language: key, stock, price and a number of pieces that is no stock."""

    names: tuple[str, str, str, str]
    rows: tuple[tuple[str, str, str, str], ...]

    @property
    def plain(self) -> tuple[str, ...]:
        """Return the names as elements and attributes can have them."""
        return tuple("".join(ATTRIBUTE.get(letter, letter) for letter in name) for name in self.names)


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """Draw goods whose keys are different, with a nought among their stocks."""
    names = draw(st.sampled_from(LANGUAGES))
    keys = draw(st.lists(st.from_regex(r"\A[A-Z]{1,3}[0-9]{3,6}(-[SML])?\Z"), min_size=8, max_size=30, unique=True))
    stocks = [0, *draw(st.lists(st.integers(0, 900), min_size=len(keys) - 1, max_size=len(keys) - 1))]
    packs = draw(st.lists(st.sampled_from([6, 12, 24]), min_size=len(keys), max_size=len(keys)))
    rows = [
        (key, str(stock), f"{number}.{number % 89 + 10}", str(pack))
        for number, (key, stock, pack) in enumerate(zip(keys, stocks, packs, strict=True), 1)
    ]
    return Catalogue(names, tuple(rows))


DIALECTS = {
    "commas": (",", "", "\n", "utf-8"),
    "semicolons": (";", "", "\r\n", "utf-8"),
    "tabs": ("\t", "", "\n", "utf-8"),
    "bars": ("|", "", "\n", "utf-8"),
    "tildes": ("~", "", "\n", "utf-8"),
    "quoted": (",", '"', "\r\n", "utf-8"),
    "single quotes": (";", "'", "\n", "utf-8"),
    "two bars": ("||", "", "\n", "utf-8"),
    "byte order mark": (";", '"', "\r\n", "utf-8-sig"),
    "utf-16": ("\t", "", "\r\n", "utf-16"),
}


def as_csv(goods: Catalogue, dialect: str) -> bytes:
    """Write goods in a dialect."""
    delimiter, quote, end, encoding = DIALECTS[dialect]
    lines = [delimiter.join(f"{quote}{cell}{quote}" for cell in row) for row in (goods.names, *goods.rows)]
    return "".join(f"{line}{end}" for line in lines).encode(encoding)


def as_json(goods: Catalogue, layout: str) -> tuple[bytes, tuple[str, ...]]:
    """Write goods as JSON; return it with the ways to the columns."""
    items = [dict(zip(goods.names, row, strict=True)) for row in goods.rows]
    if layout == "lines":
        return "\n".join(json.dumps(item, ensure_ascii=False) for item in items).encode(), goods.names
    if layout == "flat":
        return json.dumps({"result": {"total": 1, "goods": items}}).encode(), goods.names
    products = [{"id": number, "variants": [item]} for number, item in enumerate(items)]
    return json.dumps({"products": products}, indent=1).encode(), goods.names


def as_xml(goods: Catalogue, layout: str) -> tuple[bytes, tuple[str, ...]]:
    """Write goods as XML; return it with the paths to the columns."""
    names = goods.plain
    if layout == "attributes":
        body = "".join(f"<o {' '.join(f'{n}={quoteattr(v)}' for n, v in zip(names, row, strict=True))}/>" for row in goods.rows)
        return f"<list>{body}</list>".encode(), tuple(f"@{name}" for name in names)
    inner = ["".join(f"<{n}>{escape(v)}</{n}>" for n, v in zip(names, row, strict=True)) for row in goods.rows]
    if layout == "nested":
        body = "".join(
            f"<product><title>t</title><variants><variant>{one}</variant></variants></product>" if not number % 2 else ""
            for number, one in enumerate(inner)
        )
        pairs = "".join(f"<variant>{one}</variant>" for number, one in enumerate(inner) if number % 2)
        return f"<list>{body}<product><title>t</title><variants>{pairs}</variants></product></list>".encode(), names
    return f"<list>{''.join(f'<item>{one}</item>' for one in inner)}</list>".encode(), names


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Load what is installed."""
    return load_registry()


def look(data: bytes) -> Guess:
    """Guess a whole document."""
    return guess_document(data, DocumentFacts("catalogue"), {}, complete=True)


def written(guess: Guess) -> bytes:
    """Return the feed file of a guess."""
    return "".join(f"{line}\n" for line in draft_lines(guess, name="x", source="catalogue", given={})).encode()


def found(guess: Guess, columns: tuple[str, ...]) -> None:
    """Assert that key and stock are the columns they are, and that nothing else is mapped for them."""
    mapped = [(str(each.row["purpose"]), str(each.row["name"])) for each in guess.fields if each.sure]
    assert [name for purpose, name in mapped if purpose in ("sku", "externalId")] == [columns[0]]
    assert [name for purpose, name in mapped if purpose.startswith("inventoryQuantity")] == [columns[1]]
    assert columns[3] not in [name for _, name in mapped]
    assert all(field.reason for field in guess.fields)
    assert all(setting.reason for setting in guess.settings)


@settings(max_examples=60, deadline=None)
@given(catalogues(), st.sampled_from(list(DIALECTS)))
def test_csv_in_any_dialect(registry: Registry, goods: Catalogue, dialect: str) -> None:
    """Key and stock are found in every dialect and language, and the feed file can be used as it is."""
    guess = look(as_csv(goods, dialect))
    found(guess, goods.names)
    assert check_feed_file(registry, written(guess), {}) == ()


@settings(max_examples=40, deadline=None)
@given(catalogues(), st.sampled_from(["lines", "flat", "nested"]))
def test_json_in_any_layout(registry: Registry, goods: Catalogue, layout: str) -> None:
    """A list under any root, lines, and products with variants."""
    data, columns = as_json(goods, layout)
    guess = look(data)
    found(guess, columns)
    assert check_feed_file(registry, written(guess), {}) == ()


@settings(max_examples=40, deadline=None)
@given(catalogues(), st.sampled_from(["elements", "attributes", "nested"]))
def test_xml_in_any_layout(goods: Catalogue, layout: str) -> None:
    """Elements, attributes, and variants inside products; the feed file holds no fault of its own."""
    data, columns = as_xml(goods, layout)
    guess = look(data)
    found(guess, columns)
    assert parse_feed_file(written(guess), {}).faults == ()


@example(b"  <:>", False)
@example(b"<a><p:b p:c='1' :='2'/></a>", True)
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400) | st.text(alphabet='a1;,\n"{}[]:<>/ é', max_size=200).map(str.encode), st.booleans())
def test_any_bytes_are_a_guess_or_refused(data: bytes, complete: bool) -> None:
    """Nothing that is sent makes guess fail with an error that is not ours, and what it writes can be read."""
    from engine.errors import FeedmillError

    try:
        guess = guess_document(data, DocumentFacts("x"), {}, complete=complete)
    except FeedmillError:
        return
    assert parse_feed_file(written(guess), {}).faults == ()
