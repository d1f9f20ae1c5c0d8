"""The daemon: what runs as long as the process does, and what its parts share."""
