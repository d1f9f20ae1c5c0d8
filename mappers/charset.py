"""Which encoding a document is written in, with the reason; and how its pieces are decoded.

This stands in the mappers and not in the engine's decode stage because records are cut, and known ones dropped, as bytes:
decoding the whole document first would pay for every record that nobody looks at.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeAlias

from mappers.options import text_encoding

LIKELY: Final = ("cp1252", "cp1250", "cp1251", "iso8859-1", "iso8859-2", "iso8859-15")
"""What is considered when bytes are not UTF-8, the most common first."""

_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_GUESS_BYTES: Final = 32 * 1024
_HIGH_RUNS: Final = re.compile(rb"[\x80-\xff]+")
_IN_LATIN_WORDS: Final = re.compile(rb"[A-Za-z][\x80-\xff]+|[\x80-\xff]+[A-Za-z]")
PINNED: Final = "pinned to the feed (run before)"
"""The reason of what is read as in the last complete run."""

_XML_DECLARATION: Final = re.compile(r"""\s*<\?xml\s[^>]*?\bencoding\s*=\s*["']\s*([A-Za-z][\w.\-]*)\s*["']""", re.ASCII)
_DECLARATION_BYTES: Final = 2048

_Declarations: TypeAlias = tuple[tuple[str, str | None], ...]
"""Who says which encoding, the most trusted first."""


@dataclass(frozen=True, slots=True)
class Charset:
    """An encoding and why it was chosen. `bom` is the length of the byte order mark.

    `assumed` says that nothing but ASCII has been seen, so that the first other byte has to settle the matter; `guessed` that
    the bytes would make sense in another encoding too. `xml` is what an XML declaration names, right or wrong.
    """

    encoding: str
    reason: str
    bom: int = 0
    assumed: bool = False
    guessed: bool = False
    xml: str | None = None

    @property
    def transcoded(self) -> bool:
        """Tell whether the bytes must become UTF-8 before they can be split at ASCII bytes."""
        return not splits_as_bytes(self.encoding)

    def decode(self, data: bytes) -> tuple[str, bool]:
        """Decode a piece (UTF-8 if transcoded); return the text, and whether every byte of it was valid.

        Bytes that are not valid stand in the text as lone surrogates.
        """
        encoding, errors = ("utf-8", "surrogatepass") if self.transcoded else (self.encoding, "surrogateescape")
        try:
            return data.decode(encoding), True
        except UnicodeDecodeError:
            return data.decode(encoding, errors), False

    def transcoder(self) -> codecs.IncrementalDecoder:
        """Return a decoder that keeps what it cannot decode as lone surrogates."""
        wide = self.encoding.startswith(("utf-16", "utf-32"))
        return codecs.getincrementaldecoder(self.encoding)("surrogatepass" if wide else "surrogateescape")


@lru_cache(maxsize=64)
def splits_as_bytes(encoding: str) -> bool:
    """Tell whether an ASCII byte always is that character: UTF-8 and single-byte encodings built on ASCII.

    In others (UTF-16, Shift-JIS, GBK, Big5) the byte of a delimiter or a quote may be half of another character.
    """
    if encoding in ("utf-8", "ascii"):
        return True
    if encoding.startswith(("iso2022", "iso-2022", "hz", "utf-7", "utf_7")):
        # Their shifted states use ASCII bytes for other characters.
        return False
    ascii_bytes = bytes(range(128))
    try:
        if ascii_bytes.decode(encoding) != ascii_bytes.decode("ascii"):
            return False
        # Probes that follow a lead byte of every multi-byte family: a letter, and two high bytes.
        return all(len(bytes((high, low)).decode(encoding, "replace")) == 2 for high in range(128, 256) for low in (0x41, 0xA1, 0xE9))
    except UnicodeError:
        return False


def find_charset(
    sample: bytes, *, complete: bool = True, option: str | None = None, declared: str | None = None, pinned: str | None = None
) -> Charset:
    """Choose the encoding of a document from its first bytes.

    In this order: a byte order mark, the feed's own setting, what an XML declaration says and what the transport declared,
    each if the bytes agree, UTF-16 by its NULs, UTF-8, a guess among `LIKELY`. In place of that guess comes `pinned`, the
    encoding of the last complete run, where the bytes make sense in it. `complete` is False when the sample may end inside a
    character.
    """
    xml = xml_encoding(sample)
    declarations: _Declarations = (("the XML declaration", xml), ("the transport", declared))
    for mark, encoding in _BOMS:
        if sample.startswith(mark):
            return Charset(encoding, f"byte order mark{_yielding(encoding, ('the setting', option), *declarations)}", len(mark), xml=xml)
    if option is not None:
        found = _as_set(sample, option)
        return replace(found, reason=f"{found.reason}{_yielding(found.encoding, *declarations)}", xml=xml)
    found = _as_said(sample, complete, declarations, pinned)
    if found.assumed and pinned is not None and pinned != found.encoding and splits_as_bytes(pinned):
        # Nothing is read by it yet; but a file that happens to be plain ASCII today is not written otherwise than before.
        found = Charset(pinned, f"only ASCII so far; {PINNED}", assumed=True)
    return replace(found, xml=xml)


def settle(piece: bytes, charset: Charset, declared: str | None, pinned: str | None = None) -> Charset:
    """Choose again when the first bytes beyond ASCII arrive; `piece` ends at a record's end."""
    found = _as_said(piece, True, (("the XML declaration", charset.xml), ("the transport", declared)), pinned)
    if found.encoding == charset.encoding:
        return Charset(found.encoding, found.reason, guessed=found.guessed)
    return Charset(found.encoding, f"{found.reason}; the document began as plain ASCII", guessed=found.guessed)


def xml_encoding(sample: bytes) -> str | None:
    """Return the encoding that an XML declaration names, also where it is written in UTF-16; None where there is none."""
    head = sample[:_DECLARATION_BYTES]
    # Whatever the encoding, a declaration is ASCII with NULs and a mark in between (XML 1.0, appendix F).
    text = head.replace(b"\0", b"").decode("ascii", "ignore")
    match = _XML_DECLARATION.match(text)
    return match[1] if match else None


def _as_said(sample: bytes, complete: bool, declarations: _Declarations, pinned: str | None = None) -> Charset:
    """Follow the first declaration that the bytes agree with, else the bytes."""
    notes = ""
    for number, (who, name) in enumerate(declarations, 1):
        if name is None:
            continue
        encoding = text_encoding(name)
        if encoding is None:
            notes += f"; {who} declared {name}, which is unknown"
        elif found := _as_declared(sample, complete, encoding, f"declared by {who}"):
            return replace(found, reason=f"{found.reason}{_yielding(found.encoding, *declarations[number:])}{notes}")
        else:
            notes += f"; {who} declared {name}, but the bytes are otherwise"
    return _by_bytes(sample, complete, notes, pinned)


def _yielding(encoding: str, *said: tuple[str, str | None]) -> str:
    """Name what was said otherwise by those who come after."""
    named = ((who, name, text_encoding(name) or name) for who, name in said if name)
    return "".join(f"; {who} {name} gives way" for who, name, other in named if encoding not in (other, f"{other}-le", f"{other}-be"))


def _as_set(sample: bytes, option: str) -> Charset:
    if option in ("utf-16", "utf-32"):
        endian = "be" if _nul_pattern(sample) == "utf-16-be" else "le"
        return Charset(f"{option}-{endian}", f"set by the feed; no byte order mark, read as {endian.upper()}")
    return Charset(option, "set by the feed")


def _as_declared(sample: bytes, complete: bool, name: str, reason: str) -> Charset | None:
    wide = _nul_pattern(sample)
    if name == "utf-16" and wide is not None:
        name, reason = wide, f"{reason} as utf-16; every other byte is NUL"
    if name in ("utf-16", "utf-32") or wide not in (None, name):
        return None
    if wide is not None:
        return Charset(name, reason) if _decodes(sample, name, complete) else None
    if sample.isascii() and splits_as_bytes(name):
        return Charset(name, f"{reason}; only ASCII so far", assumed=True)
    if _decodes(sample, "utf-8", complete) and not sample.isascii():
        # Text in another encoding is hardly ever valid UTF-8 by chance; web servers declare ISO-8859-1 by default.
        return Charset("utf-8", reason) if name == "utf-8" else None
    if name == "iso8859-1" and any(0x80 <= byte <= 0x9F for byte in sample) and _decodes(sample, "cp1252", complete):
        return Charset("cp1252", f"{reason} as iso-8859-1, but with the letters only windows-1252 has")
    return Charset(name, reason) if _decodes(sample, name, complete) else None


def _by_bytes(sample: bytes, complete: bool, note: str, pinned: str | None) -> Charset:
    wide = _nul_pattern(sample)
    if wide is not None and _decodes(sample, wide, complete):
        return Charset(wide, f"every other byte is NUL{note}")
    if sample.isascii():
        return Charset("utf-8", f"only ASCII so far, read as UTF-8{note}", assumed=True)
    if _decodes(sample, "utf-8", complete):
        return Charset("utf-8", f"valid UTF-8{note}")
    if wrong := _nearly_utf8(sample, complete):
        return Charset("utf-8", f"UTF-8 but for {wrong} bytes{note}")
    telling = _telling(sample)
    if pinned is not None and _decodes(sample, pinned, complete) and _makes_sense(telling, pinned):
        return Charset(pinned, f"not UTF-8; {PINNED}{note}", guessed=True)
    return Charset(_guess(telling), f"not UTF-8; guessed from its letters: set encoding if names look wrong{note}", guessed=True)


def _decodes(sample: bytes, encoding: str, complete: bool) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(sample, complete)
    except UnicodeError:
        return False
    return True


def _nul_pattern(sample: bytes) -> str | None:
    """Name the UTF-16 whose ASCII characters would put NULs where this sample has them."""
    head = sample[: 4096 & ~1]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    # Even text of no ASCII letter has digits, delimiters and line ends; fewer than four NULs may be stray ones.
    if max(even, odd) < max(4, len(head) // 20) or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _nearly_utf8(sample: bytes, complete: bool) -> int:
    """Return how many bytes of a text that is plainly UTF-8 are not, 0 when it is not plainly UTF-8.

    Letters of another encoding hardly ever make a valid sequence by chance, so a majority of valid ones is plain enough: one
    stray byte must not change the reading of every key.
    """
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(sample, complete)
    wrong = sum("\ud800" <= character <= "\udfff" for character in text)
    return wrong if sum(character > "\x7f" for character in text) >= 2 * wrong else 0


def _telling(sample: bytes) -> bytes:
    # Only lines with letters beyond ASCII tell anything.
    return b"\n".join(line for line in sample.replace(b"\r", b"\n").split(b"\n") if not line.isascii())[:_GUESS_BYTES]


def _makes_sense(telling: bytes, pinned: str) -> bool:
    """Tell whether text may well be written in the encoding that was right before.

    It may not where another one makes better words of it, where whole words of high bytes are to be accents, and where
    Cyrillic letters stand in Latin words. Between encodings that make words alike, the one of before is the better bet: with
    another, every key beyond ASCII would be a new item.
    """
    # Text in UTF-16 was told by its NULs; almost any bytes would decode as it, and as the encodings of East Asia.
    reading = _reading(telling, pinned) if splits_as_bytes(pinned) else None
    if reading is None:
        return False
    fewest = min((_misspelt(text) for name in LIKELY if (text := _reading(telling, name)) is not None), default=0)
    if _misspelt(reading) > fewest * 1.1 + 1:
        return False
    if any("\u0400" <= character <= "\u04ff" for character in reading):
        return len(_IN_LATIN_WORDS.findall(telling)) * 2 <= len(_HIGH_RUNS.findall(telling))
    return not _stands_in_runs(telling)


def _misspelt(text: str) -> int:
    humps = sum(before.islower() and character > "\x7f" and character.isupper() for before, character in pairwise(text))
    return _odd_characters(text) + humps


def _guess(telling: bytes) -> str:
    readings = {name: text for name in LIKELY if (text := _reading(telling, name)) is not None}
    odd = {name: _odd_characters(text) for name, text in readings.items()}
    fewest = min(odd.values())
    plausible = [name for name in readings if odd[name] <= fewest * 1.1]
    if len({readings[name] for name in plausible}) == 1:
        return plausible[0]
    if "cp1251" in plausible and _stands_in_runs(telling):
        return "cp1251"
    if "cp1252" in plausible:
        return "cp1250" if "cp1250" in plausible and _looks_central_european(readings["cp1252"]) else "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(telling, cp_isolation=plausible).best()
    # Where several encodings read the same text the choice between them is a toss-up: the most common one is the better bet.
    return plausible[0] if best is None else next((name for name in plausible if readings[name] == str(best)), plausible[0])


def _stands_in_runs(data: bytes) -> bool:
    """Tell whether letters beyond ASCII mostly stand beside each other: whole words of them are Cyrillic, single ones accents."""
    runs = _HIGH_RUNS.findall(data)
    return sum(len(run) for run in runs if len(run) > 3) * 2 > sum(map(len, runs))


def _looks_central_european(western: str) -> bool:
    """Tell whether a text read as windows-1252 is one of windows-1250, by letters that no Western language has together.

    A general detector was tried first and took Danish, Spanish and French for Polish even in long texts.
    """
    letters = set(western.lower())
    czech = bool(letters & set("šž")) and bool(letters & set("øìèùò")) and not letters & set("åæñ")
    hungarian = {"õ", "û"} <= letters and not letters & set("ãç")
    return czech or hungarian


def _reading(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _odd_characters(text: str) -> int:
    """Count control characters, and signs beyond ASCII that touch a letter: `³ód¼` is no word in any language."""
    odd = 0
    for before, character, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if character > "\x7f" and not character.isalpha():
            odd += character < "\xa0" or before.isalpha() or after.isalpha()
    return odd
