"""Calls of language models and tools by people, services and agents: how much, how long, from where, with what."""

from __future__ import annotations

import random

from bench.streams.scenario import DAY, HOUR, Event, office_hours, steady

COUNTRIES = ("DE", "AT", "FR", "US", "NL")


def call(rng: random.Random, at: float, who: str, *, median: float = 350, spread: float = 0.8, **more: object) -> Event:
    tokens = max(1, round(rng.lognormvariate(0, spread) * median))
    return {
        "at": at, "event.kind": "inference", "user.id": who, "gen_ai.request.model": "m1",
        "gen_ai.usage.output_tokens": min(tokens, 32_000),
        "gen_ai.usage.reasoning.output_tokens": min(round(tokens * rng.lognormvariate(0.3, 0.7)), 60_000),
        "duration_us": round(tokens * 12_000 * rng.lognormvariate(0, 0.4)) + 400_000, **more,
    }  # fmt: skip


def people(rng: random.Random, days: float) -> list[Event]:
    """Twelve people of different habits, an indexer, an hourly report, a nightly batch; one launch day in a fortnight."""
    events: list[Event] = []
    launch = rng.randrange(14)
    for number in range(12):
        habit, median = rng.lognormvariate(3.4, 0.8), rng.choice((120, 350, 900, 2200))
        for at in office_hours(rng, days, habit):
            events.append(call(rng, at, f"person-{number}", median=median))
            if int(at // DAY) == launch:
                events += [call(rng, at + 20 * n, f"person-{number}", median=median) for n in range(1, 3)]
    for at in steady(rng, days, 1500):
        events.append(call(rng, at, "indexer", median=60, spread=0.3))
    for hour in range(int(days * 24)):
        events += [call(rng, hour * HOUR + 3 * n, "report", median=1500, spread=0.4) for n in range(20)]
    for day in range(int(days)):
        size = rng.randint(200, 320)
        events += [call(rng, day * DAY + 3 * HOUR + 6 * n, "batch", median=800, spread=0.5) for n in range(size)]
    return [event for event in events if event["at"] < days * DAY]


def flood(rng: random.Random) -> list[Event]:
    """A stolen or runaway key: hundreds to thousands of calls within minutes, by one known or a new client."""
    who = rng.choice(("person-3", "new-key", "person-7"))
    gap = rng.choice((0.1, 0.3, 1.0, 2.0))
    return [call(rng, number * gap, who, median=600) for number in range(rng.randint(400, 2500))]


def tokens(rng: random.Random) -> list[Event]:
    """Within an hour as many tokens as the client takes in weeks."""
    who = rng.choice(("person-3", "new-key", "person-9"))
    return [
        call(rng, number * 8, who, median=rng.choice((4000, 9000)), spread=0.2)
        for number in range(rng.randint(80, 400))
    ]


def sponge(rng: random.Random) -> list[Event]:
    """A few calls that run on: output, reasoning and time many times the usual."""
    who = f"person-{rng.randrange(12)}"
    size = rng.choice((8_000, 16_000, 30_000))
    return [call(rng, number * 45, who, median=size, spread=0.1) for number in range(rng.randint(3, 12))]


def keyed(rng: random.Random, days: float) -> list[Event]:
    """The same people behind the keys of three apps, each event with a user of the moment; reports and batches have keys of their own."""
    events = people(rng, days)
    for number, event in enumerate(events):
        who = str(event["user.id"])
        event["api_key.id"] = f"app-{int(who[7:]) % 3}" if who.startswith("person-") else who
        event["user.id"] = f"visitor-{number}"
    return events


def leaked(rng: random.Random) -> list[Event]:
    """A key that leaked from an app is used for long answers, each time as another visitor."""
    key, size = f"app-{rng.randrange(3)}", rng.choice((16_000, 24_000, 30_000))
    return [
        call(rng, number * rng.choice((8, 20, 40)), f"v-{number}", median=size, spread=0.1, **{"api_key.id": key})
        for number in range(rng.randint(16, 60))
    ]


def agents(rng: random.Random, days: float) -> list[Event]:
    """Four agents with tools and hosts of their own, some rare; now and then a large task, seldom a new tool."""
    events: list[Event] = []
    for number in range(4):
        tools = [f"tool-{number}-{n}" for n in range(rng.randint(3, 9))] + ["search", "read_file"]
        hosts = [f"api-{number}-{n}.example" for n in range(rng.randint(1, 4))]
        weights = [1 / (place + 1) for place in range(len(tools))]
        moments = office_hours(rng, days, rng.uniform(80, 600)) if number else steady(rng, days, 500)
        for at in moments:
            event: Event = {
                "at": at, "event.kind": "tool", "gen_ai.agent.name": f"agent-{number}",
                "gen_ai.tool.name": rng.choices(tools, weights)[0],
            }  # fmt: skip
            if rng.random() < 0.2:
                event["aisoc.egress.host"] = rng.choice(hosts)
            if rng.random() < 0.01:
                event["gen_ai.tool.name"] = rng.choice(("calendar", "mail", "wiki", "crm"))
            events.append(event)
        for day in range(int(days)):
            if rng.random() < 0.15:
                begun = day * DAY + rng.uniform(8, 18) * HOUR
                events += [
                    {"at": begun + 2 * n, "event.kind": "tool", "gen_ai.agent.name": f"agent-{number}", "gen_ai.tool.name": tools[0]}
                    for n in range(rng.randint(40, 180))
                ]  # fmt: skip
    return events


def agent_loop(rng: random.Random) -> list[Event]:
    """An agent that calls tools without end."""
    return [
        {"at": number * rng.choice((0.2, 0.5, 1.0)), "event.kind": "tool", "gen_ai.agent.name": "agent-1", "gen_ai.tool.name": "search"}
        for number in range(rng.randint(400, 1500))
    ]  # fmt: skip


def hijacked_agent(rng: random.Random) -> list[Event]:
    """An agent that was told to use a tool it never used and to send to a host it never sent to."""
    agent = f"agent-{rng.randrange(4)}"
    return [
        {"at": 0.0, "event.kind": "tool", "gen_ai.agent.name": agent, "gen_ai.tool.name": rng.choice(("shell", "transfer", "export_all"))},
        {"at": 30.0, "event.kind": "tool", "gen_ai.agent.name": agent, "gen_ai.tool.name": "http_post",
         "aisoc.egress.host": rng.choice(("paste.evil.example", "drop.example", "198.51.100.7"))},
    ]  # fmt: skip


def keys(rng: random.Random, days: float) -> list[Event]:
    """Eight keys from one or two countries each; people travel now and then; two or three models each."""
    events: list[Event] = []
    for number in range(8):
        home = rng.sample(COUNTRIES, rng.choice((1, 1, 2)))
        models = rng.sample(("small", "large", "embed", "vision", "code"), rng.randint(1, 3))
        trip = rng.randrange(40)
        for at in office_hours(rng, days, rng.uniform(30, 120)):
            away = int(at // DAY) == trip
            events.append(
                {"at": at, "event.kind": "inference", "api_key.id": f"key-{number}", "service.name": f"svc-{number}",
                 "client.geo.country_iso_code": "ES" if away else rng.choice(home), "gen_ai.request.model": rng.choice(models)}
            )  # fmt: skip
    return events


def stolen_key(rng: random.Random) -> list[Event]:
    """A key that appears elsewhere and tries out models."""
    key, country = f"key-{rng.randrange(8)}", rng.choice(("VN", "BR", "RU", "ID", "NG"))
    return [
        {"at": number * 40.0, "event.kind": "inference", "api_key.id": key, "service.name": key.replace("key", "svc"),
         "client.geo.country_iso_code": country, "gen_ai.request.model": f"model-{number}"}
        for number in range(rng.randint(6, 14))
    ]  # fmt: skip


def logit_users(rng: random.Random, days: float) -> list[Event]:
    """A service with one list of banned words, one with a dozen languages, one that constrains each answer to few tokens."""
    events: list[Event] = []
    for at in steady(rng, days, 600):
        events.append(_biased(at, "banned", "50256", "198"))
    for at in steady(rng, days, 200):
        events.append(_biased(at, "language", str(rng.randrange(12))))
    for at in office_hours(rng, days, 60):
        events.append(_biased(at, "choices", *(str(rng.choice(range(15, 40))) for _ in range(2))))
    return events


def _biased(at: float, key: str, *tokens_: str) -> Event:
    written = "{" + ",".join(f'"{token}":-100' for token in sorted(set(tokens_))) + "}"
    return {"at": at, "event.kind": "inference", "api_key.id": key, "gen_ai.request.logit_bias": written,
            "gen_ai.request.top_logprobs": 5}  # fmt: skip


def logit_sweep(rng: random.Random) -> list[Event]:
    """Each request biases other tokens."""
    gap = rng.choice((1.0, 5.0, 30.0))
    return [
        _biased(n * gap, "thief", *(str(rng.randrange(50_000)) for _ in range(rng.choice((1, 5))))) for n in range(300)
    ]


def guarded(rng: random.Random, days: float) -> list[Event]:
    """People whose prompts are flagged now and then; a tester who tries out a rule in the morning."""
    events: list[Event] = []
    for number in range(10):
        for at in office_hours(rng, days, 4):
            events.append(
                {"at": at, "event.kind": "guardrail", "user.id": f"person-{number}", "guardrail.verdict": "block"}
            )
    for day in range(int(days)):
        if rng.random() < 0.2:
            events += [
                {"at": day * DAY + 9 * HOUR + 15 * n, "event.kind": "guardrail", "user.id": "tester", "guardrail.verdict": "flag"}
                for n in range(rng.randint(5, 35))
            ]  # fmt: skip
    return events


def chaff(rng: random.Random) -> list[Event]:
    """Hundreds of inputs made to be flagged."""
    who = rng.choice(("person-2", "bot"))
    return [
        {"at": n * rng.choice((0.5, 2.0)), "event.kind": "guardrail", "user.id": who, "guardrail.verdict": "block"}
        for n in range(rng.randint(80, 500))
    ]  # fmt: skip


def answers(rng: random.Random, days: float) -> list[Event]:
    """Support that quotes addresses all day, people who seldom see one, an agent that reads orders."""
    events: list[Event] = []
    for at in steady(rng, days, 400):
        text = (
            f"We wrote to kim.{rng.randrange(999)}@example.com." if rng.random() < 0.5 else "Your parcel is on its way."
        )
        events.append({"at": at, "event.kind": "inference", "service.name": "support", "content.output": text})
    for number in range(6):
        for at in office_hours(rng, days, 40):
            text = "Ask office@example.org for it." if rng.random() < 0.06 else "Here are five points."
            events.append({"at": at, "event.kind": "inference", "user.id": f"person-{number}", "content.output": text})
    for at in office_hours(rng, days, 50):
        events.append(
            {"at": at, "event.kind": "tool", "gen_ai.agent.name": "orders", "gen_ai.tool.name": "get_order",
             "gen_ai.tool.call.result": f'{{"mail":"c{rng.randrange(9999)}@example.net"}}'}
        )  # fmt: skip
    return events


def reading_out(rng: random.Random) -> list[Event]:
    """Record after record, by a person or through an agent."""
    count, gap = rng.randint(40, 300), rng.choice((3.0, 10.0))
    if rng.random() < 0.5:
        return [
            {"at": n * gap, "event.kind": "inference", "user.id": "person-1", "content.output": f"Name {n}, iban DE8937040044053201{n:04d}"}
            for n in range(count)
        ]  # fmt: skip
    return [
        {"at": n * gap, "event.kind": "tool", "gen_ai.agent.name": "orders", "gen_ai.tool.name": "get_order",
         "gen_ai.tool.call.result": f'{{"card":"4111 1111 1111 {n:04d}"}}'}
        for n in range(count)
    ]  # fmt: skip
