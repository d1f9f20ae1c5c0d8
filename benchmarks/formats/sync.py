"""The whole of it: one `feedmill.sync` of a file of the format into a SQLite database."""

from __future__ import annotations

import sys

from benchmarks.formats.material import FORMATS
from benchmarks.sync import run_sync

if __name__ == "__main__":
    run_sync(sys.argv[2], sys.argv[3], FORMATS[sys.argv[1]].settings, FORMATS[sys.argv[1]].fields)
