"""Queries to a model that classifies: natural clients of several kinds, and the classical attacks on it."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
from bench.streams.scenario import DAY, HOUR, Event, office_hours, steady

Vector = npt.NDArray[np.float64]
SIZE, CLASSES = 16, 4


@cache
def world(seed: int) -> tuple[Vector, list[Vector]]:
    """Class centres and the directions in which inputs of each class vary."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2.2, (CLASSES, SIZE)) + rng.normal(5, 2, SIZE)
    return centres, [rng.normal(0, 1, (SIZE, SIZE)) / SIZE**0.5 + np.eye(SIZE) * 0.4 for _ in range(CLASSES)]


class Model:
    """A model with its natural inputs."""

    def __init__(self, rng: random.Random, *, world_seed: int = 1) -> None:
        self.numpy = np.random.default_rng(rng.getrandbits(32))
        self.centres, self.shapes = world(world_seed)

    def natural(self, label: int | None = None) -> Vector:
        chosen = int(self.numpy.integers(CLASSES)) if label is None else label
        return self.centres[chosen] + self.shapes[chosen] @ self.numpy.normal(0, 1, SIZE)

    def answer(self, x: Vector) -> tuple[str, float, float]:
        """Label, confidence, and how far the input is from what the model knows (0 to 1)."""
        distances = np.linalg.norm(self.centres - x, axis=1)
        weights = np.exp(-(distances - distances.min()) * 1.5)
        chances = weights / weights.sum()
        strange = 1 / (1 + np.exp(-(distances.min() - 11.5) / 1.2))
        return f"c{int(chances.argmax())}", float(chances.max()), float(strange)

    def event(self, at: float, x: Vector, who: str, *, features: bool = True) -> Event:
        label, confidence, strange = self.answer(x)
        event: Event = {
            "at": at, "event.kind": "ml_inference", "model.id": "m1", "user.id": who, "output.label": label,
            "output.confidence": round(confidence, 5), "output.score": round(confidence, 5), "ood.score": round(strange, 4),
        }  # fmt: skip
        if features:
            event["input.features"] = [round(float(value), 5) for value in x]
        return event


def clients(rng: random.Random, days: float) -> list[Event]:
    """People, a shop, forms that are corrected, retries, a slow sensor, a nightly regression set, a what-if analyst."""
    model = Model(rng)
    events: list[Event] = []
    for number in range(4):
        favourite = rng.randrange(CLASSES)
        for at in office_hours(rng, days, rng.uniform(40, 250)):
            label = favourite if rng.random() < 0.5 else None
            events.append(model.event(at, model.natural(label), f"person-{number}"))
    for at in steady(rng, days, 400):
        x = model.natural()
        events.append(model.event(at, x, "shop"))
        if rng.random() < 0.1:
            events.append(model.event(at + rng.uniform(0.5, 5), x, "shop"))  # a retry
    for at in office_hours(rng, days, 60):
        x = model.natural()
        for attempt in range(rng.choice((1, 1, 2, 3, 5))):
            changed = x.copy()
            changed[rng.randrange(SIZE)] += rng.gauss(0, 1)
            events.append(model.event(at + 30 * attempt, changed if attempt else x, "forms"))
    x = model.natural()
    for at in steady(rng, days, 288):
        x = x + 0.15 * (model.natural(0) - x) + model.numpy.normal(0, 0.3, SIZE)
        events.append(model.event(at, x, "sensor"))
    fixed = [model.natural() for _ in range(40)]
    for day in range(int(days)):
        events += [model.event(day * DAY + 2 * HOUR + 3 * n, one, "nightly") for n, one in enumerate(fixed)]
        if rng.random() < 0.1:
            events += what_if(model, rng, day * DAY + 10 * HOUR)
    return [event for event in events if event["at"] < days * DAY]


def what_if(model: Model, rng: random.Random, at: float) -> list[Event]:
    """An analyst who changes one value of one record a dozen times."""
    x, place = model.natural(), rng.randrange(SIZE)
    made = []
    for step in range(rng.randint(6, 14)):
        changed = x.copy()
        changed[place] += step * 0.3
        made.append(model.event(at + step * 20, changed, "analyst"))
    return made


