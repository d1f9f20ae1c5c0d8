"""Feeds: a new one is made, and one that is pushed to is explained."""
