"""Feeds that are declared in TOML: read, compared with the database, applied."""
