"""What is known of one batch's stretch of the source, beside the rows that were parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batch import Known


class KnownHere:
    """The known items of a batch, as arrays."""

    def __init__(self, known: Known) -> None:
        self.items: NDArray[np.int64] = np.frombuffer(known.items, np.int64)
        self._ordinals = np.frombuffer(known.records, np.int64)

    def comes_after(self, item: int, record: int) -> bool:
        """Return whether a known record of the item comes after one of this ordinal."""
        return bool((self._ordinals[self.items == item] > record).any())
