"""Measures how fast this machine draws: plain diffusers, the engine, and the engine with each speed option, in one run.

`sheet` is what is asked and what is told, for both sides; everything else imports torch and runs in a process of its
own, `python -m proxy.renderer.bench`: an `Ask` as JSON on its standard input, a `Line` of JSON for each figure back.
"""
