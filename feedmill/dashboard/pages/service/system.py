"""The system: queues, workers, versions, plugins, and the configuration without its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from feedmill.dashboard.page import Page, shows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aiohttp import web

    from feedmill.dashboard.view import View


async def _show(view: View) -> web.StreamResponse:
    system = await view.get("/api/system.json")
    return view.render("service/system.html", system=system, settings=list(_flat(system["settings"])))


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield settings by their paths, as `server.port`, in order."""
    for name, value in settings.items():
        path = f"{above}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{path}.")
        else:
            yield path, "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


PAGES: Final[tuple[Page, ...]] = (shows("/system", _show, "admin"),)
