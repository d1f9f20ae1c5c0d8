"""The same job through other programs: load a file, again unchanged, again with a few changes; all must end with one table."""
