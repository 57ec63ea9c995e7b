"""Where kernel bodies become machine code: one file a target."""
