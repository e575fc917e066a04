"""What is asked of a whole collection: its quality, duplicates, explanations, judgements."""
