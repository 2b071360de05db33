-- Which values go with which keys: without it a search for one of few values is planned as if it found next to nothing.
create statistics mlops.run_params_values (mcv) on key, (left(value, 120)) from mlops.run_params;
create statistics mlops.run_tags_values (mcv) on key, (left(value, 120)) from mlops.run_tags;
