"""The models of what a person may set, but for the feed itself, which stands in `engine.feed`."""
