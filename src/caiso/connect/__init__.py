"""Everything that talks to the outside; one folder per tool."""