def paced(model: Model, rng: random.Random, inputs: list[Vector], who: str) -> list[Event]:
    """The inputs one after the other, quickly or patiently."""
    gap = rng.choice((0.5, 2.0, 10.0, 30.0))
    return [model.event(number * gap, x, who) for number, x in enumerate(inputs)]


def extraction(rng: random.Random) -> list[Event]:
    """Synthetic queries from seeds: by equal steps of all values (Papernot), of random size (PRADA's COLOR), or of one value."""
    model = Model(rng)
    count, seeds = rng.randint(300, 900), rng.choice((20, 40, 80))
    made = [model.natural() for _ in range(seeds)]
    step = rng.choice((0.1, 0.25, 0.5))
    way = rng.choices(("equal", "colour", "single"), (5, 3, 2))[0]
    while len(made) < count:
        parent = made[rng.randrange(len(made))]
        other = model.centres[rng.randrange(CLASSES)]
        sign = np.sign(other - parent) * np.where(model.numpy.random(SIZE) < 0.8, 1, -1)
        move = step * sign
        if way == "colour":
            move *= model.numpy.normal(0, 1)
        elif way == "single":
            move *= np.arange(SIZE) == len(made) % SIZE
        made.append(parent + move)
    return paced(model, rng, made, "thief")


def boundary_walk(rng: random.Random) -> list[Event]:
    """A decision-based search: bisect to the boundary, estimate its direction by small noise, step, again."""
    model = Model(rng)
    start = model.natural(0)
    inputs: list[Vector] = []
    far = model.natural(2)
    noise = rng.choice((0.02, 0.05, 0.15))
    rounds = rng.randint(4, 15)
    for _ in range(rounds):
        low, high = 0.0, 1.0
        for _ in range(8):
            middle = (low + high) / 2
            inputs.append(start + middle * (far - start))
            if model.answer(inputs[-1])[0] == model.answer(start)[0]:
                low = middle
            else:
                high = middle
        point = start + high * (far - start)
        inputs += [point + model.numpy.normal(0, noise, SIZE) for _ in range(rng.randint(20, 60))]
        far = point + 0.4 * model.numpy.normal(0, noise, SIZE)
    return paced(model, rng, inputs, "evader")


def membership(rng: random.Random) -> list[Event]:
    """Label-only: so many noisy copies of each record in question."""
    model = Model(rng)
    records, copies = rng.randint(3, 25), rng.choice((8, 15, 30, 60))
    noise = rng.choice((0.01, 0.03, 0.1))
    inputs = []
    for _ in range(records):
        x = model.natural()
        inputs += [x + model.numpy.normal(0, noise, SIZE) for _ in range(copies)]
    if rng.random() < 0.4:
        rng.shuffle(inputs)
    return paced(model, rng, inputs, "prober")


def inversion(rng: random.Random) -> list[Event]:
    """Hill climbing towards one class: every proposal is asked, better ones are kept."""
    model = Model(rng)
    target = rng.randrange(CLASSES)
    away = model.centres[(target + 1) % CLASSES]
    x = away + 0.52 * (model.centres[target] - away) + model.numpy.normal(0, 0.5, SIZE)
    inputs, best = [], -1.0
    step = rng.choice((0.05, 0.1, 0.2))
    for _ in range(rng.randint(150, 500)):
        proposal = x + model.numpy.normal(0, step, SIZE)
        inputs.append(proposal)
        label, confidence, _ = model.answer(proposal)
        value = confidence if label == f"c{target}" else 1 - confidence
        if value > best:
            best, x = value, proposal
    return paced(model, rng, inputs, "inverter")


def scored(made: list[Event]) -> list[Event]:
    """The same answers of a model that tells a score and no confidence."""
    return [{name: value for name, value in event.items() if name != "output.confidence"} for event in made]


def scored_clients(rng: random.Random, days: float) -> list[Event]:
    """The same clients of such a model."""
    return scored(clients(rng, days))


def scored_inversion(rng: random.Random) -> list[Event]:
    """The same climb, by the score."""
    return scored(inversion(rng))


