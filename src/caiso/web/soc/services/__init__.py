"""Every write of the AI security operations center."""
