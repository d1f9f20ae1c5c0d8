"""What a feed is as a caller defines it: merged with what is stored, judged, and shown without its secrets."""
