"""Debian's ansible-core with its collection community.hashi_vault."""
import pathlib
import subprocess

from .build import BUILD
from .patience import PATIENCE_S

INSTALLED = pathlib.Path('/usr/lib/python3/dist-packages')
COLLECTION = 'ansible_collections/community/hashi_vault'


def collections():
    """Where the collection is. Debian has it in the package `ansible`: 17 MB, of which it is less than one; taken out of it once."""
    if (INSTALLED / COLLECTION).is_dir():
        return INSTALLED
    kept = BUILD / 'clients'
    if not (kept / COLLECTION).is_dir():
        kept.mkdir(parents=True, exist_ok=True)
        subprocess.run(['apt-get', '-q', 'download', 'ansible'], cwd=kept, check=True, timeout=PATIENCE_S)
        package, = kept.glob('ansible_*.deb')
        read = subprocess.Popen(['dpkg-deb', '--fsys-tarfile', package], stdout=subprocess.PIPE)
        subprocess.run(['tar', '-x', '-C', kept, '--strip-components=5', f'.{INSTALLED}/{COLLECTION}'], stdin=read.stdout, check=True)
        assert read.wait() == 0
        package.unlink()
    return kept


def environment(home, **more):
    """For ansible-playbook: of the machine's own settings it sees none."""
    return {'PATH': '/usr/bin:/bin', 'HOME': str(home), 'LANG': 'C.UTF-8', 'ANSIBLE_HOME': str(pathlib.Path(home) / 'ansible'),
            'ANSIBLE_HASHI_VAULT_TIMEOUT': str(PATIENCE_S), 'ANSIBLE_LOCALHOST_WARNING': 'False',
            'ANSIBLE_INVENTORY_UNPARSED_WARNING': 'False', 'ANSIBLE_NOCOLOR': '1',
            'ANSIBLE_COLLECTIONS_PATH': str(collections()), **more}


def run(words, home, **more):
    """The finished process."""
    return subprocess.run([str(word) for word in words], cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE_S, env=environment(home, **more))
