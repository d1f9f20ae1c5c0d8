"""How a feed signs in, what its requests carry and how its pages follow each other: the form, and what it says to the API."""
