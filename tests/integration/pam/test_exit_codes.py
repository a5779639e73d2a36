"""L55: no command line and no configuration ends with status 0 by itself."""
import concurrent.futures

from support.figures import figure
from support.host import UUID, helper
from test_config_faults import FAULTS

LINES = [[], [''], ['-'], ['--'], ['config'], ['-config='], ['--config'], ['-config', ''], ['-dev', '-dev=false'], ['-verify-only=x'],
         ['-config=/'], ['-config=/dev/null'], ['-config=/dev/zero'], ['-config=/etc/passwd'], ['-config=/proc/self/mem'],
         ['-module'], ['-module', '-dev'], ['--module'], ['-module=1'], ['-config=~/x'], ['-=x'], ['---config=x'],
         ['-config=x', '-config=/dev/null'], ['-log-level'], ['-log-level='], ['-log-level', 'off'], ['-h', '-dev'],
         ['-dev', '-verify-only'], ['help'], ['-verify-only', '-config=/dev/null'], ['\n'], ['-dev\n'], ['-config=\n'],
         *([word, *more] for word in ('enrol', 'renew', 'principals', 'status', 'doctor')
           for more in ([], ['-config=/dev/null'], ['-h'], ['version']))]


EXTRA = [[], ['-dev'], ['-log-level=trace'], ['word']]


def test_no_command_line_alone_ever_lets_in(tmp_path):
    tried = [(line + extra, UUID) for line in LINES for extra in EXTRA]
    tried += [(line, 'verify-echo-request') for line in LINES]
    for i, text in enumerate(FAULTS):
        path = tmp_path / f'{i}.hcl'
        path.write_bytes(text.replace('//A', '//127.0.0.1:1').encode('latin-1'))
        path.chmod(0o644)
        tried += [([f'-config={path}', *extra], UUID) for extra in (['-verify-only'], ['-dev', '-verify-only'])]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda one: helper(*one[0], password=one[1]).returncode, tried))
    wrong = [one for one, code in zip(tried, codes) if code != 1]
    figure('L55', len(tried), len(wrong), 'command lines')
    assert wrong == []
