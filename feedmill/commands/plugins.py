"""`feedmill plugins`: what is installed and what it adds."""

from __future__ import annotations

import sys

from feedmill.commands.arguments import Json


def plugins(*, as_json: Json = False) -> int:
    """List plugins with their versions and what each adds."""
    from feedmill.exits import Exit
    from feedmill.shapes import dump
    from plugins.manager import load_registry

    found = load_registry().plugins()
    if as_json:
        listed = [
            {"name": info.name, "distribution": info.distribution, "version": info.version, "adds": list(info.adds)} for info in found
        ]
        sys.stdout.write(f"{dump(listed)}\n")
        return Exit.COMPLETE
    for info in found:
        sys.stdout.write(f"{info.name} {info.version} ({info.distribution}): {', '.join(info.adds) or 'nothing'}\n")
    return Exit.COMPLETE
