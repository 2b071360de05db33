"""Feast's own feature server over SQLite, for answers to compare with. Writes its port to standard output."""
import socket
import sys
import warnings

warnings.filterwarnings("ignore")

import uvicorn  # noqa: E402
from feast.feature_server import get_app  # noqa: E402

from repository import open_store  # noqa: E402

folder = sys.argv[1]
store = open_store(folder, {"type": "sqlite", "path": f"{folder}/online.db"})
listening = socket.socket()
listening.bind(("127.0.0.1", 0))


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        print(listening.getsockname()[1], flush=True)


Server(uvicorn.Config(get_app(store), log_level="critical")).run(sockets=[listening])
