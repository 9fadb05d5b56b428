"""Every statistical rule that ships with its ordinary traffic and its attacks."""

from __future__ import annotations

from bench.streams import data, gateway, models, usage
from bench.streams.scenario import Scenario

_CLIENTS = (
    "four people, a shop with retries, forms that are corrected, a slow sensor, a nightly regression set, now and then a "
    "what-if analyst"
)
_SEGMENTS = "two segments of one model, other people by night than by day"
_PEOPLE = "twelve people of different habits, an indexer, an hourly report, a nightly batch, a launch day"

SCENARIOS = (
    Scenario("model-extraction", models.clients, models.extraction, "margin", (0.0, 0.02, 0.03, 0.08), 5, 1, _CLIENTS,
             "300 to 900 synthetic queries from 20 to 80 seeds, steps of 0.1 to 0.5 in all values, colour-like, or in one value at a time", "natural inputs; inputs at random in many dimensions; many accounts; dummy queries"),
    Scenario("query-similarity-attack", models.clients, models.boundary_walk, "share", (0.2, 0.35, 0.7, 0.85), 5, 1, _CLIENTS,
             "decision-based searches of 4 to 15 rounds with noise of 0.02 to 0.15", "noise as large as natural variation (OARS); many accounts"),
    Scenario("membership-probing", models.clients, models.membership, "repeats", (4, 6, 15, 25), 5, 1, _CLIENTS,
             "3 to 25 records with 8 to 60 noisy copies each, in order or mixed", "attacks that ask each record once (LiRA); fewer than ten copies"),
    Scenario("confidence-probing", models.detailed_clients, models.confidences, "repeats", (6, 9, 20, 40), 5, 1, _CLIENTS,
             "1 to 12 records asked 15 to 80 times each", "fewer repetitions than the limit, spread over hours"),
    Scenario("model-inversion", models.clients, models.inversion, "climb", (4, 5, 8, 10), 5, 1, _CLIENTS,
             "hill climbing of 150 to 500 proposals towards one class", "other queries of the same class mixed in"),
    Scenario("ood-burst", models.clients, models.unknown_inputs, "share", (0.15, 0.2, 0.4, 0.6), 5, 1, _CLIENTS,
             "40 to 200 inputs of which a third to all are unknown to the model", "few unknown inputs among many known"),
    Scenario("low-confidence-flips", models.clients, models.boundary_walk, "share", (0.15, 0.25, 0.45, 0.6), 5, 1, _CLIENTS,
             "decision-based searches of 4 to 15 rounds", "searches that stay on one side of the boundary"),
    Scenario("score-drift", models.segment_days, models.drifting("output.score", lambda rng: rng.choice((0.4, 0.7, 1.0))), "psi",
             (0.1, 0.15, 0.4), 6, 0, _SEGMENTS, "the score falls by 0.4 to 1 standard deviation after two days", "slow drift that the learning period holds already", attack_only=True),
    Scenario("label-drift", models.segment_days, models.drifting("output.label", lambda rng: rng.choice((0.15, 0.3, 0.5))), "psi",
             (0.1, 0.15, 0.4), 6, 0, _SEGMENTS, "15 to 50 percent of the answers become one class after two days", "changes of a few percent", attack_only=True),
    Scenario("input-drift", models.segment_days, models.drifting("input.features", lambda rng: rng.choice((0.3, 0.6, 1.0))), "distance",
             (0.1, 0.2, 0.3), 6, 0, _SEGMENTS, "five of sixteen dimensions move by 0.3 to 1 standard deviations after two days", "small moves; changes of how dimensions go together", attack_only=True),
    Scenario("confidence-shift", models.segment_days, models.drifting("output.confidence", lambda rng: rng.choice((0.3, 0.6, 1.0))), "distance",
             (0.2, 0.6, 0.9), 6, 0, _SEGMENTS, "confidence falls by 0.4 to 1.3 standard deviations after two days", "changes of spread without a change of the mean", attack_only=True),
    Scenario("dataset-label-shift", data.data_sets, data.flipped, "moved", (0.01, 0.02, 0.03, 0.1), 20, 1, "six data sets with a version a day that grow and wander",
             "a tenth to two fifths of one class get another label", "clean-label poisoning; flips of a few percent"),
    Scenario("poisoned-samples", data.samples, data.poison, "share", (0.03, 0.1, 0.2), 14, 3, "five writers, one of whom collects rare cases",
             "a writer of whose 40 to 200 samples 8 to 100 percent score high", "samples that the check does not score high"),
    Scenario("rag-dominance", data.retrievals, data.planted, "share", (0.15, 0.2, 0.4, 0.5), 10, 4, "400 documents, some popular, new ones each day, a notice now and then",
             "one to three planted documents that top 35 to 80 percent of all queries", "waiting until the document is old; one rare question only"),
    Scenario("sponge-calls", usage.people, usage.sponge, "deviations", (3, 3.5, 4, 7), 14, 3, _PEOPLE,
             "3 to 12 calls of 8,000 to 30,000 tokens", "calls a little longer than usual, for long"),
    Scenario("reasoning-sponge", usage.people, usage.sponge, "deviations", (3, 3.5, 5, 7), 14, 3, _PEOPLE,
             "3 to 12 calls of 8,000 to 30,000 tokens with reasoning to match", "calls a little longer than usual, for long"),
    Scenario("slow-calls", usage.people, usage.sponge, "deviations", (3, 4, 5, 8), 14, 3, _PEOPLE,
             "3 to 12 calls that take as long as 8,000 to 30,000 tokens do", "fewer than five slow calls in ten minutes"),
    Scenario("wallet-volume", usage.people, usage.flood, "factor", (2, 3, 6, 10), 14, 3, _PEOPLE,
             "400 to 2,500 calls within minutes by a known or a new client", "a slow rise over days, which becomes usual"),
    Scenario("token-volume", usage.people, usage.tokens, "factor", (2, 3, 6, 10), 14, 3, _PEOPLE,
             "80 to 400 calls of 4,000 or 9,000 tokens within an hour", "a slow rise over days, which becomes usual"),
    Scenario("agent-tool-volume", usage.agents, usage.agent_loop, "factor", (2, 3, 6, 10), 14, 3, "four agents with large tasks now and then",
             "400 to 1,500 tool calls within minutes", "a loop that waits between its calls"),
    Scenario("chaff", usage.guarded, usage.chaff, "factor", (2, 3, 6, 10), 14, 3, "ten people who are flagged now and then, a tester in the morning",
             "80 to 500 flagged inputs within minutes", "spreading over accounts and hours"),
    Scenario("sensitive-data-volume", usage.answers, usage.reading_out, "factor", (2, 3, 6, 10), 14, 3, "support that quotes addresses all day, people who seldom see one, an agent that reads orders",
             "40 to 300 records read out within the hour", "a few records a day; data in forms that the patterns do not know"),
    Scenario("first-seen-tool", usage.agents, usage.hijacked_agent, "common", (1, 2, 8), 14, 3, "four agents with rare tools of their own",
             "a tool that no agent used before", "a tool that the agent has used already"),
    Scenario("first-seen-egress-host", usage.agents, usage.hijacked_agent, "common", (1, 2, 8), 14, 3, "four agents with one to four hosts each",
             "a host that no agent sent to before", "a host that the agent has used already"),
    Scenario("first-seen-country", usage.keys, usage.stolen_key, "samples", (10, 40, 80), 14, 3, "eight keys from one or two countries, a trip now and then",
             "a key that appears in another country", "an address in the same country"),
    Scenario("first-seen-model", usage.keys, usage.stolen_key, "common", (1, 2, 8), 14, 3, "eight services with one to three models each",
             "six to fourteen models that nobody used before", "models that other services use"),
    Scenario("llmjacking-enumeration", usage.keys, usage.stolen_key, "", (), 14, 3, "eight keys from one or two countries, a trip now and then",
             "another country and six to fourteen models within minutes", "trying fewer than six models; an address in the same country"),
    Scenario("ai-request-volume", gateway.gateway, gateway.gateway_flood, "factor", (2, 3, 6, 10), 7, 3, "six applications, a nightly batch, eight accounts of partners",
             "500 to 3,000 requests within minutes by a known or a new client", "a slow rise over days, which becomes usual; many addresses"),
    Scenario("first-seen-ai-client", gateway.gateway, gateway.partner_elsewhere, "samples", (20, 100, 200), 14, 5, "eight accounts of partners with one or two addresses, one of which changes now and then",
             "1 to 40 requests under a partner's account from another address", "an address that the account has used"),
    Scenario("first-seen-ai-provider", gateway.egress, gateway.other_provider, "samples", (10, 50, 200), 14, 3, "twenty machines that use three providers",
             "1 to 30 requests to a provider that nobody used", "a provider that is used already; a proxy of one's own"),
    Scenario("logit-sweep", usage.logit_users, usage.logit_sweep, "different", (15, 25, 80, 150), 10, 1, "a list of banned words, a dozen languages, answers that are constrained to a choice",
             "300 requests with one or five random tokens each", "fewer than forty biases an hour"),
    Scenario("many-shot-context", data.chats, data.many_shot, "turns", (6, 9, 20, 40), 10, 2, "prompts, pasted chats, question lists, two services with few-shot prompts",
             "one prompt of 8 to 200 staged turns in eight styles", "turns without labels; fewer than a dozen; turns given as real messages"),
    Scenario("llm-distillation", data.prompts, data.harvest, "prompts", (60, 90, 200, 400), 5, 1, "people, a shop's classifier, a tutor app that asks for steps, a help desk with a template",
             "150 to 500 prompts of one of four templates by one to eight accounts", "templates that are paraphrased; few prompts an account"),
)  # fmt: skip
