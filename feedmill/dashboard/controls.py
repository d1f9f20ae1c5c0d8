"""The controls of a form made from what a model says of its attributes, and what a form that comes back changes: pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias

from engine.contracts import PUSHED
from engine.feed import Feed
from engine.source import MASK
from feedmill.dashboard.forms import whole_number
from feedmill.dashboard.reaching.changing import ATTRIBUTES as REQUESTS

Kind: TypeAlias = Literal["text", "number", "choice", "flag", "list", "pairs", "secret"]

_SECRETS: Final = frozenset(
    (
        *("proxyUrl", "webhookEndpoint", "parseWebhookEndpoint"),
        *("transport.clientKeyPassword", "transport.privateKeyPassphrase"),
    )
)
_INNER: Final = ("guard", "transport")
ELSEWHERE: Final = REQUESTS | frozenset(("mapping", "xmlMapping", "jsonMapping", "fields", "jsonFields", "mappings"))
"""What other pages set: how the source is asked, and the mapping."""

_FETCHED_TYPES: Final = ("ftpCsv", "xml", "json")

_LABELS: Final[Mapping[str, str]] = {
    "dropshipProviderId": "Supplier",
    "resourceType": "Format",
    "resourceLocation": "Address",
    "resourcePath": "File or pattern below the address",
    "authenticationToken": "User, or token",
    "authenticationSecret": "Password, or secret",
    "useProxy": "Fetch through the proxy",
    "proxyUrl": "Address of the proxy",
    "guard.enabled": "Hold what is implausible",
    "guard.minItems": "Fewest items that are judged",
    "guard.maxRejectRatio": "Records that may be rejected, share",
    "guard.maxMissingRatio": "Items that may go missing, share",
    "guard.maxZeroFlipRatio": "Items that may sell out, share",
    "guard.maxStockDropRatio": "How far all stock may fall, share",
    "guard.maxPriceFactor": "How far a price may move, factor",
    "guard.maxPriceMoveRatio": "Prices that may move further, share",
    "guard.maxZeroPriceRatio": "Prices that may vanish, share",
    "reviewChanges": "Hold every run that changes something",
    "historyDays": "Days of history",
}
"""What is called otherwise in the dashboard than in the API."""

_COMMANDS: Final = re.compile(r"--\w|command line|\bSOURCE\b|[Ss]ync by hand|cannot be fetched from again")
"""What is said of a setting to who types commands."""


@dataclass(frozen=True, slots=True)
class Control:
    """One attribute of a form. `name` is its path, as `guard.minItems`; `options` hold values and labels; `hint` is Markdown."""

    name: str
    kind: Kind
    value: object
    hint: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """Return what it is called on the page: what is often set has a name, of the rest the attribute in words."""
        if (known := _LABELS.get(self.name)) is not None:
            return known
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.name.rpartition(".")[2])
        return words[:1].upper() + words[1:].lower()

    @property
    def shown(self) -> str:
        """Return the value as the control shows it: of a secret nothing."""
        if self.kind == "secret" or self.value is None:
            return ""
        if isinstance(self.value, bool):
            return str(self.value).lower()
        if isinstance(self.value, dict):
            return "\n".join(f"{name} = {value}" for name, value in self.value.items())
        return "\n".join(map(str, self.value)) if isinstance(self.value, list) else str(self.value)

    @property
    def is_of_transport(self) -> bool:
        """Return whether it says how a source is reached, which rarely has to be set."""
        return self.name.startswith("transport.")

    @property
    def is_kept(self) -> bool:
        """Return whether there is a secret, which shows in its mask."""
        return self.kind == "secret" and self.value is not None


def groups() -> tuple[str, ...]:
    """Return the names of the groups in which attributes stand."""
    return tuple(name for name in _notes()["feed"] if any(_is_set_here(attribute) for attribute in _notes()["feed"][name]))


def controls_of(group: str, feed: Mapping[str, Any], suppliers: Sequence[tuple[str, str]] = ()) -> tuple[Control, ...]:
    """Return the controls of a group, with the values of a feed as the API shows it; `suppliers` are those that it may belong to."""
    schema, notes = _schema(), _notes()
    found: list[Control] = []
    for name, hint in notes["feed"][group].items():
        if name in _INNER:
            inner = schema["$defs"]["GuardLimits" if name == "guard" else "Transport"]["properties"]
            values = feed[name] or {}
            paths = [(each, f"{name}.{each}") for each in notes[name]]
            found += [
                _control(path, notes[name].get(each, ""), inner[each], values.get(each)) for each, path in paths if _is_set_here(path)
            ]
        elif name == "dropshipProviderId":
            found.append(Control(name, "choice", feed[name], hint, tuple(suppliers)))
        elif name == "resourceType":
            found.append(Control(name, "choice", feed[name], hint, _types(str(feed[name]))))
        elif _is_set_here(name):
            found.append(_control(name, hint, schema["properties"][name], feed.get(name)))
    return tuple(found)


def changes_of(controls: Iterable[Control], form: Mapping[str, str]) -> dict[str, Any]:
    """Return what a form changes, by attribute, as the API takes it: what is as it was shown is not in it.

    A number that is none is handed on as it was typed: the API says what is wrong with it.
    """
    changed: dict[str, Any] = {}
    for control in controls:
        if control.kind == "secret":
            value = None if form.get(f"forget {control.name}") else form.get(control.name) or control.value
        else:
            value = _parse(control, form.get(control.name, ""))
        if value != control.value:
            head, _, inner = control.name.partition(".")
            if inner:
                changed.setdefault(head, {})[inner] = value
            else:
                changed[head] = value
    return changed


def _plain(hint: str) -> str:
    """Return a hint without what it says to users of the command line."""
    return " ".join(sentence for sentence in re.split(r"(?<=[.;]) (?=[A-Z])", hint) if not _COMMANDS.search(sentence))


def _parse(control: Control, text: str) -> object:
    text = text.replace("\r\n", "\n")
    if control.kind == "list":
        return [line.strip() for line in text.split("\n") if line.strip()]
    if control.kind == "flag":
        return {"true": True, "false": False}.get(text)
    if not text.strip():
        return None
    if control.kind == "pairs":
        pairs = [line.partition("=") for line in text.split("\n") if line.strip()]
        return {name.strip(): value.strip() for name, _, value in pairs}
    if control.name == "dropshipProviderId" and (supplier := whole_number(text)) is not None:
        return supplier
    if control.kind != "number":
        return text
    number = text.strip()
    if isinstance(control.value, str):
        return number
    try:
        parsed = float(number)
    except ValueError:
        return number
    return int(parsed) if parsed.is_integer() else parsed


def _control(name: str, hint: str, schema: Mapping[str, Any], value: object) -> Control:
    hint = _plain(hint)
    if name in _SECRETS:
        return Control(name, "secret", MASK if value else None, hint)
    options = [each for each in schema.get("anyOf", (schema,)) if each.get("type") != "null"]
    optional = len(options) < len(schema.get("anyOf", (schema,)))
    kinds = {each.get("type") for each in options}
    unset = (("", "unset"),) if optional else ()
    if choices := options[0].get("enum"):
        return Control(name, "choice", value, hint, (*unset, *((choice, choice) for choice in choices)))
    if kinds == {"boolean"}:
        return Control(name, "flag", value, hint, (*unset, ("true", "yes"), ("false", "no")))
    if kinds & {"integer", "number"}:
        return Control(name, "number", value, hint)
    if kinds == {"object"}:
        return Control(name, "pairs", value or None, hint)
    return Control(name, "list" if kinds == {"array"} else "text", value, hint)


def _types(now: str) -> tuple[tuple[str, str], ...]:
    """Return the formats that a feed may change to: one that is fetched stays fetched, one that is pushed to is pushed to."""
    names = tuple(sorted(PUSHED)) if now in PUSHED else _FETCHED_TYPES
    return tuple((name, name) for name in (names if now in names else (now, *names)))


def _is_set_here(name: str) -> bool:
    return name not in ELSEWHERE


@cache
def _schema() -> dict[str, Any]:
    return Feed.model_json_schema()


@cache
def _notes() -> dict[str, Any]:
    return tomllib.loads(files("engine.settings").joinpath("notes.toml").read_text("utf-8"))
