"""The service under load: pushes over many connections, beside a server that stores nothing."""
