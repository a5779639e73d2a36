"""tools/test-sshd, which every test with a login stands on: a port that somebody else has is left to them."""
import shutil
import socket

from support.ca import CertSshd

FIRST = 10000  # of the ports that it takes

# Its first throw of the dice is @THROWN@, all later ones are real.
OD = '''#!/bin/sh
case $* in
*-N2*)
	if [ ! -e "$0.thrown" ]; then
		: >"$0.thrown"
		echo @THROWN@
		exit
	fi ;;
esac
exec @OD@ "$@"
'''


def taken_port():
    """One of its range, listened on by us."""
    for port in range(FIRST, 2 * FIRST):
        one = socket.socket()
        try:
            one.bind(('127.0.0.1', port))
            one.listen()
            return one, port
        except OSError:
            one.close()
    raise AssertionError('no port is free')


def test_a_taken_port_is_left(tmp_path, monkeypatch):
    other, port = taken_port()
    od = tmp_path / 'od'
    od.write_text(OD.replace('@THROWN@', str(port - FIRST)).replace('@OD@', shutil.which('od')))
    od.chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin')
    with other:
        sshd = CertSshd([])
        try:
            assert (tmp_path / 'od.thrown').exists() and sshd.port != port
            assert f'Bind to port {port}' in sshd.log.read_text()
            with socket.create_connection(('127.0.0.1', sshd.port)) as one:
                assert one.recv(4) == b'SSH-'
        finally:
            sshd.stop()
