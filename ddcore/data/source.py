"""What a person brings: a folder or a zip archive, checked before anything in it is read.

Nothing is ever unpacked to disk, and an archive is judged by its directory alone: counts, sizes, names and places are
checked first, so that a hostile one is refused before a byte of its entries is unpacked.
"""

from __future__ import annotations

import functools
import os
import re
import stat
import struct
import threading
import unicodedata
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

from ddcore.data import packed
from ddcore.data.images import MAX_FILE_BYTES, Entry
from ddcore.errors import DataRefused

IMAGES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".bmp", ".dib", ".tif", ".tiff")
TABLE = ".csv"
TEXTS = re.compile(r"(readme|licen[sc]e)[^./]*(\.(rst|html|pdf))?|[^/]*\.(txt|md)", re.I)
# What editors, systems and file servers leave behind, by name, hidden ones first: ".ipynb_checkpoints", "._1.png".
LEFT_FILES = re.compile(r"\..+|.*~|~\$.*|#.*#|(eh)?thumbs(_vista)?\.db|desktop\.ini|icon\r|picasa\.ini|"
                        r"zbthumbnail\.info|.*:zone\.identifier", re.I)
LEFT_FOLDERS = re.compile(r"\..+|__macosx|__pycache__|@eadir|[@#]recycle|[@#].*snapshots?|\$recycle\.bin|lost\+found|"
                          r"system volume information|network trash folder|temporary items", re.I)
