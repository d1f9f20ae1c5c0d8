"""What a screen needs of a list of JSON: its elements told apart, and stretches of them that are known."""
