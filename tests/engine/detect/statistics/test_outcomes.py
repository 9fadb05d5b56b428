"""Answers to near inputs: a search, or what a sensor and coarse features give."""

from __future__ import annotations

from caiso.engine.detect.statistics.outcomes import Outcomes

SECOND = 1_000_000


def outcomes(answers: list[tuple[str, float | None]], *, every: int = SECOND, jitter: int = 0) -> Outcomes:
    """Near inputs, each near the one before it."""
    made = Outcomes()
    at = 0
    for number, (label, score) in enumerate(answers):
        at += every + (jitter if number % 3 == 0 else 0)
        made.note(at, label, score, number - 1)
        made.keep(number, label)
    return made


def test_a_still_scene_at_even_intervals_is_natural() -> None:
    assert outcomes([("car", 0.9 + 0.01 * (number % 3)) for number in range(40)]).are_natural()


def test_a_search_is_not() -> None:
    assert not outcomes([("car" if number % 5 else "dog", 0.6) for number in range(40)]).are_natural()  # it turns
    assert not outcomes([("car", 0.9 - 0.01 * number) for number in range(40)]).are_natural()  # the score falls
    assert not outcomes([("car", 0.5 + 0.002 * number) for number in range(40)]).are_natural()  # slowly, but it rises
    assert not outcomes([("car", 0.9)] * 40, jitter=2 * SECOND).are_natural()  # a person's or a script's uneven pace
    assert not outcomes([("car", 0.9)] * 40, every=50_000).are_natural()  # faster than a camera


def test_near_features_with_many_answers_are_coarse() -> None:
    assert outcomes([(f"class-{number % 7}", None) for number in range(40)]).are_natural()
    assert not outcomes([(f"class-{number % 2}", None) for number in range(40)]).are_natural()


def test_without_answers_nothing_is_said_and_memory_is_bounded() -> None:
    assert not outcomes([("", None)] * 40).are_natural()
    assert not outcomes([("car", 0.9)] * 5).are_natural()
    many = outcomes([("car", 0.9)] * 5_000)
    assert max(map(len, (many.times, many.labels, many.scores, many.agree))) <= 60
    assert len(many.of) <= 480
