"""The renderers: cards, the worker process, and the diffusers engine behind it."""
