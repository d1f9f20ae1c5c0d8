"""What is told of one run beside its row: how far it has come, and what it left out."""
