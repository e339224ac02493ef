"""Measuring: what figures are made of, and what draws."""
