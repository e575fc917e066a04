"""How many visitors does a process of the page serve? `python -m benchmarks.page_processes`: a simulation, no server.

Visitors think and click, each kept by the process that the proxy chose for them. A process has one core, since one Python
thread runs at a time, and shares it among the clicks that wait, as Python's threads do. What a click costs is drawn from
what `python -m scripts.page_cost` measured and kept. Not in it: first visits, uploads, which the worker bounds, other work
on the machine, and the way to the browser.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence

import numpy as np

from benchmarks import common
from benchmarks.common import Row, report
from benchmarks.documents import read_results

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


def result() -> Row:
    """See docs/scale_on_paper.md; waits are of 95 and of 99 in 100 clicks, ms, None where over the last of LIMITS_MS."""
    measured = read_results()["page_cost"]
    costs = [ms / 1000 for ms in measured["middles_of_ten_equal_parts_of_clicks_in_a_browser_ms"]]
    most: list[Row] = []
    for thinking in THINKING_S:
        row: Row = {"thinking": f"{thinking[0]:g} to {thinking[1]:g} s between clicks"}
        row |= {f"within_{limit}_ms": most_visitors(limit / 1000, thinking, costs) for limit in LIMITS_MS}
        most.append({**row, "busy_from": round((sum(thinking) / 2 + np.mean(costs)) / np.mean(costs))})
    rng = np.random.default_rng(0)
    waits: list[Row] = []
    for visitors, is_even in (*((n, True) for n in CROWDS), (CROWDS[-1], False)):
        row = {"visitors": f"{visitors:,}{'' if is_even else ', by a hash of their addresses'}"}
        for n in PROCESSES:
            row[f"of_{n}"] = _waits(divided(visitors, n, is_even=is_even, rng=rng), costs)
        waits.append(row)
    visit_ms = measured["costs"]["first visit in a browser"]["page_ms"]["value"]
    upload_s = measured["costs"]["upload of 2 MP, no pictures loaded"]["worker_mean_ms"] / 1000
    return {
        "visitors_a_process": most,
        "waits": waits,
        "first_visit_by_click": round(visit_ms / measured["costs"]["click in a browser"]["page_ms"]["value"]),
        "hundred_first_visits_s": round(visit_ms / 10),
        "uploads_a_second": round(1 / upload_s, 1),
        "cores_of_100_uploads_a_minute": round(100 / 60 * upload_s, 1),
    }


def _waits(shares: Sequence[int], costs: Sequence[float]) -> list[int] | None:
    each = [simulate(n, THINKING_S[1], costs, SIMULATED_S, seed) for seed, n in enumerate(shares)]
    p95, p99 = 1000 * np.percentile(np.concatenate(each), (95, 99))
    return [round(p95), round(p99)] if p99 <= LIMITS_MS[-1] else None


def main() -> None:
    """Simulates and prints."""
    options = common.parser(__doc__).parse_args()
    report(options.save, result())


if __name__ == "__main__":
    main()
