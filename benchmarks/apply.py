"""The last step of a run alone: what lies staged beside a hundred per cent, one per cent or none that is known becomes visible."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import anyio

from benchmarks.map import map_file
from benchmarks.subject import hand_back, make_benchmark_recipe
from engine.batch import ItemBatch
from engine.contracts import FeedDefinition, Sink
from engine.flow.transform import Recipe
from engine.run import Counts
from examples.catalogue import Catalogue
from feedmill.assembly import as_sink_url, load_plugins, open_sink
from plugins.conformance.sink import settle


async def stage(sink: Sink, feed: FeedDefinition, batches: Sequence[ItemBatch]) -> tuple[Counts, float]:
    """Stage the batches, then apply them; return what was done and how long that last step took."""
    async with sink.session(feed) as session:
        for batch in batches:
            await session.stage(batch)
        begun = perf_counter()
        counts = await settle(session, sum(map(len, batches)))
        return counts, perf_counter() - begun


async def measure(feed: FeedDefinition, known: Sequence[ItemBatch], batches: Sequence[ItemBatch], database: Path) -> tuple[Counts, float]:
    """Load what is known, off the clock, then stage and apply."""
    async with open_sink(await load_plugins(), as_sink_url(str(database))) as sink:
        if known:
            await stage(sink, feed, known)
        return await stage(sink, feed, batches)


def read_batches(recipe: Recipe, rows: int, change_every: int, version: int, path: Path) -> list[ItemBatch]:
    """Return the items of a version of the catalogue, of which one in `change_every` differs from the version before."""
    with path.open("wb") as file:
        file.writelines(Catalogue(rows, change_every).blocks(version))
    batches: list[ItemBatch] = []
    read = 0
    for items, _ in map_file(recipe, path):
        # The rules leave the numbering of records to the run.
        batches.append(replace(items, records=list(range(read + 1, read + len(items) + 1))))
        read += len(items)
    path.unlink()
    return batches


def main(rows: int, change_every: int, database: Path) -> None:
    """Apply a version of the catalogue; with `change_every` 0 nothing is known before."""
    recipe = make_benchmark_recipe()
    every, source = change_every or 1, database.with_suffix(".csv")
    known = read_batches(recipe, rows, every, 0, source) if change_every else []
    counts, seconds = anyio.run(measure, recipe.feed.definition(), known, read_batches(recipe, rows, every, 1, source), database)
    expected = (0, rows // change_every) if change_every else (rows, 0)
    if (counts.created, counts.updated) != expected:
        sys.exit(f"expected {expected} items created and updated, but the sink counted {counts}")
    hand_back(counts.created + counts.updated + counts.unchanged, seconds)


if __name__ == "__main__":
    main(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
