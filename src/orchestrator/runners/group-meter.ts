/**
 * What process groups take, read from /proc: one look at all processes serves every group that is watched. The first looks
 * come soon after the start and then ever more seldom, up to one a second.
 *
 * Sampled: the memory of a group, and the cpu time of processes that nobody waits for. What a shell was told by the kernel of
 * the processes that it waited for is exact; whoever knows that takes the greater of the two. Without /proc nothing is known.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface GroupReading {
  /** So far; of processes that are gone as much as the last look saw. */
  readonly cpuSeconds: number;
  /** The most that was seen. Memory that several processes share counts once. */
  readonly peakMemoryBytes: number;
}

export interface GroupWatch {
  /** Looks now: the group is about to be killed. */
  look(): void;
  /** No more looks. Undefined where nothing was ever seen. */
  end(): GroupReading | undefined;
}

export interface GroupMeter {
  /** `onMemory` is told the memory of the group at every look. */
  watch(group: number, onMemory?: (bytes: number) => void): GroupWatch;
}

const FIRST_LOOK_MS = 20;
const SLOWEST_LOOK_MS = 1_000;
const GROWTH = 1.6;
/** Among very many processes a look takes its time: looking then takes a fiftieth of it, no more. */
const COST = 50;
const WORTH_A_LAST_LOOK_MS = 150;
/** Ticks of the kernel's clock a second: 100 on every Linux that Node runs on. */
const TICKS = 100;

interface Watched {
  readonly group: number;
  readonly onMemory: ((bytes: number) => void) | undefined;
  /** Ticks of each process that was seen, by number and start. */
  readonly ticks: Map<string, number>;
  peak: number;
  seen: boolean;
  lookInMs: number;
  dueAt: number;
}

interface Seen {
  readonly pid: number;
  readonly key: string;
  readonly ticks: number;
}

export function createGroupMeter(nowMs: () => number = () => performance.now()): GroupMeter {
  const watched = new Set<Watched>();
  let timer: NodeJS.Timeout | undefined;

  function schedule(): void {
    clearTimeout(timer);
    timer = undefined;
    if (watched.size === 0) return;
    const dueAt = Math.min(...[...watched].map((entry) => entry.dueAt));
    timer = setTimeout(look, Math.max(1, dueAt - nowMs()));
    timer.unref();
  }

  function look(): void {
    const began = nowMs();
    // Those that are almost due are served by the same look.
    const due = [...watched].filter((entry) => entry.dueAt - began <= entry.lookInMs / 4);
    const groups = processesByGroup(new Set(due.map((entry) => entry.group)));
    for (const entry of due) take(entry, groups.get(entry.group) ?? []);
    const now = nowMs();
    for (const entry of due) {
      entry.lookInMs = Math.max(Math.min(SLOWEST_LOOK_MS, entry.lookInMs * GROWTH), (now - began) * COST);
      entry.dueAt = now + entry.lookInMs;
    }
    schedule();
  }

  function take(entry: Watched, processes: readonly Seen[]): void {
    if (processes.length === 0) return;
    entry.seen = true;
    for (const { key, ticks } of processes) entry.ticks.set(key, ticks);
    const memory = processes.map(memoryOf);
    const resident = memory.reduce((sum, { now }) => sum + now, 0);
    // Asking how much of it is shared costs more than the look itself: only where it could matter.
    const bytes = processes.length > 1 && resident > entry.peak ? proportional(processes, memory) : resident;
    entry.peak = Math.max(entry.peak, bytes, ...memory.map(({ peak }) => peak));
    entry.onMemory?.(bytes);
  }

  return {
    watch: (group, onMemory) => {
      const entry: Watched = {
        group,
        onMemory,
        ticks: new Map(),
        peak: 0,
        seen: false,
        lookInMs: FIRST_LOOK_MS,
        dueAt: nowMs() + FIRST_LOOK_MS,
      };
      watched.add(entry);
      schedule();
      const beganAt = nowMs();
      return {
        look: () => {
          // What is over at once left nothing behind that would be worth a look at all processes.
          if (nowMs() - beganAt > WORTH_A_LAST_LOOK_MS)
            take(entry, processesByGroup(new Set([group])).get(group) ?? []);
        },
        end: () => {
          watched.delete(entry);
          schedule();
          if (!entry.seen) return undefined;
          const ticks = [...entry.ticks.values()].reduce((sum, one) => sum + one, 0);
          return { cpuSeconds: ticks / TICKS, peakMemoryBytes: entry.peak };
        },
      };
    },
  };
}

/** The daemon's own: one look at /proc serves all its tasks. */
export const groupMeter = createGroupMeter();

function processesByGroup(groups: ReadonlySet<number>): ReadonlyMap<number, readonly Seen[]> {
  const found = new Map<number, Seen[]>();
  for (const name of entriesOfProc()) {
    const stat = statOf(name);
    if (stat === undefined || !groups.has(stat.group)) continue;
    const list = found.get(stat.group) ?? [];
    list.push(stat);
    found.set(stat.group, list);
  }
  return found;
}

function entriesOfProc(): readonly string[] {
  if (process.platform !== 'linux') return [];
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** Fields by proc(5), counted from the state, which is the third. */
function statOf(name: string): (Seen & { readonly group: number }) | undefined {
  try {
    const text = readFileSync(`/proc/${name}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const field = (number: number): number => Number(fields[number - 3]);
    // Its own time only: that of its children is counted with them.
    return { pid: Number(name), group: field(5), key: `${name} ${field(22)}`, ticks: field(14) + field(15) };
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}

interface Memory {
  /** Bytes resident. */
  readonly now: number;
  /** The most that were, as the kernel keeps it. */
  readonly peak: number;
}

function memoryOf({ pid }: Seen): Memory {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return { now: kilobytes(status, 'VmRSS') * 1024, peak: kilobytes(status, 'VmHWM') * 1024 };
  } catch {
    return { now: 0, peak: 0 };
  }
}

/** What they share is divided among those that share it. */
function proportional(processes: readonly Seen[], memory: readonly Memory[]): number {
  return processes.reduce((sum, { pid }, index) => {
    const resident = memory[index]?.now ?? 0;
    try {
      return sum + Math.min(resident, kilobytes(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'), 'Pss') * 1024);
    } catch {
      return sum + resident;
    }
  }, 0);
}

function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
}
