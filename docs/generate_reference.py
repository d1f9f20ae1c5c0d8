"""Write the tables of the reference pages out of the code: `python docs/generate_reference.py`.

A page says where with `<!-- generated: NAME -->` and `<!-- /generated -->`; what stands between is replaced. A test fails when a
page is not what this would write.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from connectors.web import errors as http_errors
from engine import errors
from engine.errors import FeedmillError
from engine.feed import Feed, FieldRow, GuardLimits, Rewrite
from engine.schema import ATTRIBUTES
from engine.settings import resource
from engine.settings.transport import Pagination, Parameter, Transport
from engine.source import Source
from feedmill.cli import build_app
from feedmill.exits import exit_of_error
from feedmill.feedfile.declared import DeclaredFeed
from feedmill.feedfile.schema import feed_file_schema
from feedmill.service.settings import ServiceSettings
from feedmill.web.app import all_endpoints
from feedmill.web.openapi.document import build_document
from feedmill.web.openapi.markdown import render_markdown, render_problems, render_queries, render_statuses
from mappers.markup.presets import XML_PRESETS
from mappers.tabular.presets import PRESETS
from plugins import hookspecs
from plugins.conformance import connector, mapper, sink

DOCS: Final = Path(__file__).parent
NOTES: Final[Mapping[str, Any]] = tomllib.loads((DOCS.parent / "engine" / "settings" / "notes.toml").read_text("utf-8"))
EXAMPLES: Final[Sequence[Mapping[str, Any]]] = tomllib.loads((DOCS / "reference" / "examples.toml").read_text("utf-8"))["example"]
_BLOCK: Final = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)
_SOURCE: Final = "A URL or a path."


def render(text: str) -> str:
    """Return a page with every generated block as the code has it now."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n\n{found[3]}", text)


def pages() -> Iterator[Path]:
    """Yield every page."""
    yield from sorted(DOCS.rglob("*.md"))


def state_of(name: str, *, in_force: Iterable[str]) -> str:
    """Return whether an attribute is in force or kept without effect."""
    return "in force" if name in in_force else "kept"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return _union([part for part in schema["anyOf"] if part != {"type": "null"}])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}s"
    if schema.get("type") == "object":
        return "object"
    if "$ref" in schema:
        return {"GuardLimits": "object", "FieldRow": "mapping row"}.get(schema["$ref"].rpartition("/")[2], "object")
    name = str(schema["type"])
    return {"string": "text", "boolean": "`true`, `false`"}.get(name, name) + _bounds(schema)


