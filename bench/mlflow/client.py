"""MLflow's own client, timed: `client.py URL runs N`, `fill N`, `search N`. Prints what it measured as JSON."""
import json
import logging
import os
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

warnings.filterwarnings("ignore")
os.environ["GIT_PYTHON_REFRESH"] = "quiet"

from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param, RunTag  # noqa: E402

logging.disable(logging.CRITICAL)
url, what, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = MlflowClient(url)


def experiment(name):
    found = client.get_experiment_by_name(name)
    return found.experiment_id if found else client.create_experiment(name)


def make(experiment_id, index):
    run_id = client.create_run(experiment_id, start_time=1_700_000_000_000 + index, run_name=f"run {index}").info.run_id
    client.log_batch(
        run_id,
        metrics=[Metric(f"m{key}", (index * 7919 + key * 104729) % 10007 / 10007, 1, 0) for key in range(10)],
        params=[Param(f"p{key}", str(index % (10 ** (key + 1)))) for key in range(5)],
        tags=[RunTag("team", f"t{index % 5}"), RunTag("note", "x")],
    )
    client.set_terminated(run_id)


def runs():
    experiment_id = experiment("timed")
    make(experiment_id, 0)
    begun = time.perf_counter()
    for index in range(count):
        make(experiment_id, index)
    return {"perSecond": count / (time.perf_counter() - begun)}


def fill():
    experiment_id = experiment("kept")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda index: make(experiment_id, index), range(count)))
    return {}


def search():
    experiment_id = experiment("kept")
    times = []
    for index in range(count + 3):
        bound = (index * 37 % 100) / 200
        begun = time.perf_counter()
        client.search_runs([experiment_id], f"metrics.m1 > {bound}", order_by=["metrics.m2 DESC"], max_results=20)
        times.append((time.perf_counter() - begun) * 1000)
    times = sorted(times[3:])
    return {"p50": times[len(times) // 2], "p99": times[min(len(times) - 1, int(len(times) * 0.99))]}


print(json.dumps({"runs": runs, "fill": fill, "search": search}[what]()))
