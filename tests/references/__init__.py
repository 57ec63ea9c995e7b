"""The mathematics of ops by families: NumPy in float64, or loops that spell the definition out."""
