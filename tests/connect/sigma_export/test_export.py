"""Rules become queries of other systems where the extra is installed; where it is not, that is said plainly."""

import stat
import sys
from pathlib import Path

import pytest

from caiso.connect.sigma_export.export import UnableToExport, convert, interpreter

PYTHON = Path(sys.executable).parent.parent / "export" / "bin" / "python"
needs_extra = pytest.mark.skipif(not PYTHON.exists(), reason=".venv/export is missing (make setup)")
SINGLE = {
    "title": "Shell", "name": "shell", "logsource": {"product": "ai", "category": "tool"},
    "detection": {"a": {"gen_ai.tool.name": "shell", "gen_ai.tool.call.arguments|contains": "curl"}, "condition": "a"},
}  # fmt: skip
COUNT = {
    "title": "Many shells", "name": "many-shells",
    "correlation": {
        "type": "event_count", "rules": ["shell"], "group-by": ["user.id"], "timespan": "5m", "condition": {"gte": 5},
    },
}  # fmt: skip


@needs_extra
def test_single_rule_in_three_languages_keeps_its_kind_of_event() -> None:
    for target, words in {
        "splunk": ('event.kind="tool"', 'gen_ai.tool.name="shell"', '"*curl*"'),
        "elasticsearch": ("event.kind:tool", "gen_ai.tool.name:shell", "*curl*"),
        "esql": ('event.kind=="tool"', 'gen_ai.tool.name=="shell"', "*curl*"),
    }.items():
        (query,) = convert([SINGLE], target=target, python=PYTHON)
        assert query.rule == "shell"
        assert all(word in query.text for word in words), (target, query.text)


@needs_extra
def test_correlation_becomes_one_query_or_a_plain_refusal() -> None:
    (splunk,) = convert([SINGLE, COUNT], target="splunk", python=PYTHON)
    assert splunk.rule == "many-shells"
    assert "event_count >= 5" in splunk.text
    with pytest.raises(UnableToExport, match=r"elasticsearch cannot say this: .*correlation"):
        convert([SINGLE, COUNT], target="elasticsearch", python=PYTHON)


@needs_extra
@pytest.mark.parametrize("documents", [[], [{"title": "x"}], [{"correlation": {"rules": ["gone"]}}], [[]]])
def test_document_that_is_no_rule_is_refused_and_breaks_nothing(documents: list[object]) -> None:
    try:
        assert convert(documents, target="splunk", python=PYTHON) == []  # type: ignore[arg-type]  # on purpose
    except UnableToExport as refusal:
        assert "splunk" in str(refusal)


def test_missing_extra_is_said_with_the_way_to_get_it() -> None:
    """The development set has no back ends: they pin an older pySigma."""
    with pytest.raises(UnableToExport, match=r"needs the optional extra caiso\[soc-export\].*CAISO_EXPORT_PYTHON"):
        interpreter(None)


def test_python_without_the_back_ends_is_named_as_such() -> None:
    with pytest.raises(UnableToExport, match=r"the named Python lacks sigma\.backends\.splunk"):
        convert([SINGLE], target="splunk", python=Path(sys.executable))


def test_python_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnableToExport, match="not a file"):
        interpreter(tmp_path / "python")
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho not json\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(UnableToExport, match="failed"):
        convert([SINGLE], target="splunk", python=interpreter(script))


def test_unknown_target_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnableToExport, match="splunk, elasticsearch, esql"):
        convert([SINGLE], target="qradar", python=Path(sys.executable))
