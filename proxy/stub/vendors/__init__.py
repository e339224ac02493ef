"""One file per vendor. A new one is a new file that defines `STUB`; see `proxy.stub.contract`."""
