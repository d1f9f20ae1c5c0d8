"""`feedmill feeds`: the feeds of a database, and those that files declare."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Parameter

from feedmill.commands.arguments import Json
from feedmill.exits import UsageError

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from feedmill.service.declared.diff import Step
    from feedmill.service.settings import ServiceSettings

Files: TypeAlias = Annotated[str, Parameter(help="Feed files, feed.toml, and feedmill.toml with its [[feeds]].")]
Db: TypeAlias = Annotated[str | None, Parameter(name="--db", help="The database: sqlite:///shop.db, or a path; unset, that of --config.")]
Config: TypeAlias = Annotated[str | None, Parameter(help="The service's feedmill.toml: its database, keys, [egress] and [[feeds]].")]
Prune: TypeAlias = Annotated[bool, Parameter(negative=(), help="Remove feeds that no file declares, with their items and runs.")]


def list_feeds(*, db: Db = None, config: Config = None, as_json: Json = False) -> int:
    """Print the feeds of a database: id, name, provider."""
    from feedmill.exits import Exit
    from feedmill.shapes import dump
    from sinks.sqlite.service.resources.declared import feed_owners

    async def work(service: Service) -> int:
        async with service.store.reading() as reader:
            owners = await feed_owners(reader)
        if as_json:
            listed = [{"id": number, "name": name, "provider": provider} for name, (number, provider) in owners.items()]
            sys.stdout.write(f"{dump(listed)}\n")
        else:
            sys.stdout.write("".join(f"{number:>6}  {name}  ({provider})\n" for name, (number, provider) in owners.items()))
        return Exit.COMPLETE

    return _with_service(_settings(db, config), work, reads=True)


def diff_feeds(*files: Files, db: Db = None, config: Config = None, prune: Prune = False) -> int:
    """Show what `feedmill feeds apply` would change, and change nothing.

    Exit codes: 0 nothing would change, 2 usage, 3 something would, 78 configuration.
    """
    from feedmill.exits import Exit
    from feedmill.service.declared.apply import plan_feeds
    from feedmill.service.declared.reading import load_declared

    declared = load_declared(_sources(files, config))

    async def work(service: Service) -> int:
        steps = await plan_feeds(service, declared, prune=prune)
        _print(steps)
        return Exit.HELD if steps else Exit.COMPLETE

    return _with_service(_settings(db, config), work, reads=True)


def apply_feeds(
    *files: Files,
    db: Db = None,
    config: Config = None,
    prune: Prune = False,
    yes: Annotated[bool, Parameter(negative=(), help="Do not ask.")] = False,
) -> int:
    """Make the feeds of a database as files declare them, after showing what that changes and asking.

    What a file does not say of a feed becomes the default. Exit codes: 0 applied, or nothing to do, 2 usage, or nobody to ask, 3 the
    answer was no, 4 a feed has a run under way, 78 configuration.
    """
    from feedmill.exits import Exit
    from feedmill.service.declared import apply
    from feedmill.service.declared.reading import load_declared

    declared = load_declared(_sources(files, config))

    async def work(service: Service) -> int:
        steps = await apply.plan_feeds(service, declared, prune=prune)
        _print(steps)
        if not steps:
            return Exit.COMPLETE
        if not yes and not await _confirmed():
            return Exit.HELD
        await apply.apply_feeds(service, steps)
        sys.stdout.write(f"{len(steps)} applied\n")
        return Exit.COMPLETE

    return _with_service(_settings(db, config), work)


def _settings(db: str | None, config: str | None) -> ServiceSettings:
    from feedmill.service.config.loading import load_settings

    if db is None and config is None:
        raise UsageError("--db is not given, and no --config that says it")
    return load_settings(config, **({} if db is None else {"database": db}))


def _sources(files: tuple[str, ...], config: str | None) -> list[str]:
    sources = [*files, *([config] if config is not None and config not in files else [])]
    if not sources:
        raise UsageError("no file is given that declares feeds")
    return sources


def _with_service(settings: ServiceSettings, work: Callable[[Service], Awaitable[int]], *, reads: bool = False) -> int:
    """Do work on a database. What only `reads` makes none, and migrates none."""
    from anyio import to_thread

    from feedmill.assembly import as_sink_url
    from feedmill.cli import run_async
    from feedmill.service.opening import open_service
    from sinks.sqlite.database import locate
    from sinks.sqlite.migrate import require_head

    async def run() -> int:
        if reads:
            await to_thread.run_sync(require_head, locate(as_sink_url(settings.database)))
        async with open_service(settings) as service:
            return await work(service)

    return run_async(run)


async def _confirmed() -> bool:
    from anyio import to_thread

    if not sys.stdin.isatty():
        raise UsageError("there is nobody to ask whether to apply this: give --yes")
    sys.stdout.write("Apply? [y/N] ")
    sys.stdout.flush()
    answer = await to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
    return answer.strip().lower() in ("y", "yes")


def _print(steps: Iterable[Step]) -> None:
    sys.stdout.write("".join(f"{line}\n" for step in steps for line in _lines(step)) or "nothing differs\n")


def _lines(step: Step) -> list[str]:
    mark = {"create": "+", "change": "~", "remove": "-"}[step.action]
    said = {"create": "is created", "change": "is changed", "remove": "is removed, with its items and runs"}[step.action]
    lines = [f"{mark} feed {step.name!r} {said}"]
    for each in step.differences:
        after = "unset" if each.after is None else each.after
        before = "unset" if each.before is None else each.before
        lines.append(f"    {each.attribute}: {after}" if step.action == "create" else f"    {each.attribute}: {before} -> {after}")
    return lines
