"""Rows about the engine of the local models: where it lives, how much it takes on. How a model is loaded is its own."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from proxy.config.bounds import MEBIBYTE, Count, Seconds

Device = Annotated[str, Meta(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")]


class RayRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engines with `home: ray`: replicas of an application of Ray Serve, which any number of servers share.

    It needs `darkroom[ray]`; docs/deploy/fleet.md says how to set one up.
    """

    address: Annotated[str, Meta(min_length=1)] = "auto"
    """Of the Ray cluster, `10.0.0.1:6379`. The server's machine has to be a node of it, one without a GPU will do;
    `auto` is the cluster that it is a node of."""
    application: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")] = "darkroom"
    """What Ray Serve calls it."""
    deploy: bool = True
    """Have the server deploy it, unless it runs there already with the same models and settings; of servers that
    differ, the one that began last has its way. With `false` somebody else deploys it: KubeRay, or `serve run`."""
    min_replicas: Annotated[int, Meta(ge=0)] = 1
    """None of them costs nothing while nobody asks; the first request then waits until a machine is there."""
    max_replicas: Count = 1
    """As many as there are GPUs for; the machines are Ray's autoscaler's to find."""
    gpus: Annotated[float, Meta(ge=0)] = 1.0
    """Of each replica. Part of one is a promise that several fit on one GPU, which Ray believes."""
    cpus: Annotated[float, Meta(gt=0)] = 1.0
    """Of each replica: cores that Ray sets aside for it."""
    accelerator: Annotated[str, Meta(min_length=1)] | None = None
    """The kind of GPU it has to be, as Ray calls it: `H200`, `A100`."""
    busy: Count = 8
    """Requests for each replica, under way and waiting, above which another one is begun. More of them share more of
    their steps, and each takes longer."""
    upscale_s: Seconds = 30.0
    """Seconds that there have to be so many."""
    downscale_s: Seconds = 600.0
    """Seconds that there have to be fewer before a replica ends."""
    queued: Count | None = None
    """Requests of one server that may wait in Ray; more go to another provider, or are told to come again. At least as
    many as `slots`. By default any number: the server itself gives no more than the largest fleet has slots."""
    resident: Count | None = None
    """How many models fit into a replica's memory together. A request goes to a replica that was lately asked for its
    model, unless it is full; of more models than this, a replica is thought to have those asked for last. By default
    all of them."""

    def __post_init__(self) -> None:
        if self.max_replicas < self.min_replicas:
            raise ValueError("`max_replicas` is less than `min_replicas`")


class RendererRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engine of the local models. Of each server: several on one machine each have their own, memory and all."""

    home: Literal["process", "thread", "ray"] = "process"
    """`process`: in a process of its own, which may crash or be killed and is begun again. `thread`: inside the server,
    which saves a second interpreter; what crashes it crashes the server, too. `ray`: on other machines."""
    ray: RayRow = RayRow()
    devices: Annotated[tuple[Device, ...], Meta(min_length=1)] = ("auto",)
    """An engine for each: `[cuda:0, cuda:1]`. `auto` is the first GPU there is, else the CPU."""
    slots: Count = 32
    """Requests an engine has at once. Those that fit together are drawn together, also when one comes later."""
    queue_limit: Count = 64
    """Requests that may wait for a slot; more are turned away with the seconds to come back after."""
    batch: Literal[1, 2, 4, 8] = 8
    """Most pictures drawn together in one step."""
    batch_tokens: Count | None = None
    """Most latent tokens in one step: 4096 are a picture of 1024 pixels a side, and guidance counts it twice. What the
    device can use, by default."""
    memory_bytes: Annotated[int, Meta(ge=64 * MEBIBYTE)] | None = None
    """Bytes an engine may take on its device; what there is, less a reserve, by default."""
    idle_s: Seconds | None = None
    """Seconds without a request after which an engine ends and its memory is free; it stays by default."""
    leave_s: Annotated[float, Meta(ge=0)] = 2.0
    """Seconds that a picture is drawn on for a client that went away: official clients try again within them, and join
    what is under way. With an `Idempotency-Key` it is drawn to its end."""

    def __post_init__(self) -> None:
        if len(set(self.devices)) < len(self.devices):
            raise ValueError("`devices` has one twice: an engine owns its device")
        if "auto" in self.devices and len(self.devices) > 1:
            raise ValueError("`devices` has `auto` among others: name them all")
        if self.home == "ray" and (self.devices != ("auto",) or self.idle_s is not None):
            raise ValueError("with `home: ray`, `ray.gpus` stands for `devices` and `ray.downscale_s` for `idle_s`")
        if self.home != "ray" and self.ray != RayRow():
            raise ValueError("`ray` is for `home: ray`")
