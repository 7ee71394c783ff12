"""What the applicant hears while the database, or the camera, keeps the session waiting."""

from __future__ import annotations

from kyc_rtc.sessions.notices import NO_PICTURE_AFTER_MS, Notices
from kyc_rtc.sessions.wire import Outbound
from tests.unit.sessions.conftest import Stage


def codes(due: list[Outbound]) -> list[object]:
    return [message.fields["code"] for message in due]


def heard(stage: Stage) -> list[object]:
    return [message["code"] for message in stage.peer.sent if message["type"] == "notice"]


def test_no_picture_is_said_once_and_ends_with_a_picture() -> None:
    notices = Notices()
    assert codes(notices.look(2_499, 0, 2_499)) == []
    assert codes(notices.look(2_500, 0, 2_500)) == ["no_picture"]
    assert codes(notices.look(9_000, 0, 9_000)) == []
    assert codes(notices.repeat()) == ["no_picture"]
    assert codes(notices.look(9_100, 9_050, 9_100)) == [None]
    assert codes(notices.repeat()) == []


def test_without_a_camera_nothing_is_said() -> None:
    notices = Notices()
    notices.look(5_000, 0, 5_000)
    assert codes(notices.look(6_000, None, 6_000)) == [None]
    assert codes(notices.look(60_000, None, 60_000)) == []


def test_one_notice_that_ends_leaves_the_other_standing() -> None:
    notices = Notices()
    notices.storing(0)
    assert codes(notices.look(4_000, 0, 4_000)) == ["storage_waiting", "no_picture"]
    assert codes(notices.stored(4_100, more_waits=False)) == [None, "no_picture"]
    notices.storing(5_000)
    assert codes(notices.look(7_000, 0, 7_000)) == ["storage_waiting"]
    assert codes(notices.look(7_100, 7_050, 7_100)) == [None, "storage_waiting"]


async def pass_time(stage: Stage, duration_ms: float) -> None:
    """The page's statistics go on coming."""
    for _ in range(4):
        stage.peer.say("stats")
        await stage.clock.advance(duration_ms / 4)


async def test_a_camera_that_never_shows_anything_is_noticed_within_three_seconds(
    stage: Stage,
) -> None:
    await stage.join()
    await pass_time(stage, NO_PICTURE_AFTER_MS - 200)
    assert heard(stage) == []
    await pass_time(stage, 700)
    assert heard(stage) == ["no_picture"]
    await stage.show(5)
    await pass_time(stage, 500)
    assert heard(stage) == ["no_picture", None]


async def test_a_camera_that_stops_is_noticed_again_and_another_peer_hears_of_its_own(
    stage: Stage,
) -> None:
    session_id = await stage.join()
    await stage.show(5)
    await pass_time(stage, 3_000)
    assert heard(stage) == ["no_picture"]
    await stage.connect(session_id)
    assert heard(stage) == []
    await pass_time(stage, 3_000)
    assert heard(stage) == ["no_picture"]


async def test_after_the_end_no_picture_is_needed(stage: Stage) -> None:
    await stage.join()
    await stage.show(5)
    stage.peer.say("cancel")
    await stage.clock.advance(4_000)
    assert heard(stage) == []


def test_a_dark_link_is_not_a_camera_without_a_picture() -> None:
    notices = Notices()
    assert codes(notices.look(2_450, 0, 0)) == []  # nothing comes at all
    assert codes(notices.look(2_700, 0, 2_650)) == []  # the link is back, pictures are on their way
    assert codes(notices.look(4_900, 0, 4_890)) == []
    assert codes(notices.look(4_950, 0, 4_940)) == ["no_picture"]
