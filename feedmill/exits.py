"""Exit codes of the command line, and which error ends with which."""

from __future__ import annotations

from enum import IntEnum

from engine.errors import ConfigError, FeedmillError, InternalError, PluginError
from engine.run import RunStatus


class UsageError(FeedmillError):
    """Report a command line that says something malformed."""


class Exit(IntEnum):
    """What a shell script can tell a run by; 78 is EX_CONFIG of sysexits.h, 130 what shells use for an interrupt."""

    COMPLETE = 0
    USAGE = 2
    HELD = 3
    FAILED = 4
    INTERNAL = 70
    CONFIGURATION = 78
    INTERRUPTED = 130


def exit_of_status(status: RunStatus) -> Exit:
    """Return the exit code of a finished run."""
    ends = {RunStatus.COMPLETE: Exit.COMPLETE, RunStatus.SKIPPED: Exit.COMPLETE, RunStatus.HELD: Exit.HELD}
    return ends.get(status, Exit.FAILED)


def exit_of_error(error: FeedmillError) -> Exit:
    """Return the exit code of an error that kept a command from its work."""
    if isinstance(error, UsageError):
        return Exit.USAGE
    if isinstance(error, ConfigError | PluginError):
        return Exit.CONFIGURATION
    return Exit.INTERNAL if isinstance(error, InternalError) else Exit.FAILED
