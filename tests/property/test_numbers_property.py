"""Any decimal, however a supplier formats it, reads back exactly; any text at all is read or rejected, nothing else."""

from __future__ import annotations

from contextlib import suppress
from decimal import ROUND_HALF_EVEN, Context, Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import RejectRecord
from engine.mapping.convert import read_flag, read_key, read_weight, slug
from engine.mapping.lists import clean_image_url
from engine.mapping.numbers import NumberReader
from engine.mapping.readers import Bad, Prices
from engine.schema import MONEY_SCALE, money_to_decimal

NOTATIONS = st.sampled_from(["decimal", "comma"])
GROUPS = {"decimal": [",", " ", "\u00a0", "\u202f", "\u2009", "'", "\u2019"], "comma": [".", " ", "\u00a0", "\u202f", "'", "\u2019"]}
CURRENCIES = ["", "EUR", "€", "EUR.", "eur", "Eur", "\u20ac"]
LIKELY = st.text(alphabet="0123456789.,'\u2019 \u00a0\u202f-+\u2212>E<€$aEUR%½²٣", max_size=24)
WIDE = Context(prec=200)


def write(number: Decimal, notation: str, group: str) -> str:
    """Format a decimal in a notation, with a thousands mark or without."""
    sign, digits = ("-" if number < 0 else ""), f"{abs(number):f}"
    whole, _, fraction = digits.partition(".")
    grouped = f"{int(whole):,}".replace(",", group) if group else whole
    return sign + grouped + ((("." if notation == "decimal" else ",") + fraction) if fraction else "")


def decimals(minimum: int = -(10**12)) -> st.SearchStrategy[Decimal]:
    """Draw decimals with up to eight places."""
    return st.builds(lambda units, places: Decimal(units).scaleb(-places), st.integers(minimum, 10**12), st.integers(0, 8))


@given(decimals(), NOTATIONS, st.data())
def test_a_formatted_decimal_reads_back_exactly(number: Decimal, notation: str, data: st.DataObject) -> None:
    """With and without thousands marks of any kind, in either notation, nothing is lost."""
    text = write(number, notation, data.draw(st.sampled_from(["", *GROUPS[notation]])))
    assert NumberReader(notation).decimal(text) == number


@given(decimals(0), NOTATIONS, st.data())
def test_a_price_with_currency_text_reads_back_exactly(number: Decimal, notation: str, data: st.DataObject) -> None:
    """Currency text at either side changes nothing, and the money is what exact decimal arithmetic says."""
    text = write(number, notation, data.draw(st.sampled_from(["", *GROUPS[notation]])))
    before, after = data.draw(st.tuples(st.sampled_from(CURRENCIES), st.sampled_from(CURRENCIES)))
    gap = data.draw(st.sampled_from(["", " ", "\u00a0"]))
    money = NumberReader(notation, "EUR").price(f"{before}{gap if before else ''}{text}{gap if after else ''}{after}")
    assert money == int(WIDE.multiply(number, MONEY_SCALE).to_integral_value(ROUND_HALF_EVEN))


@given(st.from_regex(r"\d{1,9}(\.(\d{1,2}|\d{4,6}))?", fullmatch=True))
@example("\u0663.\u0665")
@example("000000000.000000")
def test_the_fast_way_to_a_price_is_the_slow_way(text: str) -> None:
    """For every text the fast path takes, money and doubts are those of the careful reader."""
    fast, slow = NumberReader("decimal"), NumberReader("decimal")
    assert fast.price(text) == slow.money(text)
    assert (fast.other_only, fast.ambiguous) == (slow.other_only, slow.ambiguous)


@given(LIKELY, NOTATIONS)
def test_a_price_of_any_text_is_the_money_of_its_amount(text: str, notation: str) -> None:
    """A cell read as a price and the same cell read step by step end the same: a value, a blank or a reject."""
    trimmed = text.strip().lstrip("'")
    try:
        expected = NumberReader(notation).money(trimmed) if trimmed else None
    except RejectRecord:
        expected = -1
    try:
        found = NumberReader(notation).price(text)
    except RejectRecord:
        found = -1
    assert found == expected


