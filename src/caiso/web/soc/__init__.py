"""Events, alerts, incidents and their regulatory clocks."""
