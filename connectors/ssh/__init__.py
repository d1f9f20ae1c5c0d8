"""What the connector over SSH stands on: who the server is, who we are, the session, the bytes, what errors mean."""
