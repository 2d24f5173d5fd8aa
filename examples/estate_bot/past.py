"""What a visit leaves behind: the bot's own rules for tiers and limits, with the times of long ago."""

from examples.common.fake_models import tokens_of
from examples.common.faults import Faults
from examples.common.story import Story, Turn
from examples.common.traffic import Visit

from .accounts import Account, Accounts
from .agents import AGENT, compose, profile_for
from .app import COMMANDS, FEATURES
from .tools import Upstreams, wanted
from .users import Say


def tell(visit: Visit, story: Story) -> None:
    raise NotImplementedError
