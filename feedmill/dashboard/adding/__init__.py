"""What stands behind the page that adds a feed: the form, the secrets typed into it, and what is shown of a guess."""
