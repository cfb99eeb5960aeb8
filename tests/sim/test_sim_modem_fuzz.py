"""Anything may come over the line of a simulated modem: it answers, and never breaks."""

import asyncio
import random

import pytest
from sim_ch392 import port_of, tcp_server
from sim_modem import PEER, terminal

from chiplink.sim import GSeriesSim, ModemTimes, Sim800Sim, Sim7028Sim
from chiplink.sim.modem import ModemSim

TIMES = ModemTimes.instant(escape=0.001, connect_limit=0.01, send_limit=0.01)
WORDS = ["0", "1", "2", "5", "6", "9", "100", "1460", "70000", '"TCP"', '"UDP"', f'"{PEER}"', '"x"']
PORTS = (1, 2, 5, 6, 9, 100, 1460)
ENDINGS = ["", "=?", "?", "=", "=,", "=,,,", '="', "=-1"]
NOISE = [
    b"\x1a",
    b"\x1b",
    b"\x03",
    b"+++",
    b"ATO\r",
    b"A/\r",
    b"\r\n",
    bytes(range(256)),
    b">" * 700,
]
SLIPS = ["restart", "pdp-deact", "power-dip", "sim-missing=0ms,1ms", "no-network=0ms,1ms"]


def command(rng: random.Random, sim: ModemSim, port: int) -> bytes:
    """A command that the modem knows, with arguments that may fit."""
    own = [f"+{label.upper()}" for label in sim.MODEL.labels]
    name = rng.choice([*sim.executor.handlers, *own * 4, "+NONSENSE"])
    ending = rng.choice(ENDINGS)
    if rng.random() < 0.7:
        ending = "=" + ",".join(rng.choice([*WORDS, str(port)]) for _ in range(rng.randrange(6)))
    return f"AT{name}{ending}\r".encode()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", [Sim800Sim, Sim7028Sim, GSeriesSim])
async def test_nothing_breaks_it(kind: type[ModemSim], seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - repeatable noise
    broken: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: broken.append(context))
    async with terminal(kind, times=TIMES, ports=PORTS) as host:
        with tcp_server() as server:
            for _ in range(300):
                roll = rng.random()
                if roll < 0.85:
                    host.send(command(rng, host.sim, port_of(server)))
                elif roll < 0.98:
                    host.send(rng.choice(NOISE))
                else:
                    host.sim.faults.switch_on(rng.choice(SLIPS))
                for _ in range(rng.randrange(4)):
                    await asyncio.sleep(0)
        host.sim.restart("end of the noise")
        await host.until(lambda: host.sim.running and host.sim.card.state != "NOT READY")
        await host.until(lambda: not host.sim.faults.active())
        host.heard.clear()
        host.send("\rAT\r")
        await host.until(lambda: b"OK\r\n" in host.heard)
    assert [context.get("exception") for context in broken] == []
