"""The fuzz targets run: what `make fuzz` begins with is read or refused, as everything it makes of it has to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import FeedmillError
from tests.fuzz.seeds import write_seeds
from tests.fuzz.targets import SETUPS, make_target, read


@pytest.mark.parametrize("name", SETUPS)
def test_seeds_reach_items(name: str, tmp_path: Path) -> None:
    """Every seed is read or refused with an error of ours, and under some setting a good part of them gives items."""
    count = write_seeds(name, tmp_path)
    target = make_target(name)
    read_well = 0
    for seed in sorted(tmp_path.iterdir()):
        target(seed.read_bytes())
        try:
            read_well += any(len(batch.items) for batch in read(name, seed.read_bytes()))
        except FeedmillError:
            continue
    assert read_well > count // 10
