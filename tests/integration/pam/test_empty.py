"""L59: unknown users, empty passwords and none at all: no before the network, and after the same delay."""
from support.host import UUID, YES, settings
from support.standin import Standin

NOBODY = 'no-such-user'


def test_nothing_that_is_empty_lets_in(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        for password in (b'', b'\n', b'\n\n', b'\0', b'\0' + UUID.encode(), b' ', b' ' * 36, b'\n' * 36, b'-' * 36):
            for user in ('nobody', 'root', NOBODY):
                assert host.auth(password=password, user=user) == 'AUTH_ERR', (password, user)
        for user in ('nobody', NOBODY):
            assert host.run('null', 'auth', user=user)[0][1] == 'AUTH_ERR'
            assert host.run('mute', 'auth', password=UUID, user=user)[0][1] in ('CONV_ERR', 'AUTH_ERR')
        assert host.auth(password=UUID, user=NOBODY) == 'USER_UNKNOWN'
        assert server.requests == []
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
