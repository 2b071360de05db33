/** Thrown by an operator that has nothing to do yet: its attempt is given back, and it holds nothing until it is time. */
import type { Deferral } from '../stores/control/deferrals.ts';

export class Deferred extends Error {
  override readonly name = 'Deferred';
  readonly deferral: Deferral;

  constructor(deferral: Deferral) {
    super(`waits for ${deferral.what}`);
    this.deferral = deferral;
  }
}
