"""The SQLite sink alone: items that are ready in memory to an empty database, finished and visible."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import anyio

from benchmarks.map import map_file
from benchmarks.subject import hand_back, make_benchmark_recipe, parse_case
from engine.batch import ItemBatch
from engine.contracts import FeedDefinition
from feedmill.assembly import as_sink_url, load_plugins, open_sink
from plugins.conformance.sink import settle


async def load(feed: FeedDefinition, batches: Sequence[ItemBatch], database: Path) -> tuple[int, float]:
    """Write the batches and return how many items were created, and the seconds from the first batch to the finished run."""
    registry = await load_plugins()
    async with open_sink(registry, as_sink_url(str(database))) as sink, sink.session(feed) as session:
        begun = perf_counter()
        for batch in batches:
            await session.stage(batch)
        counts = await settle(session, sum(map(len, batches)))
        return counts.created, perf_counter() - begun


def main(path: Path, told: str, database: Path) -> None:
    """Map a file into memory, in batches of the size that is told, then load it."""
    recipe = make_benchmark_recipe()
    batches = [items for items, _ in map_file(recipe, path, parse_case(told)[1])]
    hand_back(*anyio.run(load, recipe.feed.definition(), batches, database))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[3], Path(sys.argv[4]))
