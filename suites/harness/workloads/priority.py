"""A generator's place among the machine's other processes."""

from __future__ import annotations

import os

# The lowest priority above all that is not real-time: the generator stands for clients that have machines of their own.
# Niceness is not enough where each session is scheduled as a group (autogroup): it only counts within the session.
_REAL_TIME = os.sched_param(1)


def take_real_time() -> bool:
    """Put this process before all that is not real-time; whether that was allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, _REAL_TIME)
    except PermissionError:
        return False
    return True
