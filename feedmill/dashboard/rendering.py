"""Templates to HTML: compiled once, everything in them escaped, texts in the language that the browser asks for."""

from __future__ import annotations

import gettext
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from feedmill.dashboard.assets import load_assets
from feedmill.dashboard.presenters.plain import plain_words

_HERE: Final = Path(__file__).parent
TEMPLATES: Final = _HERE / "templates"
LOCALE: Final = _HERE / "locale"
DOMAIN: Final = "feedmill"
ENGLISH: Final = "en"

NOTHING: Final = "\u2013"
"""What is shown where there is no value."""

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def render(language: str, template: str, context: Mapping[str, object], part: str | None = None) -> str:
    """Return a template as HTML, or the block of it that is named. `ui` holds the macros of `ui.html` in both.

    Raises `KeyError` for a block that the template does not have.
    """
    templates = environment(language)
    found = templates.get_template(template)
    known = dict(context)
    known["ui"] = templates.get_template("ui.html").make_module(known)
    return found.render(known) if part is None else "".join(found.blocks[part](found.new_context(known)))


def has_part(language: str, template: str, part: str) -> bool:
    """Return whether a template has a block of that name."""
    return part in environment(language).get_template(template).blocks


@cache
def environment(language: str) -> Environment:
    """Return the templates in a language, all of them compiled. Blocks the first time."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    made.filters |= {
        "number": show_number,
        "size": show_size,
        "seconds": show_seconds,
        "moment": show_moment,
        "ratio": show_ratio,
        "money": show_money,
    }
    made.filters |= {"ratio": show_ratio, "money": show_money, "plain": plain_words}
    made.globals["asset"] = _asset_url
    for name in made.list_templates(extensions=["html"]):
        made.get_template(name)
    return made


@cache
def translations(language: str) -> gettext.NullTranslations:
    """Return the texts of a language; English ones are those that stand in the program. Blocks the first time."""
    return gettext.translation(DOMAIN, LOCALE, [language], fallback=True)


@cache
def languages() -> tuple[str, ...]:
    """Return the languages there are, English first. Blocks the first time."""
    return (ENGLISH, *sorted(path.parent.parent.name for path in LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")))


def choose_language(accepted: str) -> str:
    """Return the language that suits an `Accept-Language` best (RFC 9110, 12.5.4); English where none does."""
    for wanted in _by_weight(accepted):
        for language in languages():
            if wanted == language or wanted.partition("-")[0] == language:
                return language
    return ENGLISH


def _by_weight(accepted: str) -> Iterable[str]:
    weighed: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")[:20]):
        name, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), place, name.lower()))
        except ValueError:
            continue
    return (name for _, _, name in sorted(weighed))


def show_number(value: object) -> str:
    """Return a number with thin spaces between its thousands; text as it is, nothing as a dash."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    shown = f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")
    return shown.replace(",", "\u202f")


def show_size(value: int | None) -> str:
    """Return bytes for people."""
    if value is None:
        return NOTHING
    amount, unit = float(value), 0
    while amount >= 999.5 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit == 0 or amount >= 99.5 else f"{amount:.1f} {_UNITS[unit]}"


def show_seconds(value: float | None) -> str:
    """Return a duration in seconds for people."""
    if value is None:
        return NOTHING
    if value < 0.0995:
        return f"{1000 * value:.0f} ms"
    if value < 60:
        return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def show_ratio(part: float, whole: float) -> str:
    """Return a share as a percentage."""
    return NOTHING if not whole else f"{100 * part / whole:.1f} %"


def show_money(value: object) -> str:
    """Return an amount with two decimals at least, so that those of a column stand one below the other; text as it is."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return show_number(value)
    shown = f"{value:,.2f}" if round(value, 2) == value else f"{value:,.4f}".rstrip("0")
    return shown.replace(",", "\u202f")


def show_moment(value: str | int | None, empty: str = NOTHING) -> Markup | str:
    """Return a moment, RFC 3339 or microseconds, as an element that the page's script shows in the viewer's zone, in UTC on hover."""
    if value is None or value == "":
        return empty
    moment = datetime.fromtimestamp(value / 1e6, UTC) if isinstance(value, int) else datetime.fromisoformat(value)
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{} UTC</time>').format(
        utc.isoformat(timespec="seconds").replace("+00:00", "Z"), utc.strftime("%Y-%m-%d %H:%M:%S"), utc.strftime("%Y-%m-%d %H:%M")
    )


def _asset_url(name: str) -> str:
    return load_assets()[name].url


def merge_query(pairs: Sequence[tuple[str, str]], **changes: str | int | None) -> list[tuple[str, str]]:
    """Return the pairs of a query with some of them changed; None takes one away."""
    kept: list[tuple[str, str]] = [(name, value) for name, value in pairs if name not in changes]
    return kept + [(name, str(value)) for name, value in changes.items() if value is not None]
