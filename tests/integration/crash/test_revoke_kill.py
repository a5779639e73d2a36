"""G-10: kill -9 in the midst of revocations. What was answered is in the list after the restart, whose version went on."""
import random
import threading
import time

from support import krl
from support.ca import Ca
from support.figures import count, figure
from support.keys import SshKey
from support.patience import PATIENCE_S
from support.server import Server, wait_for
from support.wire import Wire

KILLS = count('REVOKE_KILLS', 6, 400)
CLIENTS = 6


class Client(threading.Thread):
    """Signs and revokes what it signed, until the server is gone."""

    def __init__(self, server, key):
        super().__init__()
        self.server, self.key = server, key
        self.signed, self.revoked, self.failure = [], [], None

    def run(self):
        try:
            wire = Wire(self.server)
            while True:
                status, got = wire.call('POST', 'ssh/sign/ops', {'public_key': self.key.public})
                assert status == 200, got
                serial = got['data']['serial_number']
                self.signed.append(serial)
                status, got = wire.call('POST', 'ssh/revoke', {'serial_number': serial})
                assert status == 200, got
                self.revoked.append(serial)
        except (ConnectionError, OSError):
            pass
        except AssertionError as why:
            self.failure = why


def test_what_was_answered_is_in_the_list(tmp_path):
    server = Server(dev=False).start().mount_ssh()
    key, lists = SshKey(tmp_path, 'user'), tmp_path / 'revoked.krl'
    n_signed, n_revoked, wrong, last = 0, 0, [], 0
    try:
        Ca(server).role('ops')
        for _ in range(KILLS):
            clients = [Client(server, key) for _ in range(CLIENTS)]
            for one in clients:
                one.start()
            wait_for(lambda: sum(len(one.revoked) for one in clients) > 20 or any(one.failure for one in clients), 'clients at work')
            before = krl.version(krl.fetch(server)[2])
            time.sleep(random.uniform(0, 0.2))
            server.kill()
            for one in clients:
                one.join(PATIENCE_S)
                assert not one.is_alive()
                if one.failure:
                    raise one.failure
            server.start()
            now = krl.save(server, lists)
            listed = krl.serials(lists)
            signed = [serial for one in clients for serial in one.signed]
            revoked = [serial for one in clients for serial in one.revoked]
            n_signed, n_revoked = n_signed + len(signed), n_revoked + len(revoked)
            wrong += [f'{serial} is not in the list' for serial in revoked if int(serial, 16) not in listed]
            wrong += [f'{serial} is not in the register' for serial in signed
                      if server.api().get(f'ssh/cert/{serial}').status != 200]
            if now < max(before, last):
                wrong.append(f'version {now} behind {before}, {last}')
            last = now
        figure('G-10', n_revoked, len(wrong), f'revocations answered before {KILLS} kills')
        assert wrong == [] and n_signed >= n_revoked > 0
    finally:
        server.clean()
