"""The pages of docs/ say what the code does: tables, commands, attributes, links."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

from engine.batch import Reject
from engine.feed import COMPUTED, Feed, FieldRow, GuardLimits, Purpose, Rewrite, build_feed
from engine.figures import Figures
from engine.mapping.numbers import NumberReader
from engine.quantity import available_quantity
from engine.run import RunRecord, RunStatus
from engine.schema import ATTRIBUTES, Kind
from engine.settings.transport import Pagination, Parameter, Transport
from feedmill.cli import build_app
from feedmill.commands.arguments import parse_fields, parse_settings
from feedmill.feedfile.check import check_feed_file
from feedmill.shapes import shape_figures, shape_reject, shape_run
from feedmill.web.item_schema import ACCEPTED, BATCH, SENT_ITEM, SHOWN_ITEM
from plugins.manager import load_registry
from sinks.sqlite.service.alerts import KINDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path.read_text("utf-8") for path in sorted(DOCS.rglob("*.md"))}
GENERATED = re.compile(r"<!-- generated: .*?<!-- /generated -->", re.DOTALL)
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for room in ("engine", "connectors", "mappers", "sinks", "plugins", "feedmill")
    for path in sorted((ROOT / room).rglob("*.py"))
}
LINE = 120

each_page = pytest.mark.parametrize("page", PAGES)


def load_generator() -> ModuleType:
    """Import docs/generate_reference.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("generate_reference", DOCS / "generate_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


def written(page: str) -> str:
    """Return what a person wrote of a page."""
    return GENERATED.sub("", PAGES[page])


def aliases(model: type[Any]) -> set[str]:
    """Return the API names of a model."""
    return {field.alias or name for name, field in model.model_fields.items()}


INNER: dict[str, type[Any]] = {"guard": GuardLimits, "transport": Transport, "pagination": Pagination, "parameters": Parameter}
"""The objects among a feed's attributes, which dotted names reach into."""


def known_names() -> set[str]:
    """Return every camelCase name that a page may put in backticks."""
    shown = {"dialectChanged", "availableQuantity", "inventoryFeedId", "inventoryUpdatedAt", "startedAt", "finishedAt"}
    shown |= {"retryAfter", "sentAt", "resolvedAt", *KINDS}
    models: list[type[Any]] = [Feed, FieldRow, Rewrite, *INNER.values()]
    names = {name for model in models for name in aliases(model)}
    calls = {name for schema in (SENT_ITEM, SHOWN_ITEM, BATCH, ACCEPTED) for name in schema["properties"]}
    return calls | names | set(ATTRIBUTES) | set(COMPUTED) | set(get_args(Purpose)) | shown | set(shape_figures(Figures()))


@each_page
def test_generated_tables_are_current(page: str) -> None:
    """What stands between the marks is what the code gives now; `python docs/generate_reference.py` writes it."""
    assert GENERATOR.render(PAGES[page]) == PAGES[page], f"docs/{page} is out of date: run python docs/generate_reference.py"


@each_page
def test_a_page_fits_the_screen(page: str) -> None:
    """No line that a person wrote is wider than the house allows, table rows apart."""
    wide = [line for line in written(page).splitlines() if len(line) > LINE and not line.startswith(("|", "{"))]
    assert not wide


def test_every_page_is_in_the_navigation_once() -> None:
    """A page that nobody can find might as well not exist."""
    listed = re.findall(r":\s+([\w/-]+\.md)\s*$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(PAGES)


@each_page
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link names a file that is there, and a heading of it where it names one."""
    for target in re.findall(r"\]\(([^)\s]+)\)", written(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = ((DOCS / page).parent / name).resolve() if name else DOCS / page
        assert path.is_file(), f"docs/{page} links to {target}"
        if path.suffix != ".md":
            continue
        headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
        slugs = {re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-")) for heading in headings}
        assert not anchor or anchor in slugs, f"docs/{page} links to {target}"


@each_page
def test_curl_leaves_brackets_alone(page: str) -> None:
    """Every curl command whose address has brackets has `-g`, without which curl takes them for a range and refuses."""
    commands = re.findall(r"^\W*(curl .*(?:\\\n.*)*)", PAGES[page], re.MULTILINE)
    assert [command for command in commands if re.search(r"\?\S*\[", command) and not re.search(r" -[a-z]*g", command)] == []


@each_page
def test_names_in_backticks_are_names_of_the_api(page: str) -> None:
    """Every camelCase word set as code is an attribute, a limit, a purpose or a field of what is printed."""
    words = re.findall(r"`(?:guard\.|transport\.|pagination\.)?([a-z]+(?:[A-Z][a-z]+)+)`", written(page))
    assert set(words) <= known_names()


@each_page
def test_settings_and_fields_exist(page: str) -> None:
    """Every `--set` names an attribute that can be set, every `--field` a purpose."""
    settings = re.findall(r"--set ([a-zA-Z.]+)=", written(page))
    assert {name.partition(".")[0] for name in settings} <= aliases(Feed)
    inner = [(head, rest) for head, _, rest in (name.partition(".") for name in settings) if rest]
    assert [name for name in inner if name[1] not in aliases(INNER[name[0]])] == []
    assert set(re.findall(r"--field ([a-zA-Z]+)=", written(page))) <= set(get_args(Purpose))


def commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of every `feedmill` command of a page's code."""
    joined = re.sub(r"\\\n(?:> )?", " ", text)
    for line in re.findall(r"^(?:\$ |    )(feedmill .*)$", joined, re.MULTILINE):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
        stop = next((place for place, word in enumerate(words) if word in {"|", ";", "&&", ">"}), len(words))
        yield words[1:stop]


@each_page
def test_commands_can_be_given(page: str) -> None:
    """Every command line of a page parses, and its settings and fields make a feed."""
    app = build_app()
    for arguments in commands(written(page)):
        _, bound, *_ = app.parse_args(arguments, exit_on_error=False, print_error=False)
        given = bound.arguments
        settings, fields = parse_settings(given.get("settings")), parse_fields(given.get("fields"))
        assert build_feed("docs", settings, fields).name == "docs"


@pytest.mark.parametrize("page", [page for page in PAGES if "```toml\nname = " in PAGES[page]])
def test_feed_files_that_are_shown_can_be_used(page: str) -> None:
    """Every feed file of a page holds no fault, once its variables are set."""
    for block in re.findall(r"```toml\n(name = .*?)```", PAGES[page], re.DOTALL):
        faults = check_feed_file(load_registry(), block.encode(), {"ACME_USER": "joe", "ACME_PASSWORD": "secret"})
        assert [str(fault) for fault in faults] == []


@pytest.mark.parametrize("page", [page for page in PAGES if "```python" in PAGES[page]])
def test_python_blocks_are_python(page: str) -> None:
    """Every block of Python compiles."""
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL)):
        compile(block, f"docs/{page}[{number}]", "exec")


