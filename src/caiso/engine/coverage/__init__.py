"""Computes who answers for what: coverage, crossover, deficiencies, scenarios and structure, from an organisation's own data."""
