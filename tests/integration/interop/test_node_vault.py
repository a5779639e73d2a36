"""node-vault, the client that npm carries, against the real server (C-7, S3-1)."""
import json
import subprocess

import pytest

from support.patience import PATIENCE_S
from support.server import Server

PACKAGE = 'node-vault@0.10.2'

SCRIPT = r'''
const assert = require('assert');
const endpoint = process.env.ENDPOINT;
const make = token => require('node-vault')({ apiVersion: 'v1', endpoint, token });
const fails = async (call, status, text) => {
	try { await call; } catch (err) {
		if (status) assert.strictEqual(err.response.statusCode, status);
		if (text) assert.ok(err.message.includes(text), err.message);
		return;
	}
	assert.fail('it did not fail');
};
(async () => {
	const plain = make();
	assert.deepStrictEqual(await plain.initialized(), { initialized: false });
	const made = await plain.init({ secret_shares: 3, secret_threshold: 2 });
	assert.strictEqual(made.keys.length, 3);
	await plain.unseal({ key: made.keys[0] });
	assert.strictEqual((await plain.unseal({ key: made.keys[1] })).sealed, false);
	assert.strictEqual((await plain.status()).t, 2);
	assert.strictEqual((await plain.health()).initialized, true);
	const root = make(made.root_token);
	await root.mount({ mount_point: 'ssh', type: 'ssh', description: 'node' });
	assert.strictEqual((await root.mounts())['ssh/'].description, 'node');
	await root.write('ssh/roles/web', { key_type: 'otp', default_user: 'ubuntu', cidr_list: '10.0.0.0/8' });
	assert.strictEqual((await root.read('ssh/roles/web')).data.port, 22);
	assert.deepStrictEqual((await root.list('ssh/roles')).data.keys, ['web']);
	await fails(root.read('ssh/roles/none'), 404, 'Status 404');
	await fails(root.write('ssh/roles/bad', { key_type: 'otp' }), 400, 'missing default user');
	const otp = await root.write('ssh/creds/web', { ip: '10.0.0.1' });
	const seen = await plain.write('ssh/verify', { otp: otp.data.key });
	assert.strictEqual(seen.data.role_name, 'web');
	await fails(plain.write('ssh/verify', { otp: otp.data.key }), 400, 'OTP not found');
	await fails(root.renew({ lease_id: otp.lease_id, increment: 60 }), 400, 'lease is not renewable');
	await root.revoke({ lease_id: otp.lease_id });
	await root.write('ssh/creds/web', { ip: '10.0.0.2' });
	await root.revokePrefix({ path_prefix: 'ssh/creds/web' });
	await root.addPolicy({ name: 'ops', rules: 'path "ssh/roles/*" { capabilities = ["read"] }' });
	assert.ok((await root.policies()).policies.includes('ops'));
	assert.ok((await root.getPolicy({ name: 'ops' })).rules.includes('ssh/roles'));
	// The client that creates a token takes it as its own.
	const child = await make(made.root_token).tokenCreate({ policies: ['ops'], ttl: '1h' });
	const mine = make(child.auth.client_token);
	assert.strictEqual((await mine.tokenLookupSelf()).data.ttl <= 3600, true);
	assert.strictEqual((await mine.tokenRenewSelf({ increment: '30m' })).auth.lease_duration, 1800);
	assert.strictEqual((await mine.read('ssh/roles/web')).data.default_user, 'ubuntu');
	await fails(mine.delete('ssh/roles/web'), 403, 'permission denied');
	assert.strictEqual((await root.tokenLookup({ token: child.auth.client_token })).data.policies.length, 2);
	assert.ok((await root.tokenAccessors()).data.keys.includes(child.auth.accessor));
	assert.strictEqual((await root.tokenLookupAccessor({ accessor: child.auth.accessor })).data.id, '');
	await root.tokenRevoke({ token: child.auth.client_token });
	await fails(mine.tokenLookupSelf(), 403, 'permission denied');
	await root.enableAudit({ name: 'node', type: 'file', options: { file_path: process.env.AUDIT } });
	assert.ok((await root.audits())['node/']);
	await root.disableAudit({ name: 'node' });
	await root.removePolicy({ name: 'ops' });
	assert.ok((await root.help('ssh/roles/web')).help.length > 0);
	await root.remount({ from: 'ssh', to: 'hosts' });
	assert.strictEqual((await root.read('hosts/roles/web')).data.port, 22);
	await root.delete('hosts/roles/web');
	await root.unmount({ mount_point: 'hosts' });
	await fails(root.read('hosts/roles/web'), 404, 'no handler for route');
	await root.seal();
	assert.strictEqual((await plain.status()).sealed, true);
	await fails(root.read('sys/mounts'), 503, 'Vault is sealed');
	console.log('all of it');
})().catch(err => { console.error(err); process.exit(1); });
'''


@pytest.fixture(scope='module')
def package(tmp_path_factory):
    """The client, installed into a folder of its own; a missing npm is a failure, not a skip."""
    folder = tmp_path_factory.mktemp('node')
    (folder / 'package.json').write_text(json.dumps({'private': True}))
    done = subprocess.run(['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', PACKAGE], cwd=folder,
                          capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return folder


def test_node_vault_from_init_to_seal(package):
    one = Server(dev=False)
    one.start(unseal=False)
    try:
        (package / 'all.js').write_text(SCRIPT)
        done = subprocess.run(['node', 'all.js'], cwd=package, capture_output=True, text=True, timeout=PATIENCE_S,
                              env={'PATH': '/usr/bin:/bin:/usr/local/bin', 'HOME': str(package), 'ENDPOINT': one.address,
                                   'AUDIT': str(one.audit_directory / 'node.log')})
        assert (done.returncode, done.stdout) == (0, 'all of it\n'), done.stdout + done.stderr
    finally:
        one.clean()
