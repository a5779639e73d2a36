"""L62: no name look-up decides access: logins by address work without a name server, and none is ever asked."""
import pytest

from support.figures import figure
from support.host import UUID, YES, helper, settings
from support.netns import Names
from support.standin import Standin

HERE = 'host.example'  # every name is 127.0.0.1 for the name server of this test
ANSWERS = {'127.0.0.1': 'SUCCESS', HERE: 'AUTH_ERR', 'localhost': 'AUTH_ERR', 'localhost.': 'AUTH_ERR', '127.1': 'AUTH_ERR',
           '127.0.0.1.example': 'AUTH_ERR'}


@pytest.mark.parametrize('serving', [True, False])
def test_no_name_decides(names, host, config, serving):
    resolver = names.run(Names, '127.0.0.1') if serving else None
    server = names.run(Standin, 200, YES)
    wrong = []
    with server:
        for ip, wanted in ANSWERS.items():
            for more in ({}, {'allowed_cidr_list': '"127.0.0.0/8"', 'allow_loopback': 'false'}):
                server.body = {'data': {**YES['data'], 'ip': ip}}
                word = config(server.address, **more)  # the host's file too
                got = names.run(host.run, 'rhost', 'auth', password=UUID)[0][1]
                alone = names.run(helper, '-dev', word).returncode
                if (got, alone) != (wanted, 0 if wanted == 'SUCCESS' else 1):
                    wrong.append((ip, more, got, alone))
        for blocks in (HERE, 'localhost', f'127.0.0.1/32,{HERE}', f'{HERE}/32'):
            host.write_config(settings(server.address, allowed_cidr_list=f'"{blocks}"'))
            got = names.run(host.auth, password=UUID)
            if got != 'AUTHINFO_UNAVAIL':
                wrong.append((blocks, got))
    asked = resolver.asked if serving else []
    if serving:
        resolver.close()
    figure('L62', 2 * 2 * len(ANSWERS) + 4, len(wrong) + len(asked), 'logins')
    assert wrong == [] and asked == []
