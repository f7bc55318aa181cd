"""A film has the pictures of its run, in the order of the rounds."""

import pytest
from PIL import Image

from pushforward.problem import UserError
from pushforward.watchers.animation import MOST_FRAMES, REST, animate, pictures


def draw(folder, name, rounds, size=(8, 8)):
    (folder / "images").mkdir(exist_ok=True)
    for i, round_ in enumerate(rounds):
        colour = (i % 16 * 16, i // 16 * 16, 128)
        Image.new("RGB", size, colour).save(folder / "images" / f"{name}-{round_:08d}.png")


def frames(path):
    with Image.open(path) as film:
        for i in range(film.n_frames):
            film.seek(i)
            yield film.convert("RGB").getpixel((0, 0)), film.info["duration"]


def test_a_film_has_as_many_frames_as_there_are_pictures_and_rests_on_the_last(tmp_path):
    draw(tmp_path, "sample", [0, 200, 1000, 123456789])
    draw(tmp_path, "sample-grid", [0, 1])
    out = animate(tmp_path, "sample", tmp_path / "images" / "sample.webp")
    shown = list(frames(out))
    assert [colour for colour, _ in shown] == [(0, 0, 128), (16, 0, 128), (32, 0, 128), (48, 0, 128)]
    assert shown[-1][1] == REST > shown[0][1]
    assert [path.name for path in (tmp_path / "images").glob("*.part")] == []


def test_a_name_that_begins_another_is_not_mistaken_for_it(tmp_path):
    draw(tmp_path, "sample-grid", [0, 1])
    assert pictures(tmp_path, "sample") == []
    assert len(pictures(tmp_path, "sample-grid")) == 2


def test_many_pictures_are_thinned_and_the_ends_kept(tmp_path):
    draw(tmp_path, "s", range(MOST_FRAMES + 50))
    shown = [colour for colour, _ in frames(animate(tmp_path, "s", tmp_path / "s.webp"))]
    last = MOST_FRAMES + 49
    assert len(shown) == MOST_FRAMES
    assert shown[0] == (0, 0, 128) and shown[-1] == (last % 16 * 16, last // 16 * 16, 128)


def test_a_broken_picture_is_passed_over_and_another_size_is_fitted(tmp_path):
    draw(tmp_path, "s", [0], size=(4, 4))
    draw(tmp_path, "s", [7, 8])
    whole = (tmp_path / "images" / "s-00000007.png").read_bytes()
    (tmp_path / "images" / "s-00000007.png").write_bytes(whole[: len(whole) // 2])
    with Image.open(animate(tmp_path, "s", tmp_path / "s.webp")) as film:
        assert film.size == (8, 8) and film.n_frames == 2


def test_no_pictures_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="no pictures images/s-ROUND.png"):
        animate(tmp_path, "s", tmp_path / "s.webp")
