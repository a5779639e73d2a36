// A tour with node-vault: each function of its list for what Sallyport has, from
// init to seal. Its settings are a JSON file; test_node_vault.py runs it.
'use strict';

const assert = require('assert');
const fs = require('fs');
const vault = require('node-vault');
const commands = require('node-vault/src/commands.js');

const tour = JSON.parse(fs.readFileSync(process.argv[2]));

// What other servers have and Sallyport does not have yet, or will not have (docs/clients.md).
const absent = ['generateRootInit', 'generateRootCancel', 'generateRootUpdate', 'rotate', 'stepDown', 'encryptData', 'decryptData',
	'generateDatabaseCredentials', 'gcpLogin', 'githubLogin', 'awsIamLogin', 'ldapLogin', 'oktaLogin', 'radiusLogin'];
const called = new Set();

// A client that remembers which functions of its list were called.
function make(token, more) {
	const client = vault({ apiVersion: 'v1', endpoint: tour.address, token, rpDefaults: { ca: fs.readFileSync(tour.ca), ...more } });
	for (const name of Object.keys(commands)) {
		const call = client[name];
		client[name] = (...words) => {
			called.add(name);
			return call(...words);
		};
	}
	return client;
}

async function fails(call, status, text) {
	const failed = await call.then(() => null, err => err);
	assert.ok(failed, 'it did not fail');
	assert.strictEqual(failed.response && failed.response.statusCode, status, failed.message);
	assert.ok(failed.message.includes(text), failed.message);
}

// The client has taken the login's token for its own: it may do what the policy ops allows.
async function worksAs(client, login) {
	assert.strictEqual(client.token, login.auth.client_token);
	assert.deepStrictEqual(login.auth.policies, ['default', 'ops']);
	assert.strictEqual((await client.read('ssh/roles/web')).data.default_user, 'ubuntu');
	await client.tokenRevokeSelf();
	await fails(client.tokenLookupSelf(), 403, 'permission denied');
	return login.auth;
}

