"""The plugin seam: what registers, what a wrong plugin is told, and that a broken listener costs no run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest

from engine.contracts import ConnectorSpec, FieldRuleSpec, MapperSpec, SinkSpec
from engine.errors import ConfigError, PluginError, RejectRecord
from engine.events import RunEvent, RunFinished, RunStarted
from engine.hooks import hookimpl
from engine.run import RunRecord, RunStatus
from plugins.discovery import discover, installed_plugins
from plugins.manager import Registry, load_registry, registry_of

STARTED = RunStarted("acme", 1, "http://acme.example/stock.csv")


THING = object()
"""Stands for a connector, a mapper and a sink: the registry only hands them out."""

NO_TUPLE: Any = "ftp"


def _thing(*given: object) -> Any:
    return THING


def _plugin(name: str = "acme", **hooks: Callable[..., Any]) -> SimpleNamespace:
    """Make what a plugin's module is: an object whose functions are marked."""
    return SimpleNamespace(__name__=name, **{hook: hookimpl(function) for hook, function in hooks.items()})


def _connectors(*schemes: str, create: Callable[[], Any] = _thing) -> Callable[[], Any]:
    return lambda: [ConnectorSpec(schemes, create)]


def _trim(text: str) -> str:
    return text.strip()


def _full() -> SimpleNamespace:
    def heard(event: RunEvent) -> None:
        return None

    return _plugin(
        feedmill_connectors=_connectors("gopher", "GOPHERS"),
        feedmill_mappers=lambda: (MapperSpec("excel", _thing),),
        feedmill_sinks=lambda: (SinkSpec(("parquet",), _thing),),
        feedmill_field_rules=lambda: (FieldRuleSpec("trim", _trim),),
        feedmill_run_event=heard,
    )


def _failure(*plugins: object) -> PluginError:
    with pytest.raises(PluginError) as caught:
        registry_of(*plugins)
    return caught.value


def test_everything_a_plugin_adds_is_found_by_its_name() -> None:
    """Schemes, formats and rules answer by name, in whatever case it is written."""
    registry = registry_of(_full())
    assert registry.connector("Gophers") is THING
    assert registry.mapper("excel").format == "excel"
    assert registry.sink("PARQUET").schemes == ("parquet",)
    assert registry.field_rule("trim").apply(" x ") == "x"


def test_a_plugin_is_listed_with_what_it_adds() -> None:
    """What `feedmill plugins` shows comes from what was registered."""
    (info,) = registry_of(_full()).plugins()
    assert info.name == "acme"
    assert info.adds == ("connector gopher", "connector gophers", "mapper excel", "sink parquet", "rule trim", "listener run_event")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda registry: registry.connector("gofer"), "URL scheme 'gofer': installed are gopher, gophers; did you mean 'gopher'"),
        (lambda registry: registry.mapper("xml"), "format 'xml': installed are excel; a plugin that adds a mapper may have to be"),
        (lambda registry: registry.sink("parket"), "did you mean 'parquet'"),
        (lambda registry: registry.field_rule("trimm"), "did you mean 'trim'"),
    ],
)
def test_an_unknown_name_lists_what_is_installed(ask: Callable[[Registry], object], message: str) -> None:
    """The operator reads what there is, and what was probably meant."""
    with pytest.raises(ConfigError, match="no ") as caught:
        ask(registry_of(_full()))
    assert message in str(caught.value)


def test_two_plugins_cannot_claim_one_scheme() -> None:
    """A scheme answered by chance would be worse than none: both plugins are named."""
    error = _failure(_plugin("acme", feedmill_connectors=_connectors("ftp")), _plugin("rival", feedmill_connectors=_connectors("FTP")))
    assert error.plugin == "rival"
    assert "the connector 'ftp' is already registered by plugin 'acme'" in str(error)
    assert "uninstall one of the two" in str(error)


def test_one_plugin_cannot_claim_a_scheme_twice() -> None:
    """Two specs of one plugin for one scheme are its author's slip."""
    twice = _plugin(feedmill_connectors=lambda: [ConnectorSpec(("ftp",), _thing), ConnectorSpec(("ftp",), _thing)])
    assert "registers the connector 'ftp' twice" in str(_failure(twice))


async def _async_hook() -> list[ConnectorSpec]:
    return []


def _broken_hook() -> list[ConnectorSpec]:
    raise ZeroDivisionError("by 0")


@pytest.mark.parametrize(
    ("hooks", "hook", "message"),
    [
        ({"feedmill_conectors": _connectors("ftp")}, "registration", "unknown hook 'feedmill_conectors'"),
        ({"feedmill_connectors": lambda config: []}, "registration", "'config'"),
        ({"feedmill_run_event": lambda event, feed: None}, "registration", "'feed'"),
        ({"feedmill_connectors": _async_hook}, "hook _async_hook", "hooks are plain functions"),
        ({"feedmill_connectors": _broken_hook}, "hook feedmill_connectors", "raised ZeroDivisionError: by 0"),
        ({"feedmill_connectors": lambda: None}, "hook feedmill_connectors", "returned NoneType"),
        ({"feedmill_connectors": lambda: "ftp"}, "hook feedmill_connectors", "returned str"),
        ({"feedmill_connectors": lambda: iter(())}, "hook feedmill_connectors", "return a list or tuple of ConnectorSpec"),
        ({"feedmill_sinks": lambda: [MapperSpec("csv", _thing)]}, "hook feedmill_sinks", "type MapperSpec; each must be a SinkSpec"),
        ({"feedmill_connectors": lambda: [ConnectorSpec(NO_TUPLE, _thing)]}, "hook feedmill_connectors", "'ftp' where a tuple"),
        ({"feedmill_connectors": _connectors()}, "hook feedmill_connectors", "() where a tuple of URL schemes belongs"),
        ({"feedmill_mappers": lambda: [MapperSpec("", _thing)]}, "hook feedmill_mappers", "where a tuple of formats belongs"),
    ],
)
def test_a_wrong_plugin_is_told_what_its_author_did(hooks: dict[str, Callable[..., Any]], hook: str, message: str) -> None:
    """Each error names the plugin and the hook and says what is wrong with it."""
    error = _failure(_plugin("acme", **hooks))
    assert (error.plugin, error.hook) == ("acme", hook)
    assert message in str(error)


