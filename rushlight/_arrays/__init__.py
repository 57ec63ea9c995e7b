"""The kinds of array that op code can be given."""
