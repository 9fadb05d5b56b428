"""Runs in the environment of the back ends, as a script: Sigma documents as JSON in, queries as JSON out. Imports nothing of ours."""

import json
import sys


def main() -> None:
    """Answer one request."""
    asked = json.load(sys.stdin)
    try:
        answer = convert(asked["target"], asked["documents"])
    except ImportError as error:
        answer = {"missing": error.name or str(error)}
    except Exception as error:  # noqa: BLE001 - whatever a back end trips over is its answer; the caller names it
        answer = {"refused": str(error) or type(error).__name__}
    json.dump(answer, sys.stdout)


def convert(target: str, documents: list) -> dict:  # type: ignore[type-arg]  # checked by the environment of the back ends only
    """Queries of every rule that the back end puts out."""
    from sigma.collection import SigmaCollection  # noqa: PLC0415 - a missing back end is an answer, not a crash

    rules = SigmaCollection.from_dicts(documents)
    queries = [str(query) for query in backend_of(target).convert(rules)]
    names = [rule.name or str(rule.id or rule.title) for rule in rules.get_output_rules()]
    if len(names) != len(queries):  # a rule with several conditions gives several queries
        names = [f"query {number}" for number in range(1, len(queries) + 1)]
    return {"queries": [{"rule": name, "query": query} for name, query in zip(names, queries, strict=True)]}


def backend_of(target: str):  # type: ignore[no-untyped-def]  # as above
    """The back end with a pipeline that keeps what our log sources mean: the kind of event."""
    from sigma.processing.conditions import LogsourceCondition  # noqa: PLC0415
    from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline  # noqa: PLC0415
    from sigma.processing.transformations import AddConditionTransformation  # noqa: PLC0415

    kinds = (
        "inference", "agent", "tool", "mcp", "retrieval", "memory", "embedding", "guardrail", "ml_inference",
        "registry", "data_access", "training", "config", "authz", "evaluation", "health",
    )  # fmt: skip
    pipeline = ProcessingPipeline(
        items=[
            ProcessingItem(
                AddConditionTransformation({"event.kind": kind}),
                rule_conditions=[LogsourceCondition(category=kind, product="ai")],
            )
            for kind in kinds
        ]
    )
    if target == "splunk":
        from sigma.backends.splunk import SplunkBackend  # noqa: PLC0415

        return SplunkBackend(pipeline)
    from sigma.backends.elasticsearch import ESQLBackend, LuceneBackend  # noqa: PLC0415

    return (ESQLBackend if target == "esql" else LuceneBackend)(pipeline)


if __name__ == "__main__":
    main()
