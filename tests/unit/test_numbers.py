"""Numbers as suppliers write them (quirks 13 and 14): what is read, what is refused, and what betrays the wrong notation."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.errors import RejectRecord
from engine.mapping.convert import look_up, operate, read_flag, read_weight
from engine.mapping.currency import meanings
from engine.mapping.numbers import NumberReader, checked, scale_money


def reason(notation: str, method: str, text: str, currency: str | None = None) -> str:
    """Return why a reader refuses a text."""
    with pytest.raises(RejectRecord) as caught:
        getattr(NumberReader(notation, currency), method)(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("notation", "text", "value"),
    [
        ("decimal", "1234.56", "1234.56"),
        ("decimal", "1,234.56", "1234.56"),
        ("decimal", "1,234,567", "1234567"),
        ("decimal", "12,345", "12345"),
        ("comma", "1234,56", "1234.56"),
        ("comma", "1.234,56", "1234.56"),
        ("comma", "1.234.567", "1234567"),
        ("comma", "1 234,50", "1234.50"),
        ("comma", "1\u00a0234,50", "1234.50"),
        ("comma", "1\u202f234,50", "1234.50"),
        ("comma", "1\u2009234\u2009567,5", "1234567.5"),
        ("decimal", "1\u2007234.50", "1234.50"),
        ("decimal", "1'234.50", "1234.50"),
        ("decimal", "1\u2019234\u2019567.50", "1234567.50"),
        ("decimal", ".5", "0.5"),
        ("decimal", "5.", "5"),
        ("decimal", "+5", "5"),
        ("decimal", "-5.25", "-5.25"),
        ("comma", "\u22125,25", "-5.25"),
        ("decimal", "  7 ", "7"),
        ("decimal", "007", "7"),
        ("decimal", "0.500", "0.500"),
        ("comma", "0,500", "0.500"),
    ],
)
def test_a_number_is_read_in_the_notation_of_the_feed(notation: str, text: str, value: str) -> None:
    """Both notations, thousands by comma, point, any blank and any apostrophe, signs, and missing digits are read exactly."""
    numbers = NumberReader(notation)
    assert numbers.decimal(text) == Decimal(value)
    assert numbers.other_only is None


@pytest.mark.parametrize(
    ("notation", "text", "value"),
    [
        ("decimal", "8,00", "8.00"),
        ("decimal", "39,5", "39.5"),
        ("decimal", "1.234,56", "1234.56"),
        ("decimal", "1.234.567", "1234567"),
        ("decimal", "0,500", "0.500"),
        ("comma", "0.500", "0.500"),
        ("comma", "12.50", "12.50"),
        ("comma", "1,234.56", "1234.56"),
    ],
)
def test_a_number_with_one_reading_is_read_so_and_remembered(notation: str, text: str, value: str) -> None:
    """What makes sense in the other notation only is read in that one, and speaks against the feed's setting."""
    numbers = NumberReader(notation)
    assert numbers.decimal(text) == Decimal(value)
    assert numbers.other_only == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        ",",
        "-",
        "+-5",
        "1-2",
        "5-",
        "(5)",
        "1,2,3",
        "1.2.3",
        "12,34,567",
        "1,23.45",
        "1..5",
        "1e3",
        "1E+3",
        "nan",
        "Infinity",
        "0x10",
        "1_000",
        "1 23",
        "1 2345",
        "1000 200",
        "0 500",
        "1,234 567",
        "1.5 000",
        "12 345 6",
        "½",
        "²",
        "five",
        "N/A",
        "-5 -5",
    ],
)
@pytest.mark.parametrize("notation", ["decimal", "comma"])
def test_what_is_no_number_is_rejected(notation: str, text: str) -> None:
    """Two figures in a cell, ill-placed marks, exponents and words are rejected, never guessed at."""
    assert reason(notation, "decimal", text) == "is not a number"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.00 USD", "12"),
        ("$126.71", "126.71"),
        ("89.0 EUR", "89"),
        ("EUR 89.0", "89"),
        ("EUR89.0", "89"),
        ("US$ 1,234.50", "1234.5"),
        ("1'234.50 CHF", "1234.5"),
        ("CHF 1'234.50", "1234.5"),
        ("Fr. 12", "12"),
        ("12 kr", "12"),
        ("12\u00a0€", "12"),
        ("€12", "12"),
        ("R$ 5.5", "5.5"),
        ("0.00", "0"),
        ("-5 EUR", "-5"),
        ("1\u202f234.50 zł", "1234.5"),
    ],
)
def test_currency_text_before_or_behind_an_amount_is_no_part_of_it(text: str, value: str) -> None:
    """Codes, symbols and short words of currency may stand at either side, with or without a blank."""
    assert NumberReader("decimal").amount(text) == Decimal(value)


