"""Quirk 7: the encoding of a document, found or set, shown with its reason, and what happens to bytes that do not fit."""

from __future__ import annotations

import codecs

import pytest

from engine.batch import Batch, JsonValue
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import ConfigError, RefuseRun
from mappers.charset import find_charset, settle, splits_as_bytes, xml_encoding
from mappers.csv import CsvMapper

GERMAN = "sku;Bezeichnung;Menge\n1;Größe für Türschlösser;5\n2;Schlüssel, weiß;7\n"
POLISH = "sku;nazwa;stan\n1;Żółta łódź;5\n2;Ściereczka świąteczna, źródło;7\n3;Gęś pieczona z jabłkami;1\n"
RUSSIAN = "sku;название;остаток\n1;Молоток слесарный большой;5\n2;Отвёртка крестовая;7\n3;Пила ручная по дереву;1\n"


def read(data: bytes, *, charset: str | None = None, small: bool = False, **attributes: JsonValue) -> tuple[CsvMapper, list[Batch]]:
    """Read a whole document."""
    settings = MapperSettings((("sku",),), attributes)
    sizes = {"sample_bytes": 64, "piece_bytes": 128} if small else {}
    mapper = CsvMapper(settings, DocumentFacts("t.csv", charset=charset), **sizes)
    pieces = [*mapper.feed(data), *mapper.finish()]
    return mapper, [mapper.parse(piece) for piece in pieces]


def names(batches: list[Batch]) -> list[str]:
    """Return the second cell of every row."""
    return [row[1] for batch in batches for row in batch.rows]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(GERMAN, "utf-8"), (GERMAN, "cp1252"), (POLISH, "cp1250"), (POLISH, "iso8859-2"), (RUSSIAN, "cp1251"),
     (GERMAN, "utf-16-le"), (RUSSIAN, "utf-16-be"), (GERMAN, "utf-8-sig"), (RUSSIAN, "utf-16"), (RUSSIAN, "utf-32")],
)  # fmt: skip
def test_the_encoding_is_found_and_shown(text: str, encoding: str) -> None:
    """The names read as they were written, and the dialect says why."""
    mapper, batches = read(text.encode(encoding))
    assert names(batches) == [line.split(";")[1] for line in text.splitlines()[1:]]
    assert str(mapper.dialect["encoding"]) in (encoding, "utf-8", f"{encoding}-le")
    reasons = mapper.dialect["reasons"]
    assert isinstance(reasons, dict)
    assert reasons["encoding"]


@pytest.mark.parametrize("encoding", ["cp1252", "iso8859-15", "shift_jis", "gbk", "utf-16-be"])
def test_a_set_encoding_is_followed(encoding: str) -> None:
    """The feed's own setting decides where there is no byte order mark."""
    text = "sku;name\n1;" + ("ソ表能|漢" if encoding in ("shift_jis", "gbk") else "Türe ß") + "\n2;x\n"
    text = text.replace("|", "")
    mapper, batches = read(text.encode(encoding, "ignore"), encoding=encoding)
    assert names(batches)[0] == text.encode(encoding, "ignore").decode(encoding).splitlines()[1][2:]
    assert mapper.dialect["encoding"] == encoding


def test_a_mark_outweighs_the_setting() -> None:
    """A byte order mark is never wrong, a setting may be stale."""
    mapper, batches = read(codecs.BOM_UTF8 + GERMAN.encode(), encoding="windows-1252")
    assert (mapper.dialect["encoding"], mapper.columns[0]) == ("utf-8", "sku")
    assert names(batches)[0] == "Größe für Türschlösser"


def test_an_unknown_encoding_is_a_setting_to_change() -> None:
    """The message names the value and offers others."""
    with pytest.raises(ConfigError, match=r"encoding is 'windows-9999'.*try utf-8"):
        CsvMapper(MapperSettings(attributes={"encoding": "windows-9999"}), DocumentFacts("t.csv"))


@pytest.mark.parametrize(
    ("declared", "encoding", "found"),
    [("windows-1252", "cp1252", "cp1252"), ("ISO-8859-1", "utf-8", "utf-8"), ("utf-8", "cp1252", "cp1252"),
     ("iso-8859-2", "iso8859-2", "iso8859-2"), ("utf8", "utf-16-le", "utf-16-le"), ("nonsense", "utf-8", "utf-8")],
)  # fmt: skip
def test_the_transport_is_believed_only_when_the_bytes_agree(declared: str, encoding: str, found: str) -> None:
    """Web servers declare what they were set to years ago."""
    charset = find_charset((POLISH if "2" in declared[-2:] and "iso" in declared else GERMAN).encode(encoding), declared=declared)
    assert charset.encoding == found
    assert ("but the bytes are otherwise" in charset.reason) == (declared in ("ISO-8859-1", "utf-8", "utf8"))


