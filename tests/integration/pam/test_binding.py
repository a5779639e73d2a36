"""R11: a password for one host and one user is worthless at every other and for every other."""
import concurrent.futures

from support.figures import count, figure
from support.host import helper
from support.sshd import helper_config, write_config

USERS = ['nobody', 'root', 'daemon', 'bin', 'sys', 'mail', 'www-data', 'backup']
HOSTS = ['10.77.0.1', '10.77.0.2', '10.77.1.1', '10.77.0.10', '10.77.0.11', '2001:db8::1', '2001:db8::2', '2001:db8:1::1']


def test_binding_of_host_and_user(tmp_path, server):
    """Each host takes one address. All 64 pairs by all 64 nightly; else four that share neither host nor user."""
    server.write_role(cidr_list='10.77.0.0/16,2001:db8::/32', allowed_users=','.join(USERS))
    words = {}
    for i, host in enumerate(HOSTS):
        path = write_config(tmp_path / f'{i}.hcl', helper_config(
            server, allow_loopback=False, allowed_cidr_list=host + ('/128' if ':' in host else '/32')))
        words[host] = ('-dev', f'-config={path}')
    pairs = [(host, USERS[(i + j) % 8]) for j in range(8) for i, host in enumerate(HOSTS)][:count('R11_PAIRS', 4, 64)]

    def attempt(issued, used):
        # Some refusals spend the password: each has one of its own.
        otp = server.otp(ip=issued[0], username=issued[1])['data']['key']
        return (helper(*words[used[0]], password=otp, user=used[1]).returncode == 0) == (issued == used)

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        tried = [(issued, (host, user)) for issued in pairs for host in HOSTS for user in USERS]
        good = list(pool.map(lambda one: attempt(*one), tried))
    wrong = [one for one, is_good in zip(tried, good) if not is_good]
    figure('R11', len(tried), len(wrong), 'uses of a password')
    assert wrong == []
