"""`sys/metrics`: in which form, for whom, and under which names (core-api.md 7.6)."""
import re

import pytest

TEXT = 'text/plain; version=0.0.4; charset=utf-8'
# What Prometheus 2 sends.
SCRAPER = 'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
GAUGES = ['vault_core_active', 'vault_core_unsealed', 'vault_expire_job_manager_queue_length', 'vault_expire_num_irrevocable_leases']


def form(answer):
    assert answer.status == 200, answer
    return answer.headers['Content-Type']


@pytest.mark.parametrize('path, accept, wanted', [
    ('sys/metrics', None, 'application/json'), ('sys/metrics', '*/*', 'application/json'), ('sys/metrics', 'text/plain', 'application/json'),
    ('sys/metrics', 'prometheus/telemetry', TEXT), ('sys/metrics', SCRAPER, TEXT), ('sys/metrics?format=prometheus', None, TEXT),
    ('sys/metrics?format=prometheus', 'application/json', TEXT)])
def test_a_parameter_or_a_header_names_the_form(shared, path, accept, wanted):
    assert form(shared.api().get(path, headers={'Accept': accept} if accept else {})) == wanted


def test_what_prometheus_reads(shared):
    """Each metric has its help, its type and one value; the queue's gauges have the names that dashboards know."""
    text = shared.api().get('sys/metrics?format=prometheus').body
    blocks = re.findall(r'# HELP (\w+) \S.*\n# TYPE (\w+) (gauge|counter)\n(\w+) -?\d+\n', text)
    assert ''.join(f'{name} ' for name, *_ in blocks).split() == re.findall(r'^(\w+) -?\d+$', text, re.M)
    assert all(name == typed == valued for name, typed, _, valued in blocks)
    kinds = {name: kind for name, _, kind, _ in blocks}
    assert all(kinds[name] == 'gauge' for name in GAUGES)


def test_what_json_has(shared):
    seen = shared.api().get('sys/metrics').json
    assert re.fullmatch(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC', seen['Timestamp'])
    names = [item['Name'] for item in seen['Gauges']]
    assert [name.replace('.', '_') for name in names][:len(GAUGES)] == GAUGES


def test_only_for_those_with_a_token_that_may(shared):
    for headers in ({}, {'Accept': SCRAPER}):
        assert shared.api(None).get('sys/metrics', headers=headers).status == 400
        assert shared.api(shared.token_with('path "x" { capabilities = ["read"] }')).get('sys/metrics', headers=headers).status == 403
    reader = shared.token_with('path "sys/metrics" { capabilities = ["read"] }')
    assert form(shared.api(reader).get('sys/metrics', headers={'Accept': SCRAPER})) == TEXT
