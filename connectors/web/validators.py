"""By what the bytes of a response are known again (RFC 9110, sections 8.8, 13 and 14): to skip a fetch, and to go on with one.

A server that knows a file's time by the second cannot tell two writes of one second apart. So a validator made of a time counts
only once that time lies so far back that whoever writes again must change it: an old file that looks new costs a download, a new
one that looks old would be wrong stock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from connectors.web.errors import http_date

if TYPE_CHECKING:
    from datetime import datetime

_STRONG: Final = re.compile(r'"[\x21\x23-\x7e\x80-\U0010ffff]+"')
_HEX_TIME: Final = re.compile(r'"([0-9a-f]{1,15})-[0-9a-f]{1,16}"')
_DIGITS: Final = re.compile(r'"[0-9]+"')
_RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_MAX_LENGTH: Final = 512
_SETTLED_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Validators:
    """What a response says of its bytes' identity. `settled` is whether its time of change lies well before its own Date."""

    etag: str | None
    modified: str | None
    settled: bool
    coding: str

    @property
    def exact(self) -> bool:
        """Return whether the ETag stands for these bytes and no others."""
        return self._strong and not self._timed

    @property
    def version(self) -> str | None:
        """Return the text that stands for these bytes in `Source.known`, None when nothing can."""
        if self.etag is not None and (self.exact or self.settled or self.modified is None):
            return f"etag {self.etag}"
        if self.etag is None and self.modified is not None and self.settled:
            return f"modified {self.modified}"
        return None

    @property
    def range_condition(self) -> str | None:
        """Return what to send as If-Range, None when nothing proves that a later answer has the same bytes.

        A time stands for the file and not for one coding of it, so a coded body is resumed by a strong ETag only.
        """
        if self._strong:
            return self.etag if self.settled or not self._timed else None
        return self.modified if self.settled and not self.coding else None

    @property
    def _strong(self) -> bool:
        return self.etag is not None and _STRONG.fullmatch(self.etag) is not None

    @property
    def _timed(self) -> bool:
        """Return whether the ETag looks strong but is made of the time: nginx writes time and size in hex, lighttpd a hash of them."""
        if self.etag is None or self.modified is None:
            return False
        if _DIGITS.fullmatch(self.etag):
            return True
        found, moment = _HEX_TIME.fullmatch(self.etag), http_date(self.modified)
        return found is not None and moment is not None and int(found[1], 16) == int(moment.timestamp())


def validators_of(headers: Mapping[str, str]) -> Validators:
    """Read the validators of a response out of its headers; what is unreadable does not count."""
    etag: str | None = headers.get("ETag", "").strip()
    if not etag or len(etag) > _MAX_LENGTH or not etag.isprintable() or etag in ('""', 'W/""'):
        etag = None
    modified = headers.get("Last-Modified", "").strip()
    changed, now = http_date(modified), http_date(headers.get("Date", ""))
    coding = headers.get("Content-Encoding", "").strip().lower()
    return Validators(etag, modified if changed else None, _settled(changed, now), "" if coding == "identity" else coding)


def conditions(version: str) -> dict[str, str]:
    """Return the headers that ask for a document only if it is another than `version`; none for a text we did not write.

    Never a time where there is an ETag: a server that minds only the time would call a file unchanged that is not.
    """
    kind, _, value = version.partition(" ")
    name = {"etag": "If-None-Match", "modified": "If-Modified-Since"}.get(kind)
    return {name: value} if name is not None and value else {}


def contradicts(headers: Mapping[str, str], version: str) -> bool:
    """Return whether a 304 speaks of other bytes than were asked about.

    Many servers take any earlier time than the one asked about for unchanged, which a file that was put back from a copy has.
    """
    kind, _, value = version.partition(" ")
    said = headers.get("ETag" if kind == "etag" else "Last-Modified", "").strip()
    # A cache or a compressing proxy may weaken an ETag on its way; what it names stays the same (section 13.1.2).
    return bool(said) and said.removeprefix("W/") != value.removeprefix("W/")


def goes_on(headers: Mapping[str, str], offset: int, total: int | None) -> int | None:
    """Return the total a 206's Content-Range tells, None unless it goes on at `offset` towards the `total` known before."""
    found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if found is None:
        return None
    first, last, told = int(found[1]), int(found[2]), int(found[3])
    return told if first == offset and first <= last < told and total in (None, told) else None


def _settled(changed: datetime | None, now: datetime | None) -> bool:
    return changed is not None and now is not None and (now - changed).total_seconds() >= _SETTLED_SECONDS
