"""The plugin that forbids skips where CI is true."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import pytest

def test_passes(): pass

def test_skips(): pytest.skip("no database here")

@pytest.mark.xfail
def test_known_fault(): assert False
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Lay out a suite with one test that skips itself and one module that does."""
    pytester.makepyfile(test_some=SUITE, test_module="import pytest\npytest.skip('no server here', allow_module_level=True)")
    return pytester


def run(suite: pytest.Pytester) -> pytest.RunResult:
    """Run the suite in a process of its own with the plugin on."""
    return suite.runpytest_subprocess("-p", "tests.no_skips", "-p", "no:cacheprovider", "--continue-on-collection-errors")


def test_a_skip_fails_the_run_under_ci(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under CI=true a skipped test and a skipped module fail the run with their reasons; an expected failure does not."""
    monkeypatch.setenv("CI", "true")
    result = run(suite)
    result.assert_outcomes(passed=1, failed=1, errors=1, xfailed=1)
    result.stdout.fnmatch_lines_random(["*test_skips was skipped*no database here*", "*test_module.py was skipped*no server here*"])


def test_a_skip_is_allowed_elsewhere(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CI the same suite passes and its skips are counted."""
    monkeypatch.delenv("CI", raising=False)
    result = run(suite)
    result.assert_outcomes(passed=1, skipped=2, xfailed=1)
    assert result.ret == pytest.ExitCode.OK
