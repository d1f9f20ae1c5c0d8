"""The items of all feeds: looked for, and one of them."""
