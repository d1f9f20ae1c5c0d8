"""Lanes that need the composition root: the mapper in a process of its own, and the choice between that and a thread."""
