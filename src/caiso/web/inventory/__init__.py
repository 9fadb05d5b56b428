"""AI assets, what was observed of them, how they relate and who owns them."""
