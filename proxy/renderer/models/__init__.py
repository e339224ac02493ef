"""The files of local models: which are needed, what they weigh, where they lie, and fetching them when asked to.

No torch here: the proxy and the command line ask, and the worker opens what was found. Only `pulling` ever talks to a
network, and only `darkroom models pull` calls it.

| module | what it is |
|---|---|
| `choosing` | which files of a model's folder or repository are used; what is refused before it is read. Pure |
| `weights` | what safetensors files hold, from their headers alone |
| `sources` | what a load is made of: folders and files on this machine, and what it needs of the hub |
| `pulled` | what was pulled from the hub, where it lies, and whether it still is what it was |
| `pulling` | fetching from the hub |
"""

from proxy.renderer.models.choosing import ModelError
from proxy.renderer.models.sources import Lacks, lacking

__all__ = ["Lacks", "ModelError", "lacking"]
