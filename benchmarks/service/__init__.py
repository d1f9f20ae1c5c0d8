"""What a service costs: its schedule, and doing nothing."""
