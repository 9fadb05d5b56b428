"""Every write of the reports app: the demo organisation."""
