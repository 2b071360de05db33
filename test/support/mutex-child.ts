/**
 * Under the mutex of a directory, adds one to the number in a file by reading and writing it, `rounds` times. With a
 * chance of one in five it kills itself while it holds the mutex, before it has written.
 *
 *     node jiti-cli mutex-child.ts DIR ROUNDS SEED
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { withMutex } from '../../src/stores/postgres/server/mutex.ts';

const [, , dir = '', rounds = '0', seed = '0'] = process.argv;
const file = join(dir, 'number');
let dice = Number(seed);
for (let round = 0; round < Number(rounds); round += 1) {
  dice = (dice * 1_103_515_245 + 12_345) % 2_147_483_648;
  await withMutex(dir, undefined, async () => {
    const number = Number(readFileSync(file, 'utf8'));
    await delay(dice % 4);
    if (dice % 5 === 0) process.kill(process.pid, 'SIGKILL');
    writeFileSync(file, String(number + 1));
    // Told at once: a process that is killed later has still added this one.
    process.stdout.write('+');
  });
}
