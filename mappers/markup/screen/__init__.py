"""What a screen needs of XML: records told apart by bytes alone, what their bytes mean where they stand, and stretches that are known."""
