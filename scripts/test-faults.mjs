// The fault campaign and the simulation at length: a minute for each way in which daemons, tasks and stores are hurt, and a hundred
// thousand simulated schedules. Arguments: seconds for each way (60), seed (1).
import { spawnSync } from 'node:child_process';

const [seconds = '60', seed = '1'] = process.argv.slice(2);
const { status } = spawnSync('npx', ['vitest', 'run', 'test/faults', 'test/simulation', 'test/crash'], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: {
    ...process.env,
    MLOPS_FAULT_SECONDS: seconds,
    MLOPS_SEED: seed,
    MLOPS_FAULT_TASKS: '100000',
    MLOPS_SCHEDULES: '100000',
    MLOPS_STORE_SCHEDULES: '300',
  },
});
process.exit(status ?? 1);
