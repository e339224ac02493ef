"""Gates over Redis: what is taken is a lease that ends by itself when its server does.

A gate is a sorted set: a member for every visit, with the moment it ends as its score. A window's members are never
renewed and never given back, those of other gates are both; there is no other difference. All of a visit's gates are
asked in one script, so it is counted at all of them or at none, by Redis' own clock.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence

from proxy.shared.gates import AGAIN_S, Gate, Left, Shut
from proxy.shared.link import Command, Link

LEASE_S = 15.0
"""What a server that died held is free again after so long."""
RENEWED_AT_ONCE = 500
"""Members in one call of the script, which has Redis for itself meanwhile."""

NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
ENTER = (
    NOW
    + """
local ends, answer = {}, {1}
for place, key in ipairs(KEYS) do
  local at = 2 + 4 * (place - 1)
  local most, takes, window, weighed = unpack(ARGV, at + 1, at + 4)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  local taken = 0
  if weighed == '1' then
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      taken = taken + tonumber(string.match(member, '^%d+'))
    end
  else
    taken = redis.call('ZCARD', key)
  end
  local opens = -1
  if tonumber(window) > 0 then
    local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    opens = first[2] and first[2] - now or tonumber(window)
  end
  if taken + takes > tonumber(most) then
    return {0, place - 1, opens}
  end
  ends[place] = tonumber(window) > 0 and tonumber(window) or tonumber(ARGV[2])
  if opens >= 0 then
    table.insert(answer, most - taken - takes)
    table.insert(answer, opens)
  end
end
for place, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ends[place], ARGV[2 + 4 * (place - 1) + 2] .. ':' .. ARGV[1])
  redis.call('PEXPIRE', key, ends[place])
end
return answer
"""
)
"""KEYS: the gates. ARGV: the visit, a lease (ms), and of every gate what it lets through, what is taken, its window
(ms; 0 for none) and whether others may have taken more than one. Answers 1 and what each window has left and when it
has more (ms); or 0, the place of the gate without room, and when it has some (ms; -1 where nobody can say)."""
RENEW = (
    NOW
    + """
for place, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[1], ARGV[place + 1])
  redis.call('PEXPIRE', key, ARGV[1])
end
return 1
"""
)
"""KEYS: a gate for every member. ARGV: a lease (ms), the members. What Redis has forgotten is there again."""


class RedisGates:
    """Gates of all servers that share a Redis. On the event loop only."""

    def __init__(self, link: Link, lease_s: float = LEASE_S) -> None:
        """`lease_s`: what a server that dies holds is held for so long."""
        self._link = link
        self._lease_ms = int(lease_s * 1000)
        self._inside: dict[str, tuple[Gate, ...]] = {}
        """Those with something to give back."""
        self._asking: set[str] = set()
        """Those of them who have not been answered: to renew what one holds who is then refused would let it in."""
        for script in (ENTER, RENEW):
            link.knows(script)
        link.returned(self.renew)

    async def enter(self, visit: str, gates: Sequence[Gate]) -> tuple[Left, ...] | Shut:
        """See `Gates`. After GoneError it is inside as far as this server knows, and the others will learn of it."""
        held = tuple([gate for gate in gates if gate.window_s is None])
        if held:
            self._inside[visit] = held
        self._asking.add(visit)
        try:
            said = await self._link.ask(*self._asked(visit, gates))
        finally:
            self._asking.discard(visit)
        if not said[0]:
            self._inside.pop(visit, None)
            return Shut(said[1], said[2] / 1000 if said[2] >= 0 else AGAIN_S)
        windows = [gate for gate in gates if gate.window_s is not None]
        return tuple(
            [Left(gate.most, said[1 + 2 * place], said[2 + 2 * place] / 1000) for place, gate in enumerate(windows)]
        )

    def occupy(self, visit: str, gates: Sequence[Gate]) -> None:
        """See `Gates`. Where Redis is gone, it learns of it when it is back."""
        self._inside[visit] = tuple(gates)
        self._renew([(self._key(gate), _member(visit, gate)) for gate in gates])

    def leave(self, visit: str) -> None:
        """See `Gates`."""
        for gate in self._inside.pop(visit, ()):
            self._link.post("ZREM", self._key(gate), _member(visit, gate))

    def renew(self) -> None:
        """Say again who is inside."""
        inside = [each for each in self._inside.items() if each[0] not in self._asking]
        self._renew([(self._key(gate), _member(visit, gate)) for visit, gates in inside for gate in gates])

    def _renew(self, held: Sequence[tuple[str, str]]) -> None:
        for first in range(0, len(held), RENEWED_AT_ONCE):
            some = held[first : first + RENEWED_AT_ONCE]
            keys, members = [key for key, _ in some], [member for _, member in some]
            self._link.post("EVALSHA", _digest(RENEW), len(some), *keys, self._lease_ms, *members)

    async def run(self) -> None:
        """Renew what is held before it ends."""
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            self.renew()

    def _asked(self, visit: str, gates: Sequence[Gate]) -> Command:
        def says() -> Iterator[str | int]:
            for gate in gates:
                yield from (gate.most, gate.takes, int((gate.window_s or 0) * 1000), int(gate.weighed))

        keys = [self._key(gate) for gate in gates]
        return ("EVALSHA", _digest(ENTER), len(keys), *keys, visit, self._lease_ms, *says())

    def _key(self, gate: Gate) -> str:
        return f"{self._link.prefix}gate:{gate.name}"


def _member(visit: str, gate: Gate) -> str:
    return f"{gate.takes}:{visit}"


def _digest(script: str) -> str:
    return _DIGESTS[script]


_DIGESTS = {script: hashlib.sha1(script.encode()).hexdigest() for script in (ENTER, RENEW)}  # noqa: S324  Redis' own
