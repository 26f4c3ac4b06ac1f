"""The modem channel on Gammu's own dummy phone: the real library, a directory instead of a port."""

import asyncio
import logging
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gammu  # type: ignore[import-untyped]  # the library ships no types
import pytest
from structlog.testing import capture_logs

from alerting.channels import Channel, ChannelError
from alerting.channels.modem import MOST_STUCK, PLACES, STALE_KEPT, Modem

ANN = "+8613800000001"
BOB = "+8613800000002"
SENT_AT = datetime(2025, 11, 24, 8, 0, tzinfo=UTC)
NOW_MS = int(SENT_AT.timestamp() * 1000)
PAGE = "紧急A12 卡17 请08:15前到场。回A12 1=接手 A12 1 8=8分钟到 A12 3=不能 #123."
HANG_S = 2.0
"""The limit of a call in the tests in which the phone hangs: a real thread waits, not virtual time."""


class Phone:
    """The dummy's directory: `sms/1` is its inbox, `sms/2` its folder of sent texts."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for folder in range(1, 6):
            (directory / "sms" / str(folder)).mkdir(parents=True)

    def modem(self, *, timeout_s: float = 9.0, country: str | None = "+86") -> Modem:
        return Modem(
            str(self.directory),
            lambda: NOW_MS,
            connection="none",
            model="dummy",
            country=country,
            timeout_s=timeout_s,
        )

    def place(self, number: int, folder: int = 1) -> Path:
        return self.directory / "sms" / str(folder) / str(number)

    def holds(
        self, place: int, body: str, *, number: str = ANN, at: datetime = SENT_AT, sent: bool = False
    ) -> None:
        """Put a text where the network, or the modem after sending, would put it."""
        text = {
            "Text": body,
            "Number": number,
            "SMSC": {"Number": "+86", "Location": 0},
            "Type": "Submit" if sent else "Deliver",
            "State": "Sent" if sent else "UnRead",
            "Coding": "Unicode_No_Compression",
            "DateTime": at,
        }
        gammu.SaveSMSBackup(str(self.directory / "text"), [text])
        (self.directory / "text").rename(self.place(place, 2 if sent else 1))

    def inbox(self) -> list[int]:
        return sorted(int(p.name) for p in (self.directory / "sms" / "1").iterdir())

    def hang(self, file: Path) -> None:
        """Make a read of this file block until `let_go`, as a port does whose phone is switched off."""
        file.unlink(missing_ok=True)
        os.mkfifo(file)

    def let_go(self, file: Path, text: bytes = b"") -> None:
        reader = os.open(file, os.O_RDWR | os.O_NONBLOCK)
        file.unlink()
        os.write(reader, text)
        os.close(reader)


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return Phone(tmp_path / "phone")


async def test_texts_go_out_and_each_has_an_id_of_its_own(phone: Phone) -> None:
    modem: Channel = phone.modem()
    sids = [await modem.send(ANN, PAGE, 300), await modem.send(ANN, "URGENT A12 #124.", 300)]
    other = phone.modem()  # as after a restart; the network's reference is the same
    sids.append(await other.send(BOB, PAGE, 300))
    assert len(set(sids)) == 3
    assert [t.body for t in await modem.sent_since(ANN, NOW_MS)] == [PAGE, "URGENT A12 #124."]
    assert [(t.sid, t.phone) for t in await other.sent_since(BOB, NOW_MS)] == [(sids[2], BOB)]
    assert await modem.sent_since(BOB, NOW_MS) == []
    assert await modem.sent_since(ANN, NOW_MS + 1) == []
    await modem.close()
    await other.close()


def test_it_says_what_it_can_do(phone: Phone) -> None:
    able = phone.modem().abilities
    assert able.two_way
    assert not able.receipts
    assert not able.voice
    assert not able.needs_inbound
    assert able.countries is None


@pytest.mark.parametrize(
    ("body", "fits"), [("二" * 70, True), ("二" * 71, False), ("a" * 160, True), ("a" * 161, False)]
)
async def test_a_text_has_one_segment(phone: Phone, body: str, fits: bool) -> None:
    modem = phone.modem()
    if fits:
        await modem.send(ANN, body, 300)
        assert [t.body for t in await modem.sent_since(ANN, 0)] == [body]
    else:
        with pytest.raises(ChannelError, match="longer than one segment") as told:
            await modem.send(ANN, body, 300)
        assert told.value.permanent
    await modem.close()


@pytest.mark.parametrize("valid_s", [-1, 0, 1, 600, 36_000, 10**7])
async def test_any_validity_is_taken(phone: Phone, valid_s: int) -> None:
    modem = phone.modem()
    assert await modem.send(ANN, PAGE, valid_s)
    await modem.close()


async def test_an_answer_is_given_once_and_then_cleared_from_the_sim(phone: Phone) -> None:
    phone.holds(1, "A12 1")
    phone.holds(3, "Ａ１２ 1 8", number=BOB, at=SENT_AT + timedelta(seconds=5))
    modem = phone.modem()
    first = await modem.received_since(NOW_MS)
    assert [(t.phone, t.body, t.t_ms, t.status) for t in first] == [
        (ANN, "A12 1", NOW_MS, "received"),
        (BOB, "Ａ１２ 1 8", NOW_MS + 5_000, "received"),
    ]
    assert phone.inbox() == [1, 3], "nothing is deleted before it has been given"
    phone.holds(2, "A12 2", at=SENT_AT + timedelta(minutes=4))
    assert [t.body for t in await modem.received_since(NOW_MS)] == ["A12 2"]
    assert phone.inbox() == [2]
    assert await modem.received_since(NOW_MS) == []
    assert phone.inbox() == []
    await modem.close()


async def test_after_a_restart_the_same_text_has_the_same_id(phone: Phone) -> None:
    phone.holds(1, "1")
    phone.holds(2, "1", number=BOB)
    phone.holds(3, "1", at=SENT_AT + timedelta(seconds=1))
    before, after = phone.modem(), phone.modem()
    sids = [t.sid for t in await before.received_since(NOW_MS)]
    assert len(set(sids)) == 3
    phone.place(1).rename(phone.place(9))  # the place on the SIM does not count
    assert {t.sid for t in await after.received_since(NOW_MS)} == set(sids)
    await before.close()
    await after.close()


async def test_an_answer_that_the_network_brings_late_is_given(phone: Phone) -> None:
    phone.holds(1, "A12 1", at=SENT_AT - timedelta(minutes=50))
    modem = phone.modem()
    assert [t.body for t in await modem.received_since(NOW_MS)] == ["A12 1"]
    await modem.close()


async def test_old_texts_are_no_answers_and_never_fill_the_sim(phone: Phone) -> None:
    for n in range(STALE_KEPT + 3):
        phone.holds(n + 1, f"advertisement {n}", at=SENT_AT - timedelta(days=9) + timedelta(hours=n))
    modem = phone.modem()
    assert await modem.received_since(NOW_MS) == []
    assert phone.inbox() == [4, 5, 6, 7, 8], "the newest are kept"
    await modem.close()


@pytest.mark.parametrize(
    ("sender", "country", "phone_number"),
    [
        (ANN, "+86", ANN),
        ("13800000001", "+86", ANN),
        ("008613800000001", "+86", ANN),
        ("015112345678", "+49", "+4915112345678"),
        ("13800000001", None, "13800000001"),
        ("China Mob", "+86", "China Mob"),
    ],
)
async def test_senders_are_given_as_the_roster_has_them(
    phone: Phone, sender: str, country: str | None, phone_number: str
) -> None:
    phone.holds(1, "1", number=sender)
    modem = phone.modem(country=country)
    assert [t.phone for t in await modem.received_since(NOW_MS)] == [phone_number]
    await modem.close()


async def test_a_text_that_cannot_be_read_keeps_no_other_from_being_read(phone: Phone) -> None:
    phone.place(1).write_text("garbage")
    phone.holds(2, "A12 1")
    phone.holds(PLACES, "A12 2", at=SENT_AT + timedelta(seconds=9))
    modem = phone.modem()
    assert [t.body for t in await modem.received_since(NOW_MS)] == ["A12 1", "A12 2"]
    assert phone.inbox() == [1, 2, PLACES]
    assert await modem.received_since(NOW_MS) == []
    assert phone.inbox() == [1]
    await modem.close()


async def test_a_folder_of_sent_texts_tells_what_another_process_sent(phone: Phone) -> None:
    phone.holds(1, PAGE, number=ANN, sent=True)
    phone.holds(2, "old", number=ANN, sent=True, at=SENT_AT - timedelta(hours=1))
    phone.holds(1, PAGE, number=ANN)  # somebody has sent our text back
    modem = phone.modem()
    listed = await modem.sent_since(ANN, NOW_MS)
    assert [(t.phone, t.body, t.status) for t in listed] == [(ANN, PAGE, "sent")]
    assert await modem.sent_since(BOB, NOW_MS) == []
    await modem.close()


async def test_no_modem_is_not_permanent_and_nothing_has_left(tmp_path: Path) -> None:
    modem = Modem(str(tmp_path / "ttyUSB9"), lambda: NOW_MS)
    for call in (modem.send(ANN, PAGE, 60), modem.sent_since(ANN, 0), modem.received_since(0)):
        with pytest.raises(ChannelError, match="ERR_DEVICENOTEXIST") as told:
            await call
        assert not told.value.permanent
        assert not told.value.maybe_taken
    await modem.close()


async def test_a_modem_that_is_plugged_in_again_works_again(phone: Phone) -> None:
    modem, away = phone.modem(), phone.directory.with_name("away")
    await modem.send(ANN, PAGE, 60)
    await modem.close()
    phone.directory.rename(away)
    with pytest.raises(ChannelError, match="ERR_DEVICE") as told:
        await modem.send(ANN, PAGE, 60)
    assert not told.value.permanent
    assert not told.value.maybe_taken
    away.rename(phone.directory)
    assert await modem.send(ANN, PAGE, 60)
    await modem.close()


async def test_a_hung_phone_costs_the_limit_and_not_the_next_text(phone: Phone) -> None:
    phone.hang(phone.place(1))
    modem, loop = phone.modem(timeout_s=HANG_S), asyncio.get_running_loop()
    began = loop.time()
    poll = asyncio.create_task(modem.received_since(NOW_MS))
    await asyncio.sleep(0)  # the poll has its turn first
    assert await modem.send(ANN, PAGE, 60), "the text waits for the poll's limit and goes on a new connection"
    assert loop.time() - began < HANG_S
    with pytest.raises(ChannelError, match="no answer within 1 s") as told:
        await poll
    assert not told.value.permanent
    assert not told.value.maybe_taken
    phone.let_go(phone.place(1))
    await modem.close()


async def test_the_loop_goes_on_while_the_phone_hangs(phone: Phone) -> None:
    phone.hang(phone.place(1))
    modem, turns = phone.modem(timeout_s=HANG_S), 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    counting = asyncio.create_task(count())
    with pytest.raises(ChannelError):
        await modem.received_since(NOW_MS)
    counting.cancel()
    assert turns > 20
    phone.let_go(phone.place(1))
    await modem.close()


async def test_a_text_that_never_reached_the_hung_phone_does_not_go_out_later(phone: Phone) -> None:
    log = phone.directory / "operations.log"
    phone.hang(log)  # opening the phone blocks
    modem = phone.modem(timeout_s=HANG_S)
    first, second = await asyncio.gather(
        modem.send(ANN, PAGE, 60), modem.send(BOB, PAGE, 60), return_exceptions=True
    )
    for told, why in ((first, "modem: no answer within 2 s"), (second, "modem: busy")):
        assert isinstance(told, ChannelError)
        assert told.reason == why
        assert not told.permanent
        assert not told.maybe_taken
    hung = [t for t in threading.enumerate() if t.name == "modem"]
    phone.let_go(log)
    for thread in hung:
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()
    modem._timeout_s = 9.0
    assert await modem.sent_since(ANN, 0) == []
    assert await modem.sent_since(BOB, 0) == []
    await modem.close()


HUNG_AT_EXIT = """
import asyncio
from alerting.channels import ChannelError
from alerting.channels.modem import Modem

