"""The demo organisation: a month of a made-up insurer, told by the real engine on the clock of those days."""
