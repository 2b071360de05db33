"""MLflow's client, told what to call: a JSON document a line in, its answer a line out."""
import json
import logging
import math
import os
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["GIT_PYTHON_REFRESH"] = "quiet"

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import (  # noqa: E402
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    RunTag,
    ViewType,
)

logging.disable(logging.CRITICAL)
url = sys.argv[1]
mlflow.set_tracking_uri(url)
client = MlflowClient(url)


def plain(value):
    """Entities as JSON. NaN is text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "value") and hasattr(value, "name") and type(value).__mro__[1].__name__ in ("Enum", "str"):
        return value.value
    try:
        return {key: plain(item) for key, item in dict(value).items()}
    except (TypeError, ValueError):
        return [plain(item) for item in value] if hasattr(value, "__len__") else str(value)


def call(name, *args, **kwargs):
    """Any method of MlflowClient."""
    found = getattr(client, name)(*args, **kwargs)
    answer = plain(found)
    return {"items": answer, "token": found.token} if hasattr(found, "token") else answer


def log_batch(run_id, metrics=(), params=(), tags=()):
    client.log_batch(
        run_id,
        metrics=[Metric(key, float(value), at, step) for key, value, at, step in metrics],
        params=[Param(key, value) for key, value in params],
        tags=[RunTag(key, value) for key, value in tags],
    )


def log_dataset(run_id, name, digest, context=None):
    dataset = Dataset(name=name, digest=digest, source_type="local", source='{"uri": "x"}', schema="s", profile="p")
    tags = [] if context is None else [InputTag("mlflow.data.context", context)]
    client.log_inputs(run_id, [DatasetInput(dataset, tags)])


def search_runs(experiments, filter="", order_by=None, max_results=1000, page_token=None, view="ACTIVE_ONLY"):
    found = client.search_runs(
        experiments, filter, ViewType.from_string(view.lower()), max_results, order_by, page_token
    )
    return {"runs": [run.info.run_name for run in found], "more": found.token is not None}


def make_run(run):
    created = client.create_run(run["experiment"], start_time=run["start"], run_name=run["name"])
    run_id = created.info.run_id
    log_batch(run_id, run["metrics"], run["params"], run["tags"])
    for name, digest, context in run["datasets"]:
        log_dataset(run_id, name, digest, context)
    if run["status"] != "RUNNING" or run["end"] is not None:
        client.set_terminated(run_id, run["status"], run["end"] or 1999)
    if run["deleted"]:
        client.delete_run(run_id)
    return run_id


def files(run_id, contents):
    """Writes files, logs them, lists them and reads them back."""
    with tempfile.TemporaryDirectory() as folder:
        for path, content in contents.items():
            os.makedirs(os.path.join(folder, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(folder, path), "wb") as file:
                file.write(content.encode())
        client.log_artifacts(run_id, folder, "out")
    with tempfile.TemporaryDirectory() as folder:
        client.download_artifacts(run_id, "out", folder)
        read = {}
        for base, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(base, name)
                with open(path, "rb") as file:
                    read[os.path.relpath(path, folder)] = file.read().decode()
    listed = [[item.path, item.is_dir, item.file_size] for item in client.list_artifacts(run_id, "out")]
    return {"read": read, "listed": listed}


def log_and_register(experiment_id, name):
    """A Python function as a model: logged by a run, registered, and its id."""

    class Doubling(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input):
            return model_input["x"] * 2

    with mlflow.start_run(experiment_id=experiment_id) as run:
        mlflow.log_metric("auc", 0.9)
        mlflow.log_param("depth", 3)
        logged = mlflow.pyfunc.log_model(
            name="doubling", python_model=Doubling(), registered_model_name=name, pip_requirements=["numpy==2.0"]
        )
    return {"run": run.info.run_id, "model": logged.model_id, "version": logged.registered_model_version}


def load_and_predict(uri, values):
    import pandas as pd

    return plain(list(map(float, mlflow.pyfunc.load_model(uri).predict(pd.DataFrame({"x": values})))))


def sklearn_round(experiment_id, name):
    from sklearn.linear_model import LinearRegression

    fitted = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
    with mlflow.start_run(experiment_id=experiment_id):
        mlflow.sklearn.log_model(fitted, name="line", registered_model_name=name, pip_requirements=["scikit-learn"])
    return plain(list(map(float, mlflow.sklearn.load_model(f"models:/{name}/1").predict([[2.0]]))))


def nested(experiment_id):
    with mlflow.start_run(experiment_id=experiment_id, run_name="outer") as outer:
        with mlflow.start_run(experiment_id=experiment_id, run_name="inner", nested=True):
            mlflow.log_metric("m", 1)
    found = client.search_runs([experiment_id], f"tags.mlflow.parentRunId = '{outer.info.run_id}'")
    return [run.info.run_name for run in found]


def log_text_files(run_id, files):
    for path, content in files.items():
        client.log_text(run_id, content, path)


print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"result": globals()[request["call"]](*request.get("args", []), **request.get("kwargs", {}))}
    except Exception as error:  # whatever it is, the test says what it must be
        answer = {"error": getattr(error, "error_code", type(error).__name__), "message": str(error)}
    print(json.dumps(answer, default=str), flush=True)
