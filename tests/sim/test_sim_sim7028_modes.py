"""The SIM7028's UDP, transparent mode, settings, names, IPv6 (note 2.1, 3.2.3, 3.3, 3.4.1)."""

import asyncio

import pytest
from sim_ch392 import accepted, client, datagram, port_of, tcp_server, udp_peer
from sim_modem import PEER, Terminal
from sim_sim7028 import connected, net_open, sim7028

PEER_6 = "2001:db8::5"


async def test_the_note_s_udp() -> None:
    async with sim7028(is_open=True, ports=(5000,)) as host:
        with udp_peer() as peer:
            port = port_of(peer)
            await host.ask('AT+CIPOPEN=1,"UDP",,,5000', "+CIPOPEN: 1,0", "OK")
            await host.prompt(f'AT+CIPSEND=1,,"{PEER}",{port}', "\r\n>")
            host.send("HELLOSERVER\x1a")
            await host.line("OK", "+CIPSEND: 1,11,11")
            data, address = await datagram(peer)
            assert data == b"HELLOSERVER"
            assert address == ("127.0.0.1", host.sim.ether.bound_port("udp", 5000))
            await host.prompt(f'AT+CIPSEND=1,5,"plc.example",{port}', "\r\n>")
            host.send("HELLO")
            await host.line("OK", "+CIPSEND: 1,5,5")
            assert (await datagram(peer))[0] == b"HELLO"
            peer.sendto(b"HELLO CLIENT\r\n", address)
            await host.hear(f"\r\nRECV FROM:{PEER}:{port}\r\n+IPD14\r\nHELLO CLIENT\r\n")
            await host.prompt(f'AT+CIPSEND=1,"{PEER}",{port}', "\r\n>")
            host.send("short\x1a")
            await host.line("OK", "+CIPSEND: 1,5,5")
            assert (await datagram(peer))[0] == b"short"
            await host.ask("AT+CIPSEND=1,5", "+CIPERROR: 3", "ERROR")
            await host.ask(f'AT+CIPSEND=1,5,"nowhere.example",{port}', "+CIPERROR: 11", "ERROR")
            await host.ask("AT+CIPCLOSE=1", "+CIPCLOSE: 1,0", "OK")
            await host.ask("AT+CIPCLOSE=1", "+CIPCLOSE: 1,4", "ERROR")


async def test_udp_from_several_peers_in_buffer_access() -> None:
    async with sim7028(is_open=True, ports=(5000,)) as host:
        await host.ok("AT+CIPRXGET=1")
        await host.ask('AT+CIPOPEN=0,"UDP",,,5000', "+CIPOPEN: 0,0", "OK")
        here = ("127.0.0.1", host.sim.ether.bound_port("udp", 5000))
        with udp_peer() as first, udp_peer() as second:
            first.sendto(b"one", here)
            await host.line("+CIPRXGET: 1,0")
            second.sendto(b"two", here)
            await host.until(lambda: len(host.sim.stack.links[0].inbox) == 6)
            host.send("AT+CIPRXGET=2,0\r")
            await host.hear("\r\n+CIPRXGET: 2,0,6,0\r\nonetwo\r\nOK\r\n")


