"""A local Bot API server with a chat page; it imports nothing of Allclear's."""

from sandbox.clock import ShiftedClock, Step
from sandbox.faults import Faults
from sandbox.limits import Limits
from sandbox.server import Sandbox

__all__ = ["Faults", "Limits", "Sandbox", "ShiftedClock", "Step"]
