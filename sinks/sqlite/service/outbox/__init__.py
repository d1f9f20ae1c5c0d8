"""What goes out by webhooks: who is told of what, how far each has come, and what is still to be delivered."""
