"""`feedmill schema`: the JSON Schema of feed files, and of a service's configuration."""

from __future__ import annotations

import json
import sys
from typing import Annotated

from cyclopts import Parameter


def schema(*, service: Annotated[bool, Parameter(negative=(), help="Print that of feedmill.toml.")] = False) -> int:
    """Print the JSON Schema of feed.toml, with which editors complete and check it."""
    from feedmill.exits import Exit

    if service:
        from feedmill.service.config.schema import service_schema as made
    else:
        from feedmill.feedfile.schema import feed_file_schema as made
    sys.stdout.write(f"{json.dumps(made(), indent=2, ensure_ascii=False)}\n")
    return Exit.COMPLETE
