"""From the text of `feedmill.toml` to settings: faults with their lines, the schema, the feeds declared in it."""
