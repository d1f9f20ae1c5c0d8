"""feed.toml: what it may hold, how its faults are told, and how it is checked without fetching."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.batch import JsonValue
from engine.errors import ConfigError
from feedmill.assembly import Request
from feedmill.feedfile.check import check_feed_file
from feedmill.feedfile.draft import draft_lines, mask_source, name_of
from feedmill.feedfile.model import FeedFile, load_feed_file, parse_feed_file
from feedmill.feedfile.places import Places
from mappers.guessing.columns import FieldGuess
from mappers.guessing.guess import Guess, Setting
from plugins.manager import Registry, load_registry

GOOD = """\
name = "acme"
source = "stock.csv"
to = "shop.db"
decimalNotation = "comma"

[guard]
minItems = 5

[transport]
idleTimeout = 2.5

[[fields]]
name = "Artikelnr"
purpose = "sku"

[[fields]]
name = "Lager"
purpose = "inventoryQuantity"
lookup = { ">100" = 100, "auf Lager" = 5 }
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Load what is installed."""
    return load_registry()


def read(text: str, **environment: str) -> FeedFile:
    """Read a text that has no fault."""
    reading = parse_feed_file(text.encode(), environment)
    assert reading.file is not None, [str(fault) for fault in reading.faults]
    return reading.file


def faults(text: str | bytes, **environment: str) -> list[str]:
    """Return the faults of a text."""
    data = text.encode() if isinstance(text, str) else text
    return [str(fault) for fault in parse_feed_file(data, environment).faults]


def test_a_feed_file_is_the_whole_feed() -> None:
    """Attributes by the names of the API, objects as tables, rows as arrays of tables; what is not said is the default."""
    file = read(GOOD)
    feed = Request(file.source, file.name, {}, (), config=file).build_feed(None)
    assert (feed.name, feed.resource_type, feed.mapping, feed.decimal_notation) == ("acme", "ftpCsv", "custom", "comma")
    assert (feed.guard.min_items, feed.guard.max_reject_ratio, feed.transport.idle_timeout) == (5, 0.10, 2.5)
    assert [(row.name, row.purpose) for row in feed.fields] == [("Artikelnr", "sku"), ("Lager", "inventoryQuantity")]
    assert dict(feed.fields[1].lookup) == {">100": 100, "auf Lager": 5}


def test_what_stands_beside_a_feed_file_counts_first() -> None:
    """Settings and rows that are given take the place of those in the file, one by one."""
    file = read(GOOD)
    row = {"purpose": "sku", "name": "Nr"}
    feed = Request("other.json", "b", {"guard.minItems": "7", "delimiter": "|"}, [row], config=file).build_feed(None)
    assert (feed.name, feed.resource_type, feed.delimiter, feed.guard.min_items) == ("b", "json", "|", 7)
    assert {each.purpose: each.name for each in feed.fields} == {"inventoryQuantity": "Lager", "sku": "Nr"}


def test_a_row_beside_a_feed_file_takes_the_place_of_a_json_row() -> None:
    """A path given for stock is the stock: what `jsonFields` of the file says of it is not added."""
    file = read(
        'name = "a"\nsource = "x.json"\njsonMapping = "custom"\n'
        'jsonFields = [{ path = "s", purpose = "sku" }, { path = "q", purpose = "inventoryQuantity" }]\n'
    )
    feed = Request("x.json", "a", {}, [{"purpose": "inventoryQuantity", "name": "free"}], config=file).build_feed(None)
    assert [(row.path, row.purpose) for row in feed.json_fields] == [("s", "sku")]
    assert [row.name for row in feed.fields] == ["free"]
    rows = [{"path": "r", "purpose": "inventoryQuantity"}]
    both = Request("x.json", "a", {"jsonFields": rows}, [{"purpose": "sku", "name": "nr"}], config=file).build_feed(None)
    assert [row.path for row in both.json_fields] == ["r"]


def test_a_fault_never_shows_what_a_variable_holds() -> None:
    """A variable may hold a secret wherever it is used: the fault names it instead."""
    text = b'name = "a"\nsource = "x.csv"\nweightUnit = "${TOKEN}"\n'
    (fault,) = parse_feed_file(text, {"TOKEN": "hunter2"}).faults
    assert "hunter2" not in str(fault)
    assert "${TOKEN}" in fault.message


def test_a_fault_of_the_whole_file_is_a_message_without_a_path() -> None:
    """Settings that need one another stand in no one line."""
    (fault,) = parse_feed_file(b'name = "a"\nsource = "x.csv"\nprefixSku = true\n', {}).faults
    assert (fault.path, fault.line) == ("", None)
    assert "prefixSku needs skuPrefix" in fault.message


def test_figures_of_a_file_are_exact() -> None:
    """A price in TOML is a decimal, never a binary float."""
    text = f'{GOOD}\n[[fields]]\nname = "VK"\npurpose = "retailPrice"\npriceOperator = "multiply"\npriceOperatorValue = 1.1\n'
    assert read(text).fields[-1].price_operator_value == Decimal("1.1")


def test_every_fault_is_told_at_once_with_its_line() -> None:
    """Unknown, misspelt, mistyped and missing: each with its path, its line and what may be meant."""
    text = """\
