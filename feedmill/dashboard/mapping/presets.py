"""What a preset brings to a mapping, and the rows of one's own that it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from engine.errors import ConfigError
from engine.feed import Feed
from feedmill.assembly import find_mapper
from mappers.markup.presets import XML_PRESETS
from mappers.options import normal

if TYPE_CHECKING:
    from engine.contracts import PresetField
    from feedmill.dashboard.mapping.draft import Draft
    from plugins.manager import Registry

CUSTOM: Final = "custom"
_JOINING: Final = ("shopify",)
"""Presets that join the rows of a product, which rows of one's own do not."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A row of a preset: its purpose, the names that it looks for, the one that the source has or None, and the row that this is."""

    purpose: str
    names: tuple[str, ...]
    used: str | None
    row: Mapping[str, Any]


def preset_of(resource_type: str, draft: Draft) -> str:
    """Return the preset that a mapping starts from, `custom` for none."""
    if resource_type == "json" and draft.attributes.get("jsonMapping") == CUSTOM:
        return CUSTOM
    return str(draft.attributes.get("xmlMapping" if resource_type == "xml" else "mapping", CUSTOM))


def preset_names(registry: Registry, resource_type: str) -> tuple[str, ...]:
    """Return the presets that a format has, and `custom`."""
    return (*sorted(_presets(registry, resource_type)), CUSTOM)


def offered_rows(registry: Registry, resource_type: str, draft: Draft, columns: Sequence[str]) -> list[Offered]:
    """Return the rows that a preset brings, those of purposes that the draft's own rows do not name."""
    presets = _presets(registry, resource_type)
    known = {normal(column): column for column in columns}
    own = {row.get("purpose") for row in draft.rows["fields"]}
    found: list[Offered] = []
    for each in presets.get(preset_of(resource_type, draft), ()):
        if each.purpose not in own:
            used = next((known[normal(name)] for name in each.names if normal(name) in known), None)
            found.append(Offered(each.purpose, each.names, used, {"name": used or each.names[0], "purpose": each.purpose, **each.row}))
    return found


def columns_of_preset(registry: Registry, resource_type: str, preset: str, columns: Sequence[str]) -> dict[str, str]:
    """Return the columns of a source that a preset uses, each with its purpose."""
    known = {normal(column): column for column in columns}
    rows = _presets(registry, resource_type).get(preset, ())
    return {known[normal(name)]: each.purpose for each in rows for name in each.names if normal(name) in known}


def can_copy(resource_type: str, draft: Draft) -> bool:
    """Return whether rows of one's own can do what the preset does."""
    return preset_of(resource_type, draft) not in (CUSTOM, *_JOINING)


def copy_preset(registry: Registry, resource_type: str, draft: Draft, columns: Sequence[str]) -> Draft:
    """Return a draft with the preset's rows as rows of its own: those whose column the source has, for a row without one is refused."""
    if not can_copy(resource_type, draft):
        return draft
    offered = offered_rows(registry, resource_type, draft, columns)
    rows = [*draft.rows["fields"], *(dict(each.row) for each in offered if each.used is not None)]
    attributes = dict(draft.attributes)
    if resource_type == "xml":
        preset = XML_PRESETS.get(preset_of(resource_type, draft))
        if preset is not None:
            attributes.setdefault("xmlPath", preset.path)
            if preset.namespaces:
                attributes.setdefault("xmlNamespaces", dict(preset.namespaces))
    attributes["xmlMapping" if resource_type == "xml" else "mapping"] = CUSTOM
    return replace(draft, attributes=attributes, rows={**draft.rows, "fields": rows})


def _presets(registry: Registry, resource_type: str) -> Mapping[str, Sequence[PresetField]]:
    try:
        return find_mapper(registry, Feed.model_validate({"name": "feed", "resourceType": resource_type})).presets
    except ConfigError:
        # The plugin of the format is gone, which the preview tells.
        return {}
