"""Writes of one item outside runs, and the plan: how many items may be updated a day, by whatever way they come."""
