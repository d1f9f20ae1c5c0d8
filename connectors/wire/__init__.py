"""What every connector of the wire shares: which address may be reached, how often, how long, and what is read again."""
