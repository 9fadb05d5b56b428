"""Trying rules out, away from the running detector: drills, samples and scans of stored events, each in a process of its own.

A trial needs no database: whoever starts it hands over the rules, the files and the scope, and gets plain data back.
"""
