"""`python -m proxy` is `darkroom`."""

from proxy.cli import main

main()
