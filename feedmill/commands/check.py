"""`feedmill check`: whether feed files can work."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from feedmill.feedfile.text import Fault


def check(*files: Annotated[str, Parameter(help="Feed files, feed.toml.")]) -> int:
    """Say of each feed file `ok`, or everything that is wrong with it. Fetches nothing.

    Exit codes: 0 all can work, 78 at least one cannot.
    """
    from engine.errors import ConfigError
    from feedmill.exits import Exit, UsageError
    from feedmill.feedfile.check import check_feed_file
    from feedmill.feedfile.text import Fault, read_text
    from plugins.manager import load_registry

    if not files:
        raise UsageError("no feed file is given")
    registry = load_registry()
    code = Exit.COMPLETE
    for file in files:
        try:
            faults = check_feed_file(registry, read_text(file), os.environ)
        except ConfigError as error:
            faults = (Fault(str(error)),)
        if not all(fault.warning for fault in faults):
            code = Exit.CONFIGURATION
        else:
            sys.stdout.write(f"{file}: ok\n")
        sys.stdout.write("".join(f"{_line(file, fault)}\n" for fault in faults))
    return code


def _line(file: str, fault: Fault) -> str:
    """Return a fault as editors and terminals follow it: file and line first."""
    place = file if fault.line is None else f"{file}:{fault.line}"
    path = f"{fault.path}: " if fault.path else ""
    return f"{place}: {'warning: ' if fault.warning else ''}{path}{fault.message}"