@pytest.mark.parametrize("text", ["1.234,56 €", "EUR 1.234,56", "€1.234,56", "1\u00a0234,56\u00a0EUR", "1234,56 Eur"])
def test_currency_text_goes_with_the_comma_too(text: str) -> None:
    """The decimal comma and the currency text do not get in each other's way."""
    assert NumberReader("comma", "EUR").money(text) == 1_234_560_000


@pytest.mark.parametrize(
    ("text", "currency", "mark"),
    [
        ("12.00 USD", "EUR", "USD"),
        ("USD 12.00", "EUR", "USD"),
        ("12.00 usd", "EUR", "usd"),
        ("$12.00", "EUR", "$"),
        ("12.00 €", "USD", "€"),
        ("£12.00", "EUR", "£"),
        ("EUR 12.00 USD", "EUR", "USD"),
    ],
)
def test_a_price_in_another_currency_is_rejected(text: str, currency: str, mark: str) -> None:
    """A code or a symbol that cannot mean the feed's currency is a reject that names both."""
    assert reason("decimal", "money", text, currency) == f"is in {mark} where the feed's currency is {currency}"


@pytest.mark.parametrize(
    ("mark", "currency"),
    [
        ("$", "USD"),
        ("US$", "USD"),
        ("$", "CAD"),
        ("€", "EUR"),
        ("¥", "CNY"),
        ("EUR.", "EUR"),
        ("eur", "EUR"),
        ("Lei", "RON"),
        ("kr", "SEK"),
    ],
)
def test_a_mark_that_may_mean_the_currency_is_let_through(mark: str, currency: str) -> None:
    """A symbol or a word that several currencies share is no ground for a reject."""
    assert currency in meanings(mark)


@pytest.mark.parametrize("text", ["12 kg", "5 Stk", "2024 Mai", "12.00 XXX", "A 12"])
def test_a_word_that_is_no_currency_makes_no_price(text: str) -> None:
    """A weight, a count or a date in a column of prices is a reject, not a price."""
    assert reason("decimal", "amount", text) == "is not an amount"


def test_prices_in_several_currencies_speak_against_the_run() -> None:
    """Without a currency that the feed sets, a second currency is named; a mark that may mean the first is none."""
    numbers = NumberReader("decimal")
    numbers.money("12.00 USD")
    numbers.money("$5")
    assert numbers.contradiction() is None
    numbers.money("89.0 EUR")
    assert "several currencies ('$5', '89.0 EUR')" in str(numbers.contradiction())


@pytest.mark.parametrize("text", ["free", "12.00 EUR per piece", "12 EUR 13", "EUR", "", "12,-", "1 2 3 EUR"])
def test_what_is_no_amount_is_rejected(text: str) -> None:
    """Sentences, two amounts and a currency alone are no price."""
    assert reason("decimal", "amount", text) in {"is not an amount", "is not a number"}


@pytest.mark.parametrize(
    ("text", "millionths"),
    [
        ("12.5", 12_500_000),
        ("0", 0),
        ("0.00", 0),
        ("-0.00", 0),
        ("0.000001", 1),
        ("0.0000005", 0),
        ("0.0000015", 2),
        ("0.0000014999999999999999999999999999999", 1),
        ("9223372036854.0", 9_223_372_036_854_000_000),
    ],
)
def test_money_is_millionths_rounded_half_to_even_once(text: str, millionths: int) -> None:
    """Money is an exact integer; digits beyond the sixth are rounded once, however many there are."""
    money = NumberReader("decimal").money(text)
    assert money == millionths
    assert type(money) is int


