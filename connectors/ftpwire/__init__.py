"""What the FTP connector is made of: where a URL points, the control connection, listings, transfers, what replies mean."""