source = "x.csv"
delimeter = ";"
decimalNotation = "dots"
hash = "1"
resourceLocation = "y.csv"
guard = { enabled = true, minItem = 5 }
transport.caFiles = "x"

[[fields]]
name = "Nr"
purpose = "sku"

[[fields]]
purpose = "stock"
nmae = "Lager"
"""
    told = faults(text)
    assert [fault.partition(": ")[0] for fault in told] == [
        "name",
        "line 2, delimeter",
        "line 3, decimalNotation",
        "line 4, hash",
        "line 5, resourceLocation",
        "line 6, guard.minItem",
        "line 7, transport.caFiles",
        "line 13, fields.1.name",
        "line 14, fields.1.purpose",
        "line 15, fields.1.nmae",
    ]
    said = dict(fault.partition(": ")[::2] for fault in told)
    assert said["line 2, delimeter"] == "unknown attribute; did you mean 'delimiter'?"
    assert said["line 6, guard.minItem"] == "unknown attribute; did you mean 'minItems'?"
    assert said["line 7, transport.caFiles"] == "unknown attribute; did you mean 'caFile'?"
    assert said["line 15, fields.1.nmae"] == "unknown attribute; did you mean 'name'?"
    assert said["line 4, hash"] == "is set by Feedmill itself"
    assert "is called source" in said["line 5, resourceLocation"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('name = "a"\nsource = \n', 2, "is no TOML"),
        ('name = "a"\nname = "b"\n', 2, "is no TOML"),
        ('name = "a', 1, "is no TOML"),
        (b'name = "a"\nsource = "\xff"\n', 2, "UTF-8"),
    ],
)
def test_a_text_that_is_no_toml_is_told_by_its_line(text: str | bytes, line: int, said: str) -> None:
    """The parser's own fault comes with the line where it stands."""
    (fault,) = faults(text)
    assert fault.startswith(f"line {line}, ")
    assert said in fault


def test_variables_come_from_the_environment() -> None:
    """A secret is named in the file and kept outside of it; inside a URL it is encoded as one has to be there."""
    text = (
        'name = "a"\nsource = "https://${ACME_USER}:${ACME_PW}@h/x?token=${T}&q=1"\n'
        'authenticationSecret = "${ACME_PW}"\ndelimiter = "$${T}"\nproxyUrl = "${PROXY}"\n'
    )
    file = read(text, ACME_USER="joe", ACME_PW="p@ss/w:rd", T="a&b", PROXY="http://p:8080")
    assert file.source == "https://joe:p%40ss%2Fw%3Ard@h/x?token=a%26b&q=1"
    assert (file.authentication_secret, file.delimiter, file.proxy_url) == ("p@ss/w:rd", "${T}", "http://p:8080")
    assert "p@ss" not in repr(file)
    assert faults(text, ACME_USER="joe", T="", PROXY="")[0] == "line 2, source: the environment variable ACME_PW is not set"