const steps = {
	async start(plain) {
		assert.deepStrictEqual(await plain.initialized(), { initialized: false });
		assert.strictEqual((await plain.health()).initialized, false);
		const made = await plain.init({ secret_shares: 3, secret_threshold: 2 });
		assert.strictEqual(made.keys.length, 3);
		await plain.unseal({ key: made.keys[0] });
		assert.strictEqual((await plain.unseal({ key: made.keys[1] })).sealed, false);
		assert.strictEqual((await plain.status()).t, 2);
		assert.strictEqual((await plain.health({ standbyok: true })).sealed, false);
		assert.strictEqual((await plain.leader()).ha_enabled, false);
		return made.root_token;
	},

	async mountsAndRoles(plain, root) {
		await root.mount({ mount_point: 'ssh', type: 'ssh', description: 'node' });
		assert.strictEqual((await root.mounts())['ssh/'].description, 'node');
		await root.write('ssh/roles/web', { key_type: 'otp', default_user: 'ubuntu', cidr_list: '10.0.0.0/8' });
		assert.strictEqual((await root.read('ssh/roles/web')).data.port, 22);
		assert.deepStrictEqual((await root.list('ssh/roles')).data.keys, ['web']);
		assert.ok((await root.help('ssh/roles/web')).help.length > 0);
		await fails(root.read('ssh/roles/none'), 404, 'Status 404');
		await fails(root.write('ssh/roles/bad', { key_type: 'otp' }), 400, 'missing default user');
		await root.mount({ mount_point: 'second', type: 'ssh' });
		await root.remount({ from: 'second', to: 'hosts' });
		await root.unmount({ mount_point: 'hosts' });
		await fails(root.read('hosts/roles/web'), 404, 'no handler for route');
	},

	async policies(plain, root) {
		await root.addPolicy({ name: 'ops', rules: 'path "ssh/roles/*" { capabilities = ["read"] }' });
		await root.addPolicy({ name: 'brief', policy: 'path "ssh/*" { capabilities = ["list"] }' });
		assert.ok((await root.policies()).policies.includes('ops'));
		assert.ok((await root.getPolicy({ name: 'ops' })).rules.includes('ssh/roles'));
		await root.removePolicy({ name: 'brief' });
		await fails(root.getPolicy({ name: 'brief' }), 404, 'Status 404');
		await fails(root.addPolicy({ name: 'bad', rules: 'path {' }), 400, 'failed to parse policy');
	},

	async passwordsAndLeases(plain, root) {
		const otp = await root.write('ssh/creds/web', { ip: '10.0.0.1' });
		const seen = await plain.write('ssh/verify', { otp: otp.data.key });
		assert.strictEqual(seen.data.role_name, 'web');
		await fails(plain.write('ssh/verify', { otp: otp.data.key }), 400, 'OTP not found');
		await fails(root.renew({ lease_id: otp.lease_id, increment: 60 }), 400, 'lease is not renewable');
		await root.revoke({ lease_id: otp.lease_id });
		await root.write('ssh/creds/web', { ip: '10.0.0.2' });
		await root.revokePrefix({ path_prefix: 'ssh/creds/web' });
		await fails(root.list('sys/leases/lookup/ssh/creds/web'), 404, 'Status 404');
	},

	async sshCertificates(plain, root) {
		const made = await root.write('ssh/config/ca', { generate_signing_key: true, key_type: 'ed25519' });
		assert.strictEqual((await root.read('ssh/config/ca')).data.public_key, made.data.public_key);
		assert.strictEqual(await plain.read('ssh/public_key'), made.data.public_key);
		await root.write('ssh/roles/sign', { key_type: 'ca', allow_user_certificates: true, allowed_users: 'ubuntu,ops',
			default_user: 'ubuntu', default_extensions: { 'permit-pty': '' }, ttl: '10m' });
		const signed = await root.write('ssh/sign/sign', { public_key: tour.ssh, valid_principals: 'ops' });
		// ssh-keygen reads it later.
		fs.writeFileSync(tour.certificate, signed.data.signed_key);
		const pair = (await root.write('ssh/issue/sign', { key_type: 'ed25519' })).data;
		assert.ok(pair.private_key.startsWith('-----BEGIN OPENSSH PRIVATE KEY-----'));
		await fails(root.write('ssh/sign/sign', { public_key: tour.ssh, valid_principals: 'root' }), 400,
			'root is not a valid value for valid_principals');
		await fails(plain.write('ssh/sign/sign', { public_key: tour.ssh }), 400, 'missing client token');
		const serial = signed.data.serial_number;
		assert.ok((await root.list('ssh/certs')).data.keys.includes(serial));
		await root.write('ssh/revoke', { serial_number: serial });
		assert.strictEqual((await root.read(`ssh/cert/${serial}`)).data.revoked, true);
	},

	async wrapping(plain, root) {
		const wrap = { headers: { 'X-Vault-Wrap-TTL': '2m' } };
		const wrapped = await root.read('ssh/roles/web', wrap);
		assert.strictEqual(wrapped.wrap_info.creation_path, 'ssh/roles/web');
		assert.strictEqual((await root.unwrap({ token: wrapped.wrap_info.token })).data.port, 22);
		await fails(root.unwrap({ token: wrapped.wrap_info.token }), 400, 'wrapping token is not valid or does not exist');
		const parcel = await root.write('sys/wrapping/wrap', { a: { b: [1, null] } }, { headers: { 'X-Vault-Wrap-TTL': '60' } });
		assert.deepStrictEqual((await make(parcel.wrap_info.token).unwrap()).data, { a: { b: [1, null] } });
	},

	async cubbyhole(plain, root) {
		const mine = make((await make(root.token).tokenCreate({ policies: ['default'] })).auth.client_token);
		await mine.write('cubbyhole/site', { user: 'bob' });
		assert.deepStrictEqual((await mine.read('cubbyhole/site')).data, { user: 'bob' });
		assert.deepStrictEqual((await mine.list('cubbyhole')).data.keys, ['site']);
		await fails(root.read('cubbyhole/site'), 404, 'Status 404');
	},

	async tokens(plain, root) {
		// The client that creates a token takes it as its own.
		const child = await make(root.token).tokenCreate({ policies: ['ops'], ttl: '1h', meta: { a: 'b' }, num_uses: 20 });
		const mine = make(child.auth.client_token);
		assert.strictEqual((await mine.tokenLookupSelf()).data.ttl <= 3600, true);
		assert.strictEqual((await mine.tokenRenewSelf({ increment: '30m' })).auth.lease_duration, 1800);
		assert.strictEqual((await make(root.token).tokenRenew({ token: mine.token, increment: 600 })).auth.lease_duration, 600);
		assert.strictEqual((await mine.read('ssh/roles/web')).data.default_user, 'ubuntu');
		await fails(mine.delete('ssh/roles/web'), 403, 'permission denied');
		const seen = (await root.tokenLookup({ token: child.auth.client_token })).data;
		assert.deepStrictEqual([seen.policies, seen.meta, seen.orphan], [['default', 'ops'], { a: 'b' }, false]);
		assert.ok((await root.tokenAccessors()).data.keys.includes(child.auth.accessor));
		assert.strictEqual((await root.tokenLookupAccessor({ accessor: child.auth.accessor })).data.id, '');
		await root.tokenRevoke({ token: child.auth.client_token });
		await fails(mine.tokenLookupSelf(), 403, 'permission denied');
		const orphan = await make(root.token).tokenCreateOrphan({ policies: ['ops'] });
		assert.strictEqual(orphan.auth.orphan, true);
		await root.tokenRevokeAccessor({ accessor: orphan.auth.accessor });
		const parent = await make(root.token).tokenCreate({ policies: ['root'] });
		const left = await make(parent.auth.client_token).tokenCreate({ policies: ['ops'] });
		await root.tokenRevokeOrphan({ token: parent.auth.client_token });
		assert.strictEqual((await make(left.auth.client_token).tokenLookupSelf()).data.orphan, true);
	},

	async tokenRoles(plain, root) {
		await root.addTokenRole({ role_name: 'ci', allowed_policies: 'ops,default', orphan: true, period: 600, path_suffix: 'pipeline' });
		assert.deepStrictEqual((await root.tokenRoles()).data.keys, ['ci']);
		assert.strictEqual((await root.getTokenRole({ role_name: 'ci' })).data.period, 600);
		const made = await make(root.token).tokenCreateRole({ role_name: 'ci', policies: ['ops'] });
		assert.strictEqual(made.auth.lease_duration, 600);
		await fails(root.tokenCreateRole({ role_name: 'ci', policies: ['other'] }), 400, 'must be subset');
		await root.removeTokenRole({ role_name: 'ci' });
		await fails(root.getTokenRole({ role_name: 'ci' }), 404, 'Status 404');
	},

	async userpass(plain, root) {
		await root.enableAuth({ mount_point: 'people', type: 'userpass', description: 'people' });
		assert.strictEqual((await root.auths())['people/'].description, 'people');
		await root.write('auth/people/users/bob', { password: 'sesam', policies: 'ops' });
		const client = make();
		await fails(client.userpassLogin({ mount_point: 'people', username: 'bob', password: 'no' }), 400, 'invalid username or password');
		const auth = await worksAs(client, await client.userpassLogin({ mount_point: 'people', username: 'bob', password: 'sesam' }));
		assert.deepStrictEqual(auth.metadata, { username: 'bob' });
		await root.disableAuth({ mount_point: 'people' });
		assert.ok(!(await root.auths())['people/']);
	},

	async approle(plain, root) {
		await root.enableAuth({ mount_point: 'approle', type: 'approle' });
		await root.addApproleRole({ role_name: 'ci', bind_secret_id: true, bound_cidr_list: '127.0.0.0/8', policies: 'ops',
			secret_id_num_uses: 3, secret_id_ttl: 600, token_num_uses: 0, token_ttl: 1200, token_max_ttl: 1800 });
		const role = (await root.getApproleRole({ role_name: 'ci' })).data;
		assert.deepStrictEqual([role.policies, role.token_policies, role.token_ttl, role.secret_id_num_uses, role.secret_id_bound_cidrs],
			[['ops'], ['ops'], 1200, 3, ['127.0.0.0/8']]);
		assert.deepStrictEqual((await root.approleRoles()).data.keys, ['ci']);
		await root.updateApproleRoleId({ role_name: 'ci', role_id: 'my-role' });
		assert.strictEqual((await root.getApproleRoleId({ role_name: 'ci' })).data.role_id, 'my-role');
		const made = (await root.getApproleRoleSecret({ role_name: 'ci', metadata: '{"host":"b7"}' })).data;
		const other = (await root.getApproleRoleSecret({ role_name: 'ci' })).data;
		assert.strictEqual((await root.approleSecretAccessors({ role_name: 'ci' })).data.keys.length, 2);
		assert.deepStrictEqual((await root.approleSecretLookup({ role_name: 'ci', secret_id: made.secret_id })).data.metadata, { host: 'b7' });
		assert.strictEqual((await root.approleSecretAccessorLookup(
			{ role_name: 'ci', secret_id_accessor: other.secret_id_accessor })).data.secret_id_num_uses, 3);
		const client = make();
		const auth = await worksAs(client, await client.approleLogin({ role_id: 'my-role', secret_id: made.secret_id }));
		assert.deepStrictEqual(auth.metadata, { role_name: 'ci', host: 'b7' });
		await root.approleSecretDestroy({ role_name: 'ci', secret_id: made.secret_id });
		await root.approleSecretAccessorDestroy({ role_name: 'ci', secret_id_accessor: other.secret_id_accessor });
		await fails(make().approleLogin({ role_id: 'my-role', secret_id: made.secret_id }), 400, 'invalid role or secret ID');
		await root.deleteApproleRole({ role_name: 'ci' });
		await fails(root.approleRoles(), 404, 'Status 404');
	},

	async kubernetes(plain, root) {
		await root.enableAuth({ mount_point: 'kubernetes', type: 'kubernetes' });
		await root.write('auth/kubernetes/config', tour.kubernetes);
		const role = { bound_service_account_names: ['web'], bound_service_account_namespaces: ['prod'], policies: ['ops'], ttl: 600 };
		// The library's own function sends nothing: its schema has no properties.
		await assert.rejects(root.addKubernetesRole({ role_name: 'web', ...role }), TypeError);
		await root.write('auth/kubernetes/role/web', role);
		assert.deepStrictEqual((await root.getKubernetesRole({ role_name: 'web' })).data.bound_service_account_names, ['web']);
		const client = make();
		await worksAs(client, await client.kubernetesLogin({ role: 'web', jwt: tour.pod }));
		await root.deleteKubernetesRole({ role_name: 'web' });
		await fails(root.getKubernetesRole({ role_name: 'web' }), 404, 'Status 404');
	},

	async certificates(plain, root) {
		await root.enableAuth({ mount_point: 'cert', type: 'cert' });
		await root.write('auth/cert/certs/staff', { certificate: tour.authority, policies: 'ops' });
		const client = make(undefined, { cert: fs.readFileSync(tour.cert), key: fs.readFileSync(tour.key) });
		const auth = await client.certLogin();
		assert.strictEqual(auth.auth.metadata.common_name, 'alice');
		await worksAs(client, auth);
		await fails(plain.certLogin(), 400, 'client certificate must be supplied');
	},

	async otherLogins(plain, root) {
		await root.enableAuth({ mount_point: 'jwt', type: 'jwt' });
		await root.write('auth/jwt/config', { jwt_validation_pubkeys: [tour.issuer] });
		await root.write('auth/jwt/role/job', { role_type: 'jwt', user_claim: 'user', bound_audiences: 'sallyport', policies: 'ops' });
		const login = await plain.write('auth/jwt/login', { role: 'job', jwt: tour.job });
		await worksAs(make(login.auth.client_token), login);
	},

	async identity(plain, root) {
		const made = await root.write('identity/entity', { name: 'carol', metadata: { team: 'web' }, policies: ['ops'] });
		assert.strictEqual((await root.read('identity/entity/name/carol')).data.id, made.data.id);
		assert.ok((await root.list('identity/entity/id')).data.keys.includes(made.data.id));
		await root.delete(`identity/entity/id/${made.data.id}`);
	},

	async audit(plain, root) {
		await root.enableAudit({ name: 'node', type: 'file', options: { file_path: tour.audit } });
		assert.ok((await root.audits())['node/']);
		await root.disableAudit({ name: 'node' });
	},

	async seal(plain, root) {
		await root.seal();
		assert.strictEqual((await plain.status()).sealed, true);
		await fails(root.read('sys/mounts'), 503, 'Vault is sealed');
	},
};

(async () => {
	const plain = make();
	let root = null;
	for (const [name, step] of Object.entries(steps)) {
		const token = await step(plain, root).catch(err => {
			err.message = `step ${name}: ${err.message}`;
			throw err;
		});
		root = root || make(token);
	}
	const left = Object.keys(commands).filter(name => !called.has(name));
	assert.deepStrictEqual(left.sort(), absent.sort());
	console.log('all of it');
})().catch(err => {
	console.error(err);
	process.exit(1);
});