def test_a_character_cut_by_the_sample_is_no_fault() -> None:
    """A sample that ends inside a character is still UTF-8."""
    data = "äöü".encode()
    assert [find_charset(data[:size], complete=False).encoding for size in range(2, 7)] == ["utf-8"] * 5


def test_ascii_is_settled_by_the_first_other_byte() -> None:
    """A document that begins as plain ASCII takes the encoding its first special letters are in, and says so."""
    head = "sku;name\n" + "".join(f"{number};plain\n" for number in range(40))
    mapper, batches = read((head + "41;Größe für Türen\n42;weiß\n").encode("cp1252"), small=True)
    assert names(batches)[-2:] == ["Größe für Türen", "weiß"]
    assert mapper.dialect["encoding"] == "cp1252"
    assert "began as plain ASCII" in str(mapper.dialect["reasons"])
    assert not any(batch.flaws for batch in batches)


def test_ascii_may_turn_out_to_be_utf8() -> None:
    """The assumption holds where the bytes confirm it."""
    head = "sku;name\n" + "".join(f"{number};plain\n" for number in range(40))
    mapper, batches = read((head + "41;Größe\n").encode(), small=True)
    assert (names(batches)[-1], mapper.dialect["encoding"]) == ("Größe", "utf-8")


def test_bytes_that_do_not_decode_reject_their_row_alone() -> None:
    """The reason names the byte, the encoding, the column and the cure."""
    _, (batch,) = read("sku;name;qty\n1;Größe;5\n2;Gr@;6\n3;ö;7\n".encode().replace(b"@", b"\xf6"), encoding="utf-8")
    assert [row[0] for row in batch.rows] == ["1", "3"]
    (flaw,) = batch.flaws
    assert (flaw.line, flaw.column, flaw.fate) == (3, "name", "rejected")
    assert flaw.reason == "byte 0xF6 does not decode as utf-8: set encoding to the one the feed is written in"
    flaw.raw.encode()


def test_a_nul_rejects_its_row_alone() -> None:
    """NUL in text is a reject; no store takes it."""
    _, (batch,) = read(b"sku;name\n1;a\n2;b\0c\n3;d\n4;e\n5;f\n")
    assert [row[0] for row in batch.rows] == ["1", "3", "4", "5"]
    assert "NUL" in batch.flaws[0].reason
    assert "\0" not in batch.flaws[0].raw


def test_utf16_cut_in_a_character_is_refused() -> None:
    """An odd byte at the end means that the rest is missing."""
    with pytest.raises(RefuseRun, match="cut short"):
        read(codecs.BOM_UTF16_LE + GERMAN.encode("utf-16-le")[:-1])


def test_only_encodings_built_on_ascii_are_split_as_bytes() -> None:
    """In the others half a character may look like a delimiter."""
    assert all(map(splits_as_bytes, ["utf-8", "cp1252", "iso8859-15", "cp1251", "koi8-r", "ascii"]))
    assert not any(map(splits_as_bytes, ["utf-16-le", "utf-32-be", "shift_jis", "gbk", "big5", "euc_jp", "euc_kr", "cp037", "utf-7"]))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("øl-1;blå-2;æske-3", "cp1252"), ("crème;à la carte;garçon", "cp1252"), ("niño;año", "cp1252"), ("São;açaí;pão", "cp1252"),
     ("ÖL-ñ", "cp1252"), ("Žluťoučký kůň příliš", "cp1250"), ("šroub křížový", "cp1250"), ("fűrész őr", "cp1250"),
     ("Żółta łódź", "cp1250"), ("Żółta łódź gęś", "iso8859-2"), ("Молоток", "cp1251")],
)  # fmt: skip
def test_a_few_words_are_guessed_right(text: str, encoding: str) -> None:
    """Keys depend on the guess, so few words must do; and a guess says that it is one."""
    charset = find_charset(f"sku;stock\n{text};5\n".encode(encoding))
    assert f"{text};5".encode(encoding).decode(charset.encoding) == f"{text};5"
    assert charset.guessed


def test_a_guess_is_a_warning() -> None:
    """What keys depend on is said where a person looks, not only among the reasons."""
    mapper, _ = read(GERMAN.encode("cp1252"))
    assert "guessed as cp1252" in str(mapper.dialect["warnings"])
    mapper, _ = read(GERMAN.encode())
    assert "warnings" not in mapper.dialect


def test_one_stray_byte_does_not_change_the_reading_of_every_key() -> None:
    """A text with one good sequence and one bad byte is UTF-8 with a bad byte."""
    charset = find_charset(b"sku;stock\nK\xc3\x96-1;0\nbad\xff;5\n")
    assert (charset.encoding, charset.guessed) == ("utf-8", False)


