"""The list of seeded defects keeps up with the code; `make mutants` plays them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.fault.mutants import MUTANTS, Mutant

ROOT: Final = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_is_not_stale(mutant: Mutant) -> None:
    """What a mutant replaces stands in its file exactly once; where the code has moved on, so must the mutant."""
    found = (ROOT / mutant.file).read_text().count(mutant.old)
    assert found == 1, f"{mutant.file} has {found} times what mutant {mutant.name!r} replaces: write the mutant anew"
    assert mutant.old != mutant.new
