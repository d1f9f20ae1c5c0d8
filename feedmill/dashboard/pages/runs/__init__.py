"""Runs: the list of them, one that is under way or has ended, and what it left out."""
