"""Programs that make what the project carries. Not part of what is installed."""
