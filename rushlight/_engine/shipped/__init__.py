"""What an exported program runs on: taken along by `export`, with all that it names."""
