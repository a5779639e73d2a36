"""L53: the whole address counts, not its network. In a network with a neighbour for every bit."""
import ipaddress

from support.figures import count, figure
from support.host import UUID, YES, helper, settings
from support.netns import Network
from support.sshd import write_config
from support.standin import Standin

OWN = ['10.77.0.5', '2001:db8::5']
SPELLINGS = {'::ffff:10.77.0.5': True, '2001:0db8:0:0::5': True, '2001:DB8::5': True, '::10.77.0.5': False,
             '10.77.0.5/24': False, '10.77.0.5/32': False, '10.77.5': False, '10.77.0.05': False, '010.77.0.5': False,
             '0x0a.77.0.5': False, '172818437': False, ' 10.77.0.5': False, '10.77.0.5 ': False, '10.77.0.5\n': False,
             '10.77.0.5,10.77.0.6': False, '10.77.0.5.': False, '2001:db8::5%net0': False, '[2001:db8::5]': False,
             '10.77.0.5\0': False, '': False, '0.0.0.0': False, '::': False, '127.0.0.1': False, '::1': False,
             '224.0.0.1': False, '255.255.255.255': False}


def neighbours(text):
    """Every address that differs in one bit, and the edges of the network."""
    address = ipaddress.ip_address(text)
    bits = address.max_prefixlen
    return [str(type(address)(int(address) ^ 1 << bit)) for bit in range(bits)]


def answers(server, config, ip):
    server.body = {'data': {**YES['data'], 'ip': ip}}
    return helper('-dev', config).returncode == 0


def test_a_neighbour_is_refused(tmp_path):
    with Network('ip link add net0 type bridge', 'ip link set net0 up', 'ip addr add 10.77.0.5/24 dev net0',
                 'ip addr add 2001:db8::5/64 dev net0 nodad') as network:
        others = [other for own in OWN for other in neighbours(own)]
        others += [f'10.77.0.{n}' for n in range(256) if n != 5][:count('L53_NEIGHBOURS', 16, 255)]
        wanted = {**{own: True for own in OWN}, **{other: False for other in others}, **SPELLINGS}
        server = network.run(Standin, 200, YES)
        with server:
            text = settings(server.address, allow_loopback='false')
            config = '-config=' + str(write_config(tmp_path / 'helper.hcl', text))
            wrong = [ip for ip, is_ours in wanted.items() if network.run(answers, server, config, ip) != is_ours]
        figure('L53', len(wanted), len(wrong), 'addresses')
        assert wrong == []


def test_the_module_says_the_same(host):
    with Network('ip link add net0 type bridge', 'ip link set net0 up', 'ip addr add 10.77.0.5/24 dev net0') as network:
        server = network.run(Standin, 200, YES)
        with server:
            host.write_config(settings(server.address, allow_loopback='false'))
            for ip, code in (('10.77.0.5', 'SUCCESS'), ('10.77.0.6', 'AUTH_ERR'), ('127.0.0.1', 'AUTH_ERR')):
                server.body = {'data': {**YES['data'], 'ip': ip}}
                assert network.run(host.auth, password=UUID) == code
