"""A TCP peer of the modems in a process of its own: prints its port, swallows what comes."""

from __future__ import annotations

import socket

with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        sock, _address = server.accept()
        with sock:
            while sock.recv(65536):
                pass
