"""Families of models: how each begins, steps, finishes and previews a painting. `contract` says what a family is."""