def script_clients(rng: random.Random, days: float) -> list[Event]:
    """The same clients, of whom the machines come by plain libraries, as do two partners' jobs under keys of their own."""
    made = [
        event
        | {
            "user_agent.original": "python-requests/2.32"
            if event["user.id"] in ("shop", "nightly", "sensor")
            else "Mozilla/5.0"
        }
        for event in clients(rng, days)
    ]
    model = Model(rng)
    for number in range(2):
        made += [
            model.event(at, model.natural(), f"partner-{number}")
            | {"user_agent.original": "python-requests/2.32", "api_key.id": f"p{number}"}
            for at in steady(rng, days, 300)
        ]
    return [event for event in made if event["at"] < days * DAY]


def spread_extraction(rng: random.Random) -> list[Event]:
    """Value after value of one input over its range (Lowd and Meek), each query under the next of several keys."""
    model, keys = Model(rng), rng.choice((3, 5, 8))
    base, points = model.natural(), rng.choice((8, 15, 30))
    inputs = []
    for place in range(SIZE):
        for step in range(points):
            changed = base.copy()
            changed[place] += (step - points / 2) * rng.choice((0.2, 0.5))
            inputs.append(changed)
    agent = rng.choice(("python-httpx/0.28.1", "python-requests/2.32", "Go-http-client/2.0"))
    return [
        event
        | {"user_agent.original": agent, "api_key.id": f"stolen-{number % keys}", "user.id": f"account-{number % keys}"}
        for number, event in enumerate(paced(model, rng, inputs, "thief"))
    ]


def unknown_inputs(rng: random.Random) -> list[Event]:
    """Inputs far from everything, mixed with natural ones."""
    model = Model(rng)
    share = rng.choice((0.3, 0.5, 1.0))
    inputs = [
        model.numpy.normal(5, 6, SIZE) if rng.random() < share else model.natural() for _ in range(rng.randint(40, 200))
    ]
    return paced(model, rng, inputs, "stranger")


def confidences(rng: random.Random) -> list[Event]:
    """Exact repetitions of a few records, each time with log-probabilities."""
    model = Model(rng)
    records = [model.natural() for _ in range(rng.choice((1, 4, 6, 12)))]
    repeats = rng.choice((15, 30, 80))
    inputs = [x for _ in range(repeats) for x in records]
    return [{**event, "logprobs_requested": True} for event in paced(model, rng, inputs, "averager")]


def detailed_clients(rng: random.Random, days: float) -> list[Event]:
    """The same clients, half of whom always ask for the full vector of confidences."""
    whole = {"shop", "nightly", "person-0", "person-2", "forms"}
    return [event | {"logprobs_requested": event["user.id"] in whole} for event in clients(rng, days)]


def drifting(field: str, shift: Callable[[random.Random], float]) -> Callable[[random.Random], list[Event]]:
    """Six days of one model whose world moves after two."""

    def made(rng: random.Random) -> list[Event]:
        events = segment_days(rng, 6)
        moved = shift(rng)
        start = 2 * DAY
        for event in events:
            if event["at"] >= start:
                event["moved"] = True
                if field == "input.features":
                    event[field] = [
                        round(value + moved * 2.5, 5) if place < 5 else value
                        for place, value in enumerate(event[field])
                    ]
                elif field == "output.label":
                    event[field] = "c3" if rng.random() < moved else event[field]
                else:
                    event[field] = round(min(max(event[field] - moved * 0.16, 0), 1), 5)
        return events

    return made


def segment_days(rng: random.Random, days: float) -> list[Event]:
    """One model, a busy and a quiet segment; by night other people ask than by day."""
    model = Model(rng)
    events = []
    for segment, rate in (("web", 900), ("branch", 300)):
        for at in steady(rng, days, rate):
            night = (at % DAY) / HOUR < 7
            label = rng.randrange(CLASSES) if rng.random() < (0.7 if night else 0.85) else 1
            event = model.event(at, model.natural(label), f"u{rng.randrange(300)}")
            event["segment"] = segment
            event["output.score"] = round(min(max(rng.gauss(0.62 if night else 0.6, 0.16), 0), 1), 5)
            event["output.confidence"] = round(min(max(rng.gauss(0.78, 0.12), 0), 1), 5)
            events.append(event)
    return events
