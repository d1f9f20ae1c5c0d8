"""What a document probably is and what its columns are probably for, each with the reason. Pure: looks at a sample, fetches nothing."""
