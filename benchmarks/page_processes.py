"""How many visitors does a process of the page serve? `python -m benchmarks.page_processes`: a simulation, no server.

Visitors think and click, each kept by the process that the proxy chose for them. A process has one core, since one Python
thread runs at a time, and shares it among the clicks that wait, as Python's threads do. What a click costs is drawn from
what `python -m scripts.page_cost` measured. Not in it: first visits, uploads, which the worker bounds, other work on the
machine, and the way to the browser.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence

import numpy as np

from benchmarks.common import markdown

CLICK_MS = (22.3, 24.1, 25.3, 27.0, 28.2, 30.5, 32.3, 34.9, 37.9, 43.2)
"""Processor time of a click in a browser, the middles of ten equal parts: python -m scripts.page_cost --clicks 100,
sample collection of 456 pictures, AMD EPYC, Python 3.11."""
THINKING_S = ((1.0, 3.0), (5.0, 15.0))
"""Assumed: who clicks through (as in scripts/soak_sessions.py), and who looks at the pictures."""
LIMITS_MS = (100, 250, 1000)
SHARE = 95
"""Percent of the clicks that are to be answered within a limit."""
SIMULATED_S = 500.0
CROWDS = (100, 200, 400, 1000)
PROCESSES = (1, 2, 4, 8)


def simulate(
    visitors: int, thinking: tuple[float, float], costs: Sequence[float], seconds: float, seed: int = 0
) -> np.ndarray:
    """One process and its visitors.

    Args:
        visitors: How many there are; each thinks, clicks, waits for the answer, thinks.
        thinking: Least and greatest time between an answer and the next click, s, uniform.
        costs: Processor times of clicks to draw from, s.
        seconds: How long, on the simulated clock.
        seed: Of what is drawn.

    Returns:
        From click to answer, s, of all clicks that were answered, in order.
    """
    rng = random.Random(seed)
    thinkers = [(rng.uniform(0, thinking[1]), number) for number in range(visitors)]
    heapq.heapify(thinkers)
    # Processor sharing: every click in work has had the same share since it came. `served` is what one would have had that
    # was here from the start, so that a click is done when `served` is its own value at arrival and its cost.
    working: list[tuple[float, float, int]] = []
    now = served = 0.0
    waits = []
    while now < seconds:
        done = now + (working[0][0] - served) * len(working) if working else np.inf
        if thinkers and thinkers[0][0] <= done:
            then, number = heapq.heappop(thinkers)
            served += (then - now) / len(working) if working else 0.0
            heapq.heappush(working, (served + rng.choice(costs), then, number))
        else:
            then = done
            served, clicked, number = heapq.heappop(working)
            waits.append(then - clicked)
            heapq.heappush(thinkers, (then + rng.uniform(*thinking), number))
        now = then
    return np.array(waits)


def most_visitors(limit: float, thinking: tuple[float, float], costs: Sequence[float]) -> int:
    """The most visitors of a process of whose clicks SHARE percent are answered within the limit, s; to 2 %."""
    few, many = 0, int(2 * (sum(thinking) / 2 + limit) / np.mean(costs))
    while many - few > max(1, few // 50):
        middle = (few + many) // 2
        is_fast = np.percentile(simulate(middle, thinking, costs, SIMULATED_S), SHARE) <= limit
        few, many = (middle, many) if is_fast else (few, many)
        many = many if is_fast else middle
    return few


def divided(visitors: int, processes: int, *, is_even: bool, rng: np.random.Generator) -> list[int]:
    """How many visitors each process has: as even as can be, or each by a hash of the address."""
    if is_even:
        return [visitors // processes + (number < visitors % processes) for number in range(processes)]
    return [int(n) for n in np.bincount(rng.integers(processes, size=visitors), minlength=processes)]


def tables() -> dict[str, str]:
    """Markdown tables by name."""
    costs = [ms / 1000 for ms in CLICK_MS]
    most = []
    for thinking in THINKING_S:
        full = (sum(thinking) / 2 + np.mean(costs)) / np.mean(costs)
        cells = [str(most_visitors(limit / 1000, thinking, costs)) for limit in LIMITS_MS]
        most.append((f"{thinking[0]:g} to {thinking[1]:g} s between clicks", *cells, f"{full:.0f}"))
    rng = np.random.default_rng(0)
    waits = []
    for visitors, is_even in (*((n, True) for n in CROWDS), (CROWDS[-1], False)):
        cells = [_waits(divided(visitors, n, is_even=is_even, rng=rng), costs) for n in PROCESSES]
        waits.append((f"{visitors:,}{'' if is_even else ', by a hash of their addresses'}", *cells))
    return {
        "visitors a process": markdown(("", *(f"{limit:,} ms" for limit in LIMITS_MS), "core busy from"), most),
        "processes": markdown(("visitors", *(f"{n} process{'es' * (n > 1)}" for n in PROCESSES)), waits),
    }


def _waits(shares: Sequence[int], costs: Sequence[float]) -> str:
    each = [simulate(n, THINKING_S[1], costs, SIMULATED_S, seed) for seed, n in enumerate(shares)]
    p95, p99 = 1000 * np.percentile(np.concatenate(each), (95, 99))
    return f"{p95:.0f}, {p99:.0f}" if p99 <= LIMITS_MS[-1] else f"over {LIMITS_MS[-1]:,}"


def main() -> None:
    """Simulates and prints."""
    for name, table in tables().items():
        print(f"{name}\n\n{table}\n")


if __name__ == "__main__":
    main()
