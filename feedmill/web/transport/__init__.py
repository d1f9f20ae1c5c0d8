"""How requests arrive: listening, connections, TLS."""
