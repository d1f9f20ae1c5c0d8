"""Who may do what, how often, and what of it nobody may read: tokens, buckets, masks, keys that change."""
