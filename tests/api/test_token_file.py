import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.reread import LOOK_SECONDS
from api.token_file import TokenFile
from api.token_lines import TokenLinesError
from tests.support.admission import Gate, bearer, make_access, some_token, stored


class Rotation:
    """A file of tokens behind a gate, and a clock that moves with each question."""

    def __init__(self, path: Path) -> None:
        self.seconds = 0.0
        self.path = path
        self.write("# tokens\n" + stored(1, "read").line)
        self.door = Gate(make_access(TokenFile(path, lambda: self.seconds)))

    def write(self, text: str) -> None:
        """As Kubernetes does: another file takes the place of the former at once."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        os.replace(fresh, self.path)

    def accepts(self, number: int) -> bool:
        """Whether a token is accepted, asked after the file may have been looked at."""
        self.seconds += LOOK_SECONDS
        return self.door.get(headers=bearer(some_token(number))).status_code == 200


@pytest.fixture
def rotation(tmp_path: Path) -> Iterator[Rotation]:
    made = Rotation(tmp_path / "tokens")
    yield made
    made.door.close()


def test_tokens_come_and_go_with_the_file(rotation: Rotation) -> None:
    assert rotation.accepts(1)
    rotation.write(f"{stored(1, 'read').line}\n{stored(2, 'read').line}\n")
    assert rotation.accepts(1)
    assert rotation.accepts(2)
    rotation.write(stored(2, "read").line)
    assert not rotation.accepts(1)


def test_a_broken_file_keeps_the_former_tokens_and_is_told_of_once(
    rotation: Rotation, caplog: pytest.LogCaptureFixture
) -> None:
    rotation.write(f"{stored(2, 'read').line}\nci read\n")
    assert rotation.accepts(1)
    assert not rotation.accepts(2)
    assert caplog.text.count("line 2: must be NAME SCOPES NAMESPACE") == 1
    assert "the tokens that it held before stay" in caplog.text
    rotation.path.unlink()
    assert rotation.accepts(1)
    assert "cannot be read: No such file or directory" in caplog.text
    rotation.write(stored(2, "read").line)
    assert rotation.accepts(2)


def test_an_empty_file_lets_nobody_in(rotation: Rotation) -> None:
    rotation.write("")
    assert not rotation.accepts(1)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"\xff", "is not UTF-8"), (b"#" * 1_100_000, "is larger than"), (None, "cannot be read")]
)
def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "tokens").write_bytes(content)
    with pytest.raises(TokenLinesError, match=reason):
        TokenFile(tmp_path / "tokens", lambda: 0.0)


def test_the_file_is_not_looked_at_for_every_request(rotation: Rotation) -> None:
    rotation.write(stored(2, "read").line)
    assert rotation.door.get(headers=bearer(some_token(1))).status_code == 200
    rotation.seconds += LOOK_SECONDS
    assert rotation.door.get(headers=bearer(some_token(1))).status_code == 401
