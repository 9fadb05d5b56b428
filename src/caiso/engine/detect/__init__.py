"""Turns a stream of normalised AI events into signals, by rules.

``rules, problems = load_rules(folder)``; ``ruleset = compile_ruleset(rules)``; ``Detector(ruleset).process(events)``.
"""