@pytest.mark.parametrize("page", ["how-to/map-columns.md", "how-to/fetch-over-http.md"])
def test_python_blocks_that_stand_alone_run(page: str) -> None:
    """The mapping rows shown are rows that Feedmill takes."""
    for block in re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL):
        exec(block, {})


def test_the_plugin_page_shows_the_plugin() -> None:
    """The code of the rule is that of examples/plugin, but for docstrings."""
    module = (ROOT / "examples/plugin/feedmill_acme.py").read_text("utf-8")
    rule = re.findall(r"```python\n(.*?)```", PAGES["how-to/write-a-plugin.md"], re.DOTALL)[0]
    assert [line for line in rule.splitlines() if line not in module.splitlines()] == []


def test_every_attribute_has_its_note_and_no_note_is_left_over() -> None:
    """engine/settings/notes.toml and the models name the same attributes."""
    notes = GENERATOR.NOTES
    assert sorted(name for theme in notes["feed"].values() for name in theme) == sorted(aliases(Feed))
    assert sorted(notes["guard"]) == sorted(aliases(GuardLimits))
    assert sorted(notes["row"]) == sorted(aliases(FieldRow))
    assert sorted(notes["transport"]) == sorted(aliases(Transport))
    assert sorted(notes["pagination"]) == sorted(aliases(Pagination))
    assert sorted(notes["parameter"]) == sorted(aliases(Parameter))
    assert sorted(notes["rewrite"]) == sorted(aliases(Rewrite))
    assert list(notes["item"]) == list(ATTRIBUTES)


