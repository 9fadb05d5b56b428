"""Pages of security operations; one file per noun."""
