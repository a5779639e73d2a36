"""A tour with node-vault, the client that npm carries, against the real server (C-7, S3-1); its steps: node_vault.js."""
import json
import pathlib
import subprocess

import pytest

from support import ca
from support.patience import PATIENCE_S

PACKAGE = 'node-vault@0.10.2'
STEPS = pathlib.Path(__file__).with_name('node_vault.js')


@pytest.fixture(scope='module')
def package(tmp_path_factory):
    """The client, installed into a folder of its own; a missing npm is a failure, not a skip."""
    folder = tmp_path_factory.mktemp('node')
    (folder / 'package.json').write_text(json.dumps({'private': True}))
    done = subprocess.run(['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', PACKAGE], cwd=folder,
                          capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return folder


def test_node_vault_from_init_to_seal(package, tour):
    tour.server.start(unseal=False)
    settings = {'address': tour.address, 'ca': tour.tls.ca, 'cert': tour.alice_cert, 'key': tour.alice_key,
                'authority': tour.authority.pem, 'issuer': tour.issuer.pem, 'job': tour.job(), 'kubernetes': tour.kubernetes(),
                'pod': tour.pod, 'audit': str(tour.server.audit_directory / 'node.log'), 'ssh': tour.ssh_key.public,
                'certificate': str(tour.directory / 'node-cert.pub')}
    tour.file('settings.json', json.dumps(settings))
    # Where it lies it finds its packages.
    (package / 'tour.js').write_text(STEPS.read_text())
    done = subprocess.run(['node', 'tour.js', str(tour.directory / 'settings.json')], cwd=package, capture_output=True, text=True,
                          timeout=PATIENCE_S, env={'PATH': '/usr/bin:/bin:/usr/local/bin', 'HOME': str(package)})
    assert (done.returncode, done.stdout) == (0, 'all of it\n'), done.stdout + done.stderr
    seen = ca.read(settings['certificate'])
    assert (seen['Principals'], seen['Extensions']) == (['ops'], ['permit-pty'])
    assert seen['Public key'].endswith(tour.ssh_key.fingerprint)
