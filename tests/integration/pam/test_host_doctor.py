"""M-11: doctor finds each fault, and names what mends it; status and doctor print what they always printed."""
import re

import pytest

from support.figures import figure
from support.standin import Standin
from support.target import Authority, Target

GOOD = """\
ok   server            SERVER answers
ok   clock             as the server's
ok   enrolment         web1.example.com, certificate until TIME
BAD  timer             sallyport-helper-renew.timer is not active
     fix:              systemctl enable --now sallyport-helper-renew.timer
ok   sshd              takes SSHD/sshd_config
ok   host certificate  SSHD/host_key-cert.pub
ok   trusted CA keys   DIR/ssh/sallyport_user_ca.pub
ok   revocation list   DIR/ssh/sallyport_krl
ok   principals        sallyport-helper
ok   configuration     DIR/helper.hcl
ok   secret            DIR/host.secret
ok   record            DIR/state/host.json
ok   CA keys' file     DIR/ssh/sallyport_user_ca.pub
ok   list's file       DIR/ssh/sallyport_krl
ok   sshd's part       DIR/ssh/sshd_config.d/50-sallyport.conf
ok   cache             DIR/state/cache
"""


@pytest.fixture(scope='module')
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp('authority'))


@pytest.fixture(scope='module')
def server(authority):
    with Standin(body=authority) as server:
        yield server


@pytest.fixture
def target(public_path, server, authority):
    authority.said = {}
    one = Target(public_path, server.address)
    assert one.enrol('good', '-principals').returncode == 0
    yield one
    one.stop()


def said(target, server=None):
    """What doctor says, with the names of this run taken out."""
    done = target.run('doctor')
    assert done.returncode in (0, 1) and done.stderr == '', done
    text = done.stdout.replace(str(target.directory), 'DIR').replace(str(target.dir), 'SSHD')
    if server:
        text = text.replace(server.address, 'SERVER')
    return done.returncode, re.sub(r'\d{4}-\d\d-\d\dT[\d:]+Z', 'TIME', text)


def bad(target):
    """Names of what is bad, with the remedies."""
    _, text = said(target)
    return dict(re.findall(r'^BAD  (.{17}) .*\n +fix: +(.*)$', text, re.M))


def found(target, name, *words):
    fixes = {key.strip(): fix for key, fix in bad(target).items()}
    return name in fixes and all(word in fixes[name] for word in words)


def test_a_good_host(target, server):
    code, text = said(target, server)
    assert text == GOOD
    assert code == 1  # for the timer, which no test starts
    assert target.status()[0] == 0
    # As a word on a line of pam_exec it lets nobody in.
    done = target.inside('env', 'PAM_TYPE=auth', target.program, 'status', '-dev', f'-config={target.config}')
    assert done.returncode == 1, done


def test_each_fault_is_found(target, server, authority):
    conf, wrong, tries = target.conf.parent / '10-admin.conf', [], 0

    def check(name, *words):
        nonlocal tries
        tries += 1
        if not found(target, name, *words):
            wrong.append((name, bad(target)))

    conf.write_text('# mine\n\nTrustedUserCAKeys /etc/other\n')
    check('trusted CA keys', f'{conf} line 3'.replace(str(target.directory), 'DIR'))
    conf.write_text('NoSuchWord yes\n')
    check('sshd', 'sshd -t')
    check('revocation list', 'mend what is said of sshd')
    conf.unlink()
    config = target.settings['sshd_config']
    whole = config.read_text()
    config.write_text('RevokedKeys /etc/other\n' + whole)
    check('revocation list', 'sshd_config line 1 comes first')
    config.write_text(whole.replace('Include ', '#Include '))
    check('trusted CA keys', 'Include')
    config.write_text(whole)
    target.conf.rename(f'{target.conf}.away')
    check('host certificate', 'Include')
    check("sshd's part", 'renew writes it')
    target.conf.with_name(target.conf.name + '.away').rename(target.conf)
    target.secret.chmod(0o644)
    check('secret', 'chmod 0640')
    target.secret.chmod(0o640)
    target.cache.chmod(0o755)
    check('cache', 'chown sallyport-helper', 'chmod 0700')
    target.cache.chmod(0o700)
    target.record(last_error='certificate: no', retry_count=2)
    check('enrolment', 'renew')
    target.record(last_error='', retry_count=0)
    # One-time passwords want more of sshd and of PAM.
    target.configure(allowed_roles='*')
    check('PAM', 'docs/install-on-hosts.md')
    (target.directory / 'pam').write_text('auth required pam_sallyport.so\n@include common-auth\n')
    check('PAM', '@include common-auth')
    (target.directory / 'pam').write_text('auth required pam_sallyport.so\n#@include common-auth\n')
    tries += 1
    if {'PAM', 'prompts', 'PAM in sshd'} & {name.strip() for name in bad(target)}:
        wrong.append(('PAM', bad(target)))
    conf.write_text('KbdInteractiveAuthentication no\n')
    check('prompts', '10-admin.conf line 1')
    conf.unlink()
    target.configure(allowed_roles='', vault_addr='http://127.0.0.1:9')
    check('server', 'vault_addr')
    check('clock', 'said of the server')
    figure('M-11', tries, len(wrong), 'faults of a host')
    assert wrong == []


def test_a_clock_that_is_off(target):
    """The server's, as seen from here: Date is all that there is."""
    import http.server
    import threading

    class Late(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404)
            self.end_headers()

        def date_time_string(self, timestamp=None):
            return 'Sat, 01 Jan 2000 00:00:00 GMT'

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Late) as late:
        threading.Thread(target=late.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True).start()
        target.configure(vault_addr=f'http://127.0.0.1:{late.server_port}')
        assert found(target, 'clock', 'timedatectl')
        late.shutdown()