def test_a_negative_price_is_rejected() -> None:
    """No price is below zero."""
    assert reason("decimal", "money", "-0.01") == "is a negative price"


@pytest.mark.parametrize("text", ["9223372036855", "9" * 30, "9" * 60 + ".5"])
@pytest.mark.parametrize("method", ["money", "price"])
def test_a_price_that_no_store_can_hold_is_rejected(method: str, text: str) -> None:
    """A price over 63 bits is a reject, not an overflow in the sink."""
    assert reason("decimal", method, text) == "is too big a number"


def test_a_price_cell_may_be_blank_and_may_carry_a_formula_guard() -> None:
    """Blank is None and zero is zero; a spreadsheet's apostrophe is no part of a price."""
    numbers = NumberReader("decimal")
    assert [numbers.price(cell) for cell in ("", " ", "\u00a0", "'", "0", "'12.5", " 12.5 ")] == [
        None,
        None,
        None,
        None,
        0,
        12_500_000,
        12_500_000,
    ]


@pytest.mark.parametrize(
    ("notation", "text", "quantity"),
    [
        ("decimal", "0", 0),
        ("decimal", "0012", 12),
        ("decimal", ">100", 100),
        ("decimal", "> 100", 100),
        ("decimal", ">=100", 100),
        ("decimal", "≥100", 100),
        ("decimal", "100+", 100),
        ("decimal", "100 +", 100),
        ("decimal", "10-50", 10),
        ("decimal", "10 \u2013 50", 10),
        ("decimal", "10—10", 10),
        ("decimal", "39.9", 39.9),
        ("decimal", "39,5", 39.5),
        ("comma", "39,5", 39.5),
        ("decimal", "8,00", 8),
        ("decimal", "8.000000", 8),
        ("comma", "8,00", 8),
        ("comma", "1.234", 1234),
        ("decimal", "1,234", 1234),
        ("decimal", "1 234", 1234),
        ("decimal", "0,500", 0.5),
        ("comma", "0.500", 0.5),
        ("decimal", "0.0000019", 0.000001),
        ("decimal", "12.0000004", 12),
        ("decimal", "0.0000004", 0),
        ("decimal", "1000000001.5", 1_000_000_001),
        ("decimal", "-1", -1),
        ("decimal", "-0,5", -0.5),
        ("decimal", "9999", 9999),
        ("decimal", "1500", 1500),
        ("decimal", "9223372036854775807", 2**63 - 1),
    ],
)
def test_a_quantity_is_never_more_than_there_is(notation: str, text: str, quantity: float) -> None:
    """Bounds give their lower end, fractions are cut at six decimals, negatives stay negative, what is whole is an integer."""
    found = NumberReader(notation).quantity(text)
    assert found == quantity
    assert type(found) is type(quantity)


@pytest.mark.parametrize(
    ("notation", "text", "cure"),
    [("decimal", "1.234", "set decimalNotation=comma"), ("comma", "1,234", "set decimalNotation=decimal")],
)
def test_a_quantity_that_may_be_a_thousand_times_as_much_is_rejected(notation: str, text: str, cure: str) -> None:
    """A broken quantity that would be whole with thousands is rejected with the setting that cures it."""
    assert reason(notation, "quantity", text).endswith(cure)


@pytest.mark.parametrize(
    "text",
    [
        "In stock",
        "Low",
        "Y",
        "available",
        "<10",
        "2024-05",
        "31-12-2024",
        ">",
        "+",
        "10-",
        "10-50-90",
        "100 EUR",
        "5 Stk",
        "N/A",
        "100 + 5",
        ">1.000",
    ],
)
def test_a_text_that_is_no_quantity_is_rejected(text: str) -> None:
    """Words, upper bounds, dates and units are rejected: stock is never guessed."""
    assert reason("decimal", "quantity", text).startswith(("is not a number", "is no range"))


