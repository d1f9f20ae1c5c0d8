"""The screen of a feed as the database keeps it: stored by complete runs, void as soon as it is not true any more."""
