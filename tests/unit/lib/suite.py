"""What the suites of this folder share: TAP, the probe, packed vectors."""
import contextlib
import os
import pathlib
import subprocess
import tarfile
import tempfile

SOURCE = pathlib.Path(os.environ.get("top_srcdir", "."))
PROBE = os.environ.get("PROBE", "tests/unit/lib/probe")


def ask(questions):
    """Put (what, bytes) questions to one probe; gives (good, text) pairs."""
    lines = "".join(f"{what} {text.hex()}\n" for what, text in questions)
    run = subprocess.run([PROBE], input=lines.encode(), check=True,
                         stdout=subprocess.PIPE)
    answers = run.stdout.decode().split("\n")[:-1]
    assert len(answers) == len(questions)
    return [(answer[:3] == "ok ", answer[3:]) for answer in answers]


@contextlib.contextmanager
def unpacked(archive):
    """A temporary folder with the archive's content."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(SOURCE / archive) as tar:
            tar.extractall(folder)
        yield pathlib.Path(folder)


def count(name, usual, nightly):
    """How many tries: as figures_count of tests/support/figures.h."""
    if name in os.environ:
        return int(os.environ[name])
    if not os.environ.get("SALLYPORT_NIGHTLY"):
        return usual
    share = float(os.environ.get("NIGHTLY_SHARE", 1))
    return max(usual, int(nightly * share))


def figure(row, tries, failures, of):
    """Report tries and failures of a row; before the verdict on them."""
    path = os.environ.get("SALLYPORT_FIGURES")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{row}\t{tries}\t{failures}\t{of}\n")


def listed(path):
    """The lines of a list file, comments left out."""
    lines = (SOURCE / path).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def report(results):
    """TAP for (name, fault) pairs; an empty fault is a pass."""
    results = list(results)
    print(f"1..{len(results)}")
    for number, (name, fault) in enumerate(results, 1):
        if fault:
            print(f"# {fault}")
        print(f"{'not ok' if fault else 'ok'} {number} - {name}")
    raise SystemExit(any(fault for _, fault in results))
