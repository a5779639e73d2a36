"""Directories that other users may enter."""
import contextlib
import pathlib
import shutil
import tempfile


@contextlib.contextmanager
def public_directory():
    """A directory that any user may enter.

    Pytest's own lies below one that every starting pytest, this or any other, makes private to its user again.
    """
    path = pathlib.Path(tempfile.mkdtemp(prefix='sallyport-public-'))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)
