"""What the parts of a service share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from feedmill.service.operations.live import Live
from feedmill.service.operations.watch import Watch
from feedmill.service.pushing import Pushing
from feedmill.service.security.gate import Gate
from feedmill.service.security.typed import TypedSecrets

if TYPE_CHECKING:
    from engine.scheduling.jobs import Jobs
    from engine.source import Egress
    from feedmill.service.keys import KeyRing
    from feedmill.service.settings import ServiceSettings
    from feedmill.service.workers.pool import Workers
    from plugins.manager import Registry
    from sinks.sqlite.service.store import Store


class Bell:
    """Wake a loop that waits for work: whoever makes some rings. A ring that nobody waits for is kept for the next who does."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        """Wake whoever waits, now or next."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait for a ring, at most so long."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self._event = anyio.Event()


@dataclass(frozen=True, slots=True)
class Bells:
    """One for each loop; `stop` tells that all of it stops."""

    schedule: Bell = field(default_factory=Bell)
    jobs: Bell = field(default_factory=Bell)
    inbox: Bell = field(default_factory=Bell)
    outbox: Bell = field(default_factory=Bell)
    alerts: Bell = field(default_factory=Bell)
    catalogue: Bell = field(default_factory=Bell)
    stop: Bell = field(default_factory=Bell)


@dataclass(slots=True)
class Service:
    """One running service. `stopping` is set once it takes nothing more."""

    settings: ServiceSettings
    store: Store
    keys: KeyRing
    registry: Registry
    egress: Egress
    workers: Workers
    jobs: Jobs
    bells: Bells = field(default_factory=Bells)
    watch: Watch = field(default_factory=Watch)
    gate: Gate = field(default_factory=Gate)
    pushing: Pushing = field(default_factory=Pushing)
    live: Live = field(default_factory=Live)
    typed: TypedSecrets = field(default_factory=TypedSecrets)
    stopping: bool = False

    @property
    def url(self) -> str:
        """Return the URL of the database."""
        return self.settings.database