@given(st.one_of(LIKELY, st.text(max_size=40), st.integers().map(str), st.decimals().map(str)), NOTATIONS, st.sampled_from([None, "EUR"]))
@example("9" * 40 + ",5", "decimal", None)
@example(">" + "9" * 5000, "decimal", None)
@example("1" * 4301, "decimal", None)
@example("--5", "decimal", None)
@example("http://[", "decimal", None)
@example("//[/x.jpg", "decimal", None)
def test_no_text_makes_a_reader_do_anything_but_read_or_reject(text: str, notation: str, currency: str | None) -> None:
    """Every reader of cells gives its own type within 63 bits or raises `RejectRecord`; never money as a float, never a crash."""
    numbers = NumberReader(notation, currency)
    with suppress(RejectRecord):
        quantity = numbers.quantity(text)
        assert type(quantity) is (int if quantity == int(quantity) else float)
        assert abs(quantity) < 2**63
    for read in (numbers.money, numbers.price, read_weight(numbers, "lb"), read_flag):
        with suppress(RejectRecord):
            value = read(text)
            assert value is None or (type(value) is int and abs(value) < 2**63)
    with suppress(RejectRecord):
        assert type(numbers.decimal(text)) is Decimal
    for read_text in (numbers.embedded, read_key, slug, clean_image_url):
        with suppress(RejectRecord):
            assert isinstance(read_text(text), str | None)


@given(LIKELY, NOTATIONS)
def test_a_quantity_never_exceeds_the_number_in_the_text(text: str, notation: str) -> None:
    """Where the text is a number, its quantity is that number cut to six decimals; a large one, to a whole."""
    numbers = NumberReader(notation)
    try:
        value, quantity = numbers.decimal(text), numbers.quantity(text)
    except RejectRecord:
        return
    shown = Decimal(repr(quantity))
    assert shown <= value
    assert value - shown < (Decimal("0.000001") if abs(value) < 10**9 else 1)


PRICES = st.from_regex(r"[0-9]{1,6}([.,][0-9]{0,7})?", fullmatch=True) | st.sampled_from(
    ["", "5.", ".5", "1\n2", "5\n", "\n", ".", "1.2.3", "1,299"]
)


@given(st.lists(PRICES, max_size=6, min_size=1), NOTATIONS)
@example(["1\n2", "3"], "comma")
@example(["99999.999", "999999999"], "decimal")
def test_a_column_of_prices_is_read_as_its_cells_are(cells: list[str], notation: str) -> None:
    """The fast way over a whole column gives the money and the doubts of the careful way cell by cell."""
    fast, slow = NumberReader(notation), NumberReader(notation)
    found = [value.reason if isinstance(value, Bad) else value for value in Prices(fast).column(cells)]
    expected: list[object] = []
    for cell in cells:
        try:
            expected.append(slow.price(cell))
        except RejectRecord as fault:
            expected.append(str(fault))
    assert found == expected
    assert all(type(value) is not float for value in found)
    assert (fast.other_only, fast.ambiguous) == (slow.other_only, slow.ambiguous)


@given(st.integers(0, 10**8 - 1), st.integers(0, 6))
def test_a_plain_price_is_scaled_exactly(units: int, places: int) -> None:
    """A column that is read in binary is scaled to the very integer that decimal arithmetic gives."""
    number = Decimal(units).scaleb(-places)
    assert Prices(NumberReader("decimal")).column([f"{number:f}"]) == [int(number.scaleb(6))]


@given(st.integers(10**12, 10**17))
def test_a_price_beyond_binary_is_scaled_exactly(millionths: int) -> None:
    """A price of many digits and six decimals is not read in binary, where its last digits would be lost."""
    assert Prices(NumberReader("decimal")).column([f"{Decimal(millionths).scaleb(-6):f}"]) == [millionths]


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_stored_money_shows_exactly(scaled: int) -> None:
    """What is stored as millionths shows as the decimal that is stored as the same millionths."""
    shown = money_to_decimal(scaled)
    assert WIDE.multiply(shown, MONEY_SCALE) == scaled
    assert "E" not in str(shown) or abs(shown) < Decimal("0.00001")
