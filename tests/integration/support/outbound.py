"""One call of outbound (tests/support/outbound_call.c), its arguments and its answer as it prints them."""
import json
import subprocess
import threading

from .build import BUILD
from .patience import PATIENCE_S

PROGRAM = BUILD / 'tests' / 'support' / 'outbound_call'

# enum outbound_ssh_end
DONE, NO_CONNECTION, NO_AGREEMENT, HOST_KEY, REFUSED, STEP, LOST, LATE = range(8)
# enum outbound_host_key_policy
STRICT, TOFU, ANY = range(3)


def call(halted_by=None, **arguments):
    """halted_by: a function; when it returns, all calls are to end."""
    with subprocess.Popen([str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        def halt():
            halted_by()
            process.terminate()
        if halted_by:
            threading.Thread(target=halt, daemon=True).start()
        try:
            out, error = process.communicate(json.dumps(arguments), timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0, (process.returncode, error)
    return json.loads(out)
