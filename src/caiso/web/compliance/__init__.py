"""Frameworks, controls, checks over live data and the state that they prove."""
