"""`feedmill check`: whether feed files, and the configuration of a service, can work."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from feedmill.feedfile.text import Fault
    from plugins.manager import Registry


def check(*files: Annotated[str, Parameter(help="Feed files, feed.toml, and feedmill.toml.")]) -> int:
    """Say of each file `ok`, or everything that is wrong with it. Fetches nothing.

    A file without `name` and `source` at its top is the configuration of a service: it is checked with the feeds declared in it.

    Exit codes: 0 all can work, 78 at least one cannot.
    """
    from engine.errors import ConfigError
    from feedmill.exits import Exit, UsageError
    from feedmill.feedfile.check import check_feed_file
    from feedmill.feedfile.text import Fault, parse_toml, read_text
    from feedmill.service.config.loading import is_service_file
    from plugins.manager import load_registry

    if not files:
        raise UsageError("no feed file is given")
    registry = load_registry()
    code = Exit.COMPLETE
    for file in files:
        try:
            data = read_text(file)
            checked = _check_service if is_service_file(parse_toml(data).found) else check_feed_file
            faults = checked(registry, data, os.environ)
        except ConfigError as error:
            faults = (Fault(str(error)),)
        if not all(fault.warning for fault in faults):
            code = Exit.CONFIGURATION
        else:
            sys.stdout.write(f"{file}: ok\n")
        sys.stdout.write("".join(f"{_line(file, fault)}\n" for fault in faults))
    return code


def _check_service(registry: Registry, data: bytes, environment: Mapping[str, str]) -> tuple[Fault, ...]:
    from feedmill.service.config.checking import check_service_file

    return check_service_file(registry, data, environment)


def _line(file: str, fault: Fault) -> str:
    """Return a fault as editors and terminals follow it: file and line first."""
    place = file if fault.line is None else f"{file}:{fault.line}"
    path = f"{fault.path}: " if fault.path else ""
    return f"{place}: {'warning: ' if fault.warning else ''}{path}{fault.message}"
