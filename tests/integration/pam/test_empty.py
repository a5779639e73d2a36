"""L59: unknown users, empty passwords and none at all: no before the network, and after the same delay."""
from support.figures import figure
from support.host import UUID, YES, settings
from support.standin import Standin

NOBODY = 'no-such-user'


def test_nothing_that_is_empty_lets_in(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        passwords = (b'', b'\n', b'\n\n', b'\0', b'\0' + UUID.encode(), b' ', b' ' * 36, b'\n' * 36, b'-' * 36)
        users = ('nobody', 'root', NOBODY)
        wrong = [(password, user) for password in passwords for user in users
                 if host.auth(password=password, user=user) != 'AUTH_ERR']
        for user in users:
            wrong += [(user, code) for code in (host.run('null', 'auth', user=user)[0][1],) if code != 'AUTH_ERR']
            wrong += [(user, code) for code in (host.run('mute', 'auth', password=UUID, user=user)[0][1],)
                      if code not in ('CONV_ERR', 'AUTH_ERR')]
        figure('L59', len(passwords) * len(users) + 2 * len(users), len(wrong) + len(server.requests), 'logins')
        assert wrong == [] and server.requests == []
        assert host.auth(password=UUID, user=NOBODY) == 'USER_UNKNOWN' and server.requests == []
        assert host.auth(password=UUID) == 'SUCCESS'


def test_names_that_are_none(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        for user in ('', 'nobody\n', ' nobody', 'nobody/', 'NOBODY', '0', '65534', '-1', '*', 'n' * 255, 'n' * 256, 'n' * 5000,
                     'nobody,root', '\x1b[31mnobody'):
            assert host.auth(password=UUID, user=user) == 'USER_UNKNOWN', user
        assert server.requests == []


def test_every_no_asks_for_the_same_delay(host):
    """libpam takes it as a mean and draws around it."""
    with Standin(400, {'errors': ['OTP not found']}) as server:
        host.write_config(settings(server.address))
        for password, user in (('', 'nobody'), ('x', 'nobody'), (UUID, 'nobody'), (UUID, NOBODY), ('', NOBODY)):
            assert host.run('delay', 'auth', password=password, user=user, words=('dev', 'fail_delay=800'))[0][1] != 'SUCCESS'
            assert 400_000 <= host.facts['delay_us'] <= 1_200_000, (password, user)
