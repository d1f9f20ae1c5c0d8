"""The command line: parses, calls the library, prints. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from io import TextIOWrapper
from typing import TYPE_CHECKING

from engine.errors import FeedmillError
from feedmill.exits import Exit, exit_of_error

if TYPE_CHECKING:
    from cyclopts import App


def main() -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What is printed is JSON and suppliers' texts, whatever the locale: UTF-8, and never an error for a character.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        # The reader (`head`) has seen enough, or the disk is full; the command itself has done its work.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    if arguments == ["--version"]:
        sys.stdout.write(f"{version('feedmill')}\n")
        return Exit.COMPLETE
    from cyclopts import CycloptsError

    from feedmill.logs import configure_logging
    from feedmill.process import tune_process

    configure_logging()
    tune_process()
    try:
        code = build_app()(arguments, exit_on_error=False, print_error=False, result_action="return_value")
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


def build_app() -> App:
    """Return the application with every command."""
    from cyclopts import App

    from feedmill.commands import catalogue, check, connect, edit, guess, items, plan, plugins, preview, schema, sync
    from feedmill.commands.results import approve, diff, history, rejects, runs, undo
    from feedmill.commands.service import feeds as declared
    from feedmill.commands.service import keys, serve, token
    from feedmill.commands.tuning import bench

    app = App(
        name="feedmill",
        help="Import suppliers' inventory feeds and keep one idempotent picture of every item.",
        version=lambda: version("feedmill"),
        help_format="plaintext",
        # Ours to report: the library would end the process without a word.
        suppress_keyboard_interrupt=False,
    )
    feeds = (sync.sync, preview.preview, guess.guess, check.check, schema.schema)
    done = (runs.runs, rejects.rejects, approve.approve, approve.reject, diff.diff, history.history, undo.undo)
    for command in (*feeds, items.items, edit.edit, *done, plan.plan, plugins.plugins, bench.bench):
        app.command(command)
    app.command(connect.connect)
    app.command(connect.disconnect)
    shop = App(name="catalogue", help="Load the merchant's catalogue, to which items are connected, and list it.")
    shop.command(catalogue.load)
    shop.command(catalogue.list_variants, name="list")
    app.command(shop)
    app.command(serve.serve)
    kept = App(name="feeds", help="List the feeds of a database, and make them as files declare them.")
    kept.command(declared.list_feeds, name="list")
    kept.command(declared.diff_feeds, name="diff")
    kept.command(declared.apply_feeds, name="apply")
    app.command(kept)
    tokens = App(name="token", help="Make the API tokens of a service, list and revoke them.")
    tokens.command(token.create)
    tokens.command(token.list_, name="list")
    tokens.command(token.revoke)
    app.command(tokens)
    secrets = App(name="keys", help="Make and change the keys that seal a service's secrets at rest.")
    secrets.command(keys.new)
    secrets.command(keys.rotate)
    app.command(secrets)
    return app


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
