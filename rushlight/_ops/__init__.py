"""The op records, one file a family."""
