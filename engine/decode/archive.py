"""Zip archives: kept on disk while they arrive, since their directory stands at the end, then read member by member."""

from __future__ import annotations

import bz2
import struct
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import IO, Final

from isal import igzip_lib, isal_zlib

from engine.batch import clip
from engine.decode.allowance import Allowance
from engine.decode.faults import FAULTS, Damaged, ended_early, translate
from engine.decode.series import Unpacking
from engine.document import CHUNK_BYTES
from engine.errors import RefuseRun, Retry

WORKBOOK: Final = "[Content_Types].xml"
"""The member that every Office document has, an Excel workbook among them: zip is how it is stored, not how it was sent."""

_LOCAL: Final = struct.Struct("<4s2xHH16xHH")
_END: Final = struct.Struct("<4sHHHHIIH")
_END_REACH: Final = _END.size + 0xFFFF
_WIDE_LOCATOR: Final = struct.Struct("<4s4xQ4x")
_WIDE_END: Final = struct.Struct("<4s28xQQ8x")
_END_MAGIC, _ENTRY_MAGIC, _WIDE_MAGIC, _LOCATOR_MAGIC = b"PK\x05\x06", b"PK\x01\x02", b"PK\x06\x06", b"PK\x06\x07"
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_DIRECTORY_BYTES: Final = 16 * 1024**2
_LISTED: Final = 20


