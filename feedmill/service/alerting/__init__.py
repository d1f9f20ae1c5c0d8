"""What a person has to know: raised once a problem, and told until somebody has heard it."""
