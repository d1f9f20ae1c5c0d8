"""What an operator sees of a running service: who holds the database, whether it is ready, figures, spans."""
