/**
 * Which of the tasks that may run start now. cpu, memory and gpu are packed together: by priority, then the largest gpu first,
 * then age. A task that waited longer than the limit goes before all others, and until it fits nothing smaller starts in
 * its place on a machine that could hold it: nothing starves. Pure.
 */
import type { Admission, Candidate, Demand, Room } from '../stores/control/runs.ts';

/** The same limit decides in the store which candidates it names first. */
export const AGING_SECONDS = 300;

/** Sums of fractions of cores must not fail by a rounding error. */
const EPSILON = 1e-9;

export function admit(candidates: readonly Candidate[], room: Room): Admission {
  const order = candidates
    .map((candidate, index) => ({ candidate, index }))
    .sort((a, b) => before(a.candidate, b.candidate));
  const free = { ...room.free };
  let slots = room.slots;
  let reserved = false;
  const chosen: number[] = [];
  const refuse: { index: number; error: string }[] = [];
  for (const { candidate, index } of order) {
    if (!fits(candidate, room.machine)) {
      if (!room.machines.some((machine) => fits(candidate, machine)))
        refuse.push({ index, error: beyond(candidate, room.machines) });
    } else if (slots > 0 && !reserved && fits(candidate, free)) {
      chosen.push(index);
      slots -= 1;
      free.cpu -= candidate.cpu;
      free.memoryBytes -= candidate.memoryBytes;
      free.gpu -= candidate.gpu;
    } else if (candidate.waitedSeconds > AGING_SECONDS && slots > 0) {
      reserved = true;
    }
  }
  return { admit: chosen, refuse };
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
