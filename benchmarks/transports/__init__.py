"""The connectors alone: gigabytes over every transport, counted and dropped, beside programs in C that fetch the same."""
