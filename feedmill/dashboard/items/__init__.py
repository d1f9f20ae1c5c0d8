"""What the pages of items say of one: how much of it may be sold and why, where each value came from."""
