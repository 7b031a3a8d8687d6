"""What is brought is looked into by a process of its own, which may be slow, be killed, or run out of memory."""

import json
import struct
import subprocess
import sys
import time
import zipfile
import zlib

import numpy as np
import psutil
import pytest
from brought import folders, looked, zipped

from ddcore.data import apart, own, preview
from ddcore.data.adding import AddConfig
from ddcore.errors import ConfigError, DataRefused
from ddcore.home import PROJECT

GOOD = folders(3, 2)


@pytest.fixture
def bring(tmp_path):
    """bring(files) is a zip of them on disk."""

    def brought(files=GOOD):
        (tmp_path / "tiles.zip").write_bytes(zipped(files).getvalue())
        return apart.Brought(tmp_path / "tiles.zip", "tiles.zip", tmp_path / "notes.json")

    return brought


@pytest.fixture
def code(monkeypatch):
    """code(text) makes the processes run this Python instead of what they should."""
    return lambda text: monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-c", text))


def bent(images, side=6300):
    """So many images of 39.7 megapixels, in half a kilobyte each once packed."""

    def chunk(kind, content):
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    packed = zlib.compress((b"\0" + b"\x55" * (-(-side // 8))) * side, 9)
    image = b"\x89PNG\r\n\x1a\n" + b"".join((
        chunk(b"IHDR", struct.pack(">2L5B", side, side, 1, 0, 0, 0, 0)), chunk(b"IDAT", packed), chunk(b"IEND", b"")))
    return {f"{'cat' if i % 2 else 'dog'}/{i}.png": image for i in range(images)}


def children():
    return psutil.Process().children(recursive=True)


def kill(*_):
    for child in children():
        child.kill()


def test_a_process_finds_what_is_found_here(bring):
    files = {**GOOD, "test/cat/-.png": b"no", "train/dog/copy.png": GOOD["train/dog/0.png"], "README": b""}
    brought, moved = bring(files), []
    light = apart.look(brought, "", lambda done, total: moved.append((done, total)))
    source, whole = looked(zipped(files))
    assert apart.noted(brought) == whole
    assert (light.layout.rows, light.facts, light.images) == ((), {}, len(whole.layout.rows))
    for told in ("counts", "sizes", "modes", "problems", "unreadable", "grey", "split", "stops"):
        assert getattr(light, told) == getattr(whole, told)
    assert preview.suggested(source.name, light) == preview.suggested(source.name, whole)
    assert moved[-1] == (12, 12)
    asked = {"classes": 20, "each": 2, "side": 8, "colour": "rgb", "fit": "crop"}
    here, there = preview.examples(source, whole, **asked), apart.examples(brought, **asked)
    assert {name: np.stack(some).tolist() for name, some in there.items()} == {
        name: np.stack(some).tolist() for name, some in here.items()}


@pytest.mark.slow  # seconds of processes
def test_a_process_adds_a_data_set_and_asks_whether_its_name_is_free(bring, tmp_path):
    brought, config = bring(), AddConfig.build({"name": "tiles", "side": 8})
    apart.look(brought)
    added = apart.add(brought, config, tmp_path)
    assert (added.sizes, own.verify("tiles", tmp_path)) == ((6, 4), [])
    with pytest.raises(ConfigError, match="there is an own data set 'tiles' already"):
        apart.add(brought, config, tmp_path)
    own.remove("tiles", tmp_path, keep_facts=True)
    other = bring(folders(4, 2))
    apart.look(other)
    asked = []
    with pytest.raises(DataRefused, match="another data set"):
        apart.add(other, config, tmp_path, reserved=lambda: asked.append(1) or True)
    assert asked == [1]
    assert apart.add(other, config, tmp_path, reserved=lambda: False).sizes == (8, 4)


def test_what_is_refused_is_refused_in_the_same_words(bring):
    with pytest.raises(DataRefused, match="leads outside"):
        apart.look(bring({"cat/../../evil.png": b"x"}))
    zeros = bring()
    with zipfile.ZipFile(zeros.place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/1.png", bytes(20_000_000))
    with pytest.raises(DataRefused, match=r"unpacks to 20,000,000 bytes, 1,0\d\d times its size"):
        apart.look(zeros)


def test_an_image_that_has_gone_since_is_told(bring):
    brought = bring()
    apart.look(brought)
    bring({name: content for name, content in GOOD.items() if name != "train/cat/0.png"})
    with pytest.raises(DataRefused, match=r"train/cat/0\.png could be read before and is not there now"):
        apart.examples(brought, classes=2, each=9, side=8, colour="rgb", fit="crop")


def test_a_process_that_is_killed_while_it_looks_is_told_in_words(bring):
    with pytest.raises(DataRefused, match=r"tiles\.zip could not be worked on: .* was killed \(SIGKILL; out of memory"):
        apart.look(bring(folders(400, 2)), "", kill)
    assert not children()


@pytest.mark.slow  # seconds of processes
def test_a_process_that_is_killed_while_it_stores_leaves_nothing(bring, tmp_path):
    brought, config = bring(folders(400, 2)), AddConfig.build({"name": "tiles", "side": 256})
    apart.look(brought)
    with pytest.raises(DataRefused, match="was killed"):
        apart.add(brought, config, tmp_path, lambda done, total: done and kill())
    assert not (tmp_path / "own").exists()
    assert apart.add(brought, config, tmp_path).sizes == (800, 4)


def test_whoever_goes_away_ends_the_process(bring):
    def leave(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apart.look(bring(folders(400, 2)), "", leave)
    assert not children()
    assert apart._turns._value == apart.AT_ONCE


@pytest.mark.slow  # several processes
def test_a_process_ends_with_the_one_that_asked(tmp_path):
    (tmp_path / "bent.zip").write_bytes(zipped(bent(9)).getvalue())
    question = {"task": "look", "place": str(tmp_path / "bent.zip"), "name": "", "notes": "", "given": {"reading": ""}}
    with subprocess.Popen(apart.COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT) as child:
        child.stdin.write(json.dumps(question).encode() + b"\n")
        child.stdin.flush()
        assert child.stdout.readline().startswith(b'["done", [1, 9]')
        child.stdin.close()
        assert child.wait(20) == 1


@pytest.mark.slow  # seconds of processes
def test_more_memory_than_allowed_is_told_and_taken_from_nobody(bring, code):
    code("from ddcore.data import apart; apart.MEMORY = 400 * 2**20; apart.main()")
    found = apart.look(bring({**GOOD, "test/cat/large.png": bent(1)["dog/0.png"]}))
    assert found.unreadable == {"test/cat/large.png": "it takes more memory than there is"}
    code("from ddcore.data import apart; apart._TASKS['look'] = lambda *_: bytearray(2**40); apart.main()")
    with pytest.raises(DataRefused, match=r"tiles\.zip takes more than the 2,048 MB of memory allowed"):
        apart.look(bring())


def test_more_pixels_than_so_few_bytes_can_mean_are_refused(bring, code):
    code("from ddcore.data import apart, preview; preview.FREE_PIXELS = 10**7; apart.main()")
    with pytest.raises(DataRefused, match="12,000,000 pixels, allowed are 10,000,000 in all for files of 10,140 b"):
        apart.look(bring(bent(5, side=2000)))


def test_a_process_that_takes_too_long_is_ended(bring, code, monkeypatch):
    code("import time; time.sleep(60)")
    monkeypatch.setattr(apart, "SECONDS", 1)
    with pytest.raises(DataRefused, match="takes more than the 0 minutes allowed"):
        apart.look(bring())
    assert not children()


@pytest.mark.parametrize("said", ["hello", '["done", 1, 2]', "[1]", "7", ""])
def test_a_process_that_says_something_else_is_told(bring, code, said):
    code(f"print({said!r})")
    with pytest.raises(DataRefused, match="ended with status 0"):
        apart.look(bring())


def test_others_wait_for_their_turn_and_may_leave(bring):
    waited = []

    def waits():
        waited.append(time.monotonic())
        if len(waited) == 3:
            raise InterruptedError

    with apart._turn(waits), apart._turn(waits), pytest.raises(InterruptedError):
        apart.look(bring(), waits=waits)
    assert len(waited) == 3
    assert apart.look(bring(), waits=waits).images == 10


@pytest.mark.slow
def test_the_bent_zip_of_ten_kilobytes_is_refused_and_takes_no_memory_here(bring):
    brought = bring(bent(20))
    assert brought.place.stat().st_size < 12_000
    before, most = psutil.Process().memory_info().rss, []
    with pytest.raises(DataRefused, match=r"436,590,000 pixels, allowed are 400,000,000 in all for"):
        apart.look(brought, "", lambda done, total: most.append(psutil.Process().memory_info().rss))
    assert max(most) - before < 10 * 2**20