def test_a_missing_variable_is_a_warning_to_whoever_only_checks(registry: Registry) -> None:
    """A file can be checked where its secrets are not."""
    text = 'name = "a"\nsource = "https://joe:${PW}@h/x.csv"\n[[fields]]\nname = "Nr"\npurpose = "sku"\n'
    (fault,) = check_feed_file(registry, text.encode(), {})
    assert (fault.warning, fault.line, fault.path) == (True, 2, "source")


def test_a_password_in_the_file_is_warned_of(registry: Registry) -> None:
    """It works, and it is somewhere where many can read it."""
    rows = '[[fields]]\nname = "Nr"\npurpose = "sku"\n'
    text = f'name = "a"\nsource = "https://joe:pw@h/x.csv"\nauthenticationSecret = "x"\n[transport]\nclientKeyPassword = "y"\n{rows}'
    found = check_feed_file(registry, text.encode(), {})
    assert [(fault.warning, fault.line, fault.path) for fault in found] == [
        (True, 2, "source"),
        (True, 3, "authenticationSecret"),
        (True, 5, "transport.clientKeyPassword"),
    ]
    assert "pw" not in "".join(str(fault) for fault in found)


def test_a_mask_is_no_password() -> None:
    """What was copied from a log cannot log in."""
    assert "holds ***" in faults('name = "a"\nsource = "https://joe:***@h/x.csv"\n')[-1]


def test_check_finds_what_only_a_run_would_have_met(registry: Registry) -> None:
    """Mapper, sink, connector, rules and rows that cannot work together: all at once, each with its line, and nothing fetched."""
    text = """\
name = "acme"
source = "gopher://nowhere.invalid/x.csv"
to = "foo:///shop.db"
encoding = "klingon"
delimiter = '"'

[[fields]]
name = "Artikelnr"
purpose = "sku"
rules = ["nope"]

[[fields]]
name = "Lager"
purpose = "inventoryQuantity"

[[fields]]
name = "lager"
purpose = "inventoryQuantity"
"""
    found = check_feed_file(registry, text.encode(), {})
    assert [fault.line for fault in found] == [2, 3, 4, 5, 10, 16]
    said = " ".join(fault.message for fault in found)
    for word in ("gopher", "foo", "klingon", "quote", "nope", "twice"):
        assert word in said
    assert not any(fault.warning for fault in found)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "no column is mapped to externalId or sku"),
        ('[[fields]]\nname = "A"\npurpose = "sku"\n[[fields]]\nname = "B"\npurpose = "sku"\n', "'A' and to 'B'"),
        ('[[fields]]\nname = "A"\npurpose = "sku"\npriceOperator = "divide"\n', "priceOperator"),
        ('mapping = "unheard"\n', "'publishing', got 'unheard'"),
        ('resourceType = "upload"\n', "pushed to"),
        ('resourceType = "json"\nmapping = "shopify"\n', "no preset 'shopify'"),
        ("useProxy = true\n", "proxyUrl"),
    ],
)
def test_check_refuses_a_feed_that_cannot_run(registry: Registry, more: str, said: str) -> None:
    """What a run would refuse before or at the first record is a fault of the file."""
    text = f'name = "a"\nsource = "x.csv"\n{more}' if more else 'name = "a"\nsource = "x.csv"\nmapping = "custom"\n[[fields]]\nname = "Q"\n'
    text = text if more else f'{text}purpose = "inventoryQuantity"\n'
    assert said in " ".join(fault.message for fault in check_feed_file(registry, text.encode(), {}))


def test_a_good_file_has_no_fault(registry: Registry) -> None:
    """The example of this module can be used as it is."""
    assert check_feed_file(registry, GOOD.encode(), {}) == ()
    assert check_feed_file(registry, GOOD.replace("\n", "\r\n").encode("utf-8-sig"), {}) == ()


