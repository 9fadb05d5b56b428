"""The domain's rules in plain Python: no Django, no network, no clock."""
