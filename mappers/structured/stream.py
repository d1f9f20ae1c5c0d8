"""The bytes of a JSON document, and whether they can be read as UTF-8."""

from __future__ import annotations

from mappers.stream import Stream


class JsonStream(Stream):
    """The encoding of a JSON document (RFC 8259), or of JSON Lines."""

    form = "json"
    begins = (b"{", b"[")

    def encode(self, text: str) -> bytes:
        """Return the bytes that `Charset.decode` made this text of."""
        if self.charset.transcoded:
            return text.encode("utf-8", "surrogatepass")
        return text.encode(self.charset.encoding, "surrogateescape")

    def as_utf8(self, data: bytes) -> bytes | None:
        """Return whole records in UTF-8, None where some byte of them does not decode."""
        if self.charset.transcoded or self.charset.encoding == "utf-8" or data.isascii():
            return data
        text, valid = self.charset.decode(data)
        return text.encode() if valid else None

    def warnings(self) -> list[str]:
        """Return what a person should look at."""
        if not self.charset.guessed:
            return []
        return [f"the encoding was guessed as {self.charset.encoding}; keys beyond ASCII depend on it: set encoding to make sure"]
