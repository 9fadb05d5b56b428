"""Steps of a drill whose values vary from copy to copy by a stated rule."""

import orjson

from caiso.engine.detect.series import Variation
from caiso.engine.drill import Step, Trace
from caiso.engine.drill.wire import requests


def played(step: Step, name: str = "t") -> list[dict[str, dict[str, object]]]:
    """The attributes of each span."""
    trace = Trace(id=name, title="t", story="s", twin_story="w", attack=(step,), twin=(step,))
    body = orjson.loads(requests(trace, trace.attack, side="attack")["traces"])
    spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return [{item["key"]: item["value"] for item in span["attributes"]} for span in spans]


def test_a_series_becomes_an_attribute_of_each_copy() -> None:
    step = Step({"model.id": "m"}, repeat=5, series={"output.label": Variation(cycle=("yes", "no"))})
    assert [item["output.label"]["stringValue"] for item in played(step)] == ["yes", "no", "yes", "no", "yes"]


def test_a_series_that_a_message_names_is_put_there_and_nowhere_else() -> None:
    message = [{"role": "user", "parts": [{"type": "text", "content": "About {topic}, number {n}"}]}]
    step = Step({"gen_ai.input.messages": message}, repeat=2, series={"topic": Variation(cycle=("tax", "rent"))})
    texts = [orjson.loads(str(item["gen_ai.input.messages"]["stringValue"])) for item in played(step)]
    assert [text[0]["parts"][0]["content"] for text in texts] == ["About tax, number 0", "About rent, number 1"]
    assert all("topic" not in item for item in played(step))


def test_vectors_are_sent_as_numbers_and_are_the_same_in_each_run() -> None:
    step = Step({"model.id": "m"}, repeat=2, series={"input.features": Variation(normal=(0, 1), size=3)})
    first, second = (item["input.features"]["arrayValue"] for item in played(step))
    assert first != second
    assert [item["input.features"]["arrayValue"] for item in played(step)] == [first, second]
    assert [item["input.features"]["arrayValue"] for item in played(step, "u")] != [first, second]
