"""How a run's items reach the tables: straight into an empty feed, or staged and applied."""
