"""Checkpoint files: readers that only ever produce plain records, and writers of the same formats."""
