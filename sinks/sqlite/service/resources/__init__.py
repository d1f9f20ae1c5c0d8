"""What the API shows of feeds, providers and items, and how that is written."""
