"""The whole of it: one `feedmill.sync` of a file of the format into a SQLite database."""

from __future__ import annotations

import sys

from benchmarks.formats.material import find_format
from benchmarks.sync import run_sync

if __name__ == "__main__":
    chosen = find_format(sys.argv[1])
    run_sync(sys.argv[2], sys.argv[3], chosen.settings, chosen.fields)
