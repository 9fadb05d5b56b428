"""Requests as a gateway in front of models, and a proxy in front of the network, log them."""

from __future__ import annotations

import random

from bench.streams.scenario import DAY, Event, office_hours, steady

PATHS = ("/v1/chat/completions", "/v1/embeddings", "/v1/messages")
PROVIDERS = ("api.openai.com", "api.anthropic.com", "claims.openai.azure.com")
OTHERS = ("api.deepseek.com", "openrouter.ai", "api.groq.com", "api.moonshot.ai")


def request(at: float, client: str, path: str, **more: object) -> Event:
    return {
        "at": at, "event.kind": "http", "source.id": "gateway", "client.address": client, "url.path": path,
        "server.address": "models.example", "http.request.method": "POST", "http.response.status_code": 200, **more,
    }  # fmt: skip


def gateway(rng: random.Random, days: float) -> list[Event]:
    """Six applications inside, a nightly batch, eight accounts of partners; a partner's address changes now and then."""
    events = []
    for number in range(6):
        path, size = rng.choice(PATHS), rng.uniform(200, 2000)
        events += [request(at, f"10.1.0.{number}", path) for at in steady(rng, days, size)]
    for day in range(int(days)):
        begin, count = day * DAY + 2 * 3600 + rng.uniform(0, 600), rng.randint(600, 1200)
        events += [
            request(begin + each * rng.uniform(0.9, 1.1), "10.1.0.99", "/v1/embeddings") for each in range(count)
        ]
    for number in range(8):
        home = [f"198.51.100.{number}", f"192.0.2.{number}"][: rng.choice((1, 1, 2))]
        moved = rng.randrange(60)
        for at in office_hours(rng, days, rng.uniform(40, 200)):
            if int(at // DAY) == moved:
                home = [f"192.0.2.{100 + number}"]
            path = rng.choice(PATHS[:2])
            events.append(request(at, rng.choice(home), path, **{"user.id": f"partner-{number}"}))
    return [event for event in events if event["at"] < days * DAY]


def gateway_flood(rng: random.Random) -> list[Event]:
    """An application that runs away, or a stranger: hundreds to thousands of requests within minutes."""
    who = rng.choice(("10.1.0.2", "203.0.113.9", "10.1.0.77"))
    gap = rng.choice((0.1, 0.2, 0.5, 1.0))
    return [request(each * gap, who, "/v1/chat/completions") for each in range(rng.randint(500, 3000))]


def partner_elsewhere(rng: random.Random) -> list[Event]:
    """An account of a partner is used from an address of somebody else."""
    who, address = f"partner-{rng.randrange(8)}", f"203.0.113.{rng.randrange(1, 250)}"
    return [
        request(each * rng.uniform(2, 60), address, PATHS[0], **{"user.id": who}) for each in range(rng.randint(1, 40))
    ]


def egress(rng: random.Random, days: float) -> list[Event]:
    """Machines inside that ask two or three providers; most of what they fetch has nothing to do with models."""
    events = []
    for number in range(20):
        used = rng.sample(PROVIDERS, rng.choice((1, 1, 2)))
        for at in office_hours(rng, days, rng.uniform(10, 60)):
            host = (
                rng.choice(used) if rng.random() < 0.4 else rng.choice(("cdn.example", "mail.example", "git.example"))
            )
            events.append(
                request(
                    at, f"10.4.0.{number}", "/v1/chat/completions", **{"server.address": host, "source.id": "proxy"}
                )
            )
    return events


def other_provider(rng: random.Random) -> list[Event]:
    """A machine talks to a provider that nobody here uses."""
    host, client = rng.choice(OTHERS), f"10.4.0.{rng.randrange(30)}"
    more = {"server.address": host, "source.id": "proxy"}
    return [request(each * 30.0, client, "/v1/chat/completions", **more) for each in range(rng.randint(1, 30))]
