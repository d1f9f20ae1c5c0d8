"""SQLite as a sink: one file, one writer at a time, readers that are never in the way."""
