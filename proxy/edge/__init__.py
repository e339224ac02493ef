"""HTTP in, HTTP out: the only place that knows both Litestar and dialects.

Routes are plain ASGI handlers: a request costs them a fifth of what it costs a generic handler, and an answer leaves in
pieces, so that a picture's text is never copied into a larger one.
"""

from proxy.edge.routes import Edge

__all__ = ["Edge"]
