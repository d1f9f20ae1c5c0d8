"""What the connectors over HTTP share: the client, the body, its coding, what an answer means."""
