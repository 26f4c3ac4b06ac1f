"""A neighbour that floods the broker with 24×32 frames, home after home, until killed: `PORT HOMES`."""

import socket
import sys

import mqtt5
import numpy as np

from guardian.wire.native import pack_frame


def main(port: int, homes: int) -> None:
    picture = pack_frame(np.full((24, 32), 2200, np.int16))
    round_ = b"".join(
        mqtt5.PublishPacket(f"guardian/s/h{i}/cam/frame", picture).write() for i in range(homes)
    )
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(mqtt5.ConnectPacket("flooder", clean_start=True).write())
        line.recv(100)
        while True:
            line.sendall(round_)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
