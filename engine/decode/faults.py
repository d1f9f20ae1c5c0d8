"""What the libraries that unpack can say, and what becomes of it."""

from __future__ import annotations

import lzma
import sys
from typing import Final, cast

from isal import igzip_lib

from engine.errors import RefuseRun, Retry

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


class Damaged(Exception):
    """Say within this package what is wrong with packed bytes; the message completes "is damaged: ..."."""


# bz2 raises OSError for bytes that are no bzip2; its stub declares isal's error as an instance.
FAULTS: Final = (Damaged, cast("type[Exception]", igzip_lib.IsalError), lzma.LZMAError, zstd.ZstdError, OSError, EOFError, ValueError)
"""What unpacking raises for bytes that are not what they should be."""

_HOPELESS: Final = ("memory", "dictionary")
"""Words of messages that no second fetch changes: a window that would not fit, a dictionary that was never sent."""


def translate(error: Exception, name: str, packing: str) -> Retry | RefuseRun:
    """Return what an error of `FAULTS` means for the run."""
    if isinstance(error, NotImplementedError) or any(word in str(error).lower() for word in _HOPELESS):
        return RefuseRun(
            f"{name} is {packing} data that cannot be unpacked here ({error}): nothing was applied; ask the supplier to pack it with "
            "the default settings"
        )
    return Retry(f"{name}: the compressed file is damaged ({packing}: {error}): nothing was applied; try again later")


def ended_early(name: str, packing: str) -> Retry:
    """Return the error of packed bytes whose end is missing."""
    return Retry(f"{name}: the compressed file ends early, within its {packing} data: nothing was applied; try again later")
