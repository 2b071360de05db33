/** The attempt goes on without this worker: its program runs outside, and another worker sees it to its end. */
export class HandedOver extends Error {
  override readonly name = 'HandedOver';

  constructor() {
    super('the attempt goes on without this worker');
  }
}
