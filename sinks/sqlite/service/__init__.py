"""What a running service keeps: who may call, what waits to be done, what goes out, and the resources of its API."""
