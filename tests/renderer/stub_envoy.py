"""The envoy, with the stub engine at every replica; to be run as a module."""

from proxy.renderer.fleet.__main__ import main
from tests.renderer.stub_engine import StubEngine

if __name__ == "__main__":
    main(StubEngine)
