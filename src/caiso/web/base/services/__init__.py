"""Every write of the base app, one file per noun."""
