"""`feedmill schema`: the JSON Schema of feed files."""

from __future__ import annotations

import json
import sys


def schema() -> int:
    """Print the JSON Schema of feed.toml, with which editors complete and check it."""
    from feedmill.exits import Exit
    from feedmill.feedfile.schema import feed_file_schema

    sys.stdout.write(f"{json.dumps(feed_file_schema(), indent=2, ensure_ascii=False)}\n")
    return Exit.COMPLETE
