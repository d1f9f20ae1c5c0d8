"""When a feed is fetched next, and the port through which work reaches workers."""
