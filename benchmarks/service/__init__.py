"""The service measured: pushes over many connections, reads beside a load, the schedule, and doing nothing."""
