"""Checkpoint files: readers that only produce plain records, and writers of the same formats."""
