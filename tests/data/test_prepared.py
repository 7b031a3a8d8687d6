import numpy as np
import pytest

from ddcore.data import prepared


def test_array_is_made_once_and_then_read_from_disk(tmp_path):
    path = tmp_path / "prepared" / "a.npy"
    prepared.array(path, lambda: np.arange(6).reshape(2, 3))
    kept = prepared.array(path, lambda: pytest.fail("made again"))
    assert kept.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("damage", [lambda b: b[:-8], lambda b: b[:20], lambda b: b"", lambda b: b"x" * len(b)])
def test_damaged_file_is_made_again(tmp_path, damage):
    path = tmp_path / "a.npy"
    prepared.array(path, lambda: np.arange(100))
    path.write_bytes(damage(path.read_bytes()))
    assert prepared.array(path, lambda: np.arange(100)).tolist() == list(range(100))
    assert np.load(path).tolist() == list(range(100))


def test_a_pickle_in_place_of_the_array_is_never_loaded(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert prepared.array(path, lambda: np.arange(3)).tolist() == [0, 1, 2]


def test_crash_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    prepared.write(path, lambda stream: stream.write(b"old"))

    def crash(stream):
        stream.write(b"ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared.write(path, crash)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_unwritable_place_still_gives_the_array(tmp_path):
    (tmp_path / "prepared").write_text("a file where the folder should be")
    assert prepared.array(tmp_path / "prepared" / "a.npy", lambda: np.arange(3)).tolist() == [0, 1, 2]
