"""What if: recorded requests planned again under another policy, configuration or price book, against what happened.

Nothing is asked of anybody and nothing is written. The ledger kept of every request the facts a price depends on, so
neither prompts nor pictures are needed. `replay` is a function from a past and a scenario to figures; whoever shows
them, a command line or a route, calls it.
"""

from proxy.replay.figures import Figures
from proxy.replay.planning import Scenario
from proxy.replay.question import Question, QuestionError, answer
from proxy.replay.run import replay
from proxy.replay.told import told

__all__ = ["Figures", "Question", "QuestionError", "Scenario", "answer", "replay", "told"]
