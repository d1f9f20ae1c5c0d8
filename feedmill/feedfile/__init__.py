"""One feed a file, `feed.toml`: its model, where its keys stand, what is wrong with it, and its JSON Schema."""
