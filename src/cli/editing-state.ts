/** Commands that change the state by hand: they hold the lock, and work on what they read under it. */
import type { AnyRecordedResource, State, StateEdit } from '../compose/views.ts';
import type { OpenEnvironment } from '../compose.ts';
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import { type Address, parseAddress } from '../spec/address.ts';

export async function editState<T>(
  environment: OpenEnvironment,
  operation: string,
  body: (state: State, edit: StateEdit) => Promise<T>,
): Promise<T> {
  return underStateLock(environment, operation, async () => {
    const state = await environment.state.read();
    const { lineage, serial } = state;
    return body(state, { who: environment.who, gitCommit: await environment.gitCommit(), lineage, serial });
  });
}

export async function underStateLock<T>(
  environment: OpenEnvironment,
  operation: string,
  body: () => Promise<T>,
): Promise<T> {
  const lock = await environment.state.lock(environment.who, operation);
  try {
    lock.assertHeld();
    return await body();
  } finally {
    await lock.release();
  }
}

/** SP104 with what was meant where nothing recorded has the address. */
export function recordedAt(state: State, address: string): AnyRecordedResource {
  const found = state.resources.find((resource) => resource.address === address);
  if (found !== undefined) return found;
  const renamed = state.resources.find(({ kind, formerNames = [] }) =>
    formerNames.some((name) => `${kind}.${name}` === address),
  );
  throw new MlopsError('SP104', {
    detail:
      renamed === undefined
        ? `${address} is not in the state${state.resources.length === 0 ? ', which is empty' : ''}.`
        : `${address} was renamed to ${renamed.address}.`,
    hint: didYouMean(
      address,
      state.resources.map((resource) => resource.address),
    ),
  });
}

export function addressOfArgument(text: string): Address {
  if (parseAddress(text) !== undefined) return text as Address;
  throw new MlopsError('CL101', {
    detail: `"${text}" is no address.`,
    hint: 'write kind.name, e.g. feature_set.patient_labs',
  });
}
