"""The joint between two stages alone: as many items as the catalogue's bytes make, from one task to another.

A row costs nothing here but its share of an item, so rows a second say what a channel costs a run of so many rows.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import anyio

from benchmarks.subject import hand_back
from engine.flow.channel import Budget, Channel, StageClock


async def through_channel(items: int, size: int) -> int:
    """Send the items through the engine's channel and return how many arrived."""
    channel: Channel[bytes] = Channel(Budget())
    item, sending, receiving = bytes(size), StageClock("sending"), StageClock("receiving")

    async def send() -> None:
        with sending.running():
            for _ in range(items):
                await channel.send(item, size, sending)
            channel.close()

    received = 0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        with receiving.running():
            async for _ in channel.receive(receiving):
                received += 1
    return received


async def through_stream(items: int, size: int) -> int:
    """Send the items through a memory stream of anyio's, which counts items but no bytes, and return how many arrived."""
    sender, receiver = anyio.create_memory_object_stream[bytes](8)
    item, received = bytes(size), 0

    async def send() -> None:
        async with sender:
            for _ in range(items):
                await sender.send(item)

    async with anyio.create_task_group() as tasks, receiver:
        tasks.start_soon(send)
        async for _ in receiver:
            received += 1
    return received


def main(path: Path, rows: int, told: str) -> None:
    """Send items of the size that is told, as many as the file's bytes make."""
    design, _, size = told.partition(":")
    items = max(1, path.stat().st_size // int(size))
    begun = perf_counter()
    received = anyio.run(through_stream if design == "stream" else through_channel, items, int(size))
    seconds = perf_counter() - begun
    if received != items:
        sys.exit(f"{received} items of {items} arrived")
    hand_back(rows, seconds, items=items)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
