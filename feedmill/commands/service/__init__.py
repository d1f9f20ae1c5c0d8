"""The commands that run a service and set it up."""
