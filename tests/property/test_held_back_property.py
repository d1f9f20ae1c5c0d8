"""Whatever a source sends, however it is cut, after whatever run: what reaches decode is all of it, or nothing where it is the same."""

from __future__ import annotations

from contextlib import aclosing

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contracts import Checkpoint, DocumentFacts
from engine.decode import Ended, Opened, Part
from engine.errors import NotModified
from engine.flow.channel import Budget, Channel, StageClock
from engine.flow.unchanged import Gate, Limits
from engine.source import parse_location

SOURCE = parse_location("memory://shop/stock")
LIMITS = st.builds(
    Limits,
    first_mark=st.integers(1, 20),
    mark_step=st.integers(1, 40),
    in_memory=st.integers(0, 60),
    on_disk=st.integers(0, 400),
    replayed=st.integers(1, 60),
    piece=st.integers(1, 40),
)
DOCUMENTS = st.lists(st.tuples(st.sampled_from("ab"), st.binary(max_size=120)), max_size=4)

Documents = list[tuple[str, bytes]]


@st.composite
def edited(draw: st.DrawFn, documents: Documents) -> Documents:
    """Return the same documents, or some that differ in little."""
    made = list(documents)
    match draw(st.sampled_from(["same", "same", "byte", "cut", "longer", "swapped", "other"])):
        case "byte" if made:
            at = draw(st.integers(0, len(made) - 1))
            name, body = made[at]
            place = draw(st.integers(0, max(len(body) - 1, 0)))
            made[at] = name, body[:place] + b"?" + body[place + 1 :]
        case "cut" if made:
            made[-1] = made[-1][0], made[-1][1][:-1]
        case "longer" if made:
            made[-1] = made[-1][0], made[-1][1] + b"x"
        case "swapped":
            made.reverse()
        case "other":
            made = draw(DOCUMENTS)
        case _:
            pass
    return made


def parts_of(documents: Documents, steps: list[int]) -> list[Part]:
    """Cut documents into chunks of these sizes, over and over."""
    parts: list[Part] = []
    for name, body in documents:
        parts.append(Opened(DocumentFacts(name)))
        at = turn = 0
        while at < len(body):
            size = steps[turn % len(steps)]
            parts.append(body[at : at + size])
            at, turn = at + size, turn + 1
        parts.append(Ended())
    return parts


def joined(parts: list[Part]) -> list[tuple[str, bytes, bool]]:
    """Return the documents that parts make, with whether each has ended."""
    found: list[tuple[str, bytes, bool]] = []
    for part in parts:
        if isinstance(part, Opened):
            found.append((part.facts.name, b"", False))
        else:
            name, body, ended = found.pop()
            assert not ended
            found.append((name, body, True) if isinstance(part, Ended) else (name, body + part, False))
    return found


async def passed(before: Checkpoint | None, limits: Limits, parts: list[Part], budget: Budget) -> tuple[list[Part] | None, str]:
    """Return what comes out of a gate, None for nothing at all because it is unchanged, and what the next run may know it by."""
    gate, out, clock = Gate(before, budget, limits), Channel[Part](budget), StageClock("fetch")
    came: list[Part] = []

    async def collect() -> None:
        came.extend([part async for part in out.receive(StageClock("decode"))])

    unchanged = False
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group, aclosing(gate):
            group.start_soon(collect)
            for part in parts:
                await gate.send(part, out, clock)
            try:
                await gate.end(SOURCE, None, out, clock)
            except NotModified:
                unchanged = True
            out.close()
    assert not (unchanged and came)
    assert budget.buffered_bytes == 0
    return None if unchanged else came, gate.digests


@settings(max_examples=60)
@given(documents=DOCUMENTS, data=st.data(), limits=LIMITS, steps=st.lists(st.integers(1, 50), min_size=1, max_size=4))
def test_all_of_it_passes_or_it_is_the_same(documents: Documents, data: st.DataObject, limits: Limits, steps: list[int]) -> None:
    """Held back, spooled and replayed, the stream is what it was byte for byte; it is unchanged only where nothing differs."""
    now = data.draw(edited(documents))

    async def runs() -> tuple[list[Part] | None, str, str]:
        budget = Budget(200)
        _, known = await passed(None, limits, parts_of(documents, [64]), budget)
        came, digests = await passed(Checkpoint("", {}, digests=known), limits, parts_of(now, steps), budget)
        return came, digests, known

    came, digests, known = anyio.run(runs)
    if came is None:
        assert (now, digests) == (documents, known)
    else:
        assert joined(came) == [(name, body, True) for name, body in now]
        assert now != documents or not known or sum(len(body) for _, body in now) > limits.in_memory
