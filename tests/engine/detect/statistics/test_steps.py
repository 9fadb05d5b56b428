"""Inputs that change one value at a time are told from forms that people correct, from sliders and from sensors."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from caiso.engine.detect.statistics.steps import Steps
from caiso.engine.detect.statistics.values import Vector

Made = Iterator[list[float]]
SIZE, LEAST = 10, 80


def natural(chance: random.Random) -> list[float]:
    return [round(chance.gauss(0, 1), 3) for _ in range(SIZE)]


def changed(given: list[float], place: int, value: float) -> list[float]:
    return [*given[:place], value, *given[place + 1 :]]


def grid(chance: random.Random) -> Made:
    """Each value in turn over ten steps, from one input."""
    base = natural(chance)
    yield base
    for place in range(SIZE):
        for step in range(10):
            yield changed(base, place, step * 0.4 - 2)


def offspring(chance: random.Random) -> Made:
    """Each input a little different from one of those before, as a substitute's training set grows."""
    pool = [natural(chance) for _ in range(6)]
    for number in range(300):
        parent = pool[number % len(pool)]
        pool.append(changed(parent, number % SIZE, parent[number % SIZE] + chance.choice((-0.1, 0.1))))
        yield pool[-1]


def search(chance: random.Random) -> Made:
    """Towards the boundary along one value, then along the next: what a thief of a linear model does."""
    for _ in range(4):
        base = natural(chance)
        for place in chance.sample(range(SIZE), SIZE):
            low, high = -4.0, 4.0
            for _ in range(8):
                middle = (low + high) / 2
                yield changed(base, place, middle)
                low, high = (middle, high) if chance.random() < 0.5 else (low, middle)


def lines_among_others(chance: random.Random) -> Made:
    """Each value over a range while the others stand still, and an input of its own after each two: a grid behind dummies."""
    base = natural(chance)
    for number in range(400):
        yield changed(base, number % SIZE, round(chance.uniform(-4, 4), 3))
        if number % 2:
            yield natural(chance)
            yield natural(chance)


def survey(chance: random.Random) -> Made:
    """Few answers to each of ten questions, so that many forms are alike by chance."""
    for _ in range(800):
        yield [float(chance.randrange(4 if place else 12)) for place in range(SIZE)]


def corrected(chance: random.Random) -> Made:
    """Records of their own, every third of them sent again with a detail corrected."""
    for _ in range(400):
        record = natural(chance)
        yield record
        if chance.random() < 0.34:
            yield changed(record, chance.randrange(SIZE), round(chance.gauss(0, 1), 3))


def slider(chance: random.Random) -> Made:
    """An adviser tries amounts and terms for each client."""
    for _ in range(40):
        record = natural(chance)
        for _ in range(8):
            yield changed(record, chance.choice((0, 1)), round(chance.uniform(0, 5), 1))


def sensors(chance: random.Random) -> Made:
    """A state that is reported whenever one of its values changes."""
    state = natural(chance)
    for _ in range(600):
        state = changed(state, chance.randrange(SIZE), round(chance.gauss(0, 1), 3))
        yield state


def unlike(chance: random.Random) -> Made:
    for _ in range(600):
        yield natural(chance)


def told(makes: Callable[[random.Random], Made], seed: int) -> bool:
    steps, chance = Steps(), random.Random(seed)  # noqa: S311 - a stream of test events
    return any(steps.take(np.array(one)) and steps.facts(LEAST) for one in makes(chance))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("makes", [grid, offspring, search, lines_among_others])
def test_values_that_are_changed_in_turn_are_told(makes: Callable[[random.Random], Made], seed: int) -> None:
    assert told(makes, seed)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("makes", [corrected, slider, sensors, unlike, survey])
def test_what_people_and_machines_change_is_not(makes: Callable[[random.Random], Made], seed: int) -> None:
    assert not told(makes, seed)


def test_the_same_again_and_inputs_of_another_length_say_nothing() -> None:
    steps = Steps()
    base: Vector = np.zeros(SIZE)
    assert not steps.take(base)
    assert not any(steps.take(base) for _ in range(200))
    assert not steps.take(np.zeros(2)) and not steps.take(np.zeros(500))
    assert steps.facts(1) is None
