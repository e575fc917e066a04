"""What large collections cost is computed of what was measured, as a hand does it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from benchmarks import page_processes, scale_costs
from benchmarks.common import RESULTS
from benchmarks.documents import Table, read_results

ROOT = Path(__file__).resolve().parents[2]


def test_the_results_kept_are_those_of_what_was_measured_last() -> None:
    """Else: python -m benchmarks.scale_costs --save scale_costs, and the like."""
    for name, computed in {
        "scale_costs": scale_costs.result(read_results()),
        "page_processes": page_processes.result(),
    }.items():
        kept = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["result"]
        assert kept == json.loads(json.dumps(computed)), name


def test_a_row_of_an_index_has_its_vector_its_links_and_its_id() -> None:
    # 256 x 4 bytes; 32 links at the bottom and 16 for one row in 15 above, 4 bytes each; 8 bytes.
    assert scale_costs.row_bytes(256, 32, 16) == pytest.approx(1024 + 128 + 64 / 15 + 8)
    assert scale_costs.row_bytes(2048, 1, 32) == pytest.approx(256 + 256 + 128 / 31 + 8)


def test_a_query_in_a_graph_takes_what_was_measured_and_grows_on_as_it_did() -> None:
    times = [scale_costs.hnsw_ms(rows, 39, (0.121, 0.016)) for rows in (10**5, 10**6, 10**7)]
    assert times == pytest.approx([3.9 * 0.121, 39 * 0.016, 39 * 0.016 * 0.16 / 0.121])


def test_costs_are_those_of_a_hand() -> None:
    measured = read_results()
    measured["build_throughput-mini"] = {"rates": Table([{"what": "build, whole", "cpu_ms_a_picture": 36}])}
    computed = scale_costs.result(measured)
    (mini,) = (row for row in computed["embedding"] if row["network"] == "`mini`")
    assert (mini["core_h_10m"], mini["core_h_100m"]) == (100, 1000)
    (row,) = (row for row in computed["index"] if row["vectors"] == "`mini`, PQ")
    # 10 million rows of 32 + 128 + 64 / 15 + 8 bytes, in nine tenths of the memory.
    assert row["gb_10m"] == 1.9


def test_who_is_alone_waits_as_long_as_the_work_takes() -> None:
    waits = page_processes.simulate(1, (1.0, 3.0), [0.05], 100)
    assert waits == pytest.approx(np.full(len(waits), 0.05))
    assert 100 / 3.05 - 2 < len(waits) < 100 / 1.05 + 2


def test_those_who_click_without_thinking_share_the_core() -> None:
    waits = page_processes.simulate(4, (0.0, 0.0), [0.05], 10)
    assert waits == pytest.approx(np.full(len(waits), 0.2))
    assert len(waits) == pytest.approx(10 / 0.05, abs=4)


def test_short_work_does_not_wait_for_the_end_of_long_work() -> None:
    """With two always at work each takes twice as long as alone. In turns, one behind the other, some would take 0.4 s."""
    waits = page_processes.simulate(2, (0.0, 0.0), [0.1, 0.3], 30)
    assert set(waits.round(6)) == {0.2, 0.6}


def test_the_most_visitors_are_those_whose_wait_is_just_within_the_limit() -> None:
    assert page_processes.most_visitors(0.52, (0.0, 0.0), [0.1]) == 5


def test_visitors_are_divided_evenly_or_by_chance_and_none_is_lost() -> None:
    rng = np.random.default_rng(0)
    assert page_processes.divided(10, 4, is_even=True, rng=rng) == [3, 3, 2, 2]
    by_chance = page_processes.divided(1000, 4, is_even=False, rng=rng)
    assert sum(by_chance) == 1000
    assert max(by_chance) > min(by_chance)


def test_the_query_nodes_of_the_cluster_hold_what_they_are_sized_for_also_when_one_is_lost() -> None:
    text = (ROOT / "docs" / "deploy" / "milvus-values.yaml").read_text(encoding="utf-8")
    found = re.search(r"^queryNode:\n  replicas: (\d+)\n(?:.*\n)*?      memory: (\d+)Gi$", text, re.MULTILINE)
    assert found
    replicas, gib = map(int, found.groups())
    assert (replicas - 1) * gib * 2**30 * scale_costs.LOADED_SHARE >= 10**8 * scale_costs.row_bytes(256, 32, 16)


def test_haproxy_takes_the_configuration() -> None:
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("There is no haproxy: apt-get install haproxy")
    subprocess.run([program, "-c", "-f", ROOT / "docs" / "hosting" / "haproxy.cfg"], check=True)