@pytest.mark.parametrize("text", ["9223372036854775808", "9" * 40, "9" * 40 + ",5", "9" * 5000, ">" + "9" * 5000, "9" * 20 + "+"])
def test_an_enormous_quantity_is_rejected(text: str) -> None:
    """A figure that no store can hold is a reject; it neither overflows nor takes time."""
    assert reason("decimal", "quantity", text).startswith(("is too", "is not a number"))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("ca. 12 Stk.", "12"),
        ("12", "12"),
        ("EUR 1.234,50 netto", "1.234,50"),
        ("noch 1 234 da", "1 234"),
        ("ab 10-50", "10"),
        ("-5 Stk", "-5"),
        ("Lager-12", "12"),
        (">100 Stk", "100"),
        ("<b>7</b>", "7"),
    ],
)
def test_the_first_number_in_a_text_is_found(text: str, number: str) -> None:
    """`parseNumber` finds a number among words; a hyphen behind a word is no sign."""
    assert NumberReader("decimal").embedded(text) == number


@pytest.mark.parametrize(
    ("text", "why"),
    [("keine", "holds no number"), ("< 10 Stk", "holds an upper bound"), ("≤5", "holds an upper bound"), ("1.23E+12", "scientific")],
)
def test_a_text_whose_number_misleads_is_rejected(text: str, why: str) -> None:
    """No number, only an upper bound, or half of a number in scientific notation: rejected, not read."""
    assert why in reason("decimal", "embedded", text)


def test_the_wrong_notation_is_betrayed_by_the_feed_itself() -> None:
    """One number with only the other reading and one with both readings prove the setting wrong; the message cures it."""
    numbers = NumberReader("decimal")
    numbers.money("1.234")
    assert numbers.contradiction() is None
    numbers.money("12,50")
    assert numbers.contradiction() == (
        "the numbers contradict decimalNotation=decimal: '12,50' can only be meant as comma, "
        "so '1.234' may be wrong by a factor of a thousand; set decimalNotation=comma"
    )


def test_a_column_of_three_decimals_betrays_itself_by_its_zeros() -> None:
    """`0,000` can be no thousands: among `5,000` and `12,000` it proves that these are 5 and 12 pieces."""
    numbers = NumberReader("decimal")
    numbers.quantity("5,000")
    numbers.quantity("0,000")
    assert "set decimalNotation=comma" in str(numbers.contradiction())


@pytest.mark.parametrize("texts", [("8,00", "9,5", "12"), ("1.234", "5", "1.5"), ("1.5", "1,234.5", "1 234"), ("8.00",)])
def test_numbers_that_agree_with_a_setting_raise_no_doubt(texts: tuple[str, ...]) -> None:
    """The same URL in another dialect reads on, as long as every number has one reading."""
    numbers = NumberReader("decimal")
    for text in texts:
        numbers.money(text)
    assert numbers.contradiction() is None


@pytest.mark.parametrize(
    ("word", "flag"),
    [
        ("Y", 1),
        ("yes", 1),
        ("In Stock", 1),
        ("verfügbar", 1),
        ("TRUE", 1),
        ("1", 1),
        ("250", 1),
        ("N", 0),
        ("false", 0),
        ("0", 0),
        ("-1", 0),
        ("Sold out", 0),
    ],
)
def test_yes_and_no_are_read_in_the_words_of_suppliers(word: str, flag: int) -> None:
    """Words of several languages, in any case, and figures above zero."""
    assert read_flag(word) == flag


@pytest.mark.parametrize("word", ["maybe", "--5", "", "NA", "null", "1.5", "9" * 5000, "-", "²"])
def test_what_is_neither_yes_nor_no_is_rejected(word: str) -> None:
    """Nothing else is taken for an answer."""
    with pytest.raises(RejectRecord, match="is neither yes nor no"):
        read_flag(word)