def test_loading_raises_with_every_fault(tmp_path: Path) -> None:
    """A program gets one error that lists them all, and one for a file that is not there."""
    path = tmp_path / "feed.toml"
    path.write_text('name = ""\nsorce = "x"\n', "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_feed_file(path)
    assert len(caught.value.problems) == 3
    with pytest.raises(ConfigError, match="cannot be read"):
        load_feed_file(tmp_path / "none.toml")
    path.write_text(GOOD, "utf-8")
    assert load_feed_file(path).name == "acme"


def test_places_know_every_way_to_write_a_key() -> None:
    """Dotted keys, quoted keys, tables, arrays of tables, inline tables, texts over several lines: each key has its line."""
    text = '''\
a.b = 1
"c d" = """
x = 1
"""
e = [
  1, # [not.a.table]
  { f = "]", g = 2 },
]

[h."i"]
j = 'k = 1'

[[l]]
m = 1
[[l]]
n = 2
[l.o]
p = 3.5
'''
    places = Places(text)
    expected = {
        ("a", "b"): 1,
        ("c d",): 2,
        ("e",): 5,
        ("e", 1, "g"): 7,
        ("h", "i", "j"): 11,
        ("l", 0, "m"): 14,
        ("l", 1, "n"): 16,
        ("l", 1, "o", "p"): 18,
        ("l", 1, "unknown"): 15,
        ("z",): None,
    }
    assert {path: places.line(path) for path in expected} == expected


@pytest.mark.parametrize(
    ("source", "masked", "variables"),
    [
        ("stock.csv", "stock.csv", ()),
        ("https://h/x.csv?format=csv", "https://h/x.csv?format=csv", ()),
        ("https://joe:pw@h/x", "https://${ACME_USER}:${ACME_PASSWORD}@h/x", ("ACME_USER", "ACME_PASSWORD")),
        ("https://h/x?api_key=1&a=2", "https://h/x?api_key=${ACME_API_KEY}&a=2", ("ACME_API_KEY",)),
        ("dir/${X}.csv", "dir/$${X}.csv", ()),
    ],
)
def test_a_source_is_written_without_its_secrets(source: str, masked: str, variables: tuple[str, ...]) -> None:
    """Credentials and what looks like a token become variables; everything else stays."""
    assert mask_source("acme", source) == (masked, variables)


def test_what_is_not_sure_is_a_comment_to_the_last_character() -> None:
    """Tables, lists, line ends and variables in the values of a guess: each is one line, and read back as it was."""
    lookup: dict[str, JsonValue] = {"in stock\nx": 1, "${X}": "${Y}"}
    row: dict[str, JsonValue] = {"name": "a\n[b]", "purpose": "inventoryQuantity", "lookup": lookup, "strip": ["a", '"b']}
    sure, unsure = FieldGuess(row, "because\nof it"), FieldGuess(row, "maybe\nnot", sure=False)
    setting = Setting("excludeTags", ["a", "b"], "so", sure=False)

    def drafted(*fields: FieldGuess) -> dict[str, Any]:
        guess = Guess("CSV", 1, (setting,), fields, ("a note\nof two lines",))
        return tomllib.loads("".join(f"{line}\n" for line in draft_lines(guess, name="x", source="s", given={})))

    assert drafted(unsure) == {"name": "x", "source": "s", "to": "sqlite:///shop.db"}
    (read_back,) = drafted(sure)["fields"]
    assert read_back.pop("lookup") == {"in stock\nx": 1, "${X}": "$${Y}"}
    assert read_back == {name: value for name, value in row.items() if name != "lookup"}


def test_a_feed_is_named_after_its_file() -> None:
    """Without endings, and without the date that changes every day."""
    names = [name_of(source) for source in ("a/stock_20260308.csv.gz", "https://h/a/feed.xml?x=1", "https://h/", "20260308.csv")]
    assert names == ["stock", "feed", "feed", "20260308"]
