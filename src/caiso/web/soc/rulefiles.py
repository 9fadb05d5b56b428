"""Rules as files for other systems."""

from dataclasses import dataclass

from caiso.connect.sigma_export.export import convert, interpreter
from caiso.connect.telemetry.trial.jobs import RuleText
from caiso.web.config.environment import environment
from caiso.web.soc.rulebook import rule_sources, text_path


@dataclass(frozen=True)
class Export:
    """A form in which a rule can be taken away."""

    key: str
    label: str
    ending: str


EXPORTS = (
    Export("sigma", "Sigma YAML", "yaml"),
    Export("splunk", "Splunk", "spl"),
    Export("elasticsearch", "Elasticsearch (Lucene)", "txt"),
    Export("esql", "Elasticsearch (ES|QL)", "esql"),
)


def rule_file(format_: Export, *, slug: str, text: str, names: list[str], is_own: bool) -> str:
    """The file's text; raises UnableToExport where the extra is missing or the other system cannot say it."""
    if format_.key == "sigma":
        return text
    sources = rule_sources(without=[slug] if is_own else ())
    if is_own:
        sources = type(sources)(
            sources.folders, [*sources.texts, RuleText(text_path(slug), text)], sources.states, sources.cache
        )
    from caiso.connect.telemetry.trial.rules import documents_of  # noqa: PLC0415 - loads the engine

    documents = documents_of(sources, set(names))
    queries = convert(documents, target=format_.key, python=interpreter(environment().export_python))
    comment = {"splunk": ("```", "```"), "esql": ("//", "")}.get(format_.key, ("#", ""))
    shown = [f"{comment[0]} {query.rule} {comment[1]}".rstrip() + f"\n{query.text.strip()}\n" for query in queries]
    return "\n".join(shown)
