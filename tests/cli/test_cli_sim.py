"""`chiplink sim`: what is refused before anything is simulated."""

from __future__ import annotations

import pytest

from chiplink.cli import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ch329",), "there is no simulator of 'ch329'; the nearest is 'ch9329'"),
        (
            ("ch9329", "--map", "203.0.113.5=127.0.0.1"),
            "a ch9329 has no network",
        ),
        (
            ("ch392", "--map", "203.0.113.5"),
            "'203.0.113.5' maps nothing; write 203.0.113.5=127.0.0.1",
        ),
        (("ch392", "--map", "plc=127.0.0.1"), "'plc' is no IPv4 address"),
        (("ch392", "--map", "203.0.113.5=localhost"), "'localhost' is no IPv4 address"),
        (("ch392", "--map", "203.0.113.5:http=127.0.0.1"), "'http' is no port"),
        (("ch392", "--map", "203.0.113.5:80=127.0.0.1:0"), "'0' is no port"),
        (
            ("ch392", "--map", "203.0.113.5=127.0.0.1", "--map", "203.0.113.5=127.0.0.2"),
            "'203.0.113.5' is mapped twice",
        ),
        (("ch392", "--fault", "no-answr"), "'no-answer'"),
        (("ch392", "--rtt", "-1"), "-1 s is no round trip; write 0 to 60"),
        (("sim800", "--rtt", "nan"), "nan s is no round trip"),
    ],
)
def test_wrong_usage(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("chip", ["ch9329", "ch392"])
def test_faults_are_listed(chip: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", chip, "--fault", "list"]) == 0
    assert "no-answer" in capsys.readouterr().out


def test_a_place_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "ch392", "--spi", "/nonexistent/lan"]) == 1
    assert capsys.readouterr().err == "chiplink: /nonexistent/lan: No such file or directory\n"
