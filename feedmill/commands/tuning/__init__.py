"""The command for whoever tunes a feed: run it in several ways, none of which is seen by the shop, and say what holds it up."""
