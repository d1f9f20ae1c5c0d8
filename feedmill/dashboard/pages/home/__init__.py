"""What concerns the service as a whole."""
