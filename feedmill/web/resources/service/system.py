"""What a service is made of and how it is: versions, plugins, loops, workers, queues, its configuration without secrets; ours."""

from __future__ import annotations

import platform
import sqlite3
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from anyio import to_thread

from engine.settings.resource import Resource
from feedmill.service.operations.watch import find_faults
from feedmill.service.security.masking import mask_text
from feedmill.web.endpoint import Call, Endpoint, answer
from sinks.sqlite.service.watching import read_depths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

_BEGAN: Final = time.time()
_SECRET: Final = "(set)"  # noqa: S105 - what is shown of one


class System(Resource):
    """A service from inside. `faults` is what keeps it from its work, `queues` what waits, `settings` never holds a secret."""

    version: str
    python: str
    sqlite: str
    uptime_seconds: float
    database: str
    faults: dict[str, str]
    loops: dict[str, bool]
    workers: list[int]
    queues: dict[str, int]
    plugins: list[dict[str, Any]]
    settings: dict[str, Any]


async def _get(call: Call) -> web.Response:
    service = call.service
    async with service.store.reading() as reader:
        depths = await read_depths(reader)
    jobs = {f"{kind} {state}": count for (kind, state), count in depths.jobs.items()}
    waiting = {f"{queue} {of}": count for (queue, of), count in depths.queues.items()}
    plugins = [
        {"name": info.name, "distribution": info.distribution, "version": info.version, "adds": list(info.adds)}
        for info in service.registry.plugins()
    ]
    return answer(
        {
            "version": await to_thread.run_sync(version, "feedmill"),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "uptimeSeconds": round(time.time() - _BEGAN, 1),
            "database": str(service.store.database.path),
            "faults": await find_faults(service),
            "loops": dict(service.watch.loops),
            "workers": sorted(service.workers.pids),
            "queues": {**jobs, **waiting},
            "plugins": plugins,
            "settings": _show(service.settings.model_dump(mode="json")),
        }
    )


def _show(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they may be shown: what the model keeps secret says only whether it is set."""
    shown: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            shown[name] = _show(value)
        elif isinstance(value, str):
            shown[name] = _SECRET if value and not value.strip("*") else mask_text(value)
        else:
            shown[name] = value
    return shown


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", "/api/system.json", _get, "Return what the service is made of, and how it is.", "system", "admin", answer=System),
)
