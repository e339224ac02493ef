"""Draws captioned scenes and trains `darkroom-tiny` on them: the text-to-image model that Darkroom carries.

Nothing from outside goes in: no picture, no caption, no weight. `python -m tools.train_tiny` does all of it; README.md
beside this file says what comes out and how long it takes.
"""
