"""The module in a process whose memory runs out: a refusal, never a crash or a yes (reliability R46, L65)."""
import subprocess

from support.figures import figure
from support.oom import Oom
from support.patience import PATIENCE_S
from support.standin import Standin

UUID = '01234567-89ab-cdef-0123-456789abcdef'


def test_nobody_is_let_in(host):
    oom, wrong = Oom(host.directory), []

    def run():
        return subprocess.run([str(host.program), str(host.directory), 'nobody', 'auth', 'acct'], input=UUID.encode(),
                              capture_output=True, timeout=PATIENCE_S,
                              env={**oom.environment, 'OOM_OBJECT': 'pam_sallyport.so'})
    with Standin(400, {'errors': ['OTP not found']}) as server:
        host.write_config(f'vault_addr = "{server.address}"\nallowed_roles = "*"\nallow_loopback = true\n')
        assert host.auth(password=UUID) == 'AUTH_ERR'
        oom.arm(0)
        assert b'auth=7' in run().stdout
        n = oom.disarm()
        tries = [(at, all_behind) for at in range(1, n + 1) for all_behind in (False, True)]
        for at, all_behind in tries:
            oom.arm(at, all_behind)
            done = run()
            if done.returncode not in (0, 1) or b'auth=0' in done.stdout or b'acct=0' in done.stdout:
                wrong.append((at, all_behind, done))
    for row in ('R46', 'L65'):
        figure(row, len(tries), len(wrong), 'allocations that failed')
    print(f'{n} allocations, {len(tries)} tries')
    assert wrong == [] and n > 0
