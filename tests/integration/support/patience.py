"""How long a test waits for what must come before it takes it for stuck: a busy machine may be very slow."""

PATIENCE_S = 600
