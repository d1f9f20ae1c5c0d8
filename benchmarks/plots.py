"""The figures as plots, small SVG files that are the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.growth import CHANGED, FIRST, Growth
from benchmarks.peers.compare import HTTP, Comparison
from benchmarks.peers.subjects import STEPS

if TYPE_CHECKING:
    from benchmarks.report import Results

_COLOURS: Final = ("#2b6cb0", "#dd8452", "#55a868")
# Ids in the file come from this salt and not from chance; text stays text, which is small and can be searched.
_SETTINGS: Final = {
    "svg.hashsalt": "feedmill",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
}

RATIOS: Final = "ratios.svg"
SPEED: Final = "speed.svg"
MEMORY: Final = "memory.svg"


def draw_plots(results: Results, directory: Path) -> Mapping[str, str]:
    """Draw what was measured into a directory and return what each file shows, by its name."""
    import matplotlib

    matplotlib.use("svg")
    directory.mkdir(parents=True, exist_ok=True)
    drawn = {}
    with matplotlib.rc_context(_SETTINGS):
        for name, told, draw in _plots(results):
            _save(directory / name, draw)
            drawn[name] = told
    return drawn


def _plots(results: Results) -> Iterator[tuple[str, str, Callable[[Any], None]]]:
    if (peers := results.peers) is not None and peers.ratios:
        yield RATIOS, "How many times as fast as other programs, over HTTP", lambda axes: _ratios(axes, peers)
    if (growth := results.growth) is not None:
        yield SPEED, "Rows a second by size", lambda axes: _by_size(axes, growth, "rows a second", lambda run: run.rate)
        yield MEMORY, "Peak memory by size", lambda axes: _by_size(axes, growth, "peak RSS, MB", lambda run: run.peak_rss / 1e6)


def _save(path: Path, draw: Callable[[Any], None]) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.2), layout="constrained")
    draw(axes)
    figure.legend(loc="outside upper center", ncols=3, fontsize="small", frameon=False)
    # No date: the same figures make the same file.
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


def _ratios(axes: Any, found: Comparison) -> None:
    chosen = {(place.name, place.step): median(ratios) for place, ratios in found.ratios.items() if place.way == HTTP}
    names = [peer.name for peer in found.peers if any(name == peer.name for name, _ in chosen)]
    for number, step in enumerate(STEPS):
        places = [(index + (number - 1) * 0.26, chosen[name, step]) for index, name in enumerate(names) if (name, step) in chosen]
        bars = axes.barh([place for place, _ in places], [ratio for _, ratio in places], height=0.24, color=_COLOURS[number], label=step)
        axes.bar_label(bars, fmt=lambda ratio: f" {ratio:.2g}" if ratio < 10 else f" {ratio:.0f}")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("times as fast as ...")


def _by_size(axes: Any, found: Growth, label: str, value: Callable[[Any], float]) -> None:
    for step, colour in zip((FIRST, CHANGED), _COLOURS, strict=False):
        axes.plot(found.sizes, [value(found.runs[step, size]) for size in found.sizes], marker="o", color=colour, label=step)
    axes.set_xscale("log")
    axes.set_xticks(found.sizes, [f"{size:,}" for size in found.sizes])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("rows")
    axes.set_ylabel(label)
    axes.yaxis.set_major_formatter("{x:,.0f}")


def embed(plots: Mapping[str, str], names: Sequence[str], folder: str) -> Iterator[str]:
    """Yield the lines that show those of some plots that were drawn; `folder` is where they lie, seen from the page."""
    for name in names:
        if name in plots:
            yield from ("", f"![{plots[name]}]({folder}/{name})")