class Archive:
    """One zip archive. `feed` keeps its bytes in an unnamed temporary file, `open` reads the directory, `read` a member.

    The names of members are never paths of this machine: nothing but the temporary file is written.
    """

    __slots__ = ("_allowance", "_name", "_size", "_spool")

    def __init__(self, name: str, allowance: Allowance) -> None:
        self._name = name
        self._allowance = allowance
        self._size = 0
        with self._on_disk():
            self._spool: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`

    def feed(self, data: bytes) -> None:
        """Keep the next bytes; raises `Retry` when the disk does not take them, `RefuseRun` when they are too many."""
        self._size += len(data)
        self._allowance.spool(self._size)
        with self._on_disk():
            self._spool.write(data)

    def close(self) -> None:
        """Remove the temporary file."""
        self._spool.close()

    def members(self) -> list[zipfile.ZipInfo]:
        """Return the files of the archive in its order, once all of it was fed.

        Raises `Retry` when the archive is cut or damaged, `RefuseRun` when it lists more than the document may hold.
        """
        with self._on_disk():
            self._spool.flush()
        try:
            listed = self._check_end()
            with zipfile.ZipFile(self._spool) as directory:
                members = directory.infolist()
        except (zipfile.BadZipFile, NotImplementedError, struct.error, *FAULTS) as error:
            raise translate(error, self._name, "zip") from None
        # An archive cut right behind a member that is an archive itself ends in a directory too, but not in its own.
        starts = [member.header_offset for member in members] or [0]
        if listed != len(members) or min(starts) != 0 or max(starts) > self._size:
            raise translate(Damaged("its directory does not describe all of it"), self._name, "zip")
        if sum(member.compress_size for member in members) > self._size:
            raise RefuseRun(f"{self._name} is a zip whose members overlap, as in a decompression bomb: nothing was applied")
        return [member for member in members if not member.is_dir()]

    def whole(self) -> Iterator[bytes]:
        """Yield the archive as it came."""
        self._spool.seek(0)
        while piece := self._spool.read(CHUNK_BYTES):
            yield piece

    def read(self, member: zipfile.ZipInfo, label: str) -> Iterator[bytes]:
        """Yield the bytes of a member in pieces of at most `CHUNK_BYTES`, checked against the directory's size and check sum."""
        _refuse_unreadable(member, label)
        crc = size = 0
        try:
            for piece in self._unpacked(member):
                crc = isal_zlib.crc32(piece, crc)
                size += len(piece)
                yield piece
            if size != member.file_size or crc != member.CRC:
                raise Damaged("its check sum does not fit")
        except FAULTS as error:
            raise translate(error, label, "zip") from None

    def _unpacked(self, member: zipfile.ZipInfo) -> Iterator[bytes]:
        raw = self._raw(member)
        if member.compress_type == zipfile.ZIP_STORED or not member.compress_size:
            yield from raw
            return
        unpacking = _unpacking(member.compress_type)
        while not unpacking.eof:
            data = next(raw, b"") if unpacking.needs_input else b""
            if not data and unpacking.needs_input:
                raise Damaged("its data ends early")
            if piece := unpacking.decompress(data, CHUNK_BYTES):
                yield piece

    def _raw(self, member: zipfile.ZipInfo) -> Iterator[bytes]:
        """Yield the bytes of a member as they stand in the archive."""
        self._spool.seek(member.header_offset)
        header = self._spool.read(_LOCAL.size)
        if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
            raise Damaged("its directory points to no member")
        *_, name_length, extra_length = _LOCAL.unpack(header)
        offset = member.header_offset + _LOCAL.size + name_length + extra_length
        end = offset + member.compress_size
        self._spool.seek(offset)
        while offset < end:
            piece = self._spool.read(min(CHUNK_BYTES, end - offset))
            if not piece:
                raise Damaged("its data ends early")
            offset += len(piece)
            yield piece

    def _check_end(self) -> int:
        """Return how many members the end of the archive announces, having seen that its directory may be read into memory."""
        reach = min(self._size, _END_REACH)
        self._spool.seek(self._size - reach)
        tail = self._spool.read(reach)
        at = len(tail) - _END.size
        if not (tail[at : at + 4] == _END_MAGIC and tail.endswith(b"\0\0")):
            at = tail.rfind(_END_MAGIC)
        if at < 0 or len(tail) - at < _END.size:
            raise ended_early(self._name, "zip")
        _, disk, _, _, listed, directory, _, comment = _END.unpack_from(tail, at)
        rest = tail[at + _END.size :]
        if len(rest) < comment:
            raise ended_early(self._name, "zip")
        if rest[comment:].strip(b"\0"):
            raise Damaged("other bytes follow its end")
        if disk not in (0, 0xFFFF):
            raise RefuseRun(f"{self._name} is one part of a zip in several files: nothing was applied; ask the supplier for a single file")
        return self._check_directory(self._size - reach + at, listed, directory)

    def _check_directory(self, end: int, listed: int, size: int) -> int:
        wide = end - _WIDE_LOCATOR.size - _WIDE_END.size
        if wide >= 0:
            self._spool.seek(wide)
            magic, wide_listed, wide_size = _WIDE_END.unpack(self._spool.read(_WIDE_END.size))
            if magic == _WIDE_MAGIC and self._spool.read(4) == _LOCATOR_MAGIC:
                listed, size, end = wide_listed, wide_size, wide
        start = max(0, end - size)
        if end - start > _DIRECTORY_BYTES:
            raise RefuseRun(f"{self._name} is a zip with a directory of {size:,} bytes, which is no feed: nothing was applied")
        self._spool.seek(start)
        # What the end announces may be a lie, so the entries are counted before they become objects.
        self._allowance.list_members(self._spool.read(end - start).count(_ENTRY_MAGIC))
        return listed

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Retry(
                f"{self._name}: the archive cannot be kept in {tempfile.gettempdir()} while it is read ({error.strerror}): nothing was "
                "applied; make room there, or point TMPDIR elsewhere"
            ) from None


def choose_members(members: Sequence[zipfile.ZipInfo], pattern: str | None, name: str) -> list[zipfile.ZipInfo]:
    """Return the members to read, in the order of the archive; `pattern` is held against the whole name and its last part.

    What systems add of their own (`__MACOSX/`, names that begin with a dot) is never read. Raises `RefuseRun`, which lists
    what is there, when nothing is left; and for two of one name, of which one is an older state of the other.
    """
    chosen = [member for member in members if not _is_clutter(member.filename) and _fits(member.filename, pattern)]
    if chosen:
        _refuse_twice(chosen, name)
        return chosen
    there = ", ".join(printable(member.filename) for member in members[:_LISTED]) + (", ..." if len(members) > _LISTED else "")
    if not members:
        raise RefuseRun(f"{name} is a zip archive without files: nothing was applied; ask the supplier whether the export ran")
    wanted = f"no file that fits {pattern!r}" if pattern is not None else "no file of a supplier's"
    raise RefuseRun(f"{name} is a zip archive with {wanted} (there is: {there}): nothing was applied; set transport.member to what to read")


def _refuse_twice(members: Sequence[zipfile.ZipInfo], name: str) -> None:
    most, times = Counter(member.filename for member in members).most_common(1)[0]
    if times > 1:
        raise RefuseRun(
            f"{name} is a zip archive that holds {printable(most)} {times} times, as one does that was added to instead of written anew: "
            "only the supplier knows which is meant; nothing was applied; ask for a new archive"
        )


def printable(name: str) -> str:
    """Return the name of a member fit for messages and document names: it may hold line ends, and 64 KiB of anything."""
    return clip("".join(character if character.isprintable() else "\ufffd" for character in name), 300)


def _is_clutter(name: str) -> bool:
    *folders, last = _parts(name)
    return not last or last.startswith(".") or "__MACOSX" in folders


def _fits(name: str, pattern: str | None) -> bool:
    return pattern is None or fnmatchcase(name, pattern) or fnmatchcase(_parts(name)[-1], pattern)


def _parts(name: str) -> list[str]:
    # Programs for Windows have been writing their own separator, against the format's rules, for thirty years.
    return name.replace("\\", "/").split("/")


def _refuse_unreadable(member: zipfile.ZipInfo, label: str) -> None:
    if member.flag_bits & 0x1:
        raise RefuseRun(f"{label} is encrypted: nothing was applied; ask the supplier for an archive without a password")
    if member.compress_type not in _METHODS:
        raise RefuseRun(
            f"{label} is packed by method {member.compress_type} of zip, which is not read: nothing was applied; ask the supplier for a "
            "zip with the usual method (deflate)"
        )


def _unpacking(method: int) -> Unpacking:
    # Not the standard library's reader of members: it inflates at a third of the speed, and a member of bzip2 at once.
    return bz2.BZ2Decompressor() if method == zipfile.ZIP_BZIP2 else igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
