"""lookup: the roles that are good for an address, against a brute-force matcher."""
import ipaddress
import random

BLOCKS = ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.3/32', '192.0.2.0/24', '0.0.0.0/0', '2001:db8::/32',
          '2001:db8:1::/48', '::/0', '172.16.5.4/12']
ADDRESSES = ['10.0.0.1', '10.1.0.1', '10.1.2.3', '10.1.2.4', '192.0.2.255', '192.0.3.0', '2001:db8::1',
             '2001:db8:1::9', '2001:db9::1', '172.31.0.1', '172.32.0.1', '8.8.8.8']


def contains(blocks, address):
    ip = ipaddress.ip_address(address)
    return any(ip in ipaddress.ip_network(one.strip(), strict=False) for one in blocks)


def test_lookup_agrees_with_a_brute_force_matcher(server):
    """S2-28, G-14: blocks less exclusions, then zero-address roles, no repeats."""
    rng = random.Random(7)
    api = server.api()
    api.delete('ssh/roles/otp')
    roles = {}
    for i in range(60):
        blocks = rng.sample(BLOCKS, rng.randint(0, 3))
        holes = rng.sample(BLOCKS, rng.randint(0, 2))
        roles[f'r{i}'] = (blocks, holes)
        server.write_role(f'r{i}', cidr_list=' , '.join(blocks), exclude_cidr_list=','.join(holes))
    zero = rng.sample(sorted(roles), 10)
    assert api.post('ssh/config/zeroaddress', {'roles': zero}).status == 204
    for address in ADDRESSES:
        by_block = [name for name in sorted(roles)
                    if contains(roles[name][0], address) and not contains(roles[name][1], address)]
        listed = sorted(name for name in zero if name not in by_block and not contains(roles[name][1], address))
        got = api.post('ssh/lookup', {'ip': address}).data['roles']
        assert got[:len(by_block)] == by_block
        assert sorted(got[len(by_block):]) == listed
        for name in sorted(roles):
            wanted = 200 if name in by_block or name in listed else 400
            assert api.put(f'ssh/creds/{name}', {'ip': address}).status == wanted, (name, address)
