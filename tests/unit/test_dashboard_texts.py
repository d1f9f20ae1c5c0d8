"""The texts of the dashboard: all of them go through gettext, a translation is used where a browser asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo

from feedmill.dashboard import rendering

DASHBOARD = Path(rendering.__file__).parent
TEMPLATES = sorted((DASHBOARD / "templates").rglob("*.html"))
METHODS = [("**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"**.html": {"extensions": "jinja2.ext.do", "trimmed": "true", "silent": "false"}}
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "ngettext": (1, 2), "say": None}
NAMES = {"Feedmill", "database", "·"}
"""What is the same in every language."""


def texts() -> Iterator[str]:
    """Yield every text that is translated."""
    for _, _, message, _, _ in extract_from_dir(DASHBOARD, METHODS, OPTIONS, KEYWORDS):
        yield message if isinstance(message, str) else message[0]


def bare_words(template: str) -> list[str]:
    """Return what a template shows without asking for a translation: words between its tags, and in attributes that are read."""
    plain = re.sub(r"\{%-?\s*trans\b.*?\{%-?\s*endtrans\s*-?%\}|\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", " ", template, flags=re.DOTALL)
    shown = re.sub(r"<(script|style|code|pre)\b.*?</\1>", " ", plain, flags=re.DOTALL)
    words = re.findall(r">([^<>]*[A-Za-z]{2}[^<>]*)<", f">{shown}<")
    words += re.findall(r'(?:placeholder|aria-label|title|alt)="([^"]*[A-Za-z]{2}[^"]*)"', shown)
    shown_words = (" ".join(word.split()) for word in words if '="' not in word)
    return [found for found in shown_words if found and not set(found.split()) <= NAMES]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(DASHBOARD / "templates").as_posix())
def test_every_text_goes_through_gettext(template: Path) -> None:
    """No template shows a word that could not be translated."""
    assert not bare_words(template.read_text("utf-8"))


def test_texts_are_found_and_their_places_filled() -> None:
    """The texts can be collected, and each place in them has a name, so that a translation may move it."""
    found = set(texts())
    assert "Sign in" in found
    assert "Name or password is wrong." in found
    assert len(found) > 100
    assert not [text for text in found if re.search(r"%(?!\(\w+\)[sd])", text.replace("%%", ""))]


def test_a_translation_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A language that is installed is chosen by its weight, and what it does not say stays English."""
    catalog = Catalog("de")
    catalog.add("Sign in", "Anmelden")
    path = tmp_path / "de" / "LC_MESSAGES" / "feedmill.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalog)
    monkeypatch.setattr(rendering, "LOCALE", tmp_path)
    cached = (rendering.languages, rendering.translations, rendering.environment)
    for each in cached:
        each.cache_clear()
    try:
        assert [rendering.choose_language(asked) for asked in ("de-AT,de;q=0.9", "fr, de;q=0.5, en;q=0.7", "fr", "", "x;q=y")] == [
            *("de", "en", "en", "en", "en")
        ]
        known = {"view": None, "person": None, "is_admin": False, "path": "/", "form_token": "", "notice": "", "language": "de"}
        shown = rendering.render("de", "signing/sign_in.html", {**known, "to": "/", "name": "", "wrong": ""})
        assert "<h1>Anmelden</h1>" in shown
        assert "Password" in shown
    finally:
        for each in cached:
            each.cache_clear()
