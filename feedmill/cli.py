"""The command line: parses, calls the library, prints. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, Final, NoReturn

from engine.errors import FeedmillError
from feedmill.exits import Exit, exit_of_error

if TYPE_CHECKING:
    from cyclopts import App

_TOP: Final = ""

_COMMANDS: Final = (
    (
        _TOP,
        "",
        "sync:sync preview:preview guess:guess check:check schema:schema items:items edit:edit"
        " results.runs:runs results.rejects:rejects results.approve:approve results.approve:reject"
        " results.diff:diff results.history:history results.undo:undo"
        " plan:plan plugins:plugins tuning.bench:bench connect:connect connect:disconnect",
    ),
    (
        "catalogue",
        "Load the merchant's catalogue, to which items are connected, and list it.",
        "catalogue:load catalogue:list_variants=list",
    ),
    (_TOP, "", "service.serve:serve"),
    (
        "feeds",
        "List the feeds of a database, and make them as files declare them.",
        "service.feeds:list_feeds=list service.feeds:diff_feeds=diff service.feeds:apply_feeds=apply",
    ),
    (
        "token",
        "Make the API tokens of a service, list and revoke them.",
        "service.token:create service.token:list_=list service.token:revoke",
    ),
    (
        "people",
        "Let people into the dashboard of a service, and out of it.",
        "service.people:list_=list service.people:invite service.people:link service.people:remove",
    ),
    ("keys", "Make and change the keys that seal a service's secrets at rest.", "service.keys:new service.keys:rotate"),
)
"""Under which name in common commands stand, what for, and where under `feedmill.commands` each is: MODULE:FUNCTION, =NAME if another."""


def main() -> NoReturn:
    """Run the command line and end the process with its code; what is to be done after it is registered with `atexit`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What is printed is JSON and suppliers' texts, whatever the locale: UTF-8, and never an error for a character.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`head`) has seen enough; the command itself has done its work.
        _print_no_more()
    except OSError as error:
        sys.stderr.write(f"feedmill: what was printed could not be written: {error.strerror}; the command itself has done its work\n")
        code = code or Exit.FAILED
        _print_no_more()
    from feedmill.process import end_process

    end_process(code)


def _print_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    if arguments == ["--version"]:
        sys.stdout.write(f"{_version()}\n")
        return Exit.COMPLETE
    from feedmill.process import tune_process

    # Before the imports, which make a few hundred thousand objects that stay.
    tune_process()
    from cyclopts import CycloptsError

    from feedmill.logs import configure_logging

    configure_logging()
    try:
        code = build_app(_named(arguments))(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        sys.stderr.write(f"feedmill: {error}\n")
        return Exit.USAGE
    except FeedmillError as error:
        sys.stderr.write(f"feedmill: {error}\n")
        return exit_of_error(error)
    except BrokenPipeError:
        return Exit.COMPLETE
    except KeyboardInterrupt:
        sys.stderr.write("feedmill: interrupted; `feedmill runs` says what became of the run\n")
        return Exit.INTERRUPTED
    return code if isinstance(code, int) else Exit.COMPLETE


def build_app(wanted: str | None = None) -> App:
    """Return the application with every command. When one is `wanted`, the module of no other is imported."""
    from cyclopts import App

    app = App(
        name="feedmill",
        help="Import suppliers' inventory feeds and keep one idempotent picture of every item.",
        version=_version,
        help_format="plaintext",
        # Ours to report: the library would end the process without a word.
        suppress_keyboard_interrupt=False,
    )
    for group, purpose, places in _COMMANDS:
        under = app if group == _TOP else App(name=group, help=purpose)
        for place, _, given in (each.partition("=") for each in places.split()):
            name = given or place.partition(":")[2]
            under.command(_find(place, imported=wanted in (None, group or name)), name=name)
        if under is not app:
            app.command(under)
    return app


def _named(arguments: list[str]) -> str | None:
    """Return the command that is given; None where there is none, and help is to tell what each is for."""
    return arguments[0] if arguments and not arguments[0].startswith("-") else None


def _find(place: str, *, imported: bool) -> Any:
    """Return a command's function, or by which path it would be imported."""
    module, _, function = f"feedmill.commands.{place}".partition(":")
    return getattr(import_module(module), function) if imported else f"{module}:{function}"


def _version() -> str:
    # Reading what is installed brings half of the standard library's mail parser along.
    from importlib.metadata import version

    return version("feedmill")


def run_async(work: Callable[[], Awaitable[int]]) -> int:
    """Run a command's coroutine on a fresh event loop."""
    import anyio

    return anyio.run(_until_interrupted, work)


async def _until_interrupted(work: Callable[[], Awaitable[int]]) -> int:
    """Do the work. An interrupt cancels it, but what must not be left half done is done first; a second one ends it at once.

    Left to itself the loop would cancel the task outright, which no shield withstands: a run that was decided would be left
    half applied until the next one.
    """
    from asyncio import get_running_loop

    from anyio import CancelScope

    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        return await work()
    loop, scope = get_running_loop(), CancelScope()

    def interrupt() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        scope.cancel()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        with scope:
            return await work()
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    raise KeyboardInterrupt