async def run():
    modem = Modem({directory!r}, lambda: 0, connection="none", model="dummy", timeout_s=0.4)
    try:
        await modem.received_since(0)
    except ChannelError as e:
        print(e)
    await modem.close()

asyncio.run(run())
"""


def test_a_hung_phone_does_not_hold_up_the_end_of_the_process(phone: Phone) -> None:
    phone.hang(phone.place(1))
    done = subprocess.run(
        [sys.executable, "-c", HUNG_AT_EXIT.format(directory=str(phone.directory))],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == "modem: no answer within 0.2 s\n"
    assert not done.stderr


async def test_a_phone_that_stays_hung_is_left_alone_until_it_comes_back(phone: Phone) -> None:
    phone.hang(phone.place(1))
    modem = phone.modem(timeout_s=HANG_S / 4)
    before = threading.active_count()
    for _ in range(MOST_STUCK):
        with pytest.raises(ChannelError, match="no answer"):
            await modem.received_since(NOW_MS)
    for _ in range(3):
        with pytest.raises(ChannelError, match="jammed") as told:
            await modem.send(ANN, PAGE, 60)
        assert not told.value.permanent
        assert not told.value.maybe_taken
    hung = [t for t in threading.enumerate() if t.name == "modem"]
    assert threading.active_count() == before + MOST_STUCK
    phone.let_go(phone.place(1))
    for thread in hung:
        await asyncio.to_thread(thread.join, 5)
    modem._timeout_s = 9.0
    assert await modem.send(ANN, PAGE, 60)
    await modem.close()


async def test_an_answer_that_came_too_late_for_the_poll_is_given_by_the_next_one(phone: Phone) -> None:
    phone.holds(1, "A12 1")
    words = phone.place(1).read_bytes()
    phone.hang(phone.place(1))
    modem = phone.modem(timeout_s=HANG_S)
    with pytest.raises(ChannelError, match="no answer"):
        await modem.received_since(NOW_MS)
    phone.let_go(phone.place(1))
    phone.place(1).write_bytes(words)
    modem._timeout_s = 9.0  # the dummy looks for 50,000 files at every reading
    assert [t.body for t in await modem.received_since(NOW_MS)] == ["A12 1"]
    await modem.close()


async def test_a_caller_that_goes_away_leaves_no_text_in_the_queue(phone: Phone) -> None:
    modem = phone.modem()
    phone.hang(phone.place(1))
    poll = asyncio.create_task(modem.received_since(NOW_MS))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(modem.send(ANN, PAGE, 60))
    await asyncio.sleep(0)
    waiting.cancel()
    poll.cancel()
    await asyncio.wait([poll, waiting])
    phone.let_go(phone.place(1))
    assert await modem.sent_since(ANN, 0) == []
    await modem.close()


async def test_nothing_about_a_text_is_logged_or_told(phone: Phone, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    phone.place(1).write_text("garbage")
    phone.holds(2, "A12 1")
    modem = phone.modem()
    with capture_logs() as logged:
        await modem.send(ANN, PAGE, 60)
        await modem.received_since(NOW_MS)
        with pytest.raises(ChannelError) as told:
            await modem.send(ANN, PAGE * 2, 60)
    assert [line["event"] for line in logged] == ["the modem holds a text that cannot be read"]
    for secret in (ANN[1:], "A12"):
        assert secret not in caplog.text + told.value.reason + repr(logged)
    await modem.close()
