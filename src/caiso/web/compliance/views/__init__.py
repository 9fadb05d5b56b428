"""Pages of compliance; one file per noun."""
