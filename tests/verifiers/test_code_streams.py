"""What a program printed against what it should have printed."""

from __future__ import annotations

import pytest

from reward_service.verifiers.code.streams import difference
from tests.hanging import assert_no_hang

SAME = [
    ("", ""),
    ("9", "9\n"),
    ("\n\n9\n\n", "9"),
    ("1 2\n3\n", "1  2 \n3"),
    ("1\r\n2\r\n", "1\n2\n"),
    ("YES", "Yes"),
    ("no", "NO"),
    ("a\n\nb", "a\n \nb"),
    ("1.0000001", "1.0"),
    ("1", "1.0"),
    ("1.0", "1"),
    ("1.0000005", "1"),
    ("0.0000005", "0.0"),
    ("1e3", "1000"),
    ("1E+3", "1000.0"),
    ("123456789012.1235", "123456789012.1234"),
    ("+7", "7"),
    ("007", "7"),
    ("-0", "0"),
    ("9007199254740993.0", "9007199254740993"),
    ("9" * 5_000, "9" * 5_000),
    ("0" + "9" * 5_000, "9" * 5_000),
    ("nan", "nan"),
    ("inf", "inf"),
    ("ä", "ä"),
    ("1 " * 1_000, "1 " * 999 + "1"),
]
OTHER = [
    ("", "9"),
    ("9", ""),
    ("9 9", "9"),
    ("9", "9 9"),
    ("9\n9", "9"),
    ("1\n2", "1 2"),
    ("a\nb", "a\n\nb"),
    ("8", "9"),
    ("1.000002", "1.0"),
    ("1000001", "1000000"),
    ("1000000.5", "1000000"),
    ("123456789012345678901", "123456789012345678902"),
    ("9" * 5_000, "9" * 4_999 + "8"),
    ("9007199254740993", "9007199254740992"),
    ("9007199254740992.0", "9007199254740993"),
    ("-1", "1"),
    ("-0.1", "0.1"),
    ("Abc", "abc"),
    ("yes", "no"),
    ("y", "yes"),
    ("NaN", "nan"),
    ("nan", "1.0"),
    ("inf", "1e999"),
    ("1e999", "2e999"),
    ("1e999", "1.0"),
    ("Infinity", "inf"),
    ("1_000", "1000"),
    ("1,000", "1000"),
    ("0x10", "16"),
    ("16", "0x10"),
    ("１", "1"),
    ("٣", "3"),
    ("½", "0.5"),
    ("1.0.0", "1.0"),
    ("1e", "1"),
    ("--1", "-1"),
    ("1.", "1.."),
    ("\u00a01", "1"),
]


@pytest.mark.parametrize(("printed", "expected"), SAME)
def test_the_same(printed: str, expected: str) -> None:
    assert difference(printed.encode(), expected.encode()) is None


@pytest.mark.parametrize(("printed", "expected"), OTHER)
def test_another(printed: str, expected: str) -> None:
    assert difference(printed.encode(), expected.encode()) is not None


@pytest.mark.parametrize("printed", [b"\xff\xfe", b"9\x00", b"\x80", b"\xc3\xa4"])
def test_any_bytes_may_be_printed(printed: bytes) -> None:
    assert difference(printed, b"9") is not None
    assert difference(printed, printed) is None


def test_the_difference_is_told_in_bounds() -> None:
    assert difference(b"4\n8\n", b"4\n9\n") == "expected line 2 '9', got '8'"
    assert difference(b"4\n9\n9\n", b"4\n9\n") == "expected 2 lines, got 3"
    assert difference(b"", b"4\n") == "expected '4', got nothing"
    assert len(difference(b"a" * 10**6, b"b" * 10**6) or "") < 200


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (b"1 " * 4_000_000, b"1  " * 2_000_000),
        (b"\n" * 8_000_000 + b"1", b"1"),
        (b"1\n" * 4_000_000, b"1 \n" * 2_000_000),
        (b" " * 8_000_000 + b"1", b"x " * 100),
        (b"9" * 8_000_000, b"9" * 8_000_000 + b"8"),
        (b"9" * 8_000_000 + b".5", b"9" * 8_000_000),
        (b"1.5 " * 500_000, b"1.50 " * 500_000),
        (b"1e999 " * 1_000_000, b"1e-999 " * 1_000_000),
    ],
    ids=range(8),
)
def test_megabytes_are_compared_soon(printed: bytes, expected: bytes) -> None:
    assert_no_hang(difference, printed, expected)
