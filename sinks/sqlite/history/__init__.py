"""What runs and calls did to items: read, compared, taken back, and forgotten in time."""