def test_a_plugin_that_forgot_the_mark_is_told_so() -> None:
    """Functions with the right names that are not marked register nothing, which nobody wants."""
    assert "feedmill_sinks, but not marked with @hookimpl" in str(_failure(SimpleNamespace(feedmill_sinks=list)))


def test_a_plugin_without_any_hook_is_told_which_there_are() -> None:
    """An entry point that leads to the wrong module is noticed."""
    assert "implements no hook" in str(_failure(SimpleNamespace()))
    assert "feedmill_run_event" in str(_failure(SimpleNamespace()))


def test_one_module_registers_once() -> None:
    """Two entry points to one module are one too many."""
    plugin = _full()
    assert "registered twice" in str(_failure(plugin, plugin))


def test_a_plugin_that_does_not_import_is_named() -> None:
    """The error names entry point and cause; nothing else is loaded in its place."""
    with pytest.raises(PluginError, match="entry point excel = feedmill_nowhere") as caught:
        discover([EntryPoint("excel", "feedmill_nowhere", "feedmill")])
    assert caught.value.plugin == "excel"
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_factory_that_fails_is_its_plugins_fault() -> None:
    """A connector that cannot be made names its plugin; what Feedmill raises on purpose passes unchanged."""

    def broken() -> object:
        raise ImportError("no module named 'pysmb'")

    def unset() -> object:
        raise ConfigError("set SMB_DOMAIN")

    registry = registry_of(
        _plugin("a", feedmill_connectors=_connectors("smb", create=broken)),
        _plugin("b", feedmill_connectors=_connectors("cifs", create=unset)),
    )
    with pytest.raises(PluginError, match="making it raised ImportError: no module named 'pysmb'"):
        registry.connector("smb")
    with pytest.raises(ConfigError, match="set SMB_DOMAIN"):
        registry.connector("cifs")


def _hearing(heard: list[RunEvent]) -> Callable[[RunEvent], None]:
    def hear(event: RunEvent) -> None:
        heard.append(event)

    return hear


def test_listeners_hear_every_event_in_order_whoever_fails() -> None:
    """A listener that raises costs neither the run nor the other listeners; its error is handed back."""
    heard: list[RunEvent] = []
    finished = RunFinished(RunRecord("acme", 1, RunStatus.COMPLETE))

    def broken(event: RunEvent) -> None:
        raise RejectRecord("not mine to raise") if isinstance(event, RunFinished) else KeyError("feed")

    registry = registry_of(
        _plugin("broken", feedmill_run_event=broken),
        _plugin("deaf", feedmill_run_event=lambda: None),
        _plugin("good", feedmill_run_event=_hearing(heard)),
    )
    errors = [*registry.notify(STARTED), *registry.notify(finished)]
    assert heard == [STARTED, finished]
    assert [(error.plugin, error.hook) for error in errors] == [("broken", "hook feedmill_run_event")] * 2
    assert "telling it of RunStarted raised KeyError" in str(errors[0])


def test_the_built_ins_come_through_the_entry_points() -> None:
    """Feedmill's own rooms are plugins among others, and stand first."""
    assert [entry.name for entry in installed_plugins()][:3] == ["connectors", "mappers", "sinks"]
    plugins = {info.name: info for info in load_registry(extra=[_full()]).plugins()}
    schemes = ("http", "https", "rest+http", "rest+https", "ftp", "ftps", "sftp", "file")
    assert plugins["connectors"].adds == tuple(f"connector {scheme}" for scheme in schemes)
    assert plugins["connectors"].distribution == "feedmill"
    assert "mapper csv" in plugins["mappers"].adds
    assert {"sink sqlite", "sink jsonl"} <= set(plugins["sinks"].adds)
    assert plugins["acme"].distribution == "given in code"


def test_loading_the_registry_imports_no_heavy_library() -> None:
    """Start-up stays cheap: a library is imported when a feed needs it, and only that one."""
    program = (
        "import sys; from plugins.manager import load_registry; registry = load_registry();"
        "heavy = {'aiohttp', 'aiosqlite', 'sqlalchemy', 'alembic', 'charset_normalizer'};"
        "print(sorted(heavy & set(sys.modules))); registry.connector('http'); print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["[]", "['aiohttp']"]


def test_a_connector_can_be_made_on_the_event_loop() -> None:
    """The first use of a built-in connector imports its library, and does nothing else that blocks."""
    program = (
        "import anyio, blockbuster, connectors; from plugins.manager import registry_of; registry = registry_of(connectors)\n"
        "async def main():\n"
        "    with blockbuster.blockbuster_ctx():\n"
        "        print(*(type(registry.connector(scheme)).__name__ for scheme in ('http', 'https', 'file')))\n"
        "anyio.run(main)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["HttpConnector", "HttpConnector", "FileConnector"]
