"""What a feed says of its items across their columns: keys, names, tags, prices. Steps over whole columns, after the row rules."""
