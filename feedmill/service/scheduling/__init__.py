"""Which feeds are due: planned, asked for, paused when they fail."""
