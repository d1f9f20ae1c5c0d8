"""What a run gathers and remembers lies in a file, and only a page of it is in memory."""

from __future__ import annotations

import tempfile
from mmap import mmap
from pathlib import Path

import numpy as np
import pytest

from engine.batch import Blocks, Known
from engine.screen import scratch, settling
from engine.screen.collecting import Collector
from engine.screen.known import Arrays, KnownSet
from engine.screen.scratch import Scratch


def integers(*numbers: int) -> bytes:
    """Return numbers as the screen holds them."""
    return np.array(numbers, np.int64).tobytes()


def prints_of(numbers: range) -> bytes:
    """Return fingerprints that are told apart."""
    return b"".join(b"%016d" % number for number in numbers)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything be written to files, and settled a few records at a time."""
    monkeypatch.setattr(scratch, "_IN_MEMORY", 1)
    monkeypatch.setattr(settling, "_RECORDS", 10)
    monkeypatch.setattr(settling, "PIECE", 64)


@pytest.mark.parametrize("flushed", [(), (1,), (0, 2), (0, 1, 2)], ids=str)
def test_what_was_put_is_read_wherever_it_lies(flushed: tuple[int, ...]) -> None:
    """In memory, in the file, or some of it in either; and as a whole it is the file itself where there is one."""
    kept, texts, places = Scratch(), [b"first", b"second", b"third"], []
    for number, text in enumerate(texts):
        places.append(kept.put(text))
        if number in flushed:
            kept.flush()
    assert [kept.read(place, len(text)) for place, text in zip(places, texts, strict=True)] == texts
    whole = kept.whole()
    kept.close()
    assert bytes(whole[:]) == b"".join(texts)
    assert isinstance(whole, mmap) is bool(flushed)


def test_a_file_has_no_name_and_its_loss_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of a run that is killed; and without a place for it there is an error, and nothing is lost that was put."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = Scratch()
    place = kept.put(b"kept")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(OSError, match="gone"):
        kept.flush()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept.flush()
    assert kept.read(place, 4) == b"kept"
    with pytest.raises(OSError, match="of 5 bytes"):
        kept.read(place, 5)
    assert list(tmp_path.iterdir()) == []
    kept.close()


@pytest.mark.usefixtures("written")
def test_batches_that_interleave_are_put_in_order() -> None:
    """Whatever the order in which their records come, the set is that of the source, block by block."""
    expected = prints_of(range(1, 61))
    one, many = Collector(), Collector()
    block = Blocks(b"b" * 16, integers(11), integers(20), integers(20), integers(400))
    for collector, batches in ((one, [range(1, 61)]), (many, [range(41, 61), range(1, 41, 2), range(2, 41, 2)])):
        for ordinals in batches:
            collector.meet(ordinals, ordinals, [prints_of(range(each, each + 1)) for each in ordinals])
            if 11 in ordinals:
                collector.lay(block)
            if collector.turn():
                collector.flush()
    for collector in (one, many):
        arrays = collector.settle().arrays()
        assert (arrays.prints, arrays.items) == (expected, integers(*range(1, 61)))
        assert KnownSet(arrays).find_block(b"b" * 16) == 0
        collector.close()


@pytest.mark.usefixtures("written")
def test_a_set_of_which_nothing_changed_is_the_one_that_was() -> None:
    """It lies in its file, may let go of its pages, and is told from one that has another record, or one less."""
    files = [Scratch(), Scratch()]
    for file, data in zip(files, (prints_of(range(50)), integers(*range(1, 51))), strict=True):
        file.put(data)
        file.flush()
    before = Arrays(files[0].whole(), files[1].whole())
    for stop, item, same in ((50, 50, True), (49, 50, False), (50, 51, False)):
        collector = Collector(before)
        ordinals = range(1, 50)
        collector.know(Known(integers(*ordinals), integers(*ordinals), integers(*range(49))))
        if stop == 50:
            collector.meet([50], [item], [prints_of(range(49, 50))])
        settled = collector.settle()
        assert (settled.same, settled.records) == (same, stop)
        before.rest()
        assert settled.arrays().items == integers(*range(1, 50), *([item] if stop == 50 else []))
    for file in files:
        file.close()