NAMED_OTHERWISE = {
    *("name", "resource_location", "fields", "inventory_policy", "dropship_provider_id"),
}
"""Attributes that code names without acting on them."""


def uses(field: str, alias: str) -> list[str]:
    """Return the modules, the feed's own apart, that read an attribute of a feed."""
    direct = re.compile(
        rf"\b(?:feed|built|limits)\.{field}\b|\.get\(\"{alias}\"|, \"{alias}\", problems|\"{field}\"|\"{alias}\": \(|'\$\.{alias}'"
    )
    # Whichever way it is read, one of its names stands there; looking for a text is a hundred times faster than for the pattern.
    return [name for name, text in SOURCES.items() if name != "engine/feed.py" and (field in text or alias in text) and direct.search(text)]


@pytest.mark.parametrize(("model", "listed"), [(Feed, "in_force"), (GuardLimits, "guard_in_force")])
def test_what_is_called_in_force_is_used_and_nothing_else_is(model: type[Any], listed: str) -> None:
    """An attribute in force is read by some module besides the feed's; one that is only kept is read by none."""
    in_force = set(GENERATOR.NOTES[listed]) - {"name", "resourceLocation", "fields"}
    for name, field in model.model_fields.items():
        alias = field.alias or name
        if alias in in_force:
            assert uses(name, alias), f"{alias} is called in force, but nothing reads it"
        elif name not in NAMED_OTHERWISE:
            assert not uses(name, alias), f"{alias} is called kept, but {uses(name, alias)} read it"


def test_figures_are_read_as_the_pages_say() -> None:
    """What the pages say of awkward figures is what the reader makes of them."""
    numbers = NumberReader("comma")
    read = {text: numbers.quantity(text) for text in (">100", "100+", "10-50", "39,5")}
    assert read == {">100": 100, "100+": 100, "10-50": 10, "39,5": 39.5}
    assert available_quantity(read["39,5"]) == 39
    assert all(f"`{text}`" in PAGES["how-to/read-csv.md"] for text in read)
    assert (numbers.embedded("ca. 12 Stk."), numbers.money("8,00")) == ("12", 8_000_000)


def test_the_items_page_explains_every_kind() -> None:
    """Every kind of value that an item has is explained."""
    assert [kind.value for kind in Kind if f"*{kind.value}*" not in PAGES["reference/items.md"]] == []


def first_column(page: str, heading: str) -> list[str]:
    """Return the names in the first column of the table below a heading."""
    section = PAGES[page].partition(f"{heading}\n")[2]
    table = re.search(r"\| --- .*?\n((?:\|.*\n)+)", section)
    assert table is not None
    return [name for row in table[1].splitlines() for name in re.findall(r"`([\w-]+)`", row.split("|")[1])]


def test_the_run_record_page_lists_every_field() -> None:
    """`--json` prints these fields and no others, in this order; rejects as well."""
    assert first_column("reference/run-record.md", "# The run record") == list(shape_run(RunRecord("a", 1, RunStatus.COMPLETE)))
    reject = shape_reject(Reject(1, 1, None, None, "", "", ""), feed="a", run=1)
    assert sorted(first_column("reference/run-record.md", "## Rejects")) == sorted(reject)


def test_the_run_record_page_lists_every_figure() -> None:
    """Every figure that the guard judges is explained, in the order in which it is shown."""
    assert first_column("reference/run-record.md", "## Figures") == list(shape_figures(Figures()))


def test_the_run_record_page_lists_every_code() -> None:
    """Every code that a problem can have is explained, and no other."""
    literal = {code for name, text in SOURCES.items() for code in re.findall(r"Problem\(\s*\"([\w-]+)\"", text)}
    judging = re.search(r"def _code\(.*?\n\n", SOURCES["engine/flow/pipeline.py"], re.DOTALL)
    assert judging is not None
    judged = set(re.findall(r"\"([\w-]+)\"", judging[0]))
    assert set(first_column("reference/run-record.md", "## Problems")) == literal | judged | {"rejected"}
