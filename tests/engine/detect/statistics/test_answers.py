"""A client that nothing comes of is told from one whose answers move."""

from __future__ import annotations

import pytest

from caiso.engine.detect.statistics.peers import Answer, Answers


def after(*given: Answer | None) -> bool:
    answers = Answers()
    for one in given:
        answers.take(one)
    return answers.stand_still()


def test_one_label_and_as_sure_as_before_is_still() -> None:
    assert after(*(Answer("empty", 0.95 + 0.001 * (number % 9)) for number in range(30)))
    assert after(Answer("car", 0.4), *(Answer("empty", 0.97) for _ in range(30)))  # what was long ago does not count


@pytest.mark.parametrize(
    "given",
    [
        [Answer("empty", 0.97)] * 10,
        [Answer("empty", 0.97)] * 24 + [Answer("car", 0.97)],
        [Answer("banned", 0.98 - 0.006 * number) for number in range(25)],
        [Answer("banned", 0.6)] * 30,
        [Answer("empty", 0.97)] * 30 + [None],
    ],
)
def test_few_answers_and_those_that_move_or_are_unsure_are_not(given: list[Answer | None]) -> None:
    assert not after(*given)
