/**
 * Which of the tasks that may run start now. cpu, memory and gpu are packed together with what tasks share beyond the machine
 * (pools, a pipeline's and a team's limits): by priority, then the largest gpu first, then age. A task that waited longer
 * than the limit goes before all others, and until it fits nothing smaller takes what it waits for: nothing starves. Pure.
 */
import { sizeInWords } from '../lib/units.ts';
import { type Limits, NO_LIMITS, type Share, sharesOf } from '../stores/control/limits.ts';
import type { Admission, Candidate, Demand, Room, SharesInUse } from '../stores/control/runs.ts';

/** The same limit decides in the store which candidates it names first. */
export const AGING_SECONDS = 300;

/** Sums of fractions of cores must not fail by a rounding error. */
const EPSILON = 1e-9;

export function admit(candidates: readonly Candidate[], room: Room, limits: Limits = NO_LIMITS): Admission {
  const order = candidates
    .map((candidate, index) => ({ candidate, index }))
    .sort((a, b) => before(a.candidate, b.candidate));
  const free = { ...room.free };
  const inUse = summed(room.inUse ?? [], limits);
  let slots = room.slots;
  /** A task that waits too long keeps the machine, and its shares, for itself. */
  let reserved = false;
  const reservedShares = new Set<string>();
  const chosen: number[] = [];
  const refuse: { index: number; error: string }[] = [];
  const wait: { index: number; for: string }[] = [];
  for (const { candidate, index } of order) {
    const shares = candidate.shares == null ? [] : sharesOf(candidate.shares, candidate, limits);
    const never = neverEnough(shares);
    if (never !== undefined) {
      refuse.push({ index, error: never });
      continue;
    }
    if (!fits(candidate, room.machine)) {
      if (room.machines.some((machine) => fits(candidate, machine)))
        wait.push({ index, for: 'room on a larger machine' });
      else refuse.push({ index, error: beyond(candidate, room.machines) });
      continue;
    }
    const aged = candidate.waitedSeconds > AGING_SECONDS;
    const full = shares.find(
      ({ key, amount, limit = 0 }) =>
        amount > 0 && (reservedShares.has(key) || (inUse.get(key) ?? 0) + amount > limit + EPSILON),
    );
    if (full !== undefined) {
      wait.push({ index, for: full.what });
      if (aged && slots > 0) reservedShares.add(full.key);
    } else if (slots > 0 && !reserved && fits(candidate, free)) {
      chosen.push(index);
      slots -= 1;
      free.cpu -= candidate.cpu;
      free.memoryBytes -= candidate.memoryBytes;
      free.gpu -= candidate.gpu;
      for (const { key, amount } of shares) inUse.set(key, (inUse.get(key) ?? 0) + amount);
    } else {
      wait.push({ index, for: lacking(candidate, free, slots) });
      if (aged && slots > 0) reserved = true;
    }
  }
  return { admit: chosen, refuse, wait };
}

/** By key, what is in use. */
export function summed(uses: readonly SharesInUse[], limits: Limits): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { shares, tasks, demand } of uses) {
    for (const { key, amount, perTask } of sharesOf(shares, demand, limits))
      sums.set(key, (sums.get(key) ?? 0) + amount * (perTask ? tasks : 1));
  }
  return sums;
}

function before(a: Candidate, b: Candidate): number {
  const aged = Number(b.waitedSeconds > AGING_SECONDS) - Number(a.waitedSeconds > AGING_SECONDS);
  if (aged !== 0) return aged;
  if (a.waitedSeconds > AGING_SECONDS) return b.waitedSeconds - a.waitedSeconds;
  return b.priority - a.priority || b.gpu - a.gpu || b.waitedSeconds - a.waitedSeconds;
}

function fits(demand: Demand, free: Demand): boolean {
  return demand.cpu <= free.cpu + EPSILON && demand.memoryBytes <= free.memoryBytes && demand.gpu <= free.gpu;
}

/** Why what it shares can never be enough. */
function neverEnough(shares: readonly Share[]): string | undefined {
  for (const { key, amount, limit } of shares) {
    const [kind, name] = key.split(' ');
    if (limit === undefined) return `it asks for the ${kind} ${name}, which this environment does not have`;
    if (amount > limit + EPSILON) return `it asks for ${amount} of the ${key}; there are ${limit}`;
  }
  return undefined;
}

function lacking(demand: Demand, free: Demand, slots: number): string {
  if (slots <= 0) return 'a worker that has a task less';
  const parts = [
    ...(demand.cpu > free.cpu + EPSILON ? [`${demand.cpu} free ${demand.cpu === 1 ? 'core' : 'cores'}`] : []),
    ...(demand.memoryBytes > free.memoryBytes ? [`${sizeInWords(demand.memoryBytes)} of free memory`] : []),
    ...(demand.gpu > free.gpu ? [`${demand.gpu} free ${demand.gpu === 1 ? 'gpu' : 'gpus'}`] : []),
  ];
  return parts.length === 0 ? 'its turn: a task that has waited longer starts first' : parts.join(' and ');
}

/** Why no machine can ever run it. */
function beyond(demand: Demand, machines: readonly Demand[]): string {
  const most = (of: (machine: Demand) => number): number => Math.max(...machines.map(of));
  const cpu = most((machine) => machine.cpu);
  if (demand.cpu > cpu + EPSILON) return `it asks for ${demand.cpu} cores; the largest machine offers ${cpu}`;
  const memory = most((machine) => machine.memoryBytes);
  if (demand.memoryBytes > memory)
    return `it asks for ${demand.memoryBytes} bytes of memory; the largest machine offers ${memory}`;
  const gpu = most((machine) => machine.gpu);
  if (demand.gpu > gpu) return `it asks for ${demand.gpu} gpus; the largest machine offers ${gpu}`;
  return `it asks for ${demand.cpu} cores, ${demand.memoryBytes} bytes of memory and ${demand.gpu} gpus; no one machine offers all of that together`;
}
