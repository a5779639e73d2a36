"""How often a test tries its promise, and what came of it: the figures of docs/figures.md."""
import os


def count(name, usual, nightly=None):
    """How many tries: `usual` in ./check, a share of `nightly` in ./check nightly, what NAME says where it is set."""
    if name in os.environ:
        return int(os.environ[name])
    if nightly is None or not os.environ.get('SALLYPORT_NIGHTLY'):
        return usual
    return max(usual, int(nightly * float(os.environ.get('NIGHTLY_SHARE', 1))))


def figure(row, tries, failures, of):
    """Report that row (R01, L20) was tried so often: figure('R01', 30, 0, 'kills'). Call it before the assertion."""
    path = os.environ.get('SALLYPORT_FIGURES')
    if path:
        with open(path, 'a', encoding='utf-8') as file:
            file.write(f'{row}\t{tries}\t{int(failures)}\t{of}\n')