async def escape(host: Terminal) -> None:
    """Send +++ after its silence, measured by the loop."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_later(host.sim.times.escape * 1.5, done.set_result, None)
    await done
    host.send("+++")
    await host.line("OK")


async def test_the_note_s_transparent_client() -> None:
    async with sim7028() as host:
        await host.ok("AT+CIPMODE=1")
        await net_open(host)
        with tcp_server() as server:
            port = port_of(server)
            host.send(f'AT+CIPOPEN=0,"TCP","{PEER}",{port}\r')
            await host.line("CONNECT 115200")
            async with accepted(server) as peer:
                host.send(b"AT+CIPCLOSE=0\r\n")
                assert await peer.receive(15) == b"AT+CIPCLOSE=0\r\n"
                await peer.send(b"\r\nCLOSED\r\n")
                await host.hear("\r\nCLOSED\r\n")
                await escape(host)
                host.send("AT+CIPOPEN?\r")
                await host.hear(
                    f'\r\n+CIPOPEN: 0,"TCP","{PEER}",{port},-1\r\n+CIPOPEN: 1\r\n\r\nOK\r\n'
                )
                await host.ask("AT+CIPSEND=0,5", "+CIPERROR: 4", "ERROR")
                host.send("ATO\r")
                await host.line("CONNECT 115200")
                await peer.send(b"HELLO CLIENT")
                await host.hear("HELLO CLIENT")
                await escape(host)
                host.send("AT+CIPCLOSE=0\r")
                await host.line("OK", "CLOSED", "+CIPCLOSE: 0,0")
                assert await peer.receive(1) == b""
        await host.ask("ATO", "NO CARRIER")


async def test_a_transparent_connection_that_ends() -> None:
    async with sim7028() as host:
        await host.ok("AT+CIPMODE=1")
        await net_open(host)
        with tcp_server() as server:
            host.send(f'AT+CIPOPEN=0,"TCP","{PEER}",{port_of(server)}\r')
            await host.line("CONNECT 115200")
            async with accepted(server):
                pass
            await host.line("CLOSED")
            nobody = port_of(server)
        await host.ask(f'AT+CIPOPEN=1,"TCP","{PEER}",{nobody}', "+CIPOPEN: 1,4", "ERROR")
        host.send(f'AT+CIPOPEN=0,"TCP","{PEER}",{nobody}\r')
        await host.line("CONNECT FAIL")


async def test_the_note_s_transparent_udp() -> None:
    async with sim7028(ports=(5000,)) as host:
        await host.ok("AT+CIPMODE=1")
        await net_open(host)
        with udp_peer() as peer:
            command = f'AT+CIPOPEN=0,"UDP","{PEER}",{port_of(peer)},5000\r'
            host.send(command)
            await host.line("CONNECT 115200")
            host.send(b"up")
            data, address = await datagram(peer)
            assert data == b"up"
            peer.sendto(b"HELLO CLIENT", address)
            await host.hear("HELLO CLIENT")
            await escape(host)
            host.send(command)
            await host.line("CONNECT 115200")
            await escape(host)
            host.send("AT+CIPCLOSE=0\r")
            await host.line("CLOSED", "+CIPCLOSE: 0,0", "OK")


async def test_the_note_s_transparent_server() -> None:
    async with sim7028(ports=(8080,)) as host:
        await host.ok("AT+CIPMODE=1")
        await net_open(host)
        await host.ask("AT+SERVERSTART=8080,1", "+CIPERROR: 3", "ERROR")
        await host.ok("AT+SERVERSTART=8080,0")
        async with client(host.sim.ether.bound_port("tcp", 8080)) as peer:
            port = peer.sock.getsockname()[1]
            await host.line(f"+CLIENT: 0,0,{PEER}:{port}", "CONNECT 115200")
            host.send(b"down")
            assert await peer.receive(4) == b"down"
            await escape(host)
            host.send("AT+CIPCLOSE=0\r")
            await host.line("OK", "CLOSED", "+CIPCLOSE: 0,0")
        await host.ask("AT+SERVERSTOP=0", "+SERVERSTOP: 0,0", "OK")


async def test_netclose_of_a_transparent_link() -> None:
    async with sim7028() as host:
        await host.ok("AT+CIPMODE=1")
        await net_open(host)
        await host.ask("AT+CIPMODE=0", "ERROR")
        with tcp_server() as server:
            host.send(f'AT+CIPOPEN=0,"TCP","{PEER}",{port_of(server)}\r')
            await host.line("CONNECT 115200")
            async with accepted(server):
                await escape(host)
                host.send("AT+NETCLOSE\r")
                await host.line("OK", "CLOSED", "+CIPCLOSE: 0,0", "+NETCLOSE: 0")
        await host.ok("AT+CIPMODE=0")


@pytest.mark.parametrize(
    ("name", "shown", "bare"), [("CIPHEAD", 1, 1), ("CIPSRIP", 1, 1), ("CIPMODE", 0, 0)]
)
async def test_bare_commands_change_settings(name: str, shown: int, bare: int) -> None:
    async with sim7028() as host:
        await host.ask(f"AT+{name}=?", f"+{name}: (0-1)", "OK")
        await host.ask(f"AT+{name}?", f"+{name}: {shown}", "OK")
        await host.ok(f"AT+{name}={1 - bare}")
        await host.ask(f"AT+{name}?", f"+{name}: {1 - bare}", "OK")
        await host.ok(f"AT+{name}")
        await host.ask(f"AT+{name}?", f"+{name}: {bare}", "OK")
        await host.ask(f"AT+{name}=2", "ERROR")


async def test_settings_of_the_note() -> None:
    async with sim7028() as host:
        await host.ask("AT+CIPSENDMODE=?", "+CIPSENDMODE: (0-1)", "OK")
        await host.ok("AT+CIPSENDMODE=1")
        await host.ask("AT+CIPSENDMODE?", "+CIPSENDMODE: 1", "OK")
        await host.ask("AT+CIPTIMEOUT?", "+CIPTIMEOUT: 120000,120000,120000", "OK")
        await host.ok("AT+CIPTIMEOUT=3000,3000,3000")
        await host.ok("AT+CIPTIMEOUT=,4000")
        await host.ask("AT+CIPTIMEOUT?", "+CIPTIMEOUT: 3000,4000,3000", "OK")
        await host.ask("AT+CIPTIMEOUT=2999", "ERROR")
        await host.ask(
            "AT+CIPCCFG=?",
            "+CIPCCFG: (0-10),(0-1000),(0),(0-1),(0-1),(0-1),(500-120000)",
            "OK",
        )
        await host.ok("AT+CIPCCFG=2")
        await host.ask("AT+CIPCCFG?", "+CIPCCFG: 2,0,0,1,0,0,500", "OK")
        await host.ask("AT+CSOCKETPN=?", "+CSOCKETPN: 1,(1,6)", "OK")
        await host.ask("AT+CSOCKETPN?", "+CSOCKETPN: 1,1", "OK")
        await host.ask("AT+CSOCKETPN=1,2", "ERROR")
        await host.ask("AT+CTCPKA=1,2,5,1", "ERROR")
        await net_open(host)
        await host.ok("AT+CTCPKA=?", "AT+CTCPKA=1,2,5,1")
        await host.ask("AT+CTCPKA?", "+CTCPKA: 1,2,5,1", "OK")
        await host.ask("AT+CSOCKETPN=1,6", "ERROR")
        await host.ask("AT+CIPACK=?", "+CIPACK: (0-1)", "OK")


async def test_name_servers_answer_without_a_prefix() -> None:
    async with sim7028() as host:
        await host.ok('AT+CDNSCFG="9.9.9.9","1.1.1.1",0')
        host.send("AT+CDNSCFG?\r")
        await host.hear(
            "\r\nPrimary IPv4 DNS:9.9.9.9,Secondary IPv4 DNS:1.1.1.1"
            "\r\nPrimary IPv6 DNS:2409:8060:20EA:101::1,Secondary IPv6 DNS:2409:8060:20EA:201::1"
            "\r\n\r\nOK\r\n"
        )
        await host.ask('AT+CDNSCFG="nonsense"', "ERROR")


async def test_names() -> None:
    async with sim7028() as host:
        await host.ask('AT+CDNSGIP="plc.example"', "ERROR")
        await net_open(host)
        await host.ask('AT+CDNSGIP="plc.example"', '+CDNSGIP: 1,"plc.example","203.0.113.5"', "OK")
        await host.ask('AT+CDNSGIP="nowhere.example"', "+CDNSGIP: 0,10", "ERROR")
        await host.ask(f'AT+CDNSGIP="{"a" * 64}.example"', "ERROR")


async def test_ipv6() -> None:
    async with sim7028(extra={PEER_6: "127.0.0.1"}, ports=(5000,)) as host:
        await host.ok('AT+CGDCONT=1,"IPV6","CMNET"', "AT+CSOCKETPN=1,6")
        await net_open(host)
        await host.ask("AT+IPADDR", "+IPADDR: 2409:8960:1e64:94d8:1:0:3b3b:7118", "OK")
        with tcp_server() as server:
            port = port_of(server)
            host.send(f'AT+CIPOPEN=0,"TCP","{PEER_6}",{port}\r')
            await host.line("OK", "+CIPOPEN: 0,0")
            async with accepted(server) as peer:
                await peer.send(b"six")
                await host.hear(f"\r\nRECV FROM:{PEER_6}:{port}\r\n+IPD3\r\nsix")
        with udp_peer() as udp:
            port = port_of(udp)
            await host.line("+IPCLOSE: 0,1")
            await host.ask('AT+CIPOPEN=1,"UDP",,,5000', "+CIPOPEN: 1,0", "OK")
            await host.prompt(f'AT+CIPSEND=1,4,"{PEER_6}",{port}', "\r\n>")
            host.send("ping")
            await host.line("OK", "+CIPSEND: 1,4,4")
            _, address = await datagram(udp)
            udp.sendto(b"pong", address)
            await host.hear(f"\r\nRECV FROM:{PEER_6}:{port}\r\n+IPD4\r\npong")


async def test_contexts() -> None:
    async with sim7028() as host:
        await host.ask("AT+CGDCONT?", '+CGDCONT: 0,"IP","cmnbiot","",0,0', "OK")
        host.sim.faults.switch_on("no-context-1")
        await host.ask('AT+CGDCONT=1,"IP","CMNET"', "ERROR")
        await host.ask("AT+CGPADDR=0", '+CGPADDR: 0,"10.148.0.17"', "OK")


async def test_registration() -> None:
    async with sim7028() as host:
        await host.ask("AT+CEREG?", "+CEREG: 0,1", "OK")
        await host.ask("AT+COPS?", '+COPS: 0,0,"CHINA MOBILE",9', "OK")
        await host.ask(
            "AT+CPSI?",
            "+CPSI: LTE NB-IOT,Online,460-00,0x1A2B,15437,12,"
            "EUTRAN-BAND8,3745,0,0,-110,-960,-850,15",
            "OK",
        )
        await host.ok("AT+CEREG=1")
        host.sim.lose_network()
        await host.line("+CEREG: 2")
        await host.ask("AT+CPSI?", "+CPSI: NO SERVICE,Online", "OK")


async def test_faults_of_sending() -> None:
    async with connected() as (host, _peer):
        host.sim.faults.switch_on("closed-during-send=1")
        await host.prompt("AT+CIPSEND=0,5", "\r\n>")
        host.send("hello")
        await host.line("+IPCLOSE: 0,1", "OK", "+CIPSEND: 0,5,-1")
    async with connected() as (host, _peer):
        host.sim.faults.switch_on("buffer-full=1")
        await host.prompt("AT+CIPSEND=0,5", "\r\n>")
        host.send("hello")
        await host.line("OK", "+CIPSEND: 0,5,0")


async def test_the_other_order_of_results() -> None:
    async with sim7028(is_open=True, ports=(5000, 8080)) as host:
        host.sim.faults.switch_on("ok-first")
        await host.ok("AT+SERVERSTART=8080,0")
        await host.ask('AT+CIPOPEN=1,"UDP",,,5000', "+CIPOPEN: 1,0", "OK")
        await host.ask("AT+CIPCLOSE=1", "OK", "+CIPCLOSE: 1,0")
        await host.ask("AT+SERVERSTOP=0", "OK", "+SERVERSTOP: 0,0")


async def test_faults_of_opening() -> None:
    async with sim7028() as host:
        host.sim.faults.switch_on("netopen-fail=1")
        host.send("AT+NETOPEN\r")
        await host.line("OK", "+NETOPEN: 1")
        await net_open(host)
        host.sim.faults.switch_on("late-connect-fail=1")
        await host.ok(f'AT+CIPOPEN=0,"TCP","{PEER}",80')
        await host.ask("AT+CSQ", "+CIPOPEN: 0,10", "+CSQ: 20,0", "OK")
        host.sim.faults.switch_on("result-first")
        with tcp_server() as server:
            host.send(f'AT+CIPOPEN=0,"TCP","{PEER}",{port_of(server)}\r')
            await host.line("+CIPOPEN: 0,0", "OK")
