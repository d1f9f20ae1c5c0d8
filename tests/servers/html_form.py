"""The controls of a page's form as a browser without a script would send them."""

from __future__ import annotations

from html.parser import HTMLParser


class HtmlForm(HTMLParser):
    """Hold in `fields` what the form of a page would send; `action` is the beginning of the form's address."""

    def __init__(self, text: str, action: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._action = action
        self._inside = False
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a control."""
        known = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = known.get("action", "").startswith(self._action)
        elif not self._inside:
            return
        elif tag == "input" and "name" in known and (known.get("type") not in ("checkbox", "radio") or "checked" in known):
            self.fields[known["name"]] = known.get("value", "")
        elif tag == "select":
            self._select = known["name"]
        elif tag == "option" and (self._select not in self.fields or "selected" in known):
            self.fields[self._select] = known.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """End the form."""
        if tag == "form":
            self._inside = False