def xml(encoding: str | None, text: str = "Türschlösser, weiß") -> str:
    """Return an XML document that says it is written in `encoding`."""
    said = f" encoding='{encoding}'" if encoding else ""
    return f'<?xml version="1.0"{said} standalone="yes"?>\n<items><item sku="1"><name>{text}</name></item></items>\n'


@pytest.mark.parametrize(
    ("written", "mark", "option", "said", "declared", "found", "reason"),
    [
        # A byte order mark above all.
        ("utf-8", codecs.BOM_UTF8, "cp1252", None, None, "utf-8", "byte order mark; the setting cp1252 gives way"),
        ("utf-8", codecs.BOM_UTF8, None, "ISO-8859-1", None, "utf-8", "byte order mark; the XML declaration ISO-8859-1 gives way"),
        ("utf-8", codecs.BOM_UTF8, None, None, "iso-8859-2", "utf-8", "byte order mark; the transport iso-8859-2 gives way"),
        ("utf-16-le", codecs.BOM_UTF16_LE, None, "utf-16", "utf-16", "utf-16-le", "byte order mark"),
        # The feed's setting above what is declared.
        ("iso8859-15", b"", "iso8859-15", "ISO-8859-1", None, "iso8859-15", "set by the feed; the XML declaration ISO-8859-1 gives way"),
        ("iso8859-15", b"", "iso8859-15", None, "utf-8", "iso8859-15", "set by the feed; the transport utf-8 gives way"),
        # The document's own declaration above the server's.
        ("iso8859-2", b"", None, "ISO-8859-2", "windows-1252", "iso8859-2",
         "declared by the XML declaration; the transport windows-1252 gives way"),
        ("utf-8", b"", None, "UTF-8", "ISO-8859-1", "utf-8", "declared by the XML declaration; the transport ISO-8859-1 gives way"),
        ("utf-16-be", b"", None, "utf-16", "utf-8", "utf-16-be",
         "declared by the XML declaration as utf-16; every other byte is NUL; the transport utf-8 gives way"),
        # The server's above a guess, and the bytes above either where they contradict.
        ("cp1252", b"", None, None, "windows-1252", "cp1252", "declared by the transport"),
        ("cp1252", b"", None, "utf-8", "windows-1252", "cp1252",
         "declared by the transport; the XML declaration declared utf-8, but the bytes are otherwise"),
        ("utf-16-le", b"", None, "utf-8", None, "utf-16-le",
         "every other byte is NUL; the XML declaration declared utf-8, but the bytes are otherwise"),
        ("utf-8", b"", None, "utf-16", None, "utf-8", "valid UTF-8; the XML declaration declared utf-16, but the bytes are otherwise"),
        ("utf-8", b"", None, "ISO-8859-1", "iso-8859-1", "utf-8",
         "valid UTF-8; the XML declaration declared ISO-8859-1, but the bytes are otherwise; "
         "the transport declared iso-8859-1, but the bytes are otherwise"),
        ("utf-8", b"", None, "martian", None, "utf-8", "valid UTF-8; the XML declaration declared martian, which is unknown"),
    ],
)  # fmt: skip
def test_who_says_the_encoding_is_heard_in_order(
    written: str, mark: bytes, option: str | None, said: str | None, declared: str | None, found: str, reason: str
) -> None:
    """A mark, the setting, the XML declaration, the server, the bytes; who gives way is named, and nobody outweighs the bytes."""
    charset = find_charset(mark + xml(said).encode(written), option=option, declared=declared)
    assert (charset.encoding, charset.reason) == (found, reason)


def test_a_declaration_outlives_a_beginning_in_ascii() -> None:
    """What the XML declaration says still counts for the first letter beyond ASCII, however late it comes."""
    head = find_charset(xml("ISO-8859-2", "plain").encode(), declared="windows-1252")
    assert (head.encoding, head.assumed) == ("iso8859-2", True)
    assert settle("<name>łódź</name>".encode("iso8859-2"), head, "windows-1252").encoding == "iso8859-2"
    assert settle("<name>łódź</name>".encode(), head, "windows-1252").encoding == "utf-8"


def test_only_a_declaration_at_the_beginning_counts() -> None:
    """Text that speaks of XML declares nothing."""
    assert xml_encoding(b"sku;note\n1;<?xml version='1.0' encoding='cp1250'?>\n") is None
    assert xml_encoding(b"<?xml version='1.0'?><a encoding='cp1250'/>") is None
    assert xml_encoding(b"\n <?xml version = '1.0' encoding = 'cp1250' ?>") == "cp1250"
