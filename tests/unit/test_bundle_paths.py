from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.bundle_paths import BundlePaths, inner_path

NFC, NFD = "Grundri\u00df \u00e9.pdf", "Grundri\u00df e\u0301.pdf"
DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in "123456789¹²³")}
HARD = st.sampled_from([
    "a.jpg", "A.JPG", "a-2.jpg", "a", "A", NFC, NFD, NFC.upper(), "STRASSE", "stra\u00dfe", "\u0345\u0301",
    "2024-01-31", "con", "Con.jpg", "COM¹ .tar.gz", "nul ", "a. ", "...", " ", "a?", "a:", "CON" + " " * 260 + "b",
    "x" * 250 + ".jpeg", "x" * 260 + ".jpeg", "x." + "y" * 260, "é" * 130, "e\u0301" * 100,
])  # fmt: skip
SEGMENT = HARD | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=300
)
PATHS = st.lists(st.lists(SEGMENT, min_size=1, max_size=3).map("/".join), max_size=12)


def named(*paths: str) -> list[str]:
    bundle = BundlePaths()
    return [bundle.add(path) for path in paths]


@given(st.text(max_size=80), st.none() | st.sampled_from([".jpg", ".png"]))
def test_an_inner_path_never_leaves_its_folder(rest: str, extension: str | None) -> None:
    (path,) = named(inner_path(f"28/processed/{rest}", 28, extension))
    assert path
    assert not path.startswith("/")
    assert "\\" not in path
    assert not {"", ".", ".."} & set(path.split("/"))


def test_an_inner_path_has_no_listing_no_date_and_the_true_extension() -> None:
    assert inner_path("28/processed/photo/2024-01-31/large/a.heic", 28, ".jpg") == "photo/large/a.jpg"
    assert inner_path("28/processed/project/doc/original/a.pdf", 28, None) == "project/doc/original/a.pdf"
    assert inner_path("28/processed/photo/large/.hidden", 28, ".jpg") == "photo/large/.hidden.jpg"
    assert inner_path("28/processed/photo/large/2024-01-31", 28, ".jpg") == "photo/large/2024-01-31.jpg"


def test_what_is_there_already_is_counted_from_two_before_the_extension() -> None:
    assert named(*["photo/a.jpg"] * 3) == ["photo/a.jpg", "photo/a-2.jpg", "photo/a-3.jpg"]
    assert named("a-2.jpg", "a.jpg", "a.jpg") == ["a-2.jpg", "a.jpg", "a-3.jpg"]
    assert named(".hidden", ".hidden", "a.tar.gz", "a.tar.gz") == [
        ".hidden",
        ".hidden-2",
        "a.tar.gz",
        "a.tar-2.gz",
    ]


@pytest.mark.parametrize(
    "path",
    [
        "photo/horizontal/large/Küche (2), Süd & Ost – 50 %.jpg",
        "photo/.hidden",
        "photo/console.jpg",
        "photo/COM0.jpg",
        "photo/a.con",
        "photo/" + "é" * 125 + "a.jpg",
        "project/doc/" + NFD,
    ],
)
def test_what_every_computer_can_unpack_stays_as_it_is(path: str) -> None:
    assert named(path) == [path]


@pytest.mark.parametrize(
    ("paths", "as_named"),
    [
        (("IMG.jpg", "img.JPG", "Img.jpg"), ["IMG.jpg", "img-2.JPG", "Img-3.jpg"]),
        ((NFC, NFD), [NFC, "Grundri\u00df e\u0301-2.pdf"]),
        (("Haus/a.jpg", "haus/A.jpg"), ["Haus/a.jpg", "haus/A-2.jpg"]),
        (("a", "A/b", "a/c"), ["a", "A-2/b", "a-2/c"]),
        (("a/b", "A"), ["a/b", "A-2"]),
        (("a/b/c", "A/B", "a/b/C"), ["a/b/c", "A/B-2", "a/b/C-2"]),
    ],
)
def test_what_windows_or_macos_takes_for_the_same_is_numbered(paths: Sequence[str], as_named: list[str]) -> None:
    assert named(*paths) == as_named


@pytest.mark.parametrize(
    ("path", "as_named"),
    [
        ("CON.jpg", "_CON.jpg"),
        ("aux/nul", "_aux/_nul"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("Lpt³ .jpg", "_Lpt³ .jpg"),
        ('why?/<a>:"b|c*d\\e\x07.jpg', "why_/_a___b_c_d_e_.jpg"),
        ("a./b /c. ", "a_/b_/c._"),
        ("...", ".._"),
    ],
)
def test_what_windows_refuses_gets_an_underscore(path: str, as_named: str) -> None:
    assert named(path) == [as_named]


def test_a_name_of_more_than_255_bytes_is_shortened_before_its_extension_and_counter() -> None:
    long = "é" * 200 + ".jpg"
    one, two = named(f"photo/{long}", f"photo/{long}")
    assert one == "photo/" + "é" * 125 + ".jpg"
    assert two == "photo/" + "é" * 124 + "-2.jpg"
    assert named("x" * 256) == ["x" * 255]
    assert named("a." + "y" * 300) == ["a." + "y" * 253], "that is no extension"
    assert named("x" * 250 + " " + "y" * 9 + ".jpg") == ["x" * 250 + "_.jpg"]


def apfs(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def ntfs(path: str) -> str:
    """NTFS maps each character to one of upper case, but for the dotless i."""
    return "".join(c.upper() if len(c.upper()) == 1 and c != "ı" else c for c in path)


@given(PATHS)
@example(["a", "a-2", "a/b", "a-2/b"])
@example(["CON" + " " * 250 + "y.jpg"])
def test_any_bundle_can_be_unpacked_anywhere(paths: list[str]) -> None:
    as_named = named(*paths)
    assert as_named == named(*paths)
    for same in (apfs, ntfs):
        files = [same(path) for path in as_named]
        assert len(set(files)) == len(files)
        folders = {file.rsplit("/", depth)[0] for file in files for depth in range(1, file.count("/") + 1)}
        assert not folders & set(files)
    for segment in {segment for path in as_named for segment in path.split("/")}:
        assert 1 <= len(segment.encode()) <= 255
        assert not re.search(r'[\x00-\x1f<>:"|?*\\]|[. ]$', segment)
        assert segment.partition(".")[0].rstrip(" ").upper() not in DEVICES