BEGINNINGS = {b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7-Zip archive", b"\x1f\x8b": "a gzip file"}

UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode's controls, formats (text that turns round), ends of lines
MAX_ARCHIVE_BYTES = 4 * 2**30  # what a zip without 64-bit extensions can hold
MAX_ENTRIES = 100_000  # the largest of the field's small sets, SVHN, has 99,289 images
MAX_DIRECTORY_BYTES = 64 * 2**20  # an archive's directory is held in memory: 640 bytes for each entry
MAX_TOTAL_BYTES = 16 * 2**30  # read one image at a time, but hours of reading
MAX_TABLE_BYTES = 16 * 2**20  # a table is read whole: 160 bytes for each of as many lines as images are allowed
MAX_RATIO = 100  # images hardly pack; a zip of zeros packs 1,000 to 1
RATIO_FREE_BYTES = 2**20  # a small plain bitmap packs as well as a bomb, and does no harm
MAX_NAME = 500
MAX_DEPTH = 16  # folders around a file: each is a path of its own to keep and to look at

_END, _END64, _LOCATOR64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_LOCAL = struct.Struct("<4s5H3L2H")  # an entry's own header, before its name
_READING = os.O_RDONLY | sum(getattr(os, f"O_{flag}", 0) for flag in ("NOFOLLOW", "NONBLOCK", "BINARY"))
_UTF8 = 0x800  # the flag of an entry whose name is UTF-8
_FINDER_ICON = re.compile(r"((?:^|/)(?:\._)?Icon)\r$")  # the one name with a control character that a system writes
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Source:
    """The files of a folder or an archive, by the same rules.

    name: its own name, without its path; entries: relative posix path → how to read it, images and CSV tables only;
    folders: those that are not there for readmes alone; ignored: what is left out, hidden and system folders as a
    whole; links: those of a folder, which are not followed; notes: sentences on how names were read; reading: how its
    folders are meant (see `folders`), where its format says so.
    """

    name: str
    kind: Literal["folder", "zip"]
    entries: Mapping[str, Entry]
    folders: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reading: str = ""


def open_source(place: Path | BinaryIO, name: str) -> Source:
    """The source in a folder, a zip or a file of another format that holds many images, called `name`.

    Raises DataRefused with the rule that it breaks. What is in memory must stay open as long as it is read from.
    """
    title = called(name)
    try:
        if isinstance(place, Path) and place.is_dir():
            return _unpacked(place, _folder(place, title))
        if packing := packed.packing_of(title):
            entries = packed.entries(packing.images([(title, place)], title), title)
            return Source(title, "zip", entries, _class_folders((), entries), reading=packed.READING)
        return _zip(_opened(place) if isinstance(place, Path) else _Bytes(place), title)
    except OSError as error:
        raise DataRefused(f"{title} cannot be read: {error.strerror or error}") from None


def called(name: str) -> str:
    """What a source of this name is called: without its path."""
    return PurePosixPath(name.replace("\\", "/")).name or "data"


def _unpacked(root: Path, folder: Source) -> Source:
    """A folder of files that hold images is what those hold, unless images lie in folders or a table is there.

    Images that do neither could have no class; they are left out like other files.
    """
    images = list(filter(is_image, folder.entries))
    if images and (len(images) < len(folder.entries) or any("/" in path for path in images)):
        return folder
    files = {path: packing for path in folder.ignored
             if not left_behind(path) and (packing := packed.packing_of(path))}
    if not files:
        return folder
    packing, *others = dict.fromkeys(files.values())
    if others:
        raise DataRefused(f"{folder.name} holds {packing.ending} files and {others[0].ending} files: bring those of "
                          "one kind")
    held = packing.images([(path, root / path) for path in files], folder.name)
    entries, ignored = packed.entries(held, folder.name), {*folder.ignored, *images} - {*files}
    return Source(folder.name, "folder", entries, _class_folders((), entries), tuple(sorted(ignored)),
                  reading=packed.READING)


def is_image(path: str) -> bool:
    return path.lower().endswith(IMAGES)


def _folder(root: Path, called: str) -> Source:
    """Links are not followed, and hidden folders not looked into."""
    files, folders, others, links, backslashed = dict[str, Entry](), list[str](), list[str](), list[str](), False
    for name, (mode, size) in _walk(root, called):
        path = name.replace("\\", "/")
        backslashed |= path != name
        _check_name(path)
        if path in files:
            raise DataRefused(f"{shown(name)} is in {called} more than once")
        if stat.S_ISDIR(mode):
            folders.append(path)
        elif stat.S_ISREG(mode):
            files[path] = Entry(size, None, functools.partial(_read_file, root / name, path, size))
        else:
            (links if stat.S_ISLNK(mode) and not left_behind(path) else others).append(path)
    return _judged(Source(called, "folder", files, tuple(folders), tuple(others), tuple(sorted(links)),
                          _on_backslashes(backslashed)))


def _judged(listed: Source) -> Source:
    """The source of all files that were listed: only images and tables are entries, and what is left out is named."""
    behind = {path: left for path in (*listed.entries, *listed.ignored) if (left := left_behind(path))}
    entries = {path: entry for path, entry in sorted(listed.entries.items()) if _is_read(path)}
    for path, entry in entries.items():
        _check_size(path, entry.size)
    _check_total(listed.name, sum(entry.size for entry in entries.values()))
    around = {left.rpartition("/")[0] for left in behind.values()}  # a folder that holds nothing else is an empty one
    files = [path for path in (*listed.entries, *listed.ignored) if path not in behind]
    folders = [path for path in (*listed.folders, *around) if path and not left_behind(f"{path}/")]
    ignored = {behind.get(path, path) for path in (*listed.entries, *listed.ignored) if path not in entries}
    ignored |= {left for path in listed.folders if (left := left_behind(f"{path}/"))}
    return replace(listed, entries=entries, folders=_class_folders(folders, files),
                   ignored=tuple(sorted(path.rstrip("\r") for path in ignored)))


def _on_backslashes(some: bool) -> tuple[str, ...]:
    return ("folders are parted by backslashes in its names, as some systems write them; they were read as folders",
            ) if some else ()


def _walk(root: Path, called: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """(relative path, (mode, size)) of everything below `root`, links themselves and not what they lead to."""
    count, folders = 0, [root]
    while folders:
        with os.scandir(folders.pop()) as listing:
            for item in listing:
                count += 1
                if count > MAX_ENTRIES:
                    raise DataRefused(f"{called} holds more than the {MAX_ENTRIES:,} files allowed")
                status = item.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode) and not LEFT_FOLDERS.fullmatch(item.name):
                    folders.append(Path(item.path))
                yield Path(item.path).relative_to(root).as_posix(), (status.st_mode, status.st_size)


def _read_file(place: Path, path: str, size: int) -> bytes:
    """The content of a file; DataRefused if it has become another one since: a link, a pipe, a longer one."""
    handle = os.open(place, _READING)
    with open(handle, "rb") as stream:
        content = stream.read(size + 1) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    if len(content) != size:
        raise DataRefused(f"{shown(path)} has changed while it was being looked at")
    return content


class _Bytes:
    """Bytes of an open stream by position; threads take turns."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self._turn, self.size = stream, threading.Lock(), stream.seek(0, os.SEEK_END)

    def at(self, position: int, length: int) -> bytes:
        with self._turn:
            self.stream.seek(position)
            return self.stream.read(length)


def _opened(path: Path) -> _Bytes:
    """The bytes of a file, which is closed when nothing refers to them any more."""
    stream = path.open("rb")
    content = _Bytes(stream)
    weakref.finalize(content, stream.close)
    return content


def _zip(content: _Bytes, called: str) -> Source:
    start = _check_directory(content, called)
    try:
        with zipfile.ZipFile(content.stream) as archive:
            listed = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, EOFError) as error:
        raise DataRefused(f"{called} is damaged: its directory cannot be read ({error})") from None
    notes = _name_entries(listed)
    _check_entries(listed, called, content.size)
    starts = _starts(listed, content, start)
    files = {_path(info): info for info in listed if not info.filename.endswith("/")}
    entries = {path: Entry(info.file_size, info.CRC,
                           functools.partial(_unpack, content.at, path, info, starts[info.header_offset]))
               for path, info in files.items()}
    folders = tuple(_path(info) for info in listed if info.filename.endswith("/"))
    return _judged(Source(called, "zip", entries, folders, notes=notes))


def _name_entries(listed: Sequence[zipfile.ZipInfo]) -> tuple[str, ...]:
    """Put names right that say their encoding or part their folders wrongly, and the sentences that tell it.

    An archive says of a name that it is UTF-8; some programs forget to. Names that all are valid UTF-8, and not ASCII
    alone, hardly are anything else.
    """
    unsaid = [info for info in listed if not info.flag_bits & _UTF8 and info.filename == info.orig_filename
              and not info.filename.isascii()]
    notes = list[str]()
    try:
        for info, name in [(info, info.filename.encode("cp437").decode()) for info in unsaid]:
            info.filename = info.orig_filename = name
    except UnicodeError:
        notes.append(f"{len(unsaid):,} names such as {shown(min(info.filename for info in unsaid))} are in an encoding "
                     "that the archive does not tell and that is not UTF-8, so that they read wrongly; pack it again "
                     "with a program that writes UTF-8")
    slashed = [info for info in listed if "\\" in info.filename]
    for info in slashed:
        info.filename = info.filename.replace("\\", "/")
    return (*notes, *_on_backslashes(bool(slashed)))


def _check_directory(content: _Bytes, called: str) -> int:
    """Where the archive's directory begins; refuses one that is too long or has too many entries.

    Checked before zipfile reads it, which would make an object of each of millions of entries.
    """
    if not content.size:
        raise DataRefused(f"{called} is empty (0 bytes)")
    if content.size > MAX_ARCHIVE_BYTES:
        raise DataRefused(f"{called} has {content.size:,} bytes, allowed are {MAX_ARCHIVE_BYTES:,}")
    tail_start = max(0, content.size - 2**16 - 22)
    tail = content.at(tail_start, content.size)
    if (end := tail.rfind(_END)) < 0 or len(tail) < end + 22:
        raise DataRefused(_no_zip(content.at(0, 4), called))
    length: int = struct.unpack_from("<L", tail, end + 12)[0]
    end += tail_start
    extended = content.at(max(0, end - 76), 76)
    if len(extended) == 76 and extended.startswith(_END64) and extended[56:60] == _LOCATOR64:
        length, end = struct.unpack_from("<Q", extended, 40)[0], end - 76
    if length > min(end, MAX_DIRECTORY_BYTES):
        raise DataRefused(f"{called} says that its directory has {length:,} bytes, "
                          f"allowed are {min(end, MAX_DIRECTORY_BYTES):,}")
    if (count := content.at(end - length, length).count(b"PK\1\2")) > MAX_ENTRIES:
        raise DataRefused(f"{called} holds {count:,} entries, allowed are {MAX_ENTRIES:,}")
    return end - length


def _no_zip(beginning: bytes, called: str) -> str:
    if beginning.startswith(b"PK"):
        return f"{called} is cut short: it begins as a zip archive, but its directory, which comes last, is missing"
    looks = next((f"; it looks like {kind}" for start, kind in BEGINNINGS.items() if beginning.startswith(start)), "")
    name = ", whatever its name says" if called.lower().endswith(".zip") else ""
    kinds = ", ".join(packing.ending for packing in packed.PACKINGS.values())
    return f"{called} is not a zip archive{name}{looks}; bring a zip or a folder of images, or one of {kinds}"


def _check_entries(listed: Sequence[zipfile.ZipInfo], called: str, size: int) -> None:
    """Refuse what can be seen in the directory alone: names, links, encryption, sizes, copies."""
    if not listed:
        raise DataRefused(f"{called} holds nothing")
    seen: set[str] = set()
    for info in listed:
        name = info.filename
        for alias in dict.fromkeys((info.orig_filename.replace("\\", "/"), name)):  # an extra field may give another
            _check_name(alias)
        mode = stat.S_IFMT(info.external_attr >> 16)
        if stat.S_ISLNK(mode):
            raise DataRefused(f"{shown(name)} is a link; only files and folders are allowed")
        if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DataRefused(f"{shown(name)} is a device or a pipe; only files and folders are allowed")
        if info.flag_bits & 0x2041:  # encrypted, strongly encrypted, encrypted directory
            raise DataRefused(f"{shown(name)} is encrypted; bring an archive without a password")
        if info.compress_type not in _READABLE:
            raise DataRefused(f"{shown(name)} is packed by method {info.compress_type}; "
                              "allowed are stored (0) and deflated (8)")
        if (path := _path(info)) in seen:
            raise DataRefused(f"{shown(name)} is in {called} more than once")
        seen.add(path)
        if _is_read(path):
            _check_size(name, info.file_size)
        _check_ratio(shown(name), info.file_size, info.compress_size)
    total = sum(info.file_size for info in listed)
    _check_total(called, total)
    _check_ratio(called, total, size)


def _starts(listed: Sequence[zipfile.ZipInfo], content: _Bytes, end: int) -> dict[int, int]:
    """Where the packed bytes of each entry begin, by the place of its header.

    Refuses entries that share bytes (one small piece of data unpacked over and over) or whose own header says something
    else than the directory.
    """
    starts, free = dict[int, int](), 0
    for info in sorted(listed, key=lambda i: i.header_offset):
        name = shown(info.filename)
        header = content.at(info.header_offset, _LOCAL.size) if 0 <= info.header_offset < end else b""
        if len(header) < _LOCAL.size or not header.startswith(b"PK\3\4"):
            raise DataRefused(f"{name} is not where the archive's directory says; truncated or damaged?")
        _, _, flags, method, _, _, _, packed, size, name_length, extra_length = _LOCAL.unpack(header)
        # Sizes follow the data where bit 3 is set; where they have more than 32 bits, these are all ones.
        agree = flags & 8 or (packed in (info.compress_size, 2**32 - 1) and size in (info.file_size, 2**32 - 1))
        if method != info.compress_type or flags & 1 or not agree:
            raise DataRefused(f"{name} says something else of itself than the archive's directory says of it")
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            raise DataRefused(f"{name} is not packed, yet has two sizes: "
                              f"{info.compress_size:,} and {info.file_size:,} bytes")
        starts[info.header_offset] = start = info.header_offset + _LOCAL.size + name_length + extra_length
        if info.header_offset < free or start + info.compress_size > end:
            raise DataRefused(f"{name} overlaps what lies beside it in the archive; entries must not share bytes")
        free = start + info.compress_size
    return starts


def _unpack(at: Callable[[int, int], bytes], path: str, info: zipfile.ZipInfo, start: int) -> bytes:
    """The content of one entry: never more than the size it declared, however much is packed in it."""
    packed = at(start, info.compress_size)
    if info.compress_type == zipfile.ZIP_STORED:
        content, whole = packed, len(packed) == info.file_size
    else:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = unpacker.decompress(packed, info.file_size + 1)
        except zlib.error as error:
            raise ValueError(f"damaged in the archive: {error}") from None
        if len(content) > info.file_size:
            raise DataRefused(f"{shown(path)} unpacks to more than the {info.file_size:,} bytes it declares")
        whole = unpacker.eof and len(content) == info.file_size
    if not whole or zlib.crc32(content) != info.CRC:
        raise ValueError("damaged in the archive: its content is not what was packed")
    return content


def _check_name(name: str) -> None:
    """Refuse a name that could lead outside the source on some system, or that cannot be shown."""
    wrong, name = "", _FINDER_ICON.sub(r"\1", name)
    if len(name) > MAX_NAME:
        wrong = f"has a name of {len(name):,} characters, allowed are {MAX_NAME}"
    elif not name.isprintable() and any(unicodedata.category(character) in UNSEEN for character in name):
        wrong = "has a control character or an invisible one in its name"
    elif "\\" in name:
        wrong = "has a backslash in its name; folders are parted by /"
    elif name.startswith("/") or name[1:2] == ":":
        wrong = "has an absolute path; allowed are paths inside: pack the folder itself again, without where it lies"
    elif ".." in name.split("/"):
        wrong = "leads outside (..); allowed are paths inside"
    elif name.count("/") > MAX_DEPTH:
        wrong = f"lies in {name.count('/')} folders, one within the other; allowed are {MAX_DEPTH}"
    if wrong:
        raise DataRefused(f"{shown(name)} {wrong}")


def _check_size(name: str, size: int) -> None:
    allowed = MAX_TABLE_BYTES if name.lower().endswith(TABLE) else MAX_FILE_BYTES
    if size > allowed:
        raise DataRefused(f"{shown(name)} has {size:,} bytes, allowed are {allowed:,} for one file of its kind")


def _check_total(called: str, total: int) -> None:
    if total > MAX_TOTAL_BYTES:
        raise DataRefused(f"{called} has {total:,} bytes unpacked, allowed are {MAX_TOTAL_BYTES:,}")


def _check_ratio(called: str, size: int, packed: int) -> None:
    if size > max(RATIO_FREE_BYTES, MAX_RATIO * packed):
        times = f"{size / packed:,.0f} times" if packed else "without end"
        raise DataRefused(f"{called} unpacks to {size:,} bytes, {times} its size; allowed is {MAX_RATIO} times")


def _path(info: zipfile.ZipInfo) -> str:
    """The entry's path as everything else knows it: "./a//b.png" is "a/b.png"."""
    return str(PurePosixPath(info.filename))


def _class_folders(folders: Iterable[str], files: Iterable[str]) -> tuple[str, ...]:
    """The folders that may be a class: those with files other than readmes, and empty ones."""
    files = set(files)
    texts = {path for path in files if TEXTS.fullmatch(path.rpartition("/")[2])}
    empty = {*folders, *_parents(folders)} - _parents(texts)
    return tuple(sorted(_parents(files - texts) | empty))


def _parents(paths: Iterable[str]) -> set[str]:
    """Every folder above these paths."""
    folders: set[str] = set()
    for path in paths:
        while (path := path.rpartition("/")[0]) and path not in folders:
            folders.add(path)
        if len(folders) > MAX_ENTRIES:
            raise DataRefused(f"there are more than the {MAX_ENTRIES:,} folders allowed")
    return folders


def _is_read(path: str) -> bool:
    return path.lower().endswith((*IMAGES, TABLE)) and not left_behind(path)


def left_behind(path: str) -> str:
    """The outermost part of a path that a system or an editor left there or that is hidden, or "" where none is.

    The path of a folder ends with a slash.
    """
    *folders, name = path.split("/")
    for depth, folder in enumerate(folders, 1):
        if LEFT_FOLDERS.fullmatch(folder):
            return "/".join(folders[:depth])
    return path if LEFT_FILES.fullmatch(name) else ""


def shown(name: str) -> str:
    """A name from outside as it can be put into a sentence."""
    return repr(name if len(name) <= 100 else f"{name[:97]}…")
