"""Telemetry that lies in files: each format a small reader that gives what the edge would have been sent."""
