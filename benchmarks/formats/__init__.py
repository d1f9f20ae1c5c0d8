"""XML, JSON and JSON Lines: the same catalogue in each, each beside the loop that anybody would write with the library underneath."""
