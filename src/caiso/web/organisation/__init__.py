"""Roles, duties, coverage, reporting lines: who answers for AI security."""