def _union(parts: Sequence[Mapping[str, Any]]) -> str:
    if {part.get("type") for part in parts} == {"number", "string"}:
        return "decimal"
    return " or ".join(_type(part) for part in parts)


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high, above = schema.get("minimum"), schema.get("maximum"), schema.get("exclusiveMinimum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    if low is not None:
        return f", at least {low:g}"
    if above is not None:
        return f" above {above:g}"
    return {r"^[A-Z]{3}$": ", three capitals"}.get(schema.get("pattern", ""), "")


def _default(schema: Mapping[str, Any], *, required: bool) -> str:
    if required:
        return "required"
    value = schema.get("default")
    if value is None or value in ([], {}):
        return "unset"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _attributes(model: type[resource.Resource], notes: Mapping[str, str], in_force: Iterable[str]) -> str:
    schema = model.model_json_schema(by_alias=True)
    rows = []
    for name, note in notes.items():
        found = schema["properties"][name]
        state = state_of(name, in_force=in_force)
        rows.append((f"`{name}`", _type(found), _default(found, required=name in schema.get("required", ())), state, note))
    return _table(("attribute", "values", "default", "state", "meaning"), rows)


def _feed_attributes() -> str:
    parts = [f"### {theme}\n\n{_attributes(Feed, notes, NOTES['in_force'])}" for theme, notes in NOTES["feed"].items()]
    return "\n\n".join(parts)


def _feed_file() -> str:
    schema = feed_file_schema()
    rows = []
    for name in ("name", "source", "to"):
        found = schema["properties"][name]
        rows.append((f"`{name}`", "yes" if name in schema["required"] else "", found["description"]))
    return _table(("key", "required", "meaning"), rows)


def _configuration() -> str:
    """Return the keys of feedmill.toml, a table each."""
    top = [(name, field) for name, field in ServiceSettings.model_fields.items() if _table_of(field) is None]
    parts = [_keys(top)]
    for name, field in ServiceSettings.model_fields.items():
        if (section := _table_of(field)) is not None:
            parts += _section(name, section)
    return "\n\n".join(parts)


def _section(name: str, section: type[BaseModel]) -> Iterator[str]:
    said = " ".join((inspect.getdoc(section) or "").split()).partition(": ")[2]
    fields = section.model_fields.items()
    plain = [(key, field) for key, field in fields if _table_of(field) is None]
    yield f"### {name}\n\n`[{name}]`: {said}\n\n{_keys(plain)}"
    for key, field in fields:
        if (inner := _table_of(field)) is not None:
            yield from _section(f"{name}.{key}", inner)


def _keys(fields: Iterable[tuple[str, FieldInfo]]) -> str:
    rows = []
    for name, field in fields:
        annotation: Any = Annotated[field.annotation, field] if field.metadata else field.annotation
        default = _default({"default": _plain(field.default)}, required=field.is_required())
        rows.append((f"`{name}`", _type(TypeAdapter(annotation).json_schema()), default, field.description or ""))
    return _table(("key", "values", "default", "meaning"), rows)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _table_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a key that is a table."""
    kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
    return next((each for each in kinds if isinstance(each, type) and issubclass(each, BaseModel)), None)


def _declared_feeds() -> str:
    rows = [(f"`{name}`", "yes" if name == "name" else "", _declared_note(name)) for name in ("name", "source", "provider")]
    return _table(("key", "required", "meaning"), rows)


def _declared_note(name: str) -> str:
    return "The feed's name, by which it is known." if name == "name" else DeclaredFeed.model_fields[name].description or ""


def _guard_limits() -> str:
    return _attributes(GuardLimits, NOTES["guard"], NOTES["guard_in_force"])


def _parts_of_the_source(model: type[resource.Resource], notes: str) -> str:
    return _attributes(model, NOTES[notes], NOTES[notes])


def _mapping_rows() -> str:
    return _attributes(FieldRow, NOTES["row"], NOTES["row"])


def _rules_of_rows() -> str:
    return _rules(FieldRow, {"row": NOTES["row"]})


def _rules_of_feeds() -> str:
    return _rules(Feed, NOTES["feed"])


def _rules(model: type[resource.Resource], themes: Mapping[str, Mapping[str, str]]) -> str:
    """Return every attribute that has an example: its values, its default, its meaning, and what becomes of a text."""
    schema = model.model_json_schema(by_alias=True)
    rows = []
    for name, note in (pair for notes in themes.values() for pair in notes.items()):
        examples = [each for each in EXAMPLES if each["of"] == name]
        if examples:
            found = schema["properties"][name]
            default = _default(found, required=name in schema.get("required", ()))
            rows.append((f"`{name}`", _type(found), default, note, "<br>".join(map(_example, examples))))
    return _table(("attribute", "values", "default", "meaning", "example: set, in → out"), rows)


def _example(example: Mapping[str, Any]) -> str:
    dropped = {"name", "purpose"}
    said = [*example.get("settings", {}).items(), *(pair for row in example.get("rows", ()) for pair in row.items())]
    given = ", ".join(f"`{name}` {_shown(value)}" for name, value in said if name not in dropped)
    cells = ", ".join(f"{column} {_shown(text)}" for column, text in example["record"].items())
    gives = [f"{name} {_shown(value)}" for name, value in example.get("item", {}).items()]
    gives += [f"{name} is emptied" for name in example.get("clears", ())]
    gives += ["skipped: it " + example["skipped"]] if "skipped" in example else []
    return f"{given}: {cells} → {', '.join(gives)}"


def _shown(value: object) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _items() -> str:
    rows = []
    for name, attribute in ATTRIBUTES.items():
        default = "null" if attribute.default is None else str(attribute.default).lower()
        rows.append((f"`{name}`", attribute.kind.value, f"`{default}`", "yes" if attribute.imported else "no", NOTES["item"][name]))
    return _table(("attribute", "kind", "shown when not stored", "set by a feed", "meaning"), rows)


def _fate(error: FeedmillError | type[FeedmillError]) -> str:
    name = error.__name__ if isinstance(error, type) else type(error).__name__
    return {"Retry": "retry", "RefuseRun": "refused", "ConfigError": "configuration"}[name]


def _http_statuses() -> str:
    source = Source("https://supplier.example/stock.csv", username="shop")
    rows = []
    known = {status: str(status) for status in sorted({200, 203, 401, 403, *http_errors._CURES})}
    for status, title in {**known, 299: "other 2xx", 399: "other 3xx", 499: "other 4xx", 599: "other 5xx"}.items():
        error = http_errors.judge(http_errors.Answer(status, {}, True, "supplier.example"), source)
        # Not the standard phrase of a status: it changes from one Python to the next.
        rows.append((title, _fate(error), str(error).split(": ", 2)[2]) if error else (title, "read", "the document"))
    return _table(("status", "ends as", "what the message says"), rows)


def _http_transport() -> str:
    known = {"connect": "15", "idle": "60", "reason": "...", "proxy": "..."}
    texts: dict[tuple[str, str], None] = {}
    for _, fate, text in http_errors._TRANSPORT:
        texts[text.replace("{connect:g}", known["connect"]).replace("{idle:g}", known["idle"]).format(**known), _fate(fate)] = None
    return _table(("the source ...", "ends as"), texts)


def _presets() -> str:
    parts = []
    for name in ("inventory", "inventory_pricing", "publishing", "shopify"):
        fields = PRESETS[name]
        rows = [(f"`{each.purpose}`", ", ".join(f"`{alias}`" for alias in _spellings(each.names))) for each in fields]
        new = rows if name in ("inventory", "shopify") else [row for row in rows if row not in _presets_of_smaller(name)]
        more = {"inventory_pricing": "All of `inventory`, and:\n\n", "publishing": "All of `inventory_pricing`, and:\n\n"}.get(name, "")
        parts.append(f"### {name}\n\n{more}{_table(('purpose', 'headers, the first one present counts'), new)}")
    return "\n\n".join(parts)


def _xml_preset(name: str) -> str:
    """Return the rows of a format that comes as XML."""
    rows: dict[tuple[str, str], list[str]] = {}
    for each in XML_PRESETS[name].rows:
        detail = f" {each.row['optionName']}" if "optionName" in each.row else ""
        spelled = (alias for alias in each.names if alias.removeprefix("g:") == alias or alias.removeprefix("g:") not in each.names)
        rows.setdefault((each.purpose, detail), []).append(", ".join(f"`{alias}`" for alias in spelled))
    head = ("purpose", "path, the first that is not blank counts; of several lists all")
    table = _table(head, ((f"`{purpose}`{detail}", "; ".join(paths)) for (purpose, detail), paths in rows.items()))
    return f"Records: `{XML_PRESETS[name].path}`\n\n{table}"


def _presets_of_smaller(name: str) -> list[tuple[str, str]]:
    smaller = {"inventory_pricing": "inventory", "publishing": "inventory_pricing"}[name]
    return [(f"`{each.purpose}`", ", ".join(f"`{alias}`" for alias in _spellings(each.names))) for each in PRESETS[smaller]]


def _spellings(names: Sequence[str]) -> list[str]:
    """Return the names without those that differ from another only in what joins their words."""
    joints = re.compile(r"[ _-]")
    spoken = {joints.sub("", name): name for name in reversed(names)}
    return [name for name in names if spoken[joints.sub("", name)] == name]


def _commands() -> str:
    return "\n\n".join(_command(f"feedmill {name}", app) for name, app in _leaves_of(build_app()))


def _leaves_of(app: Any) -> Iterator[tuple[str, Any]]:
    """Yield every command by its name, those of a group behind the group's."""
    for name in (each for each in app if not each.startswith("-")):
        inner = [(f"{name} {below}", leaf) for below, leaf in _leaves_of(app[name])]
        yield from inner or [(name, app[name])]


def _command(name: str, app: Any) -> str:
    arguments = [each for each in app.assemble_argument_collection() if each.show]
    usage = " ".join(map(_usage, arguments))
    rows = [(f"`{each.names[0]}`", "yes" if each.required else "", each.parameter.help or _SOURCE) for each in arguments]
    first = (app.help or "").strip().partition("\n")[0]
    return f"### {name}\n\n{first}\n\n    {name} {usage}\n\n{_table(('argument', 'required', 'meaning'), rows)}"


def _usage(argument: Any) -> str:
    name: str = argument.names[0]
    if not name.startswith("-"):
        return name
    value = {"--set": " ATTRIBUTE=VALUE", "--field": " PURPOSE=COLUMN"}.get(name, "" if argument.hint is bool else " VALUE")
    return f"{name}{value}" if argument.required else f"[{name}{value}]"


def _error_tree() -> str:
    lines = inspect.cleandoc(errors.__doc__ or "").split("\n")
    tree = [line for line in lines if line.startswith("    ")]
    return "\n".join(["```text", *(line[4:] for line in tree), "```"])


def _error_exits() -> str:
    made: list[FeedmillError] = [
        errors.NotModified(""),
        errors.Retry(""),
        errors.Stalled(""),
        errors.RefuseRun(""),
        errors.Superseded(""),
        errors.ConfigError(""),
        errors.PluginError("", plugin="", distribution="", hook=""),
        errors.InternalError(""),
    ]
    rows = [(f"`{type(error).__name__}`", str(exit_of_error(error).value), _first_sentence(type(error))) for error in made]
    return _table(("error", "exit code", "what it reports"), rows)


def _first_sentence(documented: object) -> str:
    return " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].split())


def _hooks() -> str:
    hooks = [(name, hook) for name, hook in vars(hookspecs).items() if name.startswith("feedmill_")]
    return _table(("hook", "what it does"), [(f"`{name}`", _first_sentence(hook)) for name, hook in hooks])


def _checks(checks: Iterable[Callable[..., object]]) -> str:
    return _table(("check", "what holds"), [(f"`{check.__name__}`", _first_sentence(check)) for check in checks])


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "feed-attributes": _feed_attributes,
    "feed-file": _feed_file,
    "configuration": _configuration,
    "declared-feeds": _declared_feeds,
    "guard-limits": _guard_limits,
    "transport": lambda: _parts_of_the_source(Transport, "transport"),
    "pagination": lambda: _parts_of_the_source(Pagination, "pagination"),
    "parameters": lambda: _parts_of_the_source(Parameter, "parameter"),
    "mapping-rows": _mapping_rows,
    "rules-of-rows": _rules_of_rows,
    "rules-of-feeds": _rules_of_feeds,
    "rewrites": lambda: _parts_of_the_source(Rewrite, "rewrite"),
    "items": _items,
    "http-statuses": _http_statuses,
    "http-transport": _http_transport,
    "presets": _presets,
    **{f"xml-{name}": partial(_xml_preset, name) for name in ("google", "heureka", "ceneo", "yml")},
    "commands": _commands,
    "error-tree": _error_tree,
    "error-exits": _error_exits,
    "hooks": _hooks,
    "http-api": lambda: render_markdown(build_document(all_endpoints(), "")),
    "http-api-problems": render_problems,
    "http-api-queries": render_queries,
    "http-api-statuses": render_statuses,
    "connector-checks": lambda: _checks(connector.CHECKS),
    "mapper-checks": lambda: _checks(mapper.CHECKS),
    "sink-checks": lambda: _checks(sink.CHECKS),
}


def main() -> None:
    """Write every page anew that is not current."""
    for page in pages():
        text = page.read_text("utf-8")
        if (current := render(text)) != text:
            page.write_text(current, "utf-8")
            sys.stdout.write(f"wrote {page.relative_to(DOCS)}\n")


if __name__ == "__main__":
    main()
