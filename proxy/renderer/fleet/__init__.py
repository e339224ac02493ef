"""Engines on many machines: replicas of one application of Ray Serve, and the envoy that speaks to them for a server.

`replica` is what runs there, `deployment` how many and on what, `envoy` the process beside the server that holds the
connection: where the cluster ends it has to end, too, which the server must not.
Only these import ray; importing the package itself does not.
"""
