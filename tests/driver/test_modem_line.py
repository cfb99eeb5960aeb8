"""A modem's line, in virtual time, against answers written down from the documents."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from modem_script import Script, Told, lined, turns
from virtual_clock import virtual

from chiplink.driver.modem_bearer import restart
from chiplink.driver.modem_line import CLOSED_GRACE, MAX_WAITING
from chiplink.exceptions import (
    BusyError,
    ChipError,
    CommandError,
    DeadlineError,
    OfflineError,
    OutcomeUnknownError,
    ProbeError,
)
from chiplink.protocol import at_common, at_gseries, at_sim800, at_sim7028
from chiplink.protocol.at_events import PeerClosed, Restarted, Urc

OK = "\r\nOK\r\n"
CSQ = "\r\n+CSQ: 20,0\r\n\r\nOK\r\n"


async def ended(told: Told) -> None:
    await told.line.close()


@virtual
async def test_a_question() -> None:
    told = await lined(Script({"AT+CSQ": [CSQ]}))
    exchange = await told.line.ask(at_common.signal())
    assert exchange.lines == ("+CSQ: 20,0",)
    assert told.script.heard == [b"AT+CSQ\r"]
    await ended(told)


@virtual
async def test_one_command_at_a_time_and_urgent_ones_first() -> None:
    told = await lined(Script({"AT+C": [""]}))
    work = [asyncio.create_task(told.line.ask(at_common.signal())) for _ in range(2)]
    await turns()
    work.append(asyncio.create_task(told.line.ask(at_common.operator(), urgent=True)))
    await turns()
    assert told.script.heard == [b"AT+CSQ\r"]
    told.script.say(CSQ)
    await turns()
    assert told.script.heard[1:] == [b"AT+COPS?\r"]
    told.script.say('\r\n+COPS: 0,0,"X"\r\n\r\nOK\r\n')
    await turns()
    told.script.say(CSQ)
    await asyncio.gather(*work)
    await ended(told)


@virtual
async def test_an_urc_between_a_question_and_its_answer() -> None:
    answer = '\r\n+CREG: 1\r\n\r\n+CMTI: "SM",1\r\n\r\n+CSQ: 20,0\r\n\r\nRING\r\n\r\nOK\r\n'
    told = await lined(Script({"AT+CSQ": [answer]}))
    assert (await told.line.ask(at_common.signal())).lines == ("+CSQ: 20,0",)
    names = [event.name for event in told.events if isinstance(event, Urc)]
    assert names == ["+CREG", "+CMTI", "RING"]
    await ended(told)


@virtual
async def test_an_unsolicited_answer_with_nothing_asked() -> None:
    told = await lined(Script())
    told.script.say("\r\n+CSQ: 20,0\r\n")
    await turns()
    assert [event.text for event in told.events if isinstance(event, Urc)] == ["+CSQ: 20,0"]
    await ended(told)


@virtual
async def test_an_error_is_in_the_modems_words_and_ours() -> None:
    told = await lined(Script({"AT+CPIN?": ["\r\n+CME ERROR: 10\r\n"]}))
    with pytest.raises(ChipError, match=r"\+CME ERROR: 10 \(SIM not inserted\)"):
        await told.line.ask(at_common.sim())
    await ended(told)


@virtual
async def test_a_result_is_awaited_while_others_ask() -> None:
    told = await lined(Script({"AT+CIPSTART": [OK], "AT+CSQ": [CSQ]}))
    opening = asyncio.create_task(told.line.outcome(at_sim800.cipstart("TCP", "1.2.3.4", 80, 0)))
    await turns()
    await told.line.ask(at_common.signal())
    told.script.answers["AT+CSQ"] = ["\r\n0, CONNECT FAIL\r\n" + CSQ]
    assert (await told.line.ask(at_common.signal())).lines == ("+CSQ: 20,0",)
    assert not (await opening).ok
    await ended(told)


@virtual
async def test_the_g_series_late_error_is_the_connections() -> None:
    told = await lined(Script({"AT+CIPSTART": [OK], "AT+CSQ": [""]}))
    opening = asyncio.create_task(told.line.outcome(at_gseries.cipstart("TCP", "1.2.3.4", 80)))
    await turns()
    asking = asyncio.create_task(told.line.ask(at_common.signal()))
    await turns()
    told.script.say("\r\n+CME ERROR: 50\r\n" + CSQ)
    assert (await opening).text == "+CME ERROR: 50"
    assert (await asking).lines == ("+CSQ: 20,0",)
    await ended(told)


@virtual
async def test_what_must_not_be_mixed_up_waits() -> None:
    """A second send on a link waits for the first one's result, another link's does not."""
    told = await lined(Script({"AT+CIPSEND": ["\r\n>"], "a": [OK], "b": [OK], "c": [OK]}))
    one = asyncio.create_task(told.line.ask(at_sim7028.cipsend(0, b"a")))
    await turns()
    two = asyncio.create_task(told.line.ask(at_sim7028.cipsend(0, b"b")))
    three = asyncio.create_task(told.line.ask(at_sim7028.cipsend(1, b"c")))
    await turns(30)
    assert (one.done(), two.done(), three.done()) == (True, False, True)
    told.script.say("\r\n+CIPSEND: 0,1,1\r\n")
    await turns(30)
    assert two.done()
    told.script.say("\r\n+CIPSEND: 0,1,1\r\n\r\n+CIPSEND: 1,1,1\r\n")
    for each in (one, two, three):
        assert (await (await each).outcome()).ok
    await ended(told)


@virtual
async def test_a_lost_answer_is_settled_and_a_late_one_passed_over() -> None:
    told = await lined(Script({"AT+CSQ": [""], "AT+CFUN?": ["", CSQ, "\r\n+CFUN: 1\r\n" + OK]}))
    with pytest.raises(DeadlineError, match=r"AT\+CSQ: no reply in time"):
        await told.line.ask(at_common.signal())
    told.script.answers["AT+CSQ"] = [CSQ]
    assert (await told.line.ask(at_common.signal())).lines == ("+CSQ: 20,0",)
    assert not told.line.lost.done()
    await ended(told)


@virtual
async def test_a_modem_that_is_silent_is_given_up() -> None:
    told = await lined(Script({"AT": [""], "AT+CFUN?": [""]}))
    with pytest.raises(DeadlineError):
        await told.line.ask(at_common.signal())
    reason = await told.line.lost
    assert isinstance(reason, ProbeError)
    assert "stopped answering" in str(reason)
    with pytest.raises(OfflineError):
        await told.line.ask(at_common.signal())
    await ended(told)


@virtual
async def test_what_may_have_happened_is_unknown() -> None:
    told = await lined(Script({"AT+CIICR": [""]}))
    with pytest.raises(OutcomeUnknownError):
        await told.line.ask(replace(at_sim800.ciicr(), wait=1))
    await turns()
    await ended(told)


@virtual
async def test_a_send_that_hangs_is_filled_up() -> None:
    """The modem still takes what comes for payload: it gets enough of it."""
    script = Script({"AT+CIPSEND": ["\r\n> "], "AT+CFUN?": [""]})
    told = await lined(script)
    sending = asyncio.create_task(told.line.ask(replace(at_sim800.cipsend(b"x" * 10, 0), wait=5)))
    await turns()
    assert script.heard[-1] == b"x" * 10
    with pytest.raises(OutcomeUnknownError):
        await sending
    while not any(data.startswith(b"\x1b") for data in script.heard):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(1)
    script.answers["AT+CFUN?"] = ["\r\n+CFUN: 1\r\n" + OK]
    script.answers["AT+CSQ"] = [CSQ]
    assert (await told.line.ask(at_common.signal())).lines
    filling = next(data for data in script.heard if data.startswith(b"\x1b"))
    assert len(filling) > 1460
    await ended(told)


@virtual
async def test_closed_during_a_send_is_waited_for_no_longer_than_a_moment() -> None:
    told = await lined(Script({"AT+CIPSEND": ["\r\n> "], "data": ["\r\n0, CLOSED\r\n"]}))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with pytest.raises(OutcomeUnknownError):
        await told.line.ask(at_sim800.cipsend(b"data", 0))
    assert loop.time() - begun <= CLOSED_GRACE
    assert [event.link for event in told.events if isinstance(event, PeerClosed)] == [0]
    await turns()
    await ended(told)


@virtual
async def test_a_stray_prompt_is_cancelled() -> None:
    told = await lined(Script())
    told.script.say("\r\n> ")
    await asyncio.sleep(10)
    assert told.script.heard == [b"\x1b"]
    await ended(told)


@pytest.mark.parametrize("boot", ["\r\nRDY\r\n", "\0IIII\xff\xff\xff\xff\r\nRDY\r\n"])
@virtual
async def test_a_restart_ends_what_waits(boot: str) -> None:
    told = await lined(Script({"AT+": [""]}))
    work = [
        asyncio.create_task(told.line.exchange(at_common.signal())),
        asyncio.create_task(told.line.exchange(at_common.sim())),
    ]
    await turns()
    told.script.say(boot)
    for each in work:
        with pytest.raises(CommandError, match="restarted"):
            await each
    assert any(isinstance(event, Restarted) for event in told.events)
    await ended(told)


@virtual
async def test_an_echo_after_it_was_switched_off_is_a_restart() -> None:
    told = await lined(Script({"ATE0": ["ATE0\r" + OK], "AT+CSQ": ["AT+CSQ\r" + CSQ]}))
    await told.line.ask(at_common.echo(on=False))
    told.line.echo_is_off()
    assert not told.events
    await told.line.ask(at_common.signal())
    assert [event for event in told.events if isinstance(event, Restarted)]
    await ended(told)


@virtual
async def test_the_queue_is_bounded() -> None:
    told = await lined(Script({"AT+": [""]}))
    work = [asyncio.create_task(told.line.ask(at_common.signal())) for _ in range(MAX_WAITING + 2)]
    await turns()
    with pytest.raises(BusyError):
        await work[-1]
    assert told.counters["commands_refused"] == 1
    work[1].cancel()
    await turns()
    await ended(told)
    for each in work[:-1]:
        with pytest.raises((CommandError, asyncio.CancelledError)):
            await each
    assert told.script.heard == [b"AT+CSQ\r"]


@virtual
async def test_cancelled_before_its_turn_it_is_never_sent() -> None:
    told = await lined(Script({"AT+CSQ": [""]}))
    first = asyncio.create_task(told.line.ask(at_common.signal()))
    second = asyncio.create_task(told.line.ask(at_common.operator()))
    await turns()
    second.cancel()
    await turns()
    told.script.say(CSQ)
    await first
    await turns()
    assert told.script.heard == [b"AT+CSQ\r"]
    await ended(told)


@virtual
async def test_a_queue_that_is_full_does_not_keep_a_line_from_settling() -> None:
    late = OK + "\r\n+CFUN: 1\r\n" + OK
    told = await lined(Script({"AT+CGATT": [""], "AT+CFUN?": [late], "AT+CREG": [OK]}))
    lost = asyncio.create_task(told.line.ask(at_common.attach(on=True)))
    await turns()
    report = at_common.report_registration("CREG", 1)
    others = [asyncio.create_task(told.line.ask(report)) for _ in range(MAX_WAITING)]
    await turns()
    with pytest.raises(DeadlineError):
        await lost
    await asyncio.gather(*others)
    assert told.script.heard[1] == b"AT+CFUN?\r"
    await ended(told)


@virtual
async def test_a_restart_is_not_waited_for_when_it_was_told_or_the_line_is_gone() -> None:
    for gone in (False, True):
        told = await lined(Script({"AT+CFUN=1,1": [OK if gone else OK + "\r\nRDY\r\n"]}))
        restarting = asyncio.create_task(restart(told.line))
        await turns()
        if gone:
            told.line.give_up(ProbeError("unplugged"))
        await turns()
        assert restarting.done()
        await restarting
        await ended(told)
