"""What a body really is when it is not the format it should be. Shared by every mapper of text."""

from __future__ import annotations

import re
from typing import Final

from engine.batch import clip
from engine.errors import RefuseRun

_UNPACK: Final = "unpack it at the source, or check the setting compression"
_EXPORT: Final = "have the supplier send the text export"

_MAGIC: Final = (
    (b"\x1f\x8b", "gzip data", _UNPACK),
    (b"PK\x05\x06", "an empty zip archive", _EXPORT),
    (b"BZh", "bzip2 data", _UNPACK),
    (b"\xfd7zXZ\0", "xz data", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "zstd data", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"%PDF-", "a PDF document", _EXPORT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (xls)", _EXPORT),
    (b"\x89PNG\r\n", "a PNG image", "check the address"),
    (b"\xff\xd8\xff", "a JPEG image", "check the address"),
)
_HTML: Final = re.compile(rb"<(?:!doctype\s+html|html|head|body|title)\b", re.IGNORECASE)
_HTML_ROOT: Final = re.compile(rb"(?:<\?.*?\?>|<!--.*?-->|\s)*+<(?:!doctype\s+html|html|head|body|title)\b", re.IGNORECASE | re.DOTALL)
_TITLE: Final = re.compile(rb"<title[^>]*>\s*([^<]+)", re.IGNORECASE)
_XML: Final = re.compile(rb"<(?:\?xml|!--|!DOCTYPE|[A-Za-z_][\w.:-]*[\s/>])")
_JSON: Final = re.compile(rb"""\{\s*["}]|\[\s*[\[{"\]]""")
_MESSAGE_KEYS: Final = (b"message", b"error_description", b"detail", b"error", b"title", b"reason")
_TEXT_CONTROLS: Final = bytes(range(0x20, 0x100)) + b"\t\n\v\f\r\x1a\x1c\x1d\x1e\x1f"


def refuse_foreign(sample: bytes, *, wanted: str, name: str) -> None:
    """Raise `RefuseRun` when the first bytes of a document are plainly not `wanted` (`csv`, `xml`, `json`).

    `sample` is in an ASCII-compatible encoding; text in UTF-16 has to be decoded first. The message says what came, what
    was expected and what to do.
    """
    found = _packed(sample) or _as_text(sample, wanted) or _junk(sample)
    if found is not None:
        what, cure = found
        raise RefuseRun(f"{name} is {what}, not {wanted}: {cure}; nothing was applied")


def _packed(sample: bytes) -> tuple[str, str] | None:
    if sample.startswith(b"PK\x03\x04"):
        if b"[Content_Types].xml" in sample or b"xl/" in sample:
            return "an Excel workbook (xlsx)", _EXPORT
        return "a zip archive", _UNPACK
    return next(((what, cure) for magic, what, cure in _MAGIC if sample.startswith(magic)), None)


def _as_text(sample: bytes, wanted: str) -> tuple[str, str] | None:
    text = sample.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        return f"empty ({len(sample)} bytes)", "ask the supplier whether the export ran"
    if text.startswith(b"version https://git-lfs.github.com/spec/"):
        return "a Git LFS pointer, the note that stands for a file kept elsewhere", "fetch the file itself (its raw or media address)"
    if text.startswith(b"<"):
        return _as_markup(text, wanted)
    if wanted != "json" and _JSON.match(text):
        return _as_json(text)
    return None


def _as_markup(text: bytes, wanted: str) -> tuple[str, str] | None:
    # XML may well have a title, as RSS does; what it begins with tells.
    if _HTML_ROOT.match(text, 0, 2048) if wanted == "xml" else _HTML.search(text, 0, 2048):
        title = _TITLE.search(text)
        quoted = f" titled {_quoted(title[1])}" if title else ""
        return f"an HTML page{quoted} (a login or error page?)", "check the address, the credentials and whether the link has expired"
    if wanted != "xml" and _XML.match(text):
        return "an XML document", "set the resource type to xml, or fetch the right address"
    return None


def _as_json(text: bytes) -> tuple[str, str]:
    message = None
    if text.startswith(b"{"):
        head = text[:4096]
        found = (re.search(rb'"' + key + rb'"\s*:\s*"((?:[^"\\]|\\.)+)"', head, re.IGNORECASE) for key in _MESSAGE_KEYS)
        message = next((match[1] for match in found if match), None)
    if message is not None:
        return f"a JSON object that says {_quoted(message)}", "check the address and the credentials"
    kind = "array" if text.startswith(b"[") else "object"
    return f"a JSON {kind}", "set the resource type to json, or fetch the right address"


def _quoted(text: bytes) -> str:
    return repr(clip(" ".join(text.decode("utf-8", "replace").split()), 200))


def _junk(sample: bytes) -> tuple[str, str] | None:
    head = sample[:8192]
    controls = len(head.translate(None, _TEXT_CONTROLS))
    if controls * 10 <= len(head):
        return None
    return f"binary data ({controls} control characters in the first {len(head)} bytes)", "check what the address serves"
