"""The engine: owns a device, and draws many pictures at once by sharing denoising steps between requests.

The worker's side only: everything in this package may import torch, and the proxy's process imports nothing of it.

| module | what it is |
|---|---|
| `engine` | `Engine`: jobs in, messages out; the loop on the one thread that owns the device |
| `orders`, `drawing` | a job and its pictures; the device at work for them |
| `batching` | which paintings share the next step. Pure |
| `painting` | one picture on its way |
| `families` | how a kind of model begins, steps, finishes and previews a painting |
| `samplers` | names of samplers as diffusers' schedulers |
| `opening`, `shelf`, `memory`, `ladder` | opening models, keeping them, running out of memory |
| `speed`, `warming` | going faster, and having what takes time once behind it |
"""

from proxy.renderer.engine.engine import Engine

__all__ = ["Engine"]
