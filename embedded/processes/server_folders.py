"""Folders that servers can use: private, reachable for their user, and short enough for a socket."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from reelqueue.errors import ConfigurationError

# Linux allows 108 bytes for a socket's path with its final zero, macOS 104.
_SOCKET_PATH_LIMIT_BYTES = 103
# Where root keeps what another user must reach, for state folders that this user cannot traverse.
_SHARED_ROOT = Path("/var/lib/reelqueue")


def unprivileged_user() -> pwd.struct_passwd | None:
    """The user to run as in place of root, as Postgres refuses to run as root; None for ordinary users."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def private_folder(folder: Path, user: pwd.struct_passwd | None = None) -> Path:
    """Make a folder that only its user may enter; parents are made for all to pass, never changed.

    Args:
        folder: May exist already.
        user: Its owner; None: the current user.

    Raises:
        ConfigurationError: It exists and belongs to another user.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = os.geteuid() if user is None else user.pw_uid
    found = folder.stat().st_uid
    if found not in {owner, os.geteuid()}:
        raise ConfigurationError(
            f"{folder} belongs to user {found}, and this is user {os.geteuid()}; "
            "run as its owner, or choose another folder"
        )
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(0o700)
    return folder


def socket_folder(preferred: Path, socket_name: str, user: pwd.struct_passwd | None = None) -> Path:
    """A private folder where a socket's path is short enough: the preferred one, or a temporary one.

    The temporary one is remembered in *preferred*, so that a later start uses it again.
    """
    if len(os.fsencode(preferred / socket_name)) <= _SOCKET_PATH_LIMIT_BYTES:
        return preferred
    link = preferred / "sockets"
    if link.is_symlink() and _is_private(link.readlink(), user):
        return link.readlink()
    link.unlink(missing_ok=True)
    # Not the usual temporary folder: on macOS that path is long itself.
    folder = Path(tempfile.mkdtemp(prefix="reelqueue-", dir="/tmp"))
    private_folder(folder, user)
    link.symlink_to(folder)
    return folder


def reachable_folder(preferred: Path, user: pwd.struct_passwd | None) -> Path:
    """A place for a user's own folder: the preferred path, or one outside of folders that they cannot traverse.

    Args:
        preferred: Its parent exists. If the user cannot reach it, a link there leads to the place outside.
        user: None: the current user, who reaches the preferred path.

    Raises:
        ConfigurationError: Something is at the preferred path already, where the user cannot reach it.
    """
    if user is None or can_traverse(preferred.parent, user):
        return preferred
    if preferred.is_symlink() and preferred.exists():
        return preferred.readlink()
    if preferred.exists():
        raise ConfigurationError(
            f"{preferred} cannot be reached by user {user.pw_name}, who stands in for root; "
            "run as its owner, or choose another folder"
        )
    preferred.unlink(missing_ok=True)
    _SHARED_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    _remove_abandoned()
    outside = Path(tempfile.mkdtemp(prefix=f"{preferred.name}-", dir=_SHARED_ROOT))
    preferred.symlink_to(outside)
    _record_link(outside, preferred)
    return outside


def remove_folder(preferred: Path) -> None:
    """Remove a folder and what :func:`reachable_folder` or :func:`socket_folder` made for it elsewhere."""
    for link in (preferred / "sockets", preferred):
        if link.is_symlink():
            shutil.rmtree(link.readlink(), ignore_errors=True)
            _link_record(link.readlink()).unlink(missing_ok=True)
            link.unlink()
    shutil.rmtree(preferred, ignore_errors=True)


def reachable_copy(root: Path, parts: Sequence[str], user: pwd.struct_passwd | None, *, name: str) -> Path:
    """A folder of programs that a user can reach: itself, or a copy of it that is made once.

    Args:
        root: Holds the parts.
        parts: Folders below *root* with what the programs need; those that are missing are left out.
        user: None: the current user.
        name: Of the copy; it must change when the files do.

    Returns:
        *root*, or the folder that has its place.
    """
    if user is None or all(can_traverse(root / part, user) for part in parts if (root / part).exists()):
        return root
    copy = _SHARED_ROOT / name
    if not copy.exists():
        _SHARED_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
        incoming = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=_SHARED_ROOT))
        for part in parts:
            if (root / part).exists():
                shutil.copytree(root / part, incoming / part, symlinks=True)
        incoming.chmod(0o755)
        try:
            incoming.rename(copy)
        except OSError:  # another start was faster
            shutil.rmtree(incoming)
    return copy


def can_traverse(folder: Path, user: pwd.struct_passwd) -> bool:
    """Whether a user without further groups may pass through a folder and all above it."""
    resolved = folder.resolve()
    return all(_may_pass(part.stat(), user) for part in (resolved, *resolved.parents))


def _link_record(outside: Path) -> Path:
    """The file beside a place outside that names the link to it."""
    return outside.with_name(f"{outside.name}.link")


def _record_link(outside: Path, link: Path) -> None:
    """Note where the link to a place outside is: at once, because one who reads half of it takes the place away."""
    unfinished = outside.with_name(f"{outside.name}.link-unfinished")
    unfinished.write_text(str(link), encoding="utf-8")
    unfinished.replace(_link_record(outside))


def _remove_abandoned() -> None:
    """Remove places outside whose link is gone: their state folder was removed by hand."""
    for record in _SHARED_ROOT.glob("*.link"):
        outside = record.with_suffix("")
        try:
            link = Path(record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue  # its owner has removed it meanwhile
        if not _leads_to(link, outside):
            shutil.rmtree(outside, ignore_errors=True)
            record.unlink(missing_ok=True)


def _leads_to(link: Path, folder: Path) -> bool:
    try:
        return link.readlink() == folder
    except OSError:  # it is gone, or no link
        return False


def _may_pass(status: os.stat_result, user: pwd.struct_passwd) -> bool:
    if status.st_uid == user.pw_uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == user.pw_gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _is_private(folder: Path, user: pwd.struct_passwd | None) -> bool:
    """Whether a folder is still ours alone: anyone may make one of the same name under ``/tmp``."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    owner = os.geteuid() if user is None else user.pw_uid
    return stat.S_ISDIR(status.st_mode) and status.st_uid == owner and stat.S_IMODE(status.st_mode) == 0o700