@pytest.mark.parametrize(
    ("unit", "text", "grams"),
    [("g", "500", 500), ("kg", "1.5", 1500), ("lb", "1", 454), ("oz", "10", 283), ("kg", "0,25", 250), ("g", "0.5", 0)],
)
def test_weights_become_whole_grams(unit: str, text: str, grams: int) -> None:
    """A weight is reckoned in decimals and rounded half to even."""
    assert read_weight(NumberReader("decimal"), unit)(text) == grams


@pytest.mark.parametrize("text", ["-1", "heavy", "9" * 25])
def test_an_impossible_weight_is_rejected(text: str) -> None:
    """Negative, unreadable and enormous weights are rejects."""
    with pytest.raises(RejectRecord):
        read_weight(NumberReader("decimal"), "kg")(text)


@pytest.mark.parametrize(
    ("operator", "operand", "result"),
    [
        ("addition", "2.5", 12_500_000),
        ("subtract", "2.5", 7_500_000),
        ("multiply", "1.19", 11_900_000),
        ("divide", "3", 3_333_333),
        ("divide", "4", 2_500_000),
    ],
)
def test_a_price_is_reckoned_exactly(operator: str, operand: str, result: int) -> None:
    """Operators work on decimals; only a division rounds."""
    assert operate(operator, 10_000_000, Decimal(operand)) == result


@pytest.mark.parametrize(
    ("operator", "operand", "why"),
    [
        ("divide", "0", "divided by zero"),
        ("subtract", "11", "negative price"),
        ("multiply", "1E+20", "too big"),
        ("multiply", "1E+999999", "beyond all numbers"),
    ],
)
def test_a_price_that_cannot_be_reckoned_is_rejected(operator: str, operand: str, why: str) -> None:
    """Division by zero, negative and enormous results are rejects, never a crash."""
    with pytest.raises(RejectRecord, match=why):
        operate(operator, 10_000_000, Decimal(operand))


def test_the_bounds_of_a_store_are_63_bits() -> None:
    """The largest integer passes, the next is rejected; the same at the other end and for money."""
    assert checked(2**63 - 1) == 2**63 - 1
    assert scale_money(Decimal("9223372036854")) == 9_223_372_036_854_000_000
    for number in (2**63, -(2**63), Decimal(2**63)):
        with pytest.raises(RejectRecord, match="too big"):
            checked(number)


def test_a_look_up_tries_the_exact_text_first() -> None:
    """Whole cells are looked up as written, then without regard to case; what is not in the table is not found."""
    find = look_up({"In stock": 5, "IN STOCK": 7, ">100": "100", "": 0, "tba": Decimal("1.5")})
    assert [find(text) for text in ("In stock", "IN STOCK", "in Stock", ">100", "", "TBA", "gone")] == [
        "5",
        "7",
        "7",
        "100",
        "0",
        "1.5",
        None,
    ]


@pytest.mark.parametrize(("mark", "currency"), [("HK$", "HKD"), ("US$", "USD"), ("AU$", "AUD"), ("R$", "BRL"), ("C$", "CAD")])
def test_a_dollar_of_one_country_is_no_other(mark: str, currency: str) -> None:
    """Letters before a dollar sign name the country; another country's dollar is another currency."""
    assert NumberReader("decimal", currency).money(f"{mark} 12") == 12_000_000
    assert reason("decimal", "money", f"{mark}12", "NZD") == f"is in {mark} where the feed's currency is NZD"


@pytest.mark.parametrize("text", ["max. 10", "up to 10", "weniger als 10", "unter 5", "bis zu 20 Stk", "< 10", "do 5"])
def test_an_upper_bound_inside_a_text_is_no_stock(text: str) -> None:
    """At most ten may be none at all."""
    assert "upper bound" in reason("decimal", "embedded", text)


def test_a_sign_before_a_blank_belongs_to_the_number() -> None:
    """`- 5 Stk` is five too few, not five."""
    assert NumberReader("decimal").embedded("- 5 Stk") == "-5"
