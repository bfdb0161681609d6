"""What differs between families: forecasts, sequences, blanks in them, whole series."""
