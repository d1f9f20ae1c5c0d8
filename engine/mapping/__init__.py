"""From rows of text to items: numbers, conversions, field rules. Pure and synchronous."""
