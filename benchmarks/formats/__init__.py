"""XML and JSON: the same catalogue in both, each beside the loop that anybody would write with the library underneath."""
