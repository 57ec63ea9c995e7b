"""Kernel bodies by family, each written once against the builder."""
