"""What the mapping editor is made of: the rules of rows, the rows in the making, and what they come to."""
