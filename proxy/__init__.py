"""The top floor: HTTP, time, money moved, disks, processes. Start reading at `proxy.gateway`."""
