"""The mapping of a feed: how its columns become items, tried on real records, and what it was before."""
