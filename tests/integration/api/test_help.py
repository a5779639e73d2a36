"""?help=1: every route explains itself."""
from support.routes import all_routes


def test_every_route_has_help(server):
    """S2-2: synopsis, description and fields, for every valid token whatever its policies."""
    poor = server.api(server.token_with('# nothing'))
    routes = all_routes(server)
    assert len(routes) > 60
    for route in routes:
        got = poor.get(route.path() + '?help=1')
        assert got.status == 200, (route, got)
        assert set(got.json) == {'help', 'see_also', 'openapi'}
        text = got.json['help']
        assert text.startswith('Request: ') and 'Matching Route: ^' in text
        if route.method == 'POST':
            assert [one for one in route.fields if f'    {one} (' not in text] == [], route


def test_help_where_nothing_is(shared):
    assert shared.api().get('ssh/nosuch?help=1').status == 404
    assert shared.api().get('nowhere/x?help=1').status == 404
    assert shared.api(None).get('ssh/roles/x?help=1').errors == ['missing client token']
    assert shared.api(None).get('ssh/verify?help=1').status == 200
    assert shared.api('junk').get('ssh/roles/x?help=1').status == 403


def test_help_never_does_the_work(shared):
    otp = shared.otp()['data']['key']
    shared.api(None).get(f'ssh/verify?help=1&otp={otp}')
    shared.api().call('HELP', 'ssh/roles/otp')
    assert shared.api().get('ssh/roles/otp').status == 200
    assert shared.api(None).put('ssh/verify', {'otp': otp}).status == 200
