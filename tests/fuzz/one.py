"""Fuzz one mapper: `python -m tests.fuzz.one csv DIRECTORY -max_total_time=60`. The options are those of libFuzzer."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["mappers", "engine.mapping"], enable_loader_override=False):
    from mappers import charset, csv, json, xpath  # noqa: F401  # imported for their instrumentation
    from tests.fuzz.targets import make_target


def main(name: str, options: list[str]) -> None:
    """Run the fuzzer until its time is over; it exits by itself, with a code other than 0 when it found anything."""
    atheris.Setup([sys.argv[0], *options], make_target(name))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
