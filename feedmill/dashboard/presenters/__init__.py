"""What templates cannot say by themselves: answers of the API brought into the shape in which a page shows them."""
