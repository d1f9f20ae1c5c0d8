"""What a person decides about runs: held ones, and what is taken back."""
