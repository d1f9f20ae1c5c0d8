"""Commands for what came of runs: list them, decide one, see what it did, take it back."""
