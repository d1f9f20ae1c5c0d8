"""The screen of one session: what it remembers of the last complete run, what it gathers for the next, and the landing it does so in."""

from __future__ import annotations

from engine.contracts import FeedDefinition
from engine.screen.screening import Remembered
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.repeats import Landing, heed_repeats
from sinks.sqlite.landing.staged import StagedRun
from sinks.sqlite.landing.statements import StageTable
from sinks.sqlite.screen.gathering import Gathering
from sinks.sqlite.screen.stored import read_screen


class Screened:
    """Tell what is known, of a feed in which the last record of a key counts; any other has to see every record of a key."""

    def __init__(self, writer: Writer, stage: StageTable, feed: FeedDefinition) -> None:
        self._writer = writer
        self._stage = stage
        self._feed = feed
        self.gathering = Gathering()

    async def remembered(self, mark: str) -> Remembered | None:
        """Return what is known under a mark."""
        if self._feed.duplicate_keys != "last":
            return None
        found = await read_screen(self._writer, self._stage.feed, mark)
        self.gathering.begin_from(found)
        return found

    def begin_again(self) -> Landing:
        """Return a landing with nothing in it, and gather anew."""
        self.gathering = Gathering()
        staged = StagedRun(self._writer, self._stage, self._feed, self.gathering)
        return heed_repeats(staged, self._writer, self._feed.duplicate_keys)
